"""Which messages of the topic count: of several with one id the first, whenever and however often they are read, and so
of several that tell of one order, under whatever ids.

The verdict of a message is durable before anything is done about it, and reading the message again gives the same one:
ids and orders are remembered with the digest of what they say, refused places by their number, and how far each
partition was judged. All three change in one transaction of ``journal.db``, beside the ids that the embedded journal
remembers.
"""

import sqlite3
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar, cast

from shopkeeper.core.errors import Unavailable
from shopkeeper.core.event import Event
from shopkeeper.data.entries import Outcome, Told, outcome_of
from shopkeeper.data.journal import connect
from shopkeeper.data.orders import orders_in, told_by
from shopkeeper.data.row_sums import guard, is_guarded, verify
from shopkeeper.data.seen import ORDER, bodies_of, digest_of, key_of, learn, prepare, seen_sum
from shopkeeper.data.stream.envelope import Envelope

T = TypeVar("T")
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

    def knows(self, orders: Collection[str]) -> set[str]:
        """Those of some orders that are remembered."""
        keys = {key_of(ORDER, name): name for name in orders}
        return {keys[key] for key in bodies_of(self._con, list(keys))}

    def learn(self, orders: Mapping[str, bytes]) -> None:
        """Remember orders that came another way, with what they say, where they are not remembered yet.

        Raises:
            Unavailable: that cannot be made durable.
        """
        self._durably(lambda: learn(self._con, orders))

    def _durably(self, work: Callable[[], T]) -> T:
        try:
            self._con.execute("BEGIN IMMEDIATE")
            done = work()
            self._con.execute("COMMIT")
        except sqlite3.Error as error:
            if self._con.in_transaction:
                self._con.execute("ROLLBACK")
            raise Unavailable("storage_failed", folder=str(self.path.parent), why=str(error)) from error
        return done

    def judge(self, messages: Sequence[Message]) -> list[Outcome]:
        """What becomes of each: ``stored``, ``duplicate`` (of an earlier one), ``conflict`` (the same id, another body)
        or ``order_known`` (an order that was told before under another id, saying something else). Messages of one
        partition come in order.

        Raises:
            Unavailable: the verdicts cannot be made durable; nothing was judged.
        """
        return self._durably(lambda: self._judged(messages))

    def _judged(self, messages: Sequence[Message]) -> list[Outcome]:
        upto = dict(self._con.execute("SELECT source, upto FROM judged").fetchall())
        before = self._refused(messages, upto)
        fresh = [message for message in messages if message.place > upto.get(message.source, -1)]
        keys = {id(message): key_of(message.envelope.kind, message.envelope.id) for message in fresh}
        orders = {id(message): told for message in fresh if (told := _order(message)) is not None}
        known = bodies_of(self._con, [*keys.values(), *(key for key, _ in orders.values())])
        new: list[tuple[Any, ...]] = []
        refused: list[tuple[str, int, Outcome]] = []
        outcomes: list[Outcome] = []
        for message in messages:
            key = keys.get(id(message))
            if key is None:
                outcomes.append(before.get((message.source, message.place), "stored"))
                continue
            its, order = (key, bytes.fromhex(message.envelope.same)), orders.get(id(message))
            outcome = outcome_of(known, its, order)
            if outcome == "stored":
                known.update([its, order] if order else [its])
                new.append(_row(*its, message.envelope.day, forever=message.envelope.forever))
                new += [_row(*order, message.envelope.day, forever=True)] if order else []
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


def _order(message: Message) -> Told | None:
    """Key and digest of the order that a message tells of."""
    for name, event in orders_in([] if message.event is None else [message.event]).items():
        return key_of(ORDER, name), digest_of(told_by(event))
    return None


def _row(key: bytes, digest: bytes, day: int, *, forever: bool) -> tuple[Any, ...]:
    return key, digest, day, int(forever), seen_sum(key, digest, day, int(forever), None)
