"""What the console and the command line show of the shop's memory: SQL over a snapshot, one page at a time."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from shopkeeper.core.action import BACK_SQL
from shopkeeper.core.event import Event
from shopkeeper.core.money import exponent
from shopkeeper.data.schema import event_of, line_of
from shopkeeper.data.snapshot import LakeSnapshot

Row = dict[str, Any]

_GROSS: Final = "CAST(floor(abs(quantity) * coalesce(price_minor, 0) + 0.5) AS BIGINT)"
_PAID: Final = (
    f"CASE WHEN quantity < 0 THEN -coalesce(refund_minor, {_GROSS} - coalesce(discount_minor, 0))"
    f" ELSE {_GROSS} - coalesce(discount_minor, 0) - coalesce(refund_minor, 0) END"
)
"""What one order line brought in, whole minor units, before tax; a return takes back its refund, or what was paid."""
_UNITS: Final = "sum(CAST(floor(quantity * 1e6 + 0.5) AS HUGEINT)) / 1e6"
"""Units sold, summed as whole millionths: no order of the rows changes a digit."""

_MONEY: Final = f"""
money AS (
  SELECT "at", order_id, customer, visitor, 1 AS lines, CASE WHEN quantity > 0 THEN order_id END AS bought,
         {_PAID} AS paid
  FROM order_lines WHERE currency = $currency OR currency IS NULL
  UNION ALL
  SELECT "at", order_id, customer, visitor, 0, NULL, -price_minor
  FROM events WHERE action IN {BACK_SQL} AND currency = $currency
)
"""
"""What came in and went out, in the shop's currency: order lines, and what returns and cancellations paid back beside
their lines. ``bought``: the order, where it is not something that came back."""
_TOTALS = f"""
WITH {_MONEY}
SELECT count(DISTINCT bought) AS orders, CAST(sum(lines) AS BIGINT) AS lines, count(DISTINCT customer) AS buyers,
       coalesce(sum(paid), 0)::DOUBLE AS revenue_minor, min("at") AS first_at, max("at") AS last_at
FROM money
"""
_DAYS = f"""
WITH {_MONEY}
SELECT date_trunc('day', "at" AT TIME ZONE $timezone)::DATE AS day, count(DISTINCT bought) AS orders,
       coalesce(sum(paid), 0)::DOUBLE AS revenue_minor, count(DISTINCT coalesce(customer, visitor)) AS buyers
FROM money WHERE "at" >= $since GROUP BY 1 ORDER BY 1
"""
_CUSTOMERS = f"""
WITH {_MONEY}, bought AS (
  SELECT customer AS id, count(DISTINCT order_id) AS orders, max("at") AS last_at
  FROM order_lines WHERE customer IS NOT NULL AND quantity > 0 GROUP BY 1
), paid AS (SELECT customer AS id, sum(paid)::DOUBLE AS revenue_minor FROM money WHERE customer IS NOT NULL GROUP BY 1)
SELECT id, c.name, coalesce(orders, 0) AS orders, coalesce(revenue_minor, 0) AS revenue_minor, last_at,
       count(*) OVER () AS total
FROM (SELECT id, name FROM customers) c FULL JOIN bought USING (id) FULL JOIN paid USING (id)
WHERE $text = '' OR contains(lower(id), $text) OR contains(lower(coalesce(c.name, '')), $text)
ORDER BY {{order}} LIMIT $size OFFSET $skip
"""
_PRODUCTS = f"""
WITH sold AS (
  SELECT product AS id, count(DISTINCT coalesce(customer, visitor)) AS buyers, {_UNITS} AS units,
         coalesce(sum({_PAID}) FILTER (currency = $currency OR currency IS NULL), 0)::DOUBLE AS revenue_minor,
         max("at") AS last_at
  FROM order_lines GROUP BY 1
)
SELECT id, p.name, p.brand, p.category_1, p.category_2, p.category_3, p.price_minor, p.currency, p.stock, p.active,
       coalesce(buyers, 0) AS buyers, coalesce(units, 0) AS units, coalesce(revenue_minor, 0) AS revenue_minor, last_at,
       count(*) OVER () AS total
FROM products p FULL JOIN sold USING (id)
WHERE $text = '' OR contains(lower(id), $text) OR contains(lower(coalesce(p.name, '')), $text)
   OR contains(lower(coalesce(p.category_2, '')), $text)
