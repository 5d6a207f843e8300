# ruff: noqa: E501  # statements and tables are easier to read in long lines
"""Amazon Personalize's CSV data sets: interactions, items and users, their columns in capitals.

Event types are the shop's own words; those that mean one thing everywhere are understood, others are held. What one person
bought at one moment is one order. Source: Amazon Personalize Developer Guide, "Datasets and schemas".
"""

from typing import Final

from shopkeeper.data.sources.known.format import Known, Part

_WORD: Final = """regexp_replace(lower("EVENT_TYPE"), '[^a-z]', '', 'g')"""
_ORDERS: Final = "('purchase', 'purchased', 'buy', 'order', 'ordercompleted')"
_ACTION: Final = f"""CASE WHEN {_WORD} IN ('view', 'productview', 'productviewed', 'detailpageview', 'watch', 'viewed')
    THEN 'product_view' WHEN {_WORD} IN ('click', 'clicked') THEN 'click'
  WHEN {_WORD} IN ('addtocart', 'cart', 'productadded', 'cartadd') THEN 'cart_add'
  WHEN {_WORD} IN ('removefromcart', 'productremoved') THEN 'cart_remove'
  WHEN {_WORD} IN ('like', 'favorite', 'wishlist', 'addtowishlist') THEN 'wishlist_add'
  WHEN {_WORD} IN ('rating', 'rate') THEN 'rating' WHEN {_WORD} IN ('impression') THEN 'impression'
  WHEN {_WORD} IN ('share') THEN 'share' ELSE "EVENT_TYPE" END"""
_LINES: Final = f"""
SELECT {{line}}, 'personalize:' || "USER_ID" || ':' || "TIMESTAMP" AS "order", "TIMESTAMP" AS "at", "USER_ID" AS customer,
  "ITEM_ID" AS product, "RECOMMENDATION_ID" AS decision FROM {{rows}} WHERE {_WORD} IN {_ORDERS}
"""
_EVENTS: Final = f"""
SELECT {{line}}, "TIMESTAMP" AS "at", {_ACTION} AS action, "USER_ID" AS customer, "ITEM_ID" AS product,
  "RECOMMENDATION_ID" AS decision, CASE WHEN {_WORD} IN ('rating', 'rate') THEN "EVENT_VALUE" END AS rating,
  CASE WHEN "IMPRESSION" IS NOT NULL THEN to_json({{{{impression: "IMPRESSION"}}}})::VARCHAR END AS properties
FROM {{rows}} WHERE "EVENT_TYPE" IS NULL OR {_WORD} NOT IN {_ORDERS}
"""
_PRODUCTS: Final = """
SELECT {line}, "ITEM_ID" AS id, coalesce("PRODUCT_NAME", "NAME", "TITLE", "ITEM_ID") AS name, split_part("CATEGORY_L1", '|', 1) AS category_1,
  split_part("CATEGORY_L2", '|', 1) AS category_2, split_part("CATEGORY_L3", '|', 1) AS category_3, "BRAND" AS brand,
  coalesce("PRODUCT_DESCRIPTION", "DESCRIPTION") AS description, "PRICE" AS price, "CREATION_TIMESTAMP" AS "at" FROM {rows}
"""
_CUSTOMERS: Final = """
SELECT {line}, "USER_ID" AS id, json_merge_patch(to_json(r)::JSON, '{{"{line}": null, "USER_ID": null}}')::VARCHAR AS attributes
FROM {rows} r
"""

PERSONALIZE_INTERACTIONS: Final = Known(
    name="Amazon Personalize interactions", needs=("USER_ID", "ITEM_ID", "TIMESTAMP"), shouted=True,
    uses=("EVENT_TYPE", "EVENT_VALUE", "IMPRESSION", "RECOMMENDATION_ID"),
    parts=(Part(kind="order_lines", select=_LINES, of="events"), Part(kind="events", select=_EVENTS)),
)  # fmt: skip
PERSONALIZE_ITEMS: Final = Known(
    name="Amazon Personalize items", needs=("ITEM_ID",), unlike=("USER_ID",), shouted=True,
    any_of=(("CATEGORY_L1", "PRICE", "CREATION_TIMESTAMP", "CATEGORIES", "GENRES"),),
    uses=(
        "PRODUCT_NAME", "NAME", "TITLE", "CATEGORY_L1", "CATEGORY_L2", "CATEGORY_L3", "BRAND", "PRODUCT_DESCRIPTION",
        "DESCRIPTION", "PRICE", "CREATION_TIMESTAMP",
    ),
    parts=(Part(kind="products", select=_PRODUCTS),),
)  # fmt: skip
PERSONALIZE_USERS: Final = Known(
    name="Amazon Personalize users", needs=("USER_ID",), unlike=("ITEM_ID", "TIMESTAMP"), shouted=True,
    parts=(Part(kind="customers", select=_CUSTOMERS),),
)  # fmt: skip
