"""Browsers whose nameless events must never join a customer's: somebody's wish, kept until it is taken back."""

import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, delete, select

from shopkeeper.core.ids import PersonKey
from shopkeeper.core.kept import Kept
from shopkeeper.data.store.database import Database
from shopkeeper.data.store.tables import unlinked

_PREFIX = "visitor:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unlinked:
    """A browser that stays apart, since when and by whom."""

    visitor: str
    at: datetime
    source: str


class UnlinkedBook:
    """All of them, in memory for those who answer requests."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._visitors: Kept[frozenset[str]] = Kept()

    def unlink(self, visitor: str, *, at: datetime, source: str = "") -> None:
        """Keep a browser apart; again is no error, the first wish stays."""
        made = self._database.insert_into(unlinked).on_conflict_do_nothing(index_elements=["person"])
        self._database.write(made, [{"person": _PREFIX + visitor, "at": at, "source": source}])

    def relink(self, visitor: str) -> bool:
        """Take the wish back; whether there was one."""
        with self._database.transaction() as connection:
            return bool(connection.execute(delete(unlinked).where(unlinked.c.person == _PREFIX + visitor)).rowcount)

    def visitors(self) -> frozenset[str]:
        """The ids of all of them.

        Raises:
            Unavailable: it cannot be known now.
        """
        found = self._visitors.at(self._database.generation(), lambda: frozenset(each.visitor for each in self.list()))
        self._database.sure()
        return found

    def forget(self, people: Iterable[PersonKey]) -> int:
        """Remove the wishes about people's keys, from the file's free pages too. Returns how many went."""
        theirs = delete(unlinked).where(unlinked.c.person == bindparam("gone"))
        gone = self._database.write(theirs, ({"gone": person} for person in people))
        self._database.wipe(unlinked)
        return gone

    def mark(self) -> int:
        """A number that is another one where others are kept apart."""
        return zlib.crc32("\n".join(sorted(self.visitors())).encode())

    def list(self) -> list[Unlinked]:
        """All of them, oldest first."""
        rows = self._database.read(select(unlinked).order_by(unlinked.c.at, unlinked.c.person))
        return [Unlinked(visitor=row.person.removeprefix(_PREFIX), at=row.at, source=row.source) for row in rows]
