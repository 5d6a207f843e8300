# ruff: noqa: E501  # statements and tables are easier to read in long lines
"""Segment's e-commerce messages as JSON Lines, as Segment, RudderStack and their kin archive them."""

from collections.abc import Mapping
from typing import Final

from shopkeeper.data.cleaning.values import quoted
from shopkeeper.data.rows import identifier
from shopkeeper.data.sources.known import segment_words as words
from shopkeeper.data.sources.known.format import (
    Known,
    Part,
    decimals,
    each,
    full_name,
    listed,
    number,
    share,
    text,
    written,
)


def _first(paths: tuple[str, ...]) -> str:
    """SQL: the first of several paths that is there."""
    found = []
    for path in paths:
        column, _, rest = path.partition(".")
        found.append(text(identifier(column), rest) if rest else identifier(column))
    return f"coalesce({', '.join(found)})" if len(found) > 1 else found[0]


def _cases(of: str, table: Mapping[str, str]) -> str:
    return f"CASE {of} {' '.join(f'WHEN {quoted(a)} THEN {quoted(b)}' for a, b in table.items())} ELSE {of} END"


_PASSED: Final = f"""(type IN ({listed(words.TYPES_PASSED_OVER)})
  OR type = 'track' AND coalesce(event, '') IN ({listed(words.PASSED_OVER)}))"""
_ACTION: Final = f"""CASE WHEN type IS DISTINCT FROM 'track' THEN {_cases("type", words.TYPES)}
  WHEN event = 'Product Reviewed' AND {text("properties", "review_body")} IS NULL THEN 'rating'
  ELSE {_cases("event", words.ACTIONS)} END"""
_FIELDS: Final = {name: _first(paths) for name, paths in words.FIELDS.items()} | {
    "id": "coalesce(\"messageId\", 'm_' || md5(concat_ws('|', type, event, \"userId\", \"anonymousId\", \"timestamp\", "
    'properties, traits)))'
}  # fmt: skip
_PAIRS: Final = ", ".join(f"({quoted(name)}, {text('properties', name)})" for name in words.PROPERTIES)
_MESSAGES: Final = f"""
messages AS (
  SELECT {{line}}, {_ACTION} AS action, {", ".join(f"{sql} AS {identifier(name)}" for name, sql in _FIELDS.items())},
    properties AS told, {each(text("properties", "products"))} AS goods,
    list_filter([{_PAIRS}], lambda e: e[2] IS NOT NULL) AS kept
  FROM {{rows}} WHERE NOT {_PASSED}
), items AS (
  SELECT * EXCLUDE (product, variant, quantity, price, goods), unnest(goods) AS one, unnest(range(1, len(goods) + 1)) AS number
  FROM messages WHERE action IN ('order', 'order_return', 'order_cancel')
), worths AS (
  SELECT *, coalesce({number(text("one", "quantity"))}, 1) * {number(text("one", "price"))} AS worth,
    {number(text("told", "discount"))} AS given, {decimals("currency")} AS places FROM items
), sums AS (
  SELECT *, sum(worth) OVER its AS until, sum(worth) OVER whole AS total
  FROM worths WINDOW its AS (PARTITION BY {{line}} ORDER BY number), whole AS (PARTITION BY {{line}})
), lines AS (
  SELECT *, CASE WHEN given > 0 AND given <= total AND worth >= 0
    THEN {share("given", "worth", "places", until="until", total="total")} ELSE 0 END AS share FROM sums
), sold AS (
  SELECT "order", sum(worth - share) AS goods_sum, any_value({number(text("told", "total"))}) AS whole
  FROM lines WHERE action = 'order' GROUP BY "order", {{line}}
  QUALIFY row_number() OVER (PARTITION BY "order" ORDER BY {{line}}) = 1
)
"""
_TOTAL: Final = number(text("told", "total"))
_STATED: Final = f"coalesce({', '.join(number(text('told', name)) for name in words.GOODS)})"
_BACK: Final = (
    f"CASE WHEN goods_sum IS NULL THEN {_STATED} WHEN action = 'order_cancel' OR {_TOTAL} IS NULL THEN goods_sum "
    f"ELSE least(goods_sum, {_TOTAL} * CASE WHEN whole >= goods_sum AND whole > 0 THEN goods_sum / whole ELSE 1 END) END"
)
"""What a refund or cancellation that names no products takes back: the goods' part of it, where the file has the order."""
_EVENTS: Final = f"""
WITH {_MESSAGES}
SELECT * EXCLUDE (told, kept, goods, goods_sum, whole)
  REPLACE (CASE WHEN action IN ({listed(words.WITH_LINES)}) THEN "order" END AS "order", CASE WHEN action IN
    ('order_return', 'order_cancel') THEN CASE WHEN len(goods) = 0 THEN {written(_BACK, decimals("currency"))} END ELSE price END AS price),
  CASE WHEN len(kept) > 0 THEN to_json(map_from_entries(kept))::VARCHAR END AS properties
FROM messages LEFT JOIN sold USING ("order")
"""
_LINES: Final = f"""
WITH {_MESSAGES}
SELECT {{line}}, "order", number::VARCHAR AS line, "at", visitor, customer,
  coalesce({text("one", "product_id")}, {text("one", "sku")}) AS product, {text("one", "variant")} AS variant,
  CASE action WHEN 'order' THEN '' ELSE '-' END || ltrim(coalesce({text("one", "quantity")}, '1'), '-') AS quantity,
  {text("one", "price")} AS price, {written("nullif(share, 0)", "places")} AS discount, currency, decision, id AS event
FROM lines
"""
_CUSTOMERS: Final = f"""
SELECT {{line}}, "userId" AS id, coalesce({text("traits", "name")},
    {full_name(text("traits", "firstName"), text("traits", "lastName"))}) AS name,
  lower({text("traits", "email")}) AS email, {text("traits", "phone")} AS phone,
  {text("traits", "createdAt")} AS registered_at, traits AS attributes, "timestamp" AS "at"
FROM {{rows}} WHERE type = 'identify' AND "userId" IS NOT NULL AND json_type(traits) = 'OBJECT'
"""

SEGMENT: Final = Known(
    name="Segment messages",
    needs=("type",),
    any_of=(("messageId", "anonymousId", "userId"), ("properties", "traits", "context")),
    unlike=("action",),
    uses=(
        "messageId", "anonymousId", "userId", "event", "timestamp", "originalTimestamp", "properties", "traits", "context",
    ),
    nested=("properties", "traits", "context"),
    parts=(
        Part(kind="customers", select=_CUSTOMERS, of="events"),
        Part(kind="order_lines", select=_LINES, of="events", orders=False, returns=True),
        Part(kind="events", select=_EVENTS),
    ),
    skipped=f"SELECT coalesce(event, type), count(*) FROM {{rows}} WHERE {_PASSED} GROUP BY 1 ORDER BY 2 DESC",
)  # fmt: skip
