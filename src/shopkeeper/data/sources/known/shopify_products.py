# ruff: noqa: E501  # statements and tables are easier to read in long lines
"""Shopify's products export: rows of one product share its ``Handle``; variants and further pictures are rows of their own.

A variant with its own SKU is what orders name, so each becomes a product, named after its product and its options; a
product without any SKU is known by its handle. Source: Shopify Help Center, "Using CSV files to import and export products".
"""

from typing import Final

from shopkeeper.data.sources.known.format import Known, Part, words_of

_PRODUCT: Final = ("Title", "Body (HTML)", "Vendor", "Product Category", "Type", "Tags", "Published", "Status")
_VARIANT: Final = (
    "Option1 Value", "Option2 Value", "Option3 Value", "Variant SKU", "Variant Price", "Variant Inventory Qty",
    "Variant Inventory Tracker", "Variant Inventory Policy", "Cost per item", "Image Src", "Variant Image", "Gift Card",
)  # fmt: skip
_FIRST: Final = ", ".join(
    f'first("{name}" ORDER BY {{line}}) FILTER ("{name}" IS NOT NULL) AS "{name}"' for name in (*_PRODUCT, "Image Src")
)
_IS_VARIANT: Final = '("Variant SKU" IS NOT NULL OR "Variant Price" IS NOT NULL OR "Option1 Value" IS NOT NULL)'
_OPTIONS: Final = (
    """concat_ws(' / ', nullif(v."Option1 Value", 'Default Title'), v."Option2 Value", v."Option3 Value")"""
)
_SELECT: Final = f"""
WITH heads AS (SELECT "Handle", min({{line}}) AS {{line}}, {_FIRST} FROM {{rows}} GROUP BY "Handle"),
variants AS (
  SELECT {{line}}, "Handle", {", ".join(f'"{name}"' for name in _VARIANT if name != "Image Src")}
  FROM {{rows}} WHERE {_IS_VARIANT}
)
SELECT coalesce(v.{{line}}, h.{{line}}) AS {{line}},
  coalesce(v."Variant SKU", h."Title" || coalesce(' - ' || nullif({_OPTIONS}, ''), '')) AS id,
  h."Title" || coalesce(' - ' || nullif({_OPTIONS}, ''), '') AS name,
  split_part(h."Product Category", ' > ', 1) AS category_1,
  nullif(split_part(h."Product Category", ' > ', 2), '') AS category_2, h."Type" AS category_3, h."Vendor" AS brand,
  {words_of('h."Body (HTML)"')} AS description, v."Variant Price" AS price,
  v."Cost per item" AS cost,
  CASE WHEN v."Variant Inventory Tracker" IS NOT NULL AND lower(coalesce(v."Variant Inventory Policy", 'deny')) = 'deny'
    THEN v."Variant Inventory Qty" END AS stock,
  CASE WHEN lower(h."Status") IN ('draft', 'archived', 'unlisted') OR lower(h."Published") = 'false' THEN 'false'
    ELSE 'true' END AS active,
  coalesce(v."Variant Image", h."Image Src") AS image_url,
  CASE WHEN h."Tags" IS NOT NULL THEN to_json(list_transform(string_split(h."Tags", ','), lambda t: trim(t)))::VARCHAR END
    AS tags,
  CASE WHEN {_OPTIONS} <> '' THEN to_json({{{{product: "Handle", options: {_OPTIONS}}}}})::VARCHAR END AS variants
FROM heads h LEFT JOIN variants v USING ("Handle")
"""

SHOPIFY_PRODUCTS: Final = Known(
    name="Shopify products",
    needs=("Handle", "Title", "Variant SKU", "Variant Price"),
    uses=tuple(name for name in (*_PRODUCT, *_VARIANT) if name not in ("Title", "Variant SKU", "Variant Price")),
    parts=(Part(kind="products", select=_SELECT),),
    skipped=f"SELECT 'only_picture', count(*) FROM {{rows}} r WHERE NOT {_IS_VARIANT} "
    'AND "Title" IS NULL HAVING count(*) > 0',
)