ORDER BY {{order}} LIMIT $size OFFSET $skip
"""
_TIMELINE = """
SELECT e."at", action, product, p.name, quantity, e.price_minor, e.order_id, e.query, e.path, e.coupon FROM (
  SELECT "at", action, product, quantity, price_minor, order_id, query, path, coupon FROM events
  WHERE coalesce(customer, 'visitor:' || visitor) = $person AND action <> 'order'
    AND (action <> 'order_return' OR price_minor IS NOT NULL)
  UNION ALL
  SELECT "at", CASE WHEN quantity < 0 THEN 'order_return' ELSE 'order' END, product, abs(quantity), price_minor,
         order_id, NULL, NULL, NULL
  FROM order_lines WHERE coalesce(customer, 'visitor:' || visitor) = $person
) e LEFT JOIN products p ON p.id = e.product ORDER BY e."at" DESC, product, action, order_id LIMIT $size
"""
_EVENTS: Final = "SELECT count(*) AS n FROM events"
_GOODS: Final = "SELECT count(*) AS n FROM (SELECT id FROM products UNION SELECT product FROM order_lines)"
_PEOPLE: Final = (
    "SELECT count(*) AS n FROM (SELECT id FROM customers UNION SELECT customer FROM order_lines "
    "WHERE customer IS NOT NULL UNION SELECT customer FROM events WHERE customer IS NOT NULL)"
)
_LOGGED: Final = "SELECT count(*) AS n FROM decisions"
_ONE: Final = "SELECT * FROM {table} WHERE id = $key"
_BESTSELLERS: Final = (
    "SELECT product FROM order_lines JOIN products p ON p.id = product WHERE p.active IS NOT false "
    "GROUP BY 1 ORDER BY count(DISTINCT coalesce(customer, visitor)) DESC, product LIMIT $count"
)
_ALL: Final = 2**31
_CUSTOMER_ORDERS: Final = {
    "revenue": "revenue_minor DESC, id", "orders": "orders DESC, id", "last": "last_at DESC NULLS LAST, id", "id": "id",
}  # fmt: skip
_PRODUCT_ORDERS: Final = {
    "buyers": "buyers DESC, id", "revenue": "revenue_minor DESC, id", "units": "units DESC, id", "id": "id",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Some rows of a longer list."""

    rows: list[Row]
    total: int
    page: int
    size: int


def overview(snapshot: LakeSnapshot, *, days: int = 90, timezone: str = "UTC") -> Row:
    """The shop in numbers: totals, and one row a day (of ``timezone``) for the last days before the newest order."""
    values = {"currency": snapshot.currency}
    totals = snapshot.query(_TOTALS, values).to_pylist()[0]
    counted = {"events": _EVENTS, "products": _GOODS, "customers": _PEOPLE, "decisions": _LOGGED}
    totals |= {name: snapshot.query(sql).to_pylist()[0]["n"] for name, sql in counted.items()}
    series: list[Row] = []
    if totals["last_at"] is not None:
        since = totals["last_at"].timestamp() - days * 86_400
        sql = _DAYS.replace("$since", f"to_timestamp({since:.0f})")
        series = snapshot.query(sql, {**values, "timezone": timezone}).to_pylist()
    return {"totals": totals, "days": series, "currency": snapshot.currency, "scale": 10 ** exponent(snapshot.currency)}


def customers(snapshot: LakeSnapshot, *, text: str = "", page: int = 1, size: int = 50, order: str = "revenue") -> Page:
    """Customers whose id or name holds ``text``, a page of them."""
    sql = _CUSTOMERS.format(order=_CUSTOMER_ORDERS.get(order, _CUSTOMER_ORDERS["revenue"]))
    return _page(snapshot, sql, text, page, size)


def customer_list(snapshot: LakeSnapshot) -> pa.Table:
    """All customers with what they bought, to be kept and turned over page by page with ``page_of``."""
    return _list(snapshot, _CUSTOMERS, "name")


def product_list(snapshot: LakeSnapshot) -> pa.Table:
    """All products with what was sold, to be kept and turned over page by page with ``page_of``."""
    return _list(snapshot, _PRODUCTS, "name", "category_2")


def _list(snapshot: LakeSnapshot, sql: str, *sought: str) -> pa.Table:
    values = {"text": "", "size": _ALL, "skip": 0, "currency": snapshot.currency}
    table = snapshot.query(sql.format(order="id"), values).drop_columns("total")
    texts = [table.column("id"), *(pc.fill_null(table.column(name), "") for name in sought)]
    return table.append_column("sought", pc.utf8_lower(pc.binary_join_element_wise(*texts, "\n")))


