"""What was erased and handed out, without saying whose: proof for an audit, and a sieve for restored backups."""

import hashlib
import hmac
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal

from sqlalchemy import insert, select

from shopkeeper.data.store.database import Database
from shopkeeper.data.store.tables import ledger

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
Deed = Literal["export", "erase"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One export or erasure. ``person`` is a keyed hash; ``counts`` says how many rows of what."""

    deed: Deed
    person: str
    at: datetime
    counts: Mapping[str, int]


class Ledger:
    """Keyed hashes only: without the shop's secret, nobody can test guesses of customer ids against them."""

    def __init__(self, database: Database, secret: Callable[[], str], clock: Callable[[], datetime]) -> None:
        self._database, self._secret, self._clock = database, secret, clock

    def hash_of(self, person: str) -> str:
        """How a person is written here."""
        secret = bytes.fromhex(self._secret())
        return hmac.new(secret, b"erasure ledger\0" + person.encode("utf-8", "replace"), hashlib.sha256).hexdigest()

    def record(self, deed: Deed, persons: Sequence[str], counts: Mapping[str, int] | None = None) -> None:
        """Write down that these keys of a person were exported or erased."""
        done = {"deed": deed, "at": self._clock(), "counts": dict(counts or {})}
        self._database.write(insert(ledger), [done | {"person": self.hash_of(person)} for person in persons])

    def erased(self, persons: Iterable[str], *, since: datetime = _EPOCH) -> frozenset[str]:
        """Which of these people were erased since a moment: what a backup of that moment must erase again."""
        erasures = select(ledger.c.person).distinct().where(ledger.c.deed == "erase", ledger.c.at >= since)
        gone = {row.person for row in self._database.read(erasures)}
        return frozenset(person for person in persons if self.hash_of(person) in gone) if gone else frozenset()

    def entries(self) -> list[Entry]:
        """All deeds, oldest first."""
        rows = self._database.read(
            select(ledger.c.deed, ledger.c.person, ledger.c.at, ledger.c.counts).order_by(ledger.c.seq)
        )
        return [Entry(**row._mapping) for row in rows]
