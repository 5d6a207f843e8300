"""Rows that look right by themselves but not beside others: duplicates, conflicts and bots."""

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from shopkeeper.data import so_far
from shopkeeper.data.cleaning import bots
from shopkeeper.data.cleaning.columns import Kind
from shopkeeper.data.cleaning.rows import VERSIONED, Staging, content_sql, identity_sql
from shopkeeper.data.marks import BOT, DERIVED, DUPLICATE, ID_CONFLICT, ORDER_CONFLICT, ORDER_KNOWN, SHARED
from shopkeeper.data.schema import lake_types

Numbers = NDArray[np.unsignedinteger[Any]]
_PIECE: Final = 1 << 18
_CUSTOMERS: Final = 100
"""How many customers one browser may be; more is a till, a robot or a mistake, and would join strangers."""


class Facts(Protocol):
    """What the shop knows already: tables that can be asked beside the rows of a file."""

    def files(self, name: str) -> Sequence[str]:
        """The files of a table; none where it is empty."""
        ...

    def relation_sql(self, name: str) -> str:
        """The table, as SQL."""
        ...


@dataclass(frozen=True, slots=True)
class Marking:
    """Marks the rows of ``staged`` / ``whole`` on a connection. ``timed``: the file says when its rows hold."""

    con: Any
    lake: Facts
    kind: Kind
    plan: Staging
    timed: bool
    threads: int = 2
    told: tuple[str, ...] = ()
    """What order lines of this file tell of their orders, beside the customer."""
    before: str = ""
    """SQL: true for rows of the lake that came in with these rows, which are tried again."""

    derived: bool = False
    """Whether these products only follow from what happened to them: they never speak against what is known."""

    def fill(self) -> None:
        """Fill ``marks`` (row, what): duplicates, conflicts and bots, each row once."""
        self.con.execute("CREATE TABLE marked (row BIGINT, what INTEGER)")
        if self.plan.so_far:
            known = self.lake.relation_sql("events") if self.lake.files("events") else ""
            so_far.tell_apart(self.con, known)
        self._mark_within_file()
        self._mark_known()
        if self.kind == "order_lines":
            self._mark_orders()
        if self.kind == "events":
            self.con.execute(f"INSERT INTO marked {bots.rows_sql('whole', BOT)}")
            self._mark_shared()
        self.con.execute("CREATE TABLE marks AS SELECT row, min(what) AS what FROM marked GROUP BY row")

    def _mark_within_file(self) -> None:
        if self.find_repeated("twice", "key", "staged WHERE code = 0", np.uint32):
            self._mark(
                f"CASE WHEN content = first THEN {DUPLICATE} ELSE {ID_CONFLICT} END",
                "(SELECT row, content, first_value(content) OVER same AS first, row_number() OVER same AS place "
                "FROM whole WHERE code = 0 AND key IN (FROM twice) "
                "WINDOW same AS (PARTITION BY identity ORDER BY row)) WHERE place > 1",
            )

    def _mark(self, what: int | str, rows: str) -> None:
        """Mark rows. ``what``: the mark, or SQL of it."""
        self.con.execute(f"INSERT INTO marked SELECT row, {what} FROM {rows}")

    def find_repeated(self, name: str, what: str, rows: str, size: type[np.unsignedinteger[Any]]) -> bool:
        """Make a table (``its``) of the numbers that more than one of some rows have; whether there are any."""
        found = repeated(self._hashes(what, rows, size), self.threads)
        self.con.register(name, pa.table({"its": found}))
        return len(found) > 0

    def _hashes(self, what: str, rows: str, size: type[np.unsignedinteger[Any]]) -> Numbers:
        """Numbers that rows have, piece by piece into one array: the quickest way out of the engine."""
        ((count,),) = self.con.execute(f"SELECT count(*) FROM {rows}").fetchall()
        found = np.empty(count, size)
        place = 0
        for piece in self.con.sql(f"SELECT {what} AS its FROM {rows}").to_arrow_reader(_PIECE):
            found[place : place + len(piece)] = piece.column("its").to_numpy()
            place += len(piece)
        return found

    def _mark_known(self) -> None:
        """Compare with the lake: the same content is a duplicate; another under the same identity is a conflict, except
        that a product or customer without its own moment simply gets a new version."""
        lake = self.lake
        if not lake.files(self.kind):
            return
        if self.derived:
            self._mark_derived(lake.relation_sql(self.kind))
            return
        content = content_sql(self.kind, lake_types(self.kind), by_content=self.plan.by_content)
        identity = (
            content if self.plan.by_content else identity_sql(self.kind, timed=self.timed, by_event=self.plan.by_event)
        )
        versioned = self.kind in VERSIONED and not self.timed
        newest = f'QUALIFY row_number() OVER (PARTITION BY {identity} ORDER BY "at" DESC) = 1' if versioned else ""
        self.con.execute(
            f"CREATE TABLE known AS SELECT identity, content FROM (SELECT {identity} AS identity, "
            f"{content} AS content, * FROM {lake.relation_sql(self.kind)}) "
            f"WHERE identity IN (SELECT identity FROM whole WHERE code = 0) {newest}"
        )
        self._mark(DUPLICATE, "whole SEMI JOIN known USING (identity, content) WHERE code = 0")
        if not versioned:
            self._mark(
                ID_CONFLICT,
                "(SELECT * FROM whole WHERE code = 0) SEMI JOIN known USING (identity) "
                "ANTI JOIN known USING (identity, content)",
            )

    def _mark_derived(self, lake: str) -> None:
        """A product that follows from order lines or events is a duplicate where a catalogue has told of it, or where
        anything was told of it for the same moment: it is no authority, so there is nothing for anybody to look at."""
        told = f"SELECT id FROM {lake} WHERE NOT coalesce(starts_with(source, '{DERIVED}'), false)"
        self._mark(DUPLICATE, f"(SELECT * FROM whole WHERE code = 0) SEMI JOIN ({told}) USING (id)")
        self._mark(DUPLICATE, f'(SELECT * FROM whole WHERE code = 0) SEMI JOIN {lake} USING (id, "at")')

    def _mark_shared(self) -> None:
        """A browser that more than a hundred customers signed in with is nobody's."""
        several = (
            "SELECT visitor FROM whole WHERE code = 0 AND visitor IS NOT NULL AND customer IS NOT NULL "
            "GROUP BY visitor HAVING min(customer) <> max(customer)"
        )
        self._mark(
            SHARED,
            f"whole WHERE code = 0 AND visitor IN (SELECT visitor FROM whole WHERE code = 0 AND visitor IN ({several}) "
            f"GROUP BY visitor HAVING count(DISTINCT customer) > {_CUSTOMERS})",
        )

    def _mark_orders(self) -> None:
        """An order has one customer; an order that the shop knows already gets no other lines from a file."""
        key = "order_id, returned, customer"
        self.con.execute(f"CREATE TABLE orders AS {orders_sql('code = 0', self.told, key=key)}")
        if self.find_repeated("several", "hash(order_id)", "orders", np.uint64):  # of returns too
            self._mark(
                ORDER_CONFLICT,
                "whole WHERE code = 0 AND order_id IN (SELECT order_id FROM orders "
                "WHERE hash(order_id) IN (FROM several) GROUP BY order_id "
                "HAVING count(DISTINCT coalesce(customer, '')) > 1)",
            )
            if self.con.execute(f"SELECT 1 FROM marked WHERE what = {ORDER_CONFLICT} LIMIT 1").fetchall():
                self.con.execute(f"CREATE OR REPLACE TABLE orders AS {orders_sql('code = 0', self.told)}")
        if self.plan.by_event:
            first = "first_value(event_id) OVER (PARTITION BY order_id ORDER BY row)"
            sold = f"SELECT row, event_id, {first} AS first FROM whole WHERE code = 0 AND quantity > 0"
            self._mark(ORDER_KNOWN, f"({sold}) WHERE event_id <> first")
        if self.lake.files("order_lines"):
            self._mark_known_orders(self.lake.relation_sql("order_lines"))

    def _mark_known_orders(self, lake: str) -> None:
        """Hold what would be sold with a known order, unless the file tells again all that is known of the order, or
        what is known came in with the rows that these belong to; and what comes back once more at the same moment."""
        known = f"(SELECT row FROM marked WHERE what = {DUPLICATE})"
        if self.plan.by_content:
            back = f'SELECT order_id, product, "at" FROM {lake} WHERE quantity < 0'
            self._mark(
                ORDER_KNOWN,
                f"(SELECT * FROM whole WHERE code = 0 AND quantity < 0 AND row NOT IN {known}) "
                f'SEMI JOIN ({back}) USING (order_id, product, "at")',
            )
        self.con.execute(
            "CREATE TABLE late AS SELECT row, order_id, event_id FROM whole WHERE code = 0 AND quantity > 0 "
            f"AND order_id IN (SELECT order_id FROM {lake} WHERE quantity > 0) AND row NOT IN {known}"
        )
        if not self.con.execute("SELECT 1 FROM late LIMIT 1").fetchall():
            return
        content = content_sql("order_lines", lake_types("order_lines"), by_content=self.plan.by_content)
        self.con.execute(
            f"CREATE TABLE sold AS SELECT order_id, event_id, {self.before or 'false'} AS theirs, {content} AS content "
            f"FROM {lake} WHERE quantity > 0 AND order_id IN (SELECT order_id FROM late)"
        )
        told = "SELECT content FROM whole WHERE code = 0 AND order_id IN (SELECT order_id FROM late)"
        untold = f"SELECT order_id FROM sold ANTI JOIN ({told}) USING (content) WHERE NOT theirs"
        self._mark(ORDER_KNOWN, f"late WHERE order_id IN ({untold})")
        if self.plan.by_event:
            others = "SELECT DISTINCT order_id, event_id AS other FROM sold"
            self._mark(ORDER_KNOWN, f"late JOIN ({others}) USING (order_id) WHERE other <> event_id")


def repeated(hashes: Numbers, threads: int) -> Numbers:
    """The values that stand more than once in an array, each at least once; the array is put in order. Parts of it are
    sorted side by side and merged: several times as fast as counting all of them in a table."""
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(np.ndarray.sort, np.array_split(hashes, threads)))
    hashes.sort(kind="stable")
    found: Numbers = hashes[1:][hashes[1:] == hashes[:-1]]
    return found


def orders_sql(which: str, told: Iterable[str], *, key: str = "order_id, returned") -> str:
    """The orders of staged lines, and apart from them what came back: when, whose, the least of what else is told of
    each. ``key``: what makes a row of its own."""
    others = "".join(f", min({name}) AS {name}" for name in told)
    customer = "customer" if "customer" in key else "any_value(customer) AS customer"
    return (
        f'SELECT order_id, quantity < 0 AS returned, min("at") AS "at", {customer}{others} FROM whole WHERE {which} '
        f"GROUP BY {key}"
    )
