"""The ids that the journal has seen, so that a repeated event has one effect.

An entry bears its own key while it waits in the journal, and the keys of those that wait are in memory too. They go
into the table of seen ids together, in their order, when the entries leave. Keys are as good as random: each of a few
alone changes a page of its own, and all those pages would have to be written and synced before anybody is answered.

An order has a key beside that of its event: under whatever event ids it is told, it counts once. It waits in a table of
its own, a row an order, and goes among the seen ones with its entry.
"""

import sqlite3
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Final
from zlib import crc32

from shopkeeper.data.orders import order_in, told_by
from shopkeeper.data.row_sums import NOTHING, Sums, sql_of

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS entries (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, id TEXT NOT NULL, person TEXT,
  key BLOB, digest BLOB, day INTEGER, forever INTEGER, body BLOB NOT NULL, seen_sum INTEGER, row_sum INTEGER);
CREATE TABLE IF NOT EXISTS seen (
  id BLOB PRIMARY KEY, body BLOB NOT NULL, day INTEGER NOT NULL, forever INTEGER NOT NULL, seq INTEGER,
  row_sum INTEGER) WITHOUT ROWID;
"""
_ORDERS: Final = """
CREATE TABLE orders (
  seq INTEGER PRIMARY KEY, id BLOB NOT NULL, body BLOB NOT NULL, day INTEGER NOT NULL, forever INTEGER NOT NULL,
  row_sum INTEGER)
"""
"""Keys of orders that wait, by the number of their entry; with the columns, and so the sum, of a seen id."""
ORDER: Final = "order"
"""The kind under which an order is remembered."""
_SEEN: Final = ("digest", "day", "forever", "key", "seq")
"""What of an entry goes among the seen ids, in the order in which their sum is made."""
_KEPT: Final = ("seq", "kind", "id", "person", "body")
"""What of an entry goes into the lake, and whose it is."""
SUMS: Final[Mapping[str, Sums | None]] = {
    "entries": {"seen_sum": _SEEN, "row_sum": _KEPT}, "seen": None, "orders": None,
}  # fmt: skip
"""The sums of the journal's rows. An entry bears two: that of its id moves with it."""
_KEYED: Final = (
    "ALTER TABLE entries ADD COLUMN key BLOB",
    "ALTER TABLE entries ADD COLUMN digest BLOB",
    "ALTER TABLE entries ADD COLUMN day INTEGER",
    "ALTER TABLE entries ADD COLUMN forever INTEGER",
    "ALTER TABLE seen ADD COLUMN seq INTEGER",
    "DROP INDEX IF EXISTS entries_id",
)
"""From the layout in which an id was put among the seen ones with its entry; such entries have no key."""
_SUMMED: Final = (
    "ALTER TABLE entries ADD COLUMN seen_sum INTEGER",
    "ALTER TABLE entries ADD COLUMN row_sum INTEGER",
    "ALTER TABLE seen ADD COLUMN row_sum INTEGER",
    f"UPDATE entries SET seen_sum = {sql_of(_SEEN)}",
    f"UPDATE entries SET row_sum = {sql_of(_KEPT)}",
    f"UPDATE seen SET row_sum = {sql_of(('body', 'day', 'forever', 'id', 'seq'))}",
)
"""From the layout in which rows bore no sums."""
_MOVE: Final = (
    "INSERT OR IGNORE INTO seen (id, body, day, forever, seq, row_sum) "
    "SELECT key, digest, day, forever, seq, seen_sum FROM entries "
    "WHERE key IS NOT NULL AND"
)
_THEIRS: Final = "FROM orders WHERE EXISTS (SELECT 1 FROM entries WHERE entries.seq = orders.seq AND"
_MOVE_ORDERS: Final = (
    "INSERT OR IGNORE INTO seen (id, body, day, forever, seq, row_sum) SELECT id, body, day, forever, seq, row_sum"
)
_WAITING: Final = (
    "SELECT key, digest, seq FROM entries WHERE key IS NOT NULL UNION ALL SELECT id, body, seq FROM orders "
    "ORDER BY 3 LIMIT ?"
)
_OLD_ORDERS: Final = (
    "SELECT seq, kind, id, person, body, day, row_sum FROM entries WHERE kind = 'event' AND typeof(body) = 'blob' "
    """AND instr(body, CAST(',"action":11,' AS BLOB)) > 0 ORDER BY seq"""
)
_PUT_ORDER: Final = "INSERT INTO orders (seq, id, body, day, forever, row_sum) VALUES (?, ?, ?, ?, 1, ?)"
_LEARN: Final = "INSERT OR IGNORE INTO seen (id, body, day, forever, row_sum) VALUES (?, ?, 0, 1, ?)"
_LOOKUP: Final = 500
_MOST: Final = 200_000
"""How many keys may wait in memory."""


def key_of(kind: str, entry_id: str) -> bytes:
    """Under what an id is remembered."""
    return digest_of(f"{kind}:{entry_id}".encode(), 16)


def digest_of(data: bytes, size: int = 8) -> bytes:
    """BLAKE2b of some bytes."""
    return blake2b(data, digest_size=size).digest()


def seen_sum(key: bytes, digest: bytes, day: int, forever: int, seq: int | None) -> int:
    """The sum of a seen id: ``row_sum`` of its values, quickly."""
    number = NOTHING if seq is None else b"%d" % seq
    return crc32(b"\0".join((digest, b"%d" % day, b"1" if forever else b"0", key, number)))