def page_of(table: pa.Table, *, text: str = "", page: int = 1, size: int = 50, order: str = "revenue") -> Page:
    """A page of a ``customer_list`` or ``product_list``: what ``customers`` and ``products`` give, without a query."""
    if wanted := text.strip().lower():
        table = table.filter(pc.match_substring(table.column("sought"), wanted))
    column = {"revenue": "revenue_minor", "last": "last_at"}.get(order, order)
    keys = [("id", "ascending")] if column == "id" else [(column, "descending"), ("id", "ascending")]
    place = pc.sort_indices(table, sort_keys=keys)  # absent dates come last
    rows = table.take(place[(page - 1) * size : page * size])
    return Page(rows=rows.drop_columns("sought").to_pylist(), total=table.num_rows, page=page, size=size)


def products(snapshot: LakeSnapshot, *, text: str = "", page: int = 1, size: int = 50, order: str = "buyers") -> Page:
    """Products whose id, name or category holds ``text``, a page of them."""
    sql = _PRODUCTS.format(order=_PRODUCT_ORDERS.get(order, _PRODUCT_ORDERS["buyers"]))
    return _page(snapshot, sql, text, page, size)


def _page(snapshot: LakeSnapshot, sql: str, text: str, page: int, size: int) -> Page:
    values = {"text": text.strip().lower(), "size": size, "skip": (page - 1) * size, "currency": snapshot.currency}
    rows = snapshot.query(sql, values).to_pylist()
    total = rows[0].pop("total") if rows else 0
    for row in rows[1:]:
        del row["total"]
    return Page(rows=rows, total=total, page=page, size=size)


def timeline(snapshot: LakeSnapshot, person: str, *, size: int = 100) -> list[Row]:
    """A person's newest facts, newest first."""
    return snapshot.query(_TIMELINE, {"person": person, "size": size}).to_pylist()  # type: ignore[no-any-return]  # arrow


def one(snapshot: LakeSnapshot, table: str, key: str) -> Row | None:
    """The newest row of a product or customer; None where there is none."""
    if table not in ("products", "customers"):
        raise ValueError(table)
    rows = snapshot.query(_ONE.format(table=table), {"key": key}).to_pylist()
    return rows[0] if rows else None


def bestsellers(snapshot: LakeSnapshot, count: int) -> list[str]:
    """Products by number of buyers: the answer when no model can give one."""
    return [row["product"] for row in snapshot.query(_BESTSELLERS, {"count": count}).to_pylist()]


_SINCE: Final = """
SELECT * FROM {table} WHERE received_at > $since OR (received_at > $since - INTERVAL 1 SECOND AND received_at < $since)
ORDER BY received_at DESC LIMIT {most}
"""
_MOST_SINCE: Final = 200_000


def events_since(snapshot: LakeSnapshot, received: datetime) -> Iterator[Event]:
    """What the lake received after a moment, as events with their order lines, at most the newest 200,000 rows a table.

    Requests that came at the same time may be stored in either order, so one second before the moment is read again;
    whoever folds them recognises those it has. What bears exactly the moment is known: an import has one for all rows.
    """
    values = {"since": received}
    lines: dict[str, list[Row]] = {}
    for row in snapshot.query(_SINCE.format(table="seen_order_lines", most=_MOST_SINCE), values).to_pylist():
        lines.setdefault(row["event_id"] or "", []).append(row)
    for row in snapshot.query(_SINCE.format(table="seen_events", most=_MOST_SINCE), values).to_pylist():
        its = sorted(lines.get(row["id"], ()), key=lambda line: line["line"] or 0)
        yield event_of(row, tuple(line_of(line) for line in its))


_WEEKS: Final = f"""
SELECT date_trunc('week', "at")::DATE AS week, {_UNITS} AS units FROM order_lines
WHERE product = $product AND "at" >= (SELECT max("at") FROM order_lines) - INTERVAL 26 WEEK GROUP BY 1 ORDER BY 1
"""


def weekly_units(snapshot: LakeSnapshot, product: str) -> list[Row]:
    """Units sold a week (returns taken off) in the last half year; weeks without a sale are left out."""
    return snapshot.query(_WEEKS, {"product": product}).to_pylist()  # type: ignore[no-any-return]  # arrow


_DECISIONS: Final = """
SELECT id, "at", placement, customer, visitor, personal, fallback, json_array_length(choices)::INTEGER AS items
FROM seen_decisions ORDER BY "at" DESC, id LIMIT $size
"""


def decisions(snapshot: LakeSnapshot, *, size: int = 50) -> list[Row]:
    """The newest logged decisions, newest first."""
    return snapshot.query(_DECISIONS, {"size": size}).to_pylist()  # type: ignore[no-any-return]  # arrow
