"""Everything known before one moment: what training and features read. Nothing after the moment can leak in."""

import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from typing import Any, Final

import numpy as np
import pyarrow as pa

from shopkeeper.core.action import Action
from shopkeeper.core.histories import Catalogue, Histories
from shopkeeper.core.identity import IS_PHONE, PHONE
from shopkeeper.core.money import exponent
from shopkeeper.core.weights import USUAL, Weights
from shopkeeper.data.batch import Batch, DuckBatch, Tables
from shopkeeper.data.identity import NO_LINKS, Identity, of_those
from shopkeeper.data.lake import Lake
from shopkeeper.data.schema import TABLES

_BEFORE: Final = 'SELECT * FROM lake_{name} WHERE "at" < {when}'
_NEWEST: Final = (
    'SELECT * EXCLUDE (newest) FROM (SELECT *, row_number() OVER (PARTITION BY id ORDER BY "at" DESC) AS newest '
    'FROM lake_{name} WHERE "at" < {when}) WHERE newest = 1'
)
_NEWEST_OWN: Final = (
    "SELECT {columns} FROM (SELECT s.*, l.customer, row_number() OVER (PARTITION BY coalesce(l.customer, s.id) "
    'ORDER BY CASE WHEN l.customer IS NULL THEN 0 ELSE 1 END, s."at" DESC) AS newest '
    f"FROM lake_{{name}} s LEFT JOIN links l ON l.visitor = '{PHONE}' || s.id "
    'WHERE s."at" < {when}) s WHERE newest = 1'
)
"""The row of a telephone number's own stands for its customer only where they have none."""
_THEIRS: Final = (
    f"SELECT {{columns}} FROM lake_{{name}} s LEFT JOIN links l ON l.visitor = '{PHONE}' || s.customer "
    'WHERE s."at" < {when}'
)
_RESOLVED: Final = ("events", "order_lines", "decisions")
"""Tables whose rows name a customer and a visitor. As they came they are ``seen_<table>``; under their own name the
nameless rows of a browser bear the customer whose they are."""
_JOINED: Final = (
    "SELECT {columns} FROM seen_{name} s LEFT JOIN links l "
    f"ON l.visitor = CASE WHEN s.customer LIKE '+%' THEN '{PHONE}' || s.customer "
    f"WHEN s.customer IS NULL AND NOT s.{IS_PHONE} THEN s.visitor END "
    'AND s."at" >= l.from_at AND s."at" < l.until_at'
)
_OF_PEOPLE: Final = {"customers": _NEWEST_OWN, "attributes": _THEIRS}
"""Tables whose rows name a customer, who may be a telephone number."""
_SEEN: Final = "SELECT * FROM seen_{name}"
_WHOSE: Final = re.compile(r"\b(events|order_lines|decisions)\b")
_NAMED: Final = re.compile(r"\b(customer|visitor)\b|\*")
_PEOPLE: Final = re.compile(r"\b(customers|attributes)\b")
_CUT: Final = {
    "prices": _BEFORE,
    "competitor_prices": _BEFORE,
    "seen_attributes": _BEFORE,
    "products": _NEWEST,
    "seen_customers": _NEWEST,
}
LEVELS: Final = 5
_RECEIVED: Final = """
SELECT max(received_at) AS newest
FROM (SELECT received_at FROM seen_events UNION ALL SELECT received_at FROM seen_order_lines)
"""

