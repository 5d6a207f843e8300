"""Which messages of the topic count: of several with one id the first, whenever and however often they are read.

The verdict of a message is durable before anything is done about it, and reading the message again gives the same one:
ids are remembered with the digest of their body, refused places by their number, and how far each partition was judged.
All three change in one transaction of ``journal.db``, beside the ids that the embedded journal remembers.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

from shopkeeper.core.errors import Unavailable
from shopkeeper.core.event import Event
from shopkeeper.data.journal import Outcome, connect
from shopkeeper.data.row_sums import guard, is_guarded, verify
from shopkeeper.data.seen import bodies_of, key_of, prepare, seen_sum
from shopkeeper.data.stream.envelope import Envelope

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS judged (source TEXT PRIMARY KEY, upto INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS refused (
  source TEXT NOT NULL, place INTEGER NOT NULL, outcome TEXT NOT NULL, PRIMARY KEY (source, place)) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class Message:
    """A message with where it lies: a partition's name and the offset in it."""

    source: str
    place: int
    envelope: Envelope
    event: Event | None = None
    """What the body says, where it is an event."""


class Judge:
    """The memory of one shop's drain; one at a time works on a shop (its lock sees to it).

    Raises:
        DataError: what it remembers is not as it was written (``row_damaged``).
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._con = connect(path)
        prepare(self._con)
        self._con.executescript(_TABLES)
        for table in ("judged", "refused"):
            if not is_guarded(self._con.execute, table):
                guard(self._con.execute, table)
        verify(self._con, path.name, {"judged": None, "refused": None})

    def judge(self, messages: Sequence[Message]) -> list[Outcome]:
        """What becomes of each: ``stored``, ``duplicate`` (of an earlier one) or ``conflict`` (the same id, another
        body). Messages of one partition come in order.

        Raises:
            Unavailable: the verdicts cannot be made durable; nothing was judged.
        """
        try:
            self._con.execute("BEGIN IMMEDIATE")
            outcomes = self._judged(messages)
            self._con.execute("COMMIT")
        except sqlite3.Error as error:
            if self._con.in_transaction:
                self._con.execute("ROLLBACK")
            raise Unavailable("storage_failed", folder=str(self.path.parent), why=str(error)) from error
        return outcomes

    def _judged(self, messages: Sequence[Message]) -> list[Outcome]:
        upto = dict(self._con.execute("SELECT source, upto FROM judged").fetchall())
        before = self._refused(messages, upto)
        fresh = [message for message in messages if message.place > upto.get(message.source, -1)]
        keys = {id(message): key_of(message.envelope.kind, message.envelope.id) for message in fresh}
        known = bodies_of(self._con, list(keys.values()))
        new: list[tuple[Any, ...]] = []
        refused: list[tuple[str, int, Outcome]] = []
        outcomes: list[Outcome] = []
        for message in messages:
            key = keys.get(id(message))
            if key is None:
                outcomes.append(before.get((message.source, message.place), "stored"))
                continue
            envelope, body = message.envelope, bytes.fromhex(message.envelope.same)
            kept = known.get(key)
            outcome: Outcome = "stored" if kept is None else "duplicate" if kept == body else "conflict"
            if kept is None:
                known[key] = body
                forever = int(envelope.forever)
                new.append((key, body, envelope.day, forever, seen_sum(key, body, envelope.day, forever, None)))
            else:
                refused.append((message.source, message.place, outcome))
            outcomes.append(outcome)
            upto[message.source] = message.place
        self._con.executemany("INSERT INTO seen (id, body, day, forever, row_sum) VALUES (?, ?, ?, ?, ?)", new)
        self._con.executemany("INSERT OR REPLACE INTO refused (source, place, outcome) VALUES (?, ?, ?)", refused)
        self._con.executemany("INSERT OR REPLACE INTO judged (source, upto) VALUES (?, ?)", list(upto.items()))
        return outcomes

    def _refused(self, messages: Sequence[Message], upto: Mapping[str, int]) -> dict[tuple[str, int], Outcome]:
        if all(message.place > upto.get(message.source, -1) for message in messages):
            return {}
        rows = self._con.execute("SELECT source, place, outcome FROM refused").fetchall()
        return {(source, place): cast("Outcome", outcome) for source, place, outcome in rows}

    def landed(self, numbers: Mapping[str, int]) -> None:
        """Forget the refusals of messages that are never read again."""
        self._con.executemany("DELETE FROM refused WHERE source = ? AND place <= ?", list(numbers.items()))

    def close(self) -> None:
        self._con.close()
