# ruff: noqa: E501  # statements and tables are easier to read in long lines
"""WooCommerce's own product export. Its header is written in the shop's language, so columns are also known by their place.

A product is known by its SKU, else by its ID; a variation is a product of its own and has what it lacks from its parent.
Source: WooCommerce, class-wc-product-csv-exporter.php.
"""

from typing import Final

from shopkeeper.data.sources.known.format import Known, Part, signs, words_of

_BEFORE: Final = ("ID", "Type", "SKU")
_GTIN: Final = ("GTIN, UPC, EAN, or ISBN",)
_AFTER: Final = (
    "Name", "Published", "Is featured?", "Visibility in catalog", "Short description", "Description",
    "Date sale price starts", "Date sale price ends", "Tax status", "Tax class", "In stock?", "Stock", "Low stock amount",
    "Backorders allowed?", "Sold individually?", "Weight (kg)", "Length (cm)", "Width (cm)", "Height (cm)",
    "Allow customer reviews?", "Purchase note", "Sale price", "Regular price", "Categories", "Tags", "Shipping class",
    "Images", "Download limit", "Download expiry days", "Parent",
)  # fmt: skip
_MORE: Final = ("Brands", "Cost of goods")
_FIRST: Final = "string_split(regexp_replace(\"Categories\", '\\\\,', chr(31), 'g'), ', ')[1]"


def _category(level: int) -> str:
    return f"nullif(trim(replace(split_part({_FIRST}, ' > ', {level}), chr(31), ',')), '')"


_DESCRIPTION: Final = """replace(coalesce("Short description", "Description"), '\\n', ' ')"""
_SELECT: Final = f"""
WITH told AS (
  SELECT *, coalesce("SKU", "ID") AS own, {_category(1)} AS c1, {_category(2)} AS c2, {_category(3)} AS c3,
    string_split("Images", ', ')[1] AS picture FROM {{rows}}
), parents AS (
  SELECT 'id:' || "ID" AS name, c1, c2, c3, "Brands", picture, own FROM told WHERE "ID" IS NOT NULL
  UNION ALL SELECT "SKU", c1, c2, c3, "Brands", picture, own FROM told WHERE "SKU" IS NOT NULL
), once AS (SELECT * FROM parents QUALIFY row_number() OVER (PARTITION BY name ORDER BY own) = 1)
SELECT t.{{line}}, t.own AS id, {signs('t."Name"')} AS name, coalesce(t.c1, p.c1) AS category_1, coalesce(t.c2, p.c2) AS category_2,
  coalesce(t.c3, p.c3) AS category_3, coalesce(t."Brands", p."Brands") AS brand,
  {words_of(_DESCRIPTION)} AS description,
  CASE WHEN "Sale price" IS NOT NULL AND "Date sale price starts" IS NULL AND "Date sale price ends" IS NULL
    THEN "Sale price" ELSE "Regular price" END AS price,
  "Cost of goods" AS cost,
  CASE WHEN "Backorders allowed?" IN ('1', 'notify') THEN NULL WHEN "Stock" IS NOT NULL THEN "Stock"
    WHEN "In stock?" = '0' THEN '0' END AS stock,
  CASE WHEN coalesce("Published", '1') = '1' AND coalesce("Visibility in catalog", 'visible') <> 'hidden' THEN 'true'
    ELSE 'false' END AS active,
  coalesce(t.picture, p.picture) AS image_url,
  CASE WHEN "Tags" IS NOT NULL THEN to_json(string_split("Tags", ', '))::VARCHAR END AS tags,
  CASE WHEN p.own IS NOT NULL THEN to_json({{{{product: p.own}}}})::VARCHAR END AS variants
FROM told t LEFT JOIN once p ON p.name = t."Parent"
"""
_PARTS: Final = (Part(kind="products", select=_SELECT),)

WOOCOMMERCE_PRODUCTS: Final = Known(
    name="WooCommerce products", needs=("ID", "Type", "SKU", "Name", "Published", "Regular price"),
    uses=tuple(name for name in (*_AFTER, *_MORE) if name not in ("Name", "Published", "Regular price")), parts=_PARTS,
)  # fmt: skip
WOOCOMMERCE_PRODUCTS_TRANSLATED: Final = Known(
    name="WooCommerce products", needs=(*_BEFORE, *_AFTER), uses=_MORE, parts=_PARTS,
    anchors={0: "id", 2: "sku"}, places=(*_BEFORE, *_AFTER),
)  # fmt: skip
WOOCOMMERCE_PRODUCTS_TRANSLATED_GTIN: Final = Known(
    name="WooCommerce products", needs=(*_BEFORE, *_AFTER), uses=_MORE, parts=_PARTS,
    anchors={0: "id", 2: "sku", 3: "gtin"}, places=(*_BEFORE, *_GTIN, *_AFTER),
)  # fmt: skip