_CATALOGUE = """
WITH stock AS (
  SELECT product, arg_max(quantity, e."at") AS counted, max(e."at") AS counted_at FROM events e
  WHERE action = 'stock_change' AND quantity IS NOT NULL GROUP BY 1
), offered AS (
  SELECT product, arg_max(price_minor, x."at") AS asked, arg_max(currency, x."at") AS asked_in, max(x."at") AS asked_at
  FROM prices x GROUP BY 1
), mentioned AS (SELECT product AS id FROM order_lines UNION SELECT product FROM events)
SELECT id, name, category_1, category_2, category_3, category_4, category_5, brand, tags, cost_minor, active,
       CASE WHEN asked_at > p."at" THEN asked ELSE price_minor END AS price_minor,
       CASE WHEN asked_at > p."at" THEN asked_in ELSE currency END AS currency,
       CASE WHEN counted_at > p."at" OR p."at" IS NULL THEN counted::BIGINT ELSE stock END AS stock
FROM products p FULL JOIN (SELECT id FROM mentioned WHERE id IS NOT NULL) USING (id)
     LEFT JOIN stock ON stock.product = id LEFT JOIN offered ON offered.product = id
ORDER BY id
"""
_HISTORIES = """
WITH actions AS (
  SELECT coalesce(customer, 'visitor:' || visitor) AS person, product, "at", action,
         CASE WHEN action IN ('rating', 'review') AND rating IS NOT NULL THEN greatest(-1, least(1, (rating - 3) / 2))
              WHEN action = 'product_view' AND dwell_seconds IS NOT NULL
                THEN greatest(0.25, least(2, dwell_seconds / 30))
              WHEN action IN ('rating', 'review', 'product_view') THEN 1
              ELSE coalesce(quantity, 1) END AS quantity,
         CASE WHEN currency = $currency THEN price_minor END AS price_minor, NULL AS order_id
  FROM events
  WHERE product IS NOT NULL AND action NOT IN ('order', 'order_return', 'order_cancel', 'stock_change', 'price_change')
  UNION ALL
  SELECT coalesce(customer, 'visitor:' || visitor), product, "at",
         CASE WHEN quantity < 0 THEN 'order_return' ELSE 'order' END, abs(quantity),
         CASE WHEN currency = $currency THEN price_minor END, order_id
  FROM order_lines
), known AS (
  SELECT p.row AS who, c.row AS product, epoch_us("at") AS micros, a.code AS code, quantity, price_minor, order_id
  FROM actions JOIN persons p USING (person) JOIN numbered c ON c.id = actions.product
       JOIN codes a ON a.word = actions.action
)
SELECT who, product, micros, code, quantity::FLOAT AS quantity, price_minor,
       CASE WHEN order_id IS NULL THEN -1
            ELSE dense_rank() OVER (PARTITION BY who, order_id IS NULL ORDER BY micros, order_id) - 1 END AS basket
FROM known ORDER BY who, micros, product, code, basket, quantity, price_minor
"""


@dataclass(frozen=True, kw_only=True)
class LakeSnapshot:
    """A cut through the lake. ``may_train`` gives the person keys that consented to training.

    ``horizon`` fixes the catalogue's numbering: snapshots made from one another by ``as_of`` number products alike.
    """

    lake: Lake
    moment: datetime
    currency: str
    may_train: Callable[[], list[str]]
    batch: Batch = field(default_factory=DuckBatch)
    """The engine that answers."""
    weights: Weights = USUAL
    """What the shop takes each action to say."""
    horizon: datetime | None = None
    identity: Callable[[], Identity] | None = None
    """Who is whom; None: browsers stay apart from customers."""
    _earlier: Histories | None = field(default=None, repr=False)

    def as_of(self, moment: datetime) -> "LakeSnapshot":
        """An earlier view; it reuses the histories that are in memory.

        Raises:
            ValueError: the moment is later than this snapshot's.
        """
        if moment > self.moment:
            raise ValueError(f"{moment} is after the snapshot's {self.moment}")
        known = None
        if not self._links.num_rows:  # else some events of this moment's people were not known to be theirs
            now = self.histories()
            known = now.keep(now.at < np.int64(round(moment.timestamp() * 1_000_000)))
        earlier = replace(self, moment=moment, horizon=self._horizon, _earlier=known)
        earlier.__dict__["_catalogue"] = self._catalogue
        return earlier

    @property
    def engine(self) -> Batch:
        """What answers: models ask it for what does not fit one process (``core.ports.heavy_of``)."""
        return self.batch

    @property
    def _horizon(self) -> datetime:
        return self.horizon or self.moment

    def query(
        self, sql: str, parameters: Mapping[str, Any] | None = None, more: Mapping[str, Any] | None = None
    ) -> pa.Table:
        """Run SQL over the tables as they were; ``$moment`` in it is this moment. ``more``: tables of one's own."""
        values = dict(parameters or {})
        if "$moment" in sql:
            values.setdefault("moment", self.moment)
        with self._tables(links=self._links if _asks_whose(sql) else NO_LINKS) as tables:
            for name, rows in (more or {}).items():
                tables.put(name, rows)
            return tables.ask(sql, values)

    def received_until(self) -> datetime:
        """When the newest fact in the lake was received; this moment where there is none."""
        newest: datetime | None = self.query(_RECEIVED).to_pylist()[0]["newest"]
        return newest or self.moment

    def _tables(self, moment: datetime | None = None, links: pa.Table = NO_LINKS) -> AbstractContextManager[Tables]:
        when = f"TIMESTAMPTZ '{(moment or self.moment).isoformat()}'"
        views = {name: select.format(name=name.removeprefix("seen_"), when=when) for name, select in _CUT.items()}
        for name in _RESOLVED:
            views[f"seen_{name}"] = _BEFORE.format(name=name, when=when)
            views[name] = _resolved(name) if links.num_rows else _SEEN.format(name=name)
        for name, select in _OF_PEOPLE.items():
            views[name] = _resolved(name, select, when) if links.num_rows else _SEEN.format(name=name)
        return self.batch.over(self.lake, views, {"links": links})

    @cached_property
    def _links(self) -> pa.Table:
        """The spans in which browsers were customers', as this moment knew it."""
        return NO_LINKS if self.identity is None else self.identity().links(self.moment)

    def catalogue(self) -> Catalogue:
        return self._catalogue

    @cached_property
    def _catalogue(self) -> Catalogue:
        with self._tables(self._horizon) as tables:
            table = tables.ask(_CATALOGUE)
        return catalogue_of(table, self.currency)

    def histories(self) -> Histories:
        if self._earlier is not None:
            return self._earlier
        return self._histories

    @cached_property
    def _histories(self) -> Histories:
        return self.for_people(self.may_train())

    def for_people(self, keys: Iterable[str], *, apart: bool = False) -> Histories:
        """The histories of these people until the moment; those without any event are left out.

        A browser's events join its customer's where its own key is among them too; never where ``apart``.
        """
        people = sorted(keys)
        links = NO_LINKS if apart else of_those(self._links, pa.array(people, pa.string()))
        ids = self._catalogue.ids.tolist()
        words = [action.word for action in Action]
        codes = pa.array([int(action) for action in Action], pa.int32())
        with self._tables(links=links) as tables:
            tables.put("persons", pa.table({"person": pa.array(people, pa.string()), "row": _numbers(len(people))}))
            tables.put("numbered", pa.table({"id": pa.array(ids, pa.string()), "row": _numbers(len(ids))}))
            tables.put("codes", pa.table({"word": words, "code": codes}))
            table = tables.ask(_HISTORIES, {"currency": self.currency})
        found = _histories_of(table, np.array(people, object), 10.0 ** exponent(self.currency))
        return replace(found, weights=self.weights)


