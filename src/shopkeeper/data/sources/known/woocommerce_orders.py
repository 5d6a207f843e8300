# ruff: noqa: E501  # statements and tables are easier to read in long lines
"""WooCommerce orders, as its two usual export plugins write them: a row an order with its items written into cells.

Customer/Order/Coupon Export writes all items into ``line_items`` (or a row an item with ``item_*``), Order Export & Order
Import one a cell (``line_item_1`` …). Amounts of an item are of the whole line: a unit's price is the subtotal by quantity,
rounded up to the smallest coin, and the discount is what remains to the total. Of a refund, which is of the total with
shipping and tax, the goods' part is the order's return so far; a cancellation takes all of them back. Times are the shop's.
"""

from typing import Final

from shopkeeper.data.sources.known.format import Known, Part, decimals, number, written
from shopkeeper.data.sources.known.telephone import telephone

_CELLS: Final = tuple(f"line_item_{number}" for number in range(1, 61))
_ITEM: Final = ("name", "product_id", "sku", "quantity", "subtotal", "total", "refunded")
_ROW_ITEM: Final = tuple(f"item_{name}" for name in _ITEM)
_NEVER: Final = ("pending", "failed", "draft", "checkout-draft", "auto-draft", "trash")
"""States of what never became an order."""
_STATUS: Final = "regexp_replace(lower(coalesce(status, order_status, '')), '^wc-', '')"
_BREAK: Final = "chr(31)"


def _item(name: str) -> str:
    return f"nullif(regexp_extract(one, '(?s)(?:^|\\|){name}:([^|]*)', 1), '')"


_ORDERS: Final = f"""
orders AS (
  SELECT *, coalesce(order_number_formatted, order_number, order_id) AS "order", coalesce(order_date, "date") AS "at",
    coalesce(lower(coalesce(billing_email, customer_email)), nullif(customer_id, '0'),
      {telephone("billing_phone", "billing_country")}) AS customer,
    coalesce(order_currency, "currency") AS money, {_STATUS} AS state
  FROM {{rows}} WHERE {_STATUS} NOT IN {_NEVER}
)
"""
_SPLIT: Final = (
    f"string_split(regexp_replace(line_items, ';\\s*(id:|name:|product_id:)', {_BREAK} || '\\1', 'g'), {_BREAK})"
)
_WORTH: Final = f"coalesce({_item('subtotal')}, {_item('sub_total')}, {_item('total')})"
_ROW: Final = " || ".join(f"'|{name}:' || coalesce(replace(item_{name}, '|', ' '), '')" for name in _ITEM)
_ITEMS: Final = f"""
WITH {_ORDERS}, items AS (
  SELECT {{line}}, "order", "at", customer, money, list_filter(CASE WHEN line_items IS NOT NULL THEN {_SPLIT}
      WHEN coalesce(item_quantity, item_name) IS NOT NULL THEN [{_ROW}] ELSE [{", ".join(_CELLS)}] END,
    lambda i: trim(coalesce(i, '')) <> '') AS members
  FROM orders
), spread AS (
  SELECT * EXCLUDE (members), unnest(CASE WHEN len(members) > 0 THEN members ELSE [''] END) AS one,
    unnest(range(1, greatest(len(members), 1) + 1)) AS number FROM items
), told AS (
  SELECT *, coalesce({_item("sku")}, nullif({_item("product_id")}, '0'), {_item("name")}) AS product,
    {_item("quantity")} AS quantity, {number(_item("quantity"))} AS units, {_WORTH} AS worth_text,
    {number(_WORTH)} AS worth, {number(_item("total"))} AS paid,
    {number(_item("refunded"))} AS refunded, {decimals("money")} AS places FROM spread
)
"""
_LINES: Final = f"""
{_ITEMS}, priced AS (
  SELECT *, ceil(round(worth * power(10, places) / nullif(units, 0), 4)) / power(10, places) AS price FROM told
)
SELECT {{line}}, "order", CASE WHEN count(*) OVER its > 1 THEN row_number() OVER (its ORDER BY {{line}}, number) ELSE number END
    ::VARCHAR AS line, "at", customer, product, quantity,
  coalesce({written("price", "places")}, worth_text) AS price,
  {written("nullif(greatest(round(price * units - coalesce(paid, worth), places), 0), 0)", "places")} AS discount, money AS currency
FROM priced WINDOW its AS (PARTITION BY "order")
"""
_LAST: Final = 'coalesce(completed_date, date_completed, paid_date, "at")'
_REFUNDED_AT: Final = (
    "nullif(regexp_extract(coalesce(refunds, refund_items), 'date:([0-9]{{4}}-[0-9-]{{5}} [0-9:]{{5,8}})', 1), '')"
)
_EVENTS: Final = f"""
{_ITEMS}, sums AS (
  SELECT "order", sum(coalesce(paid, worth)) AS goods, sum(refunded) AS back, any_value(places) AS places FROM told GROUP BY "order"
), heads AS (
  SELECT *, {number("refunded_total")} AS repaid, {number("order_total")} AS whole FROM orders JOIN sums USING ("order")
  QUALIFY row_number() OVER (PARTITION BY "order" ORDER BY {{line}}) = 1
), paid AS (
  SELECT *, round(CASE WHEN state = 'refunded' THEN goods WHEN coalesce(repaid, 0) <= 0 THEN 0 ELSE least(goods,
    coalesce(nullif(back, 0), repaid * CASE WHEN whole >= goods AND whole > 0 THEN goods / whole ELSE 1 END)) END, places) AS part
  FROM heads
)
SELECT {{line}}, 'order_cancel:' || "order" AS id, 'order_cancel' AS action, "order", {_LAST} AS "at", customer,
  {written("nullif(goods, 0)", "places")} AS price, money AS currency FROM paid WHERE state = 'cancelled'
UNION ALL
SELECT {{line}}, 'refund:' || "order", 'order_return', "order", coalesce({_REFUNDED_AT}, {_LAST}), customer,
  {written("part", "places")}, money FROM paid WHERE part > 0 OR state = 'refunded'
"""

WOOCOMMERCE_ORDERS: Final = Known(
    name="WooCommerce orders",
    needs=(),
    any_of=(
        ("order_id", "order_number", "order_number_formatted"), ("order_date", "date"), ("status", "order_status"),
        ("line_items", "line_item_1", "item_quantity"),
    ),
    unlike=("action", "event"),
    uses=(
        "order_id", "order_number", "order_number_formatted", "order_date", "date", "status", "order_status", "customer_id",
        "billing_email", "customer_email", "billing_phone", "billing_country", "order_currency", "currency", "order_total", "refunded_total", "completed_date",
        "date_completed", "paid_date", "refunds", "refund_items", "line_items", *_CELLS, *_ROW_ITEM,
    ),
    parts=(Part(kind="events", select=_EVENTS, of="order_lines", so_far=True), Part(kind="order_lines", select=_LINES)),
    skipped=f"SELECT 'order_' || {_STATUS}, count(*) FROM {{rows}} WHERE {_STATUS} IN {_NEVER} GROUP BY 1 ORDER BY 2 DESC, 1",
)  # fmt: skip
