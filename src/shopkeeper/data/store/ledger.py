"""What was erased and handed out, without saying whose: proof for an audit, and a sieve for restored backups."""

import hashlib
import hmac
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

from shopkeeper.data.store.database import Database

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
        at, text = (self._clock() - _EPOCH) // timedelta(microseconds=1), json.dumps(dict(counts or {}))
        rows = [(deed, self.hash_of(person), at, text) for person in persons]
        self._database.write("INSERT INTO ledger (deed, person, at, counts) VALUES (?, ?, ?, ?)", rows)

    def erased(self, persons: Iterable[str], *, since: datetime = _EPOCH) -> frozenset[str]:
        """Which of these people were erased since a moment: what a backup of that moment must erase again."""
        micros = (since - _EPOCH) // timedelta(microseconds=1)
        sql = "SELECT DISTINCT person FROM ledger WHERE deed = 'erase' AND at >= ?"
        gone = {row[0] for row in self._database.read(sql, (micros,))}
        return frozenset(person for person in persons if self.hash_of(person) in gone) if gone else frozenset()

    def entries(self) -> list[Entry]:
        """All deeds, oldest first."""
        rows = self._database.read("SELECT deed, person, at, counts FROM ledger ORDER BY seq")
        return [
            Entry(deed=row[0], person=row[1], at=_EPOCH + timedelta(microseconds=row[2]), counts=json.loads(row[3]))
            for row in rows
        ]
