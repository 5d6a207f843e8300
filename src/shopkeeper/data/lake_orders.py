"""The orders of the lake, so that one that was imported is not counted again when it is told as an event."""

import logging
import threading
import time
from collections.abc import Collection, Iterable, Mapping
from hashlib import md5
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from shopkeeper.core.action import Action
from shopkeeper.core.errors import DataError
from shopkeeper.core.event import Event
from shopkeeper.data.conflicts import said_by
from shopkeeper.data.lake import Lake, table_sql
from shopkeeper.data.orders import Memory, agree, orders_in, told_by
from shopkeeper.data.schema import event_of, event_row, line_of, line_rows

_log: Final = logging.getLogger(__name__)
_SOLD: Final[Mapping[str, str]] = {"events": "action = 'order'", "order_lines": "quantity > 0"}
"""Rows of the lake that tell of orders."""
_LONGEST: Final = 300
_PAUSE_SECONDS: Final = 1.0
"""So often another process's commits are looked for."""
Numbers = NDArray[np.uint64]


class LakeOrders:
    """What the lake knows of orders. Any thread may ask. Eight bytes an order are kept in memory, file by file."""

    def __init__(self, lake: Lake) -> None:
        self._lake = lake
        self._lock = threading.Lock()
        self._known: dict[str, Numbers] = {}
        """File -> numbers of its orders, sorted."""
        self._seen: tuple[int, ...] = ()
        """The lake's commits and the tables' versions when that was so."""
        self._seen_at = -_PAUSE_SECONDS

    def teach(self, events: Iterable[Event], memory: Memory) -> None:
        """Tell a memory of the orders among some events that the lake knows and it does not: it judges them then. What
        the lake says is remembered, so each is read once.

        Where the lake cannot be read nobody is refused for that: the events are judged by the memory alone.
        """
        told = orders_in(events)
        if not told:
            return
        try:
            there = self._among(told)
            new = set(there) - memory.knows(there) if there else set[str]()
            known = self.read(new) if new else {}
        except DataError as error:
            _log.error("orders are taken without a look into the lake: %s", error)
            return
        if known:
            said = {name: told[name] if agree(told[name], its) else its for name, its in known.items()}
            memory.learn({name: told_by(its) for name, its in said.items()})

    def _among(self, orders: Collection[str]) -> list[str]:
        """Those that the lake holds, and by rare chance others."""
        names = list(orders)
        numbers = np.array([_number(name) for name in names], np.uint64)
        there = np.zeros(len(names), bool)
        for known in self._look():
            if len(known):
                there |= known[np.minimum(np.searchsorted(known, numbers), len(known) - 1)] == numbers
        return [name for name, its in zip(names, there, strict=True) if its]

    def warm(self) -> None:
        """Look through what the lake holds now, so that the first order need not wait for that."""
        try:
            self._look()
        except DataError as error:
            _log.error("orders will be taken without a look into the lake: %s", error)

    def _look(self) -> list[Numbers]:
        """The numbers of each file; those that are new are read."""
        with self._lock:
            commits, now = self._lake.commits, time.monotonic()
            if self._seen[:1] != (commits,) or now - self._seen_at >= _PAUSE_SECONDS:
                seen = (commits, *(self._lake.version(table) for table in _SOLD))
                if seen[1:] != self._seen[1:]:
                    self._read_files()
                self._seen, self._seen_at = seen, now
            return list(self._known.values())

    def _read_files(self) -> None:
        with self._lake.connect(tables=()) as con:
            self._known = {
                file: self._known[file] if file in self._known else _numbers(con, table, file, sold)
                for table, sold in _SOLD.items()
                for file in self._lake.files(table)
            }

    def read(self, orders: Collection[str]) -> dict[str, Event]:
        """What the lake says of some orders; of one that stands there twice, what was told first."""
        with self._lake.connect(tables=tuple(_SOLD)) as con:
            lines = _rows(con, "order_lines", orders, '"at", event_id, line')
            heads = _rows(con, "events", orders, '"at", id')
        found: dict[str, Event] = {}
        for head in [*heads, *map(_head, lines)]:
            its = [line for line in lines if line["order_id"] == head["order_id"]]
            if head["order_id"] not in found:
                first = [line_of(line) for line in its if line["event_id"] == its[0]["event_id"]]
                found[head["order_id"]] = event_of(head, tuple(first))
        return found


def shown(order: Event | None) -> str:
    """An order in short, for who compares it with another; nothing where it is not known any more."""
    if order is None:
        return "…"
    said = [said_by("order_lines", row) for row in line_rows(order)] or [said_by("events", event_row(order))]
    return "; ".join(said)[:_LONGEST]


def _number(order: str) -> int:
    """Of an order's id, as DuckDB's ``md5_number_lower`` makes it."""
    return int.from_bytes(md5(order.encode(), usedforsecurity=False).digest()[8:], "little")


def _numbers(con: Any, table: str, file: str, sold: str) -> Numbers:
    of = f"SELECT DISTINCT md5_number_lower(order_id) AS its FROM {table_sql(table, [file])}"
    found = con.execute(f"{of} WHERE order_id IS NOT NULL AND {sold} ORDER BY its").fetchnumpy()["its"]
    return np.asarray(found, np.uint64)


def _rows(con: Any, table: str, orders: Collection[str], by: str) -> list[dict[str, Any]]:
    sql = f"SELECT * FROM {table} WHERE list_contains(?::VARCHAR[], order_id) AND {_SOLD[table]} ORDER BY {by}"
    found: list[dict[str, Any]] = con.sql(sql, params=[[*orders]]).to_arrow_table().to_pylist()
    return found


def _head(line: Mapping[str, Any]) -> dict[str, Any]:
    """The event of an order of which the lake has lines only."""
    order = Event(
        id=line["event_id"], at=line["at"], action=Action.ORDER, visitor=line["visitor"], customer=line["customer"],
        order=line["order_id"],
    )  # fmt: skip
    return event_row(order)
