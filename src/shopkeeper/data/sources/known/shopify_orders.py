# ruff: noqa: E501  # statements and tables are easier to read in long lines
"""Shopify's orders export: a row a line item, what belongs to the order only on its first row.

An order is what its ``Name`` says. What the subtotal lacks of the line items' sum, beyond their own discounts, is the
order's discount, shared out by value so that not a cent is lost. Tips are line items that no subtotal has in it: they are passed over. Of a refund, which is of the total with shipping and tax,
the goods' part is the order's return so far; a cancellation takes all of them back. The export does not say when something
was refunded: the last moment that the order names stands for it. Drafts (``#D7``) and orders of the gateway for tests are no
sales; an order whose payment is still to come is one, as in Shopify's own reports. Source: Shopify Help Center, "Exporting orders".
"""

from typing import Final

from shopkeeper.data.rows import LINE, identifier
from shopkeeper.data.sources.known.format import Known, Part, decimals, number, share, written
from shopkeeper.data.sources.known.telephone import telephone

_ORDER: Final = (
    "Email", "Phone", "Created at", "Paid at", "Fulfilled at", "Cancelled at", "Currency", "Subtotal", "Total", "Refunded Amount",
    "Discount Code", "Financial Status", "Payment Method", "Accepts Marketing", "Billing Country", "Shipping Country",
)  # fmt: skip
_LINE: Final = (
    "Lineitem name", "Lineitem quantity", "Lineitem price", "Lineitem sku", "Lineitem discount",
)  # fmt: skip


def _number(column: str) -> str:
    return number(identifier(column))


_TEST: Final = """coalesce(contains(lower("Payment Method"), 'bogus'), false)"""
"""Shopify's gateway for trying an order out is called so."""
_PAID: Final = "('paid', 'partially_paid', 'partially_refunded', 'refunded')"
_NAMED_DRAFT: Final = """regexp_full_match("Name", '#D[0-9]+')"""
_DRAFT: Final = (
    f"""({_NAMED_DRAFT} AND "Paid at" IS NULL AND coalesce(lower("Financial Status") NOT IN {_PAID}, true))"""
)
"""A draft is called so until somebody pays for it; a shop whose orders begin with D has paid ones."""
_TIP: Final = """coalesce(lower("Lineitem name") = 'tip' AND "Lineitem sku" IS NULL, false)"""
"""A tip is written as a line item of its own, and is not in the subtotal: it is no goods and no sale."""
_PHONE: Final = telephone('"Phone"', 'coalesce("Billing Country", "Shipping Country")')
_FIRST: Final = ", ".join(
    f'first("{name}" ORDER BY {{line}}) FILTER ("{name}" IS NOT NULL) AS "{name}"' for name in _ORDER
)
_ORDERS: Final = f"""
orders AS (
  SELECT "Name", min({{line}}) AS {{line}}, {_FIRST} FROM {{rows}} WHERE "Name" IS NOT NULL GROUP BY "Name"
), known AS (
  SELECT *, coalesce(lower("Email"), {_PHONE}) AS customer, coalesce("Created at", "Paid at") AS "at"
  FROM orders WHERE NOT {_TEST} AND NOT {_DRAFT}
)
"""
_CANCELLED: Final = (
    """coalesce("Cancelled at", CASE WHEN lower("Financial Status") IN ('voided', 'expired') THEN "at" END)"""
)
"""A payment that was never taken is no sale, whether or not somebody cancelled the order."""
_LINES: Final = f"""
WITH {_ORDERS}, items AS (
  SELECT r.{{line}}, r."Name", coalesce(r."Lineitem sku", r."Lineitem name") AS product,
    r."Lineitem quantity" AS quantity, r."Lineitem price" AS price, {decimals('k."Currency"')} AS places,
    coalesce({_number("Lineitem discount")}, 0) AS own, {number('k."Subtotal"')} AS subtotal, k."at",
    k.customer, k."Currency" AS currency, {_number("Lineitem quantity")} * {_number("Lineitem price")} AS worth
  FROM {{rows}} r JOIN known k USING ("Name")
  WHERE (r."Lineitem name" IS NOT NULL OR r."Lineitem quantity" IS NOT NULL) AND NOT {_TIP}
), sums AS (
  SELECT *, row_number() OVER its AS number, greatest(sum(worth - own) OVER whole - subtotal, 0) AS shared,
    sum(greatest(worth - own, 0)) OVER whole AS total, sum(greatest(worth - own, 0)) OVER its AS until
  FROM items WINDOW its AS (PARTITION BY "Name" ORDER BY {{line}}), whole AS (PARTITION BY "Name")
), shares AS (
  SELECT *, CASE WHEN shared > 0 AND total > 0
    THEN {share("shared", "greatest(worth - own, 0)", "places", until="until", total="total")} ELSE 0 END AS share
  FROM sums
)
SELECT {{line}}, "Name" AS "order", number::VARCHAR AS line, "at", customer, product, quantity, price,
  {written("nullif(greatest(own + share, 0), 0)", "places")} AS discount, currency
FROM shares
"""
_TIPS: Final = f"""WITH {_ORDERS.replace("{line}", LINE)} SELECT 'tips', count(*) FROM {{rows}} JOIN known USING ("Name")
      WHERE {_TIP} HAVING count(*) > 0"""
