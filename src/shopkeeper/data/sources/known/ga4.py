# ruff: noqa: E501  # statements and tables are easier to read in long lines
"""GA4's e-commerce events as JSON Lines: the BigQuery export (nested ``event_params``) and pushes to the data layer.

An event about products is one for each of its ``items``; one about a list, a cart or a checkout is one as a whole. An order is
known by its ``transaction_id``, so that a thank-you page that was loaded twice counts once.
Source: Google, "[GA4] BigQuery Export schema" and "Measure ecommerce".
"""

from collections.abc import Mapping
from typing import Final

from shopkeeper.data.cleaning.values import quoted
from shopkeeper.data.sources.known.format import Known, Part, decimals, each, listed, number, text, written

ACTIONS: Final[Mapping[str, str]] = {
    "view_item_list": "list_view", "select_item": "click", "view_item": "product_view", "add_to_wishlist": "wishlist_add",
    "add_to_cart": "cart_add", "remove_from_cart": "cart_remove", "view_cart": "cart_view", "begin_checkout": "checkout",
    "add_shipping_info": "checkout", "add_payment_info": "checkout", "purchase": "order", "ecommerce_purchase": "order",
    "refund": "order_return", "view_promotion": "impression", "select_promotion": "click", "view_search_results": "search",
    "search": "search", "page_view": "page_view", "screen_view": "page_view", "sign_up": "register", "login": "identify",
    "share": "share",
}  # fmt: skip
_PASSED: Final = (
    "session_start", "first_visit", "first_open", "user_engagement", "scroll", "click", "file_download", "video_start",
    "video_progress", "video_complete", "form_start", "form_submit", "app_remove", "app_update", "app_clear_data",
    "app_exception", "os_update", "screenshot", "exception", "consent", "gtm.js", "gtm.dom", "gtm.load", "gtm.click",
)  # fmt: skip
"""What GA4 collects by itself and says nothing that we keep."""
_PER_ITEM: Final = ("select_item", "view_item", "add_to_wishlist", "add_to_cart", "remove_from_cart")


def _parameter(name: str) -> str:
    """SQL: a parameter of the event, nested as BigQuery exports it or flat."""
    return (
        f"coalesce(list_filter(parameters, lambda e: e.name = {quoted(name)})[1].value, {text('flat', name)}, "
        f"{text('ecommerce', name)})"
    )


def _set(sql: str) -> str:
    return f"nullif({sql}, '(not set)')"


