"""Features as SQL: one file a table, run through a snapshot's ``query``.

A table's parameters are ``$moment`` (the snapshot gives it) and ``$currency`` (the shop's). The files are DuckDB's SQL
and translate to Spark SQL.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Final

from shopkeeper.core.ids import PersonKey

Query = Callable[[str, Mapping[str, Any]], Any]
TABLES: Final = ("customer", "customer_product", "customer_category", "customer_basket", "customer_recent", "product")
FORETELLING: Final = (
    "customer_rhythm", "customer_prices", "order_gap", "order_outcome", "category_rhythm", "category_outcome",
    "line_return", "rating",
)  # fmt: skip
"""Tables that predictions read in one go; they have no live fold."""
PROFILE: Final = (
    "customer", "customer_browsing", "customer_reviews", "customer_category", "customer_basket", "customer_search",
    "habit_base", "customer_habits",
)  # fmt: skip
"""Tables that everybody's profiles are made of, in the order in which they are made."""
HANDED_ON: Final[Mapping[str, str]] = {"habit_base": "habit_shop"}
"""Tables whose rows a later one reads, and under which name."""
MOST_LISTED: Final = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """A number with a name. What it means is said in the locale's area ``features`` under its name."""

    name: str
    unit: str
    """moment, days, seconds, count, minor (minor units of the shop's currency), share (0 to 1), tone (-1 to 1), log,
    decayed (halves every 60 days) or list."""
    table: str


def _features(table: str, **units: str) -> tuple[Feature, ...]:
    return tuple(Feature(name=name, unit=unit, table=table) for name, unit in units.items())


FEATURES: Final[tuple[Feature, ...]] = (
    *_features(
        "customer", last_seen_at="moment", first_order_at="moment", last_order_at="moment", recency_days="days",
        orders="count", monetary_minor="minor", mean_basket_lines="count", mean_basket_minor="minor",
        days_between_orders="days", usual_price_minor="minor", price_spread="log", discount_share="share",
        return_rate="share", returns="count", views="count", cart_adds="count",
    ),
    *_features(
        "customer_browsing", sessions="count", session_depth="count", pages="count", dwell_seconds="seconds",
        searches="count", reviews="count", rating_mean="count",
    ),
    *_features("customer_reviews", review_tone="tone", toned_reviews="count"),
    *_features("customer_category", categories="list"),
    *_features("customer_basket", usual="list"),
    *_features("customer_recent", recent="list"),
    *_features(
        "product", buyers="count", product_orders="count", units="count", revenue_minor="minor",
        recent_units="decayed", product_views="count", product_cart_adds="count", last_sold_at="moment",
        repeat_share="share", return_share="share",
    ),
)  # fmt: skip
"""Every feature. A product's orders, views and cart_adds bear ``product_`` here, to tell them from a person's."""


def names_of(table: str) -> tuple[str, ...]:
    """The features of a table, in its order, as its columns are called."""
    return tuple(each.name.removeprefix("product_") for each in FEATURES if each.table == table)


@cache
def feature_sql(name: str) -> str:
    """The SQL of a feature table; ``$name$`` in its file stands for the table of that name."""
    text = files(__package__).joinpath(f"{name}.sql").read_text("utf-8")
    return re.sub(r"\$(\w+)\$", lambda found: feature_sql(found[1]), text)


_ONE_PERSON: Final = """
WITH order_lines AS MATERIALIZED (
  SELECT {named}, order_id, event_id, "at", product, quantity, price_minor, discount_minor, refund_minor, currency
  FROM order_lines WHERE {theirs}
), events AS MATERIALIZED (
  SELECT {named}, id, "at", action, product, price_minor, currency FROM events WHERE {theirs}
), one AS (
{customer}
), category AS (
{customer_category}
), basket AS (
{customer_basket}
)
SELECT one.*,
       (SELECT list({{'category': category, 'weight': weight}} ORDER BY weight DESC, category)
        FROM (FROM category ORDER BY weight DESC, category LIMIT {most})) AS categories,
       (SELECT list({{'product': product, 'orders': orders, 'order_share': order_share}} ORDER BY orders DESC, product)
        FROM (FROM basket ORDER BY orders DESC, product LIMIT {most})) AS usual
FROM one
"""


def customer_features(query: Query, person: PersonKey, *, currency: str) -> dict[str, Any]:
    """One person's features by name; {} for somebody who did nothing.

    ``categories`` are what they care for, most first; ``usual`` is what they buy again and again. It is the tables
    above over this person's rows alone, in one query.
    """
    visitor = person.removeprefix("visitor:")
    theirs, named = "customer = $key", "CAST($key AS VARCHAR) AS customer, CAST(NULL AS VARCHAR) AS visitor"
    if visitor != person:
        theirs, named = "customer IS NULL AND visitor = $key", "CAST(NULL AS VARCHAR) AS customer, $key AS visitor"
    tables = {name: feature_sql(name) for name in ("customer", "customer_category", "customer_basket")}
    sql = _ONE_PERSON.format(theirs=theirs, named=named, most=MOST_LISTED, **tables)
    rows = query(sql, {"key": visitor, "currency": currency}).to_pylist()
    if not rows:
        return {}
    row = rows[0]
    lists = {name: row[name] or [] for name in ("categories", "usual")}
    return {name: row[name] for name in names_of("customer")} | lists
