"""Event logs of clicks: REES46's (views, carts, purchases with brand and price) and RetailRocket's.

In REES46's logs the purchases of one session are one order, as its makers say. Source: REES46 Marketing Platform,
"eCommerce behavior data from multi category store"; RetailRocket, "Retailrocket recommender system dataset".
"""

from typing import Final

from shopkeeper.data.sources.known.format import Known, Part

_ACTIONS: Final = (
    "CASE {0} WHEN 'view' THEN 'product_view' WHEN 'cart' THEN 'cart_add' WHEN 'addtocart' THEN 'cart_add' "
    "WHEN 'remove_from_cart' THEN 'cart_remove' ELSE {0} END"
)
_REES46_TIME: Final = "regexp_replace(event_time, ' UTC$', 'Z')"
_REES46_EVENTS: Final = f"""
SELECT {{line}}, {_REES46_TIME} AS "at", {_ACTIONS.format("event_type")} AS action, user_id AS customer,
  user_session AS session, product_id AS product, price
FROM {{rows}} WHERE event_type IS DISTINCT FROM 'purchase'
"""
_REES46_LINES: Final = f"""
SELECT {{line}}, user_session AS "order", {_REES46_TIME} AS "at", user_id AS customer, product_id AS product, price
FROM {{rows}} WHERE event_type = 'purchase'
"""
_REES46_PRODUCTS: Final = f"""
SELECT min({{line}}) AS {{line}}, product_id AS id,
  trim(coalesce(min(brand) || ' ', '')
    || coalesce(replace(split_part(min(category_code), '.', -1), '_', ' ') || ' ', '') || product_id) AS name,
  nullif(split_part(min(category_code), '.', 1), '') AS category_1,
  nullif(split_part(min(category_code), '.', 2), '') AS category_2,
  nullif(split_part(min(category_code), '.', 3), '') AS category_3, min(brand) AS brand,
  min_by(price, event_time) FILTER (TRY_CAST(price AS DOUBLE) > 0) AS price, min({_REES46_TIME}) AS "at"
FROM {{rows}} WHERE product_id IS NOT NULL GROUP BY product_id
"""
REES46: Final = Known(
    name="REES46 events",
    needs=("event_time", "event_type", "product_id", "category_code", "brand", "price", "user_id", "user_session"),
    parts=(
        Part(kind="products", select=_REES46_PRODUCTS, derived=True),
        Part(kind="order_lines", select=_REES46_LINES),
        Part(kind="events", select=_REES46_EVENTS),
    ),
)  # fmt: skip

RETAIL_ROCKET: Final = Known(
    name="RetailRocket events",
    needs=("timestamp", "visitorid", "event", "itemid", "transactionid"),
    parts=(
        Part(
            kind="order_lines",
            select='SELECT {line}, transactionid AS "order", timestamp AS "at", visitorid AS visitor, '
            "itemid AS product FROM {rows} WHERE event = 'transaction'",
        ),
        Part(
            kind="events",
            select=f'SELECT {{line}}, timestamp AS "at", {_ACTIONS.format("event")} AS action, visitorid AS visitor, '
            "itemid AS product FROM {rows} WHERE event IS DISTINCT FROM 'transaction'",
        ),
    ),
)  # fmt: skip
