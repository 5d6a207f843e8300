# ruff: noqa: E501  # statements and tables are easier to read in long lines
"""Shopify's orders export: a row a line item, what belongs to the order only on its first row.

An order is what its ``Name`` says. What the subtotal lacks of the line items' sum, beyond their own discounts, is the
order's discount, shared out by value so that not a cent is lost. The export does not say when something was refunded: the
last moment that the order names stands for it. Source: Shopify Help Center, "Exporting orders".
"""

from typing import Final

from shopkeeper.core.money import EXPONENTS
from shopkeeper.data.sources.known.format import Known, Part

_ORDER: Final = (
    "Email", "Phone", "Created at", "Paid at", "Fulfilled at", "Cancelled at", "Currency", "Subtotal", "Refunded Amount",
    "Discount Code",
)  # fmt: skip
_LINE: Final = (
    "Lineitem name", "Lineitem quantity", "Lineitem price", "Lineitem sku", "Lineitem discount",
)  # fmt: skip


def _codes(places: int) -> str:
    return ", ".join(f"'{code}'" for code, its in EXPONENTS.items() if its == places)


def _number(column: str) -> str:
    return f"TRY_CAST(replace(\"{column}\", ',', '') AS DOUBLE)"


_PLACES: Final = f'CASE WHEN "Currency" IN ({_codes(0)}) THEN 0 WHEN "Currency" IN ({_codes(3)}) THEN 3 ELSE 2 END'
_FIRST: Final = ", ".join(
    f'first("{name}" ORDER BY {{line}}) FILTER ("{name}" IS NOT NULL) AS "{name}"' for name in _ORDER
)
_ORDERS: Final = f"""
orders AS (
  SELECT "Name", min({{line}}) AS {{line}}, {_FIRST} FROM {{rows}} WHERE "Name" IS NOT NULL GROUP BY "Name"
), known AS (
  SELECT *, coalesce(lower("Email"), ltrim("Phone", '''')) AS customer, coalesce("Created at", "Paid at") AS "at" FROM orders
)
"""
_LINES: Final = f"""
WITH {_ORDERS}, items AS (
  SELECT r.{{line}}, r."Name", coalesce(r."Lineitem sku", r."Lineitem name") AS product,
    r."Lineitem quantity" AS quantity, r."Lineitem price" AS price, {_PLACES.replace('"Currency"', 'k."Currency"')} AS places,
    coalesce({_number("Lineitem discount")}, 0) AS own, {_number("Subtotal").replace('"S', 'k."S')} AS subtotal, k."at",
    k.customer, k."Currency" AS currency, {_number("Lineitem quantity")} * {_number("Lineitem price")} AS worth
  FROM {{rows}} r JOIN known k USING ("Name")
  WHERE r."Lineitem name" IS NOT NULL OR r."Lineitem quantity" IS NOT NULL
), sums AS (
  SELECT *, row_number() OVER its AS number, greatest(sum(worth - own) OVER whole - subtotal, 0) AS shared,
    sum(greatest(worth - own, 0)) OVER whole AS total, sum(greatest(worth - own, 0)) OVER its AS until
  FROM items WINDOW its AS (PARTITION BY "Name" ORDER BY {{line}}), whole AS (PARTITION BY "Name")
), shares AS (
  SELECT *, CASE WHEN shared > 0 AND total > 0 THEN (round(shared * power(10, places) * until / total)
    - round(shared * power(10, places) * (until - greatest(worth - own, 0)) / total)) / power(10, places) ELSE 0 END AS share
  FROM sums
)
SELECT {{line}}, "Name" AS "order", number::VARCHAR AS line, "at", customer, product, quantity, price,
  CASE WHEN own + share > 0 THEN printf(CASE places WHEN 0 THEN '%.0f' WHEN 2 THEN '%.2f' ELSE '%.3f' END, own + share) END
    AS discount, currency
FROM shares
"""
_EVENTS: Final = f"""
WITH {_ORDERS}
SELECT {{line}}, 'order_cancel:' || "Name" AS id, 'order_cancel' AS action, "Name" AS "order", "Cancelled at" AS "at",
  customer, NULL AS price, NULL AS currency, NULL AS coupon
FROM known WHERE "Cancelled at" IS NOT NULL AND customer IS NOT NULL
UNION ALL
SELECT {{line}}, 'refund:' || "Name", 'order_return', "Name",
  coalesce("Cancelled at", greatest("Created at", "Paid at", "Fulfilled at")), customer, "Refunded Amount", "Currency",
  NULL FROM known WHERE {_number("Refunded Amount")} > 0 AND customer IS NOT NULL
UNION ALL
SELECT {{line}}, 'coupon:' || "Name", 'coupon_redeemed', "Name", "at", customer, NULL, NULL, "Discount Code"
FROM known WHERE "Discount Code" IS NOT NULL AND customer IS NOT NULL
"""

SHOPIFY_ORDERS: Final = Known(
    name="Shopify orders",
    needs=("Name", "Created at", "Lineitem quantity", "Lineitem name", "Lineitem price"),
    uses=tuple(name for name in (*_ORDER, *_LINE) if name not in ("Created at", "Lineitem quantity", "Lineitem name")),
    parts=(
        Part(kind="events", select=_EVENTS, of="order_lines"),
        Part(kind="order_lines", select=_LINES),
    ),
    skipped=f"""SELECT 'rows without a line item', count(*) FROM {{rows}}
      WHERE "Lineitem name" IS NULL AND "Lineitem quantity" IS NULL HAVING count(*) > 0
      UNION ALL SELECT 'cancellations and refunds of nobody named', count(*) FROM {{rows}}
      WHERE "Email" IS NULL AND "Phone" IS NULL AND "Created at" IS NOT NULL
        AND ("Cancelled at" IS NOT NULL OR {_number("Refunded Amount")} > 0) HAVING count(*) > 0""",
)  # fmt: skip
