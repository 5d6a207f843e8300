# ruff: noqa: E501  # statements and tables are easier to read in long lines
"""Exports of Gorse (JSON Lines): feedback, items and users.

A feedback type is a word of the shop's own; those that mean one thing everywhere are understood, others are held. What one
person bought at one moment is one order. Source: Gorse, "Data objects".
"""

from typing import Final

from shopkeeper.data.sources.known.format import Known, Part, text

_WORDS: Final = {
    "product_view": ("read", "view", "click_view", "visit", "detail"), "click": ("click",), "impression": ("impression", "show"),
    "wishlist_add": ("like", "star", "favorite", "favourite", "wish", "wishlist", "collect"), "share": ("share",),
    "cart_add": ("cart", "add_to_cart", "addtocart"), "rating": ("rating", "rate"),
}  # fmt: skip
_ORDERS: Final = "('buy', 'purchase', 'order', 'transaction')"
_CASES: Final = " ".join(
    f"WHEN lower(\"FeedbackType\") IN {(*found, '')!r} THEN '{word}'" for word, found in _WORDS.items()
)
_AT: Final = """regexp_replace("Timestamp", ' UTC$', '')"""
_LINES: Final = f"""
SELECT {{line}}, 'gorse:' || "UserId" || ':' || "Timestamp" AS "order", {_AT} AS "at", "UserId" AS customer, "ItemId" AS product
FROM {{rows}} WHERE lower("FeedbackType") IN {_ORDERS}
"""
_EVENTS: Final = f"""
SELECT {{line}}, {_AT} AS "at", action, "UserId" AS customer, "ItemId" AS product,
  CASE WHEN action = 'rating' THEN "Value" END AS rating
FROM (SELECT *, CASE {_CASES} ELSE "FeedbackType" END AS action FROM {{rows}}
  WHERE "FeedbackType" IS NULL OR lower("FeedbackType") NOT IN {_ORDERS})
"""
_PRODUCTS: Final = f"""
SELECT {{line}}, "ItemId" AS id, coalesce(CASE WHEN json_type("Labels") = 'OBJECT' THEN coalesce({text('"Labels"', "title")},
    {text('"Labels"', "name")}) END, "Comment", "ItemId") AS name, {text('"Categories"', "[0]").replace("$.", "$")} AS category_1,
  {text('"Categories"', "[1]").replace("$.", "$")} AS category_2,
  CASE WHEN lower("IsHidden") = 'true' THEN 'false' ELSE 'true' END AS active, "Labels" AS tags, CASE WHEN NOT starts_with("Timestamp", '0001-01-01') THEN {_AT} END AS "at"
FROM {{rows}}
"""

GORSE_FEEDBACK: Final = Known(
    name="Gorse feedback", needs=("FeedbackType", "UserId", "ItemId"), uses=("Timestamp", "Value"),
    parts=(Part(kind="order_lines", select=_LINES, of="events"), Part(kind="events", select=_EVENTS)),
)  # fmt: skip
GORSE_ITEMS: Final = Known(
    name="Gorse items", needs=("ItemId",), any_of=(("IsHidden", "Categories"),), unlike=("FeedbackType", "UserId"),
    uses=("IsHidden", "Categories", "Labels", "Comment", "Timestamp"), nested=("Categories", "Labels"),
    parts=(Part(kind="products", select=_PRODUCTS),),
)  # fmt: skip
GORSE_USERS: Final = Known(
    name="Gorse users", needs=("UserId", "Labels"), unlike=("FeedbackType", "ItemId"), nested=("Labels",),
    parts=(Part(kind="customers", select='SELECT {line}, "UserId" AS id, "Labels" AS attributes FROM {rows}'),),
)  # fmt: skip