_REFUNDED: Final = _number("Refunded Amount")
_EVENTS: Final = f"""
WITH {_ORDERS}, worths AS (
  SELECT "Name", sum({_number("Lineitem quantity")} * {_number("Lineitem price")} - coalesce({_number("Lineitem discount")}, 0)) AS worth
  FROM {{rows}} WHERE NOT {_TIP} GROUP BY "Name"
), paid AS (
  SELECT *, {decimals('"Currency"')} AS places, least(worth, coalesce({_number("Subtotal")}, worth)) AS goods, {_number("Total")} AS whole,
    coalesce({_REFUNDED}, 0) AS refunded FROM known LEFT JOIN worths USING ("Name")
), told AS (
  SELECT *, round(least(refunded * CASE WHEN whole >= goods AND whole > 0 THEN goods / whole ELSE 1 END, goods), places) AS back
  FROM paid
)
SELECT {{line}}, 'order_cancel:' || "Name" AS id, 'order_cancel' AS action, "Name" AS "order", {_CANCELLED} AS "at",
  customer, {written("nullif(goods, 0)", "places")} AS price, "Currency" AS currency, NULL AS coupon,
  NULL AS properties
FROM told WHERE {_CANCELLED} IS NOT NULL
UNION ALL
SELECT {{line}}, 'refund:' || "Name", 'order_return', "Name",
  coalesce("Cancelled at", greatest("Created at", "Paid at", "Fulfilled at")), customer, {written("back", "places")}, "Currency",
  NULL, NULL FROM told WHERE refunded > 0
UNION ALL
SELECT {{line}}, 'coupon:' || "Name", 'coupon_redeemed', "Name", "at", customer, NULL, NULL, "Discount Code", NULL
FROM known WHERE "Discount Code" IS NOT NULL AND customer IS NOT NULL
UNION ALL
SELECT {{line}}, 'consent:' || "Name", 'consent', NULL, "at", customer, NULL, NULL, NULL,
  CASE lower("Accepts Marketing") WHEN 'yes' THEN '{{{{"email":"true"}}}}' ELSE '{{{{"email":"false"}}}}' END
FROM known WHERE lower("Accepts Marketing") IN ('yes', 'no') AND customer IS NOT NULL
"""

SHOPIFY_ORDERS: Final = Known(
    name="Shopify orders",
    needs=("Name", "Created at", "Lineitem quantity", "Lineitem name", "Lineitem price"),
    uses=tuple(name for name in (*_ORDER, *_LINE) if name not in ("Created at", "Lineitem quantity", "Lineitem name")),
    parts=(
        Part(kind="events", select=_EVENTS, of="order_lines", so_far=True),
        Part(kind="order_lines", select=_LINES),
    ),
    skipped=_TIPS
    + """ UNION ALL SELECT 'no_line_item', count(*) FROM {rows}
      WHERE "Lineitem name" IS NULL AND "Lineitem quantity" IS NULL HAVING count(*) > 0
      UNION ALL SELECT 'test_orders', count(*) FROM {rows}
      WHERE "Name" IN (SELECT "Name" FROM {rows} WHERE """
    + f"""{_TEST}) HAVING count(*) > 0
      UNION ALL SELECT 'draft_orders', sum(size)::BIGINT FROM (
        SELECT count(*) AS size FROM {{rows}} WHERE {_NAMED_DRAFT} GROUP BY "Name"
        HAVING count("Paid at") = 0 AND count(*) FILTER (lower("Financial Status") IN {_PAID}) = 0 AND NOT bool_or({_TEST})
      ) HAVING count(*) > 0""",
)  # fmt: skip