_NAME: Final = "coalesce(event_name, event)"
_CASES: Final = " ".join(f"WHEN {quoted(name)} THEN {quoted(word)}" for name, word in ACTIONS.items())
_VALUE: Final = ", ".join(
    text("p", f"value.{kind}") for kind in ("string_value", "int_value", "double_value", "float_value")
)
_READ: Final = f"""
opened AS (
  SELECT *, {_NAME} AS name, coalesce(event_timestamp, timestamp_micros, "timestamp") AS moment,
    list_transform({each("event_params")}, lambda p: {{{{name: {text("p", "key")}, value: coalesce({_VALUE})}}}}) AS parameters,
    CASE WHEN json_type(event_params) = 'OBJECT' THEN event_params END AS flat,
    CASE WHEN json_type(items) = 'ARRAY' THEN items ELSE json_extract(ecommerce, '$.items')::VARCHAR END AS goods
  FROM {{rows}} WHERE {_NAME} IS NULL OR {_NAME} NOT IN ({listed(_PASSED)})
), told AS (
  SELECT {{line}}, name, moment AS "at", CASE name {_CASES} ELSE name END AS action,
    coalesce(user_pseudo_id, client_id) AS visitor, user_id AS customer, {_parameter("ga_session_id")} AS session,
    {_set(_parameter("transaction_id"))} AS transaction, {_parameter("currency")} AS currency,
    coalesce({_parameter("value")}, {text("ecommerce", "refund_value")}) AS worth, {_set(_parameter("coupon"))} AS coupon, {_parameter("search_term")} AS query, {_parameter("page_location")} AS path,
    {_set(_parameter("item_list_name"))} AS list_name, {each("goods")} AS goods,
    md5(concat_ws('|', user_pseudo_id, client_id, user_id, moment, name, event_bundle_sequence_id, batch_event_index,
      batch_ordering_id, goods)) AS mark
  FROM opened
), sold AS (
  SELECT any_value("transaction") AS bought, sum(coalesce({number(text("one", "quantity"))}, 1) * {number(text("one", "price"))}) AS goods_sum
  FROM (SELECT {{line}}, "transaction", unnest(goods) AS one FROM told WHERE action = 'order') GROUP BY {{line}}
  QUALIFY row_number() OVER (PARTITION BY bought ORDER BY {{line}}) = 1
), messages AS (
  SELECT *, CASE WHEN action = 'order' AND transaction IS NOT NULL THEN 'order:' || transaction
    WHEN action = 'order_return' AND transaction IS NOT NULL THEN 'order_return:' || transaction || ':' || "at"
    ELSE 'ga4:' || mark END AS id
  FROM told
)
"""
_PRODUCT: Final = f"coalesce({_set(text('one', 'item_id'))}, {_set(text('one', 'item_name'))})"
_EVENTS: Final = f"""
WITH {_READ}, single AS (
  SELECT *, CASE WHEN name IN ({listed(_PER_ITEM)}) AND len(goods) > 0 THEN goods ELSE [NULL::JSON] END AS members FROM messages
), spread AS (SELECT *, unnest(members) AS one, unnest(range(1, len(members) + 1)) AS number FROM single)
SELECT {{line}}, CASE WHEN number = 1 THEN id ELSE id || ':' || number END AS id, "at", action, visitor, customer, session,
  {_PRODUCT} AS product, {_set(text("one", "item_variant"))} AS variant, {text("one", "quantity")} AS quantity,
  CASE WHEN action = 'order_return' AND len(goods) = 0 THEN coalesce(worth, {written("goods_sum", decimals("currency"))})
    ELSE {text("one", "price")} END AS price, coalesce({_set(text("one", "currency"))}, currency) AS currency,
  CASE WHEN action IN ('order', 'order_return') THEN transaction END AS "order",
  coalesce({_set(text("one", "item_list_name"))}, list_name) AS placement, coalesce({text("one", "index")}, {_set(text("one", "item_list_index"))}) AS position,
  CASE WHEN action = 'search' THEN query END AS query, path, coupon
FROM spread LEFT JOIN sold ON "transaction" = bought
"""
_LINES: Final = f"""
WITH {_READ}, spread AS (
  SELECT *, unnest(goods) AS one, unnest(range(1, len(goods) + 1)) AS number FROM messages
  WHERE action IN ('order', 'order_return')
)
SELECT {{line}}, transaction AS "order", number::VARCHAR AS line, "at", visitor, customer, {_PRODUCT} AS product,
  {_set(text("one", "item_variant"))} AS variant,
  CASE action WHEN 'order_return' THEN '-' ELSE '' END || ltrim(coalesce({text("one", "quantity")}, '1'), '-') AS quantity,
  {text("one", "price")} AS price, currency, id AS event
FROM spread
"""
_CATEGORIES: Final = ", ".join(
    f"min({_set(text('one', 'item_category' + ('' if n == 1 else str(n))))}) AS category_{n}" for n in range(1, 6)
)
_PRODUCTS: Final = f"""
WITH {_READ}, spread AS (SELECT {{line}}, "at", unnest(goods) AS one FROM messages),
named AS (SELECT *, {_PRODUCT} AS id, {_set(text("one", "item_name"))} AS title FROM spread)
SELECT min({{line}}) AS {{line}}, id, coalesce(min_by(title, {{line}}) FILTER (title IS NOT NULL), id) AS name, {_CATEGORIES},
  min({_set(text("one", "item_brand"))}) AS brand, min("at") AS "at"
FROM named WHERE id IS NOT NULL GROUP BY id
"""

GA4: Final = Known(
    name="GA4 events",
    needs=(),
    any_of=(("event_name", "event"), ("event_timestamp", "ecommerce"), ("items", "event_params", "ecommerce")),
    unlike=("action", "event_type"),
    uses=(
        "event_name", "event", "event_timestamp", "timestamp_micros", "timestamp", "event_params", "ecommerce", "items",
        "user_id", "user_pseudo_id", "client_id", "event_bundle_sequence_id", "batch_event_index", "batch_ordering_id",
    ),
    nested=("event_params", "ecommerce", "items"),
    parts=(
        Part(kind="products", select=_PRODUCTS, derived=True),
        Part(kind="order_lines", select=_LINES, of="events", orders=False, returns=True),
        Part(kind="events", select=_EVENTS),
    ),
    skipped=f"SELECT {_NAME}, count(*) FROM {{rows}} WHERE {_NAME} IN ({listed(_PASSED)}) GROUP BY 1 ORDER BY 2 DESC, 1",
)  # fmt: skip