def _asks_whose(sql: str) -> bool:
    """Whether it matters to a query whose the rows are."""
    return bool(_PEOPLE.search(sql) or (_WHOSE.search(sql) and _NAMED.search(sql.replace("count(*)", ""))))


def _resolved(name: str, select: str = _JOINED, when: str = "") -> str:
    whose, link = ("id", "s.customer") if name == "customers" else ("customer", "l.customer")
    columns = ", ".join(
        f"coalesce({link}, s.{whose}) AS {whose}" if column == whose else f's."{column}"'
        for column in TABLES[name].names
    )
    return select.format(columns=columns, name=name, when=when)


def _numbers(count: int) -> pa.Array:
    return pa.array(np.arange(count, dtype=np.int32))


def _numpy(table: pa.Table, name: str, kind: Any) -> Any:
    return table.column(name).to_numpy(zero_copy_only=False).astype(kind, copy=False)


def _histories_of(table: pa.Table, people: Any, scale: float) -> Histories:
    """From rows ordered by person and time. People without any event are left out."""
    who = _numpy(table, "who", np.int32)
    counts = np.bincount(who, minlength=len(people)) if len(who) else np.zeros(len(people), np.int64)
    active = counts > 0
    offsets = np.zeros(int(active.sum()) + 1, np.int64)
    np.cumsum(counts[active], out=offsets[1:])
    return Histories(
        offsets=offsets, product=_numpy(table, "product", np.int32), at=_numpy(table, "micros", np.int64),
        action=_numpy(table, "code", np.int8), quantity=_numpy(table, "quantity", np.float32),
        price=(_numpy(table, "price_minor", np.float64) / scale).astype(np.float32),
        order=_numpy(table, "basket", np.int32), people=people[active],
    )  # fmt: skip


def catalogue_of(products: pa.Table, currency: str) -> Catalogue:
    """Rows of ``products`` by column; a price in another currency is unknown here (NaN)."""
    scale = 10.0 ** exponent(currency)
    ours = np.array([code == currency for code in products.column("currency").to_pylist()], bool)

    def text(name: str) -> Any:
        return np.array([value or "" for value in products.column(name).to_pylist()], object)

    def money(name: str) -> Any:
        amounts = products.column(name).to_numpy(zero_copy_only=False).astype(np.float64)
        return np.where(ours, amounts / scale, np.nan).astype(np.float32)

    active = np.array([value is not False for value in products.column("active").to_pylist()], bool)
    stock = products.column("stock").to_numpy(zero_copy_only=False).astype(np.float64)
    return Catalogue(
        ids=text("id"), names=text("name"), brands=text("brand"),
        categories=tuple(text(f"category_{level}") for level in range(1, LEVELS + 1)),
        price=money("price_minor"), cost=money("cost_minor"), in_stock=active & ~(stock <= 0), tags=text("tags"),
    )  # fmt: skip
