"""Products that the shop offers together: on the page of the first the other is put first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select

from shopkeeper.core.kept import Kept
from shopkeeper.data.store.database import Database
from shopkeeper.data.store.tables import bundles


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """Two products: who looks at the first is shown the partner in the first place."""

    product: str
    partner: str
    made_at: datetime


class BundleBook:
    """All bundles, in memory for those who answer requests."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._partners: Kept[Mapping[str, tuple[str, ...]]] = Kept()

    def make(self, product: str, partner: str, *, at: datetime) -> None:
        """Bundle two products; again is no error."""
        made = self._database.insert_into(bundles).on_conflict_do_nothing(index_elements=["product", "partner"])
        self._database.write(made, [{"product": product, "partner": partner, "made_at": at}])

    def undo(self, product: str, partner: str) -> bool:
        """Take a bundle apart; whether there was one."""
        here = (bundles.c.product == product) & (bundles.c.partner == partner)
        with self._database.transaction() as connection:
            return bool(connection.execute(delete(bundles).where(here)).rowcount)

    def list(self) -> list[Bundle]:
        """All of them, oldest first."""
        rows = self._database.read(select(bundles).order_by(bundles.c.made_at, bundles.c.product, bundles.c.partner))
        return [Bundle(product=row.product, partner=row.partner, made_at=row.made_at) for row in rows]

    def partners_of(self, product: str) -> Sequence[str]:
        """What is bundled with a product, in the order in which it was made."""
        return self._partners.at(self._database.generation(), self._all_partners).get(product, ())

    def _all_partners(self) -> Mapping[str, tuple[str, ...]]:
        found: dict[str, tuple[str, ...]] = {}
        for bundle in self.list():
            found[bundle.product] = (*found.get(bundle.product, ()), bundle.partner)
        return found
