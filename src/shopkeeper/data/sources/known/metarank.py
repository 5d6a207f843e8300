# ruff: noqa: E501  # statements and tables are easier to read in long lines
"""Metarank's events (JSON Lines): items, users, rankings and interactions.

A ranking is an impression of each of its items, at its place; interactions name the ranking they answer, and so do we, as
``decision``. What one person bought at one moment in one session is one order. Source: Metarank, "Event format".
"""

from typing import Final

from shopkeeper.data.sources.known.format import Known, Part, each, text

_FIELDS: Final = (
    f"list_transform({each('fields')}, lambda f: {{{{name: {text('f', 'name')}, value: {text('f', 'value')}}}}})"
)
_ORDERS: Final = "('buy', 'purchase', 'order', 'transaction')"
_ACTIONS: Final = """CASE lower(type) WHEN 'click' THEN 'click' WHEN 'view' THEN 'product_view' WHEN 'like' THEN 'wishlist_add'
  WHEN 'wishlist' THEN 'wishlist_add' WHEN 'cart' THEN 'cart_add' WHEN 'add_to_cart' THEN 'cart_add' WHEN 'share' THEN 'share'
  ELSE type END"""


def _field(*names: str) -> str:
    """SQL: the first of several fields of an item."""
    return f"coalesce({', '.join(f'list_filter(told, lambda f: f.name = {name!r})[1].value' for name in names)})"


def _one(sql: str) -> str:
    """SQL: the first member, where a field has several."""
    return f"CASE WHEN starts_with({sql}, '[') AND json_valid({sql}) THEN {text(sql, '[0]').replace('$.', '$')} ELSE {sql} END"


_ALL: Final = """to_json(map_from_entries(list_transform(list_sort(list_distinct(list_transform(told, lambda f: f.name))),
    lambda n: (n, list_filter(told, lambda f: f.name = n)[1].value))))::VARCHAR"""
_READ: Final = f"told AS (SELECT *, {_FIELDS} AS told FROM {{rows}})"
_PRODUCTS: Final = f"""
WITH {_READ}
SELECT {{line}}, item AS id, {_field("title", "name")} AS name, {_one(_field("category", "genres", "type"))} AS category_1,
  {_field("brand", "vendor")} AS brand, {_field("description")} AS description, {_field("price")} AS price,
  {_ALL} AS tags, "timestamp" AS "at"
FROM (SELECT * REPLACE (CASE WHEN len(told) > 0 THEN told ELSE [] END AS told) FROM told) WHERE event = 'item'
"""
_CUSTOMERS: Final = f"""
WITH {_READ} SELECT {{line}}, "user" AS id, {_ALL} AS attributes, "timestamp" AS "at" FROM told WHERE event = 'user'
"""
_LINES: Final = f"""
SELECT {{line}}, 'metarank:' || coalesce("user", session) || ':' || "timestamp" AS "order", "timestamp" AS "at",
  "user" AS customer, CASE WHEN "user" IS NULL THEN session END AS visitor, item AS product, ranking AS decision
FROM {{rows}} WHERE event = 'interaction' AND lower(type) IN {_ORDERS}
"""
_EVENTS: Final = f"""
SELECT {{line}}, id, "timestamp" AS "at", {_ACTIONS} AS action, "user" AS customer,
  CASE WHEN "user" IS NULL THEN session END AS visitor, session, item AS product, ranking AS decision, NULL AS position
FROM {{rows}} WHERE event = 'interaction' AND (type IS NULL OR lower(type) NOT IN {_ORDERS})
UNION ALL
SELECT {{line}}, id || ':' || number, "timestamp", 'impression', "user", CASE WHEN "user" IS NULL THEN session END, session,
  {text("one", "id")}, id, number::VARCHAR
FROM (SELECT *, unnest({each("items")}) AS one, unnest(range(1, len({each("items")}) + 1)) AS number FROM {{rows}}
  WHERE event = 'ranking')
UNION ALL
SELECT {{line}}, id, "timestamp", event, "user", session, session, item, ranking, NULL FROM {{rows}}
WHERE event IS NULL OR event NOT IN ('item', 'user', 'ranking', 'interaction')
"""

METARANK: Final = Known(
    name="Metarank events",
    needs=("event", "id", "timestamp"),
    any_of=(("fields", "items", "ranking"),),
    unlike=("ecommerce", "properties", "action"),
    uses=("item", "user", "session", "ranking", "type", "items", "fields"),
    nested=("items", "fields"),
    parts=(
        Part(kind="products", select=_PRODUCTS),
        Part(kind="customers", select=_CUSTOMERS, of="events"),
        Part(kind="order_lines", select=_LINES, of="events"),
        Part(kind="events", select=_EVENTS),
    ),
)  # fmt: skip