def entry_sum(seq: int, kind: str, entry_id: str, person: str | None, body: bytes) -> int:
    """The sum of an entry: ``row_sum`` of what the lake gets of it, quickly."""
    whose = "\x01" if person is None else person
    return crc32(f"{seq}\0{kind}\0{entry_id}\0{whose}\0".encode() + body)


def prepare(con: sqlite3.Connection) -> None:
    """Make the tables, or bring those of an older release up to date."""
    con.executescript(_SCHEMA)
    if _columns(con, "orders"):
        return
    con.execute("BEGIN IMMEDIATE")
    now = _columns(con)  # another process may just have done it
    if "key" not in now:
        for statement in _KEYED:
            con.execute(statement)
        old = con.execute("SELECT seq, kind, id FROM entries").fetchall()
        con.executemany("UPDATE seen SET seq = ? WHERE id = ?", [(seq, key_of(kind, its)) for seq, kind, its in old])
    if "row_sum" not in now:
        for statement in _SUMMED:
            con.execute(statement)
    if not _columns(con, "orders"):
        con.execute(_ORDERS)
        put_orders(con, _orders_that_wait(con))
    con.execute("COMMIT")


def _columns(con: sqlite3.Connection, table: str = "entries") -> set[str]:
    return {name for _, name, *_ in con.execute(f"PRAGMA table_info({table})").fetchall()}


def _orders_that_wait(con: sqlite3.Connection) -> Iterator[tuple[int, bytes, bytes, int]]:
    """Of the entries of a journal that kept no keys of orders: number, key, digest and day of each order."""
    for seq, kind, its, person, body, day, own in con.execute(_OLD_ORDERS).fetchall():
        event = order_in(body) if entry_sum(seq, kind, its, person, body) == own else None
        if event is not None and event.order is not None:
            yield seq, key_of(ORDER, event.order), digest_of(told_by(event)), day or 0


def put_orders(con: sqlite3.Connection, orders: Iterable[tuple[int, bytes, bytes, int]]) -> None:
    """Keep the keys of orders (entry's number, key, digest, day) until their entries leave."""
    con.executemany(
        _PUT_ORDER,
        [(seq, key, digest, day, seen_sum(key, digest, day, 1, seq)) for seq, key, digest, day in orders],
    )


def move(con: sqlite3.Connection, which: str, parameters: Sequence[object] = ()) -> None:
    """Put the keys of entries (a condition), and of their orders, among the seen ones; within the transaction that is
    open."""
    con.execute(f"{_MOVE} {which} ORDER BY key", parameters)
    con.execute(f"{_MOVE_ORDERS} {_THEIRS} {which}) ORDER BY id", parameters)
    con.execute(f"DELETE {_THEIRS} {which})", parameters)


def learn(con: sqlite3.Connection, orders: Mapping[str, bytes]) -> None:
    """Remember orders with what they say, where they are not remembered; within the transaction that is open."""
    rows = [(key_of(ORDER, name), digest_of(says)) for name, says in orders.items()]
    con.executemany(_LEARN, [(key, digest, seen_sum(key, digest, 0, 1, None)) for key, digest in rows])


def bodies_of(con: sqlite3.Connection, keys: Sequence[bytes]) -> dict[bytes, bytes]:
    """What is remembered of some ids: the digest of each one's body."""
    found: dict[bytes, bytes] = {}
    for begin in range(0, len(keys), _LOOKUP):
        part = keys[begin : begin + _LOOKUP]
        marks = ",".join("?" * len(part))
        found.update(con.execute(f"SELECT id, body FROM seen WHERE id IN ({marks})", part).fetchall())
    return found


@dataclass(slots=True)
class Recent:
    """Keys of entries that wait, with their digests and numbers. One thread changes it, any may ask."""

    _known: dict[bytes, tuple[bytes, int]] = field(default_factory=dict)
    _order: "deque[tuple[int, Sequence[bytes]]]" = field(default_factory=deque)
    """Numbers up to which some keys go."""

    @property
    def full(self) -> bool:
        return len(self._known) > _MOST

    def read(self, con: sqlite3.Connection) -> None:
        """Take up what waits in a journal; where that is too much, it is moved."""
        rows = con.execute(_WAITING, (_MOST + 1,)).fetchall()
        if len(rows) > _MOST:
            con.execute("BEGIN IMMEDIATE")
            move(con, "true")
            con.execute("COMMIT")
        elif rows:
            keys, digests, numbers = zip(*rows, strict=True)
            self.add(keys, digests, numbers)

    def add(self, keys: Sequence[bytes], digests: Iterable[bytes], numbers: Sequence[int]) -> None:
        """Remember keys of entries with these numbers, which grow."""
        if keys:
            self._known.update(zip(keys, zip(digests, numbers, strict=True), strict=True))
            self._order.append((numbers[-1], keys))

    def forget(self, upto: int) -> None:
        """Drop the keys of entries up to a number: they stand in the table."""
        while self._order and self._order[0][0] <= upto:
            for key in self._order.popleft()[1]:
                self._known.pop(key, None)

    def digest(self, key: bytes) -> bytes | None:
        """That of the body that waits under a key."""
        found = self._known.get(key)
        return None if found is None else found[0]

    def number(self, key: bytes) -> int | None:
        """That of the entry that waits under a key."""
        found = self._known.get(key)
        return None if found is None else found[1]
