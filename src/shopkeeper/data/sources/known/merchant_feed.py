# ruff: noqa: E501  # statements and tables are easier to read in long lines
"""Google Merchant product feeds: TSV, CSV, RSS or Atom, as most shop systems write them for comparison sites.

Source: Google Merchant Center Help, "Product data specification".
"""

from typing import Final

from shopkeeper.data.rows import Refused
from shopkeeper.data.sources.known.format import Known, Part, signs, words_of

_AMOUNT: Final = "regexp_extract({0}, '([0-9][0-9.,]*)', 1)"
_CODE: Final = "nullif(regexp_extract({0}, '([A-Z]{{{{3}}}})', 1), '')"
_OFFERED: Final = (
    "CASE WHEN sale_price IS NOT NULL AND sale_price_effective_date IS NULL THEN sale_price ELSE price END"
)
_PATH: Final = "coalesce(CASE WHEN NOT regexp_full_match(google_product_category, '[0-9]+') THEN google_product_category END, product_type)"
_LABELS: Final = ", ".join(f"custom_label_{number}" for number in range(5))
_OPTIONS: Final = ", ".join(
    f"('{name}', {name})" for name in ("item_group_id", "color", "size", "material", "pattern", "gender", "age_group")
)
_PERIOD: Final = "TRY_CAST(split_part(sale_price_effective_date, '/', {0}) AS TIMESTAMPTZ)"
_ENDS_FIRST: Final = Refused(
    reason="end_before_start", column="sale_price_effective_date",
    condition=f"{_PERIOD.format(2)} < {_PERIOD.format(1)}",
)  # fmt: skip
_SELECT: Final = f"""
SELECT {{line}}, sale_price_effective_date, id, {signs("title")} AS name, {
    ", ".join(f"nullif(trim(split_part({_PATH}, '>', {level})), '') AS category_{level}" for level in range(1, 6))
},
  brand, {words_of("coalesce(description, summary, content)")} AS description,
  coalesce(nullif({_AMOUNT.format(_OFFERED)}, ''), price) AS price, nullif({
    _AMOUNT.format("cost_of_goods_sold")
}, '') AS cost,
  {_CODE.format(_OFFERED)} AS currency,
  CASE WHEN lower(replace(availability, ' ', '_')) = 'out_of_stock' THEN '0' END AS stock, link AS url, image_link AS image_url,
  CASE WHEN len(list_filter([{_LABELS}], lambda l: l IS NOT NULL)) > 0
    THEN to_json(list_filter([{_LABELS}], lambda l: l IS NOT NULL))::VARCHAR END AS tags,
  CASE WHEN len(list_filter([{_OPTIONS}], lambda o: o[2] IS NOT NULL)) > 0
    THEN to_json(map_from_entries(list_filter([{_OPTIONS}], lambda o: o[2] IS NOT NULL)))::VARCHAR END AS variants
FROM {{rows}}
"""

MERCHANT_FEED: Final = Known(
    name="Google Merchant feed",
    needs=("id", "title", "link", "price", "availability"),
    uses=(
        "description", "summary", "content", "image_link", "brand", "google_product_category", "product_type", "sale_price",
        "sale_price_effective_date", "cost_of_goods_sold", "item_group_id", "color", "size", "material", "pattern", "gender",
        "age_group", *(f"custom_label_{number}" for number in range(5)),
    ),
    parts=(Part(kind="products", select=_SELECT, refused=(_ENDS_FIRST,)),),
)  # fmt: skip
