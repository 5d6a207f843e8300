"""Entries of the journal, and how they are written into it: each id once, each order once."""

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final, Literal

from shopkeeper.core.swift import maker_of
from shopkeeper.data.journal_rows import KEPT
from shopkeeper.data.seen import ORDER, Recent, bodies_of, digest_of, entry_sum, key_of, put_orders, seen_sum

Kind = Literal["event", "decision"]
Outcome = Literal["stored", "duplicate", "conflict", "order_known"]
"""What became of an entry. ``conflict``: its id is known with another body; ``order_known``: its order is, saying
something else."""
EVENT: Final[Kind] = "event"
DECISION: Final[Kind] = "decision"

_AT_ONCE = (400, 100, 10, 1)
"""Numbers of rows for which there is a statement."""
_LAST = """SELECT max(coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'entries'), 0),
  coalesce((SELECT max(seq) FROM entries), 0))"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """Something to keep. ``same_as`` is what makes two bodies of one id equal (receive times differ between retries);
    ``forever``: its id is remembered for ever (orders, coupons), not only for the retention of ids."""

    kind: Kind
    id: str
    body: bytes
    same_as: bytes = b""
    person: str | None = None
    day: int = 0
    """Days since 1970-01-01 on which it was received."""
    forever: bool = False
    order: str = ""
    """The order that it tells of; ``order_says``: what it says of it."""
    order_says: bytes = b""


make_entry: Final = maker_of(Entry)
"""``Entry(…)``, quickly."""

Keys = tuple[Sequence[bytes], Sequence[bytes], Sequence[int]]
"""Keys, the digests of what stands under them, and the numbers of their entries."""


Told = tuple[bytes, bytes]
"""A key, and the digest of what is told under it."""


def outcome_of(known: Mapping[bytes, bytes], its: Told, order: Told | None) -> Outcome:
    """What becomes of something told, by what is known under its id and else under its order."""
    before = known.get(its[0])
    if before is not None:
        return "duplicate" if before == its[1] else "conflict"
    as_order = None if order is None else known.get(order[0])
    if order is None or as_order is None:
        return "stored"
    return "duplicate" if as_order == order[1] else "order_known"


def last_of(con: sqlite3.Connection) -> int:
    """The highest number that a journal ever gave."""
    return int(con.execute(_LAST).fetchone()[0])


def insert(con: sqlite3.Connection, entries: list[Entry], recent: Recent) -> tuple[list[Outcome], tuple[Keys, Keys]]:
    """Insert new ids; one pass over the group, the look-ups in a few statements. Also the keys of what is new, and of
    its orders."""
    keys = [key_of(entry.kind, entry.id) for entry in entries]
    bodies = [digest_of(entry.same_as or entry.body) for entry in entries]
    orders = {
        number: (key_of(ORDER, entry.order), digest_of(entry.order_says))
        for number, entry in enumerate(entries)
        if entry.order
    }
    asked = keys + [key for key, _ in orders.values()] if orders else keys
    known = {key: before for key in asked if (before := recent.digest(key)) is not None}
    known |= bodies_of(con, [key for key in asked if key not in known] if known else asked)
    outcomes: list[Outcome] = []
    fresh: list[int] = []
    for number, its in enumerate(zip(keys, bodies, strict=True)):
        order = orders.get(number)
        outcome = outcome_of(known, its, order)
        if outcome == "stored":
            known.update([its, order] if order else [its])
            fresh.append(number)
        outcomes.append(outcome)
    last = last_of(con)
    numbers = range(last + 1, last + 1 + len(fresh))
    whole = [_row(seq, entries[n], keys[n], bodies[n]) for seq, n in zip(numbers, fresh, strict=True)]
    _put(con, f"entries ({KEPT}, row_sum, seen_sum, key, digest, day, forever)", whole)
    told = [(seq, *orders[n], entries[n].day) for seq, n in zip(numbers, fresh, strict=True) if n in orders]
    if told:
        put_orders(con, told)
    theirs: Keys = ([key for _, key, *_ in told], [its for _, _, its, _ in told], [seq for seq, *_ in told])
    return outcomes, (([keys[n] for n in fresh], [bodies[n] for n in fresh], numbers), theirs)


def _row(seq: int, entry: Entry, key: bytes, digest: bytes) -> tuple[Any, ...]:
    """An entry as a row, with its sums."""
    forever = int(entry.forever)
    its = seen_sum(key, digest, entry.day, forever, seq)
    kind, name, person, body = entry.kind, entry.id, entry.person, entry.body
    own = entry_sum(seq, kind, name, person, body)
    return seq, kind, name, person, body, own, its, key, digest, entry.day, forever


def _put(con: sqlite3.Connection, into: str, rows: list[tuple[Any, ...]]) -> None:
    """Insert rows, many in one statement: SQLite then asks for the interpreter once and not after each row, for which
    it would have to wait where others are at work."""
    begin = 0
    for size in _AT_ONCE:
        row = f"({','.join('?' * len(rows[0]))})" if rows else ""
        sql = f"INSERT INTO {into} VALUES {','.join([row] * size)}"
        while len(rows) - begin >= size:
            con.execute(sql, list(chain.from_iterable(rows[begin : begin + size])))
            begin += size
