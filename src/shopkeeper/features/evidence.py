"""The events behind each number of a profile: which rows it was made from."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from shopkeeper.core.action import BACK_SQL
from shopkeeper.core.ids import PersonKey
from shopkeeper.features.tables import Query, feature_sql

_BOUGHT: Final = "kind = 'line' AND bought"
_OURS: Final = f"{_BOUGHT} AND currency = $currency"
_GOODS: Final = "(SELECT id FROM products WHERE {column} = $value)"
_VISITING: Final = (
    "kind = 'event' AND action NOT LIKE 'mail\\_%' ESCAPE '\\' AND action NOT LIKE 'ad\\_%' ESCAPE '\\' "
    f"AND action NOT IN ('coupon_issued', 'consent', 'identify') AND action NOT IN {BACK_SQL}"
)
_BACK: Final = f"action IN {BACK_SQL} AND price_minor IS NOT NULL"
_OPENED: Final = (
    "kind = 'event' AND action IN ('page_view', 'product_view', 'list_view', 'search', 'cart_view', 'checkout')"
)
WHERE: Final[Mapping[str, str]] = {
    "last_seen_at": "TRUE",
    **dict.fromkeys(("first_order_at", "last_order_at", "recency_days", "orders", "mean_basket_lines", "lines",
                     "days_between_orders", "usual"), _BOUGHT),
    **dict.fromkeys(("mean_basket_minor", "usual_price_minor", "price_spread", "discount_share"), _OURS),
    "monetary_minor": f"currency = $currency AND (kind = 'line' OR {_BACK})", "return_rate": "kind = 'line'",
    "returns": "kind = 'line' AND NOT bought", "views": "kind = 'event' AND action = 'product_view'",
    "cart_adds": "kind = 'event' AND action = 'cart_add'", "sessions": _VISITING, "session_depth": _VISITING,
    "pages": _OPENED, "dwell_seconds": "kind = 'event' AND dwell_seconds IS NOT NULL",
    "searches": "kind = 'event' AND action = 'search'", "reviews": "kind = 'event' AND rating IS NOT NULL",
    "rating_mean": "kind = 'event' AND rating IS NOT NULL",
    **dict.fromkeys(("review_tone", "toned_reviews"), "kind = 'event' AND action IN ('rating', 'review')"),
    "search_words": "kind = 'event' AND lower(trim(query)) = $value",
    "hour": f"{_BOUGHT} AND CAST(extract(hour FROM \"at\" AT TIME ZONE $timezone) AS VARCHAR) = $value",
    "weekday": f"{_BOUGHT} AND CAST(extract(isodow FROM \"at\" AT TIME ZONE $timezone) AS VARCHAR) = $value",
    "category": f"{_BOUGHT} AND product IN {_GOODS.format(column='category_1')}",
    "brand": f"{_BOUGHT} AND product IN {_GOODS.format(column='brand')}",
    "price_band": f"{_BOUGHT} AND product IN (SELECT id FROM bands WHERE band = $value)",
    "discount": f"{_OURS} AND price_minor > 0 AND discount_minor > 0", "return": "kind = 'line' AND NOT bought",
    "channel": "kind = 'event' AND channel = $value",
}  # fmt: skip
"""By field, or by habit with ``$value``: what its rows have in common."""
FIELDS: Final = frozenset(WHERE)
_ROWS: Final = """
WITH bands AS (
{bands}
), facts AS (
  SELECT 'event' AS kind, "at", id AS event, action, product, quantity, price_minor, NULL AS discount_minor,
         NULL AS refund_minor, currency, order_id, query, path, dwell_seconds, rating, text, channel, FALSE AS bought
  FROM events WHERE {theirs} AND action NOT IN ('stock_change', 'price_change')
  UNION ALL
  SELECT 'line', "at", coalesce(event_id, order_id),
         CASE WHEN coalesce(quantity, 1) > 0 THEN 'order' ELSE 'order_return' END,
         product, quantity, price_minor, discount_minor, refund_minor, currency, order_id, NULL, NULL, NULL, NULL, NULL,
         NULL, coalesce(quantity, 1) > 0
  FROM order_lines WHERE {theirs}
), found AS (
  SELECT facts.*, count(*) OVER () AS total FROM facts WHERE {where}
)
SELECT found.* EXCLUDE (bought, kind), products.name FROM found LEFT JOIN products ON products.id = found.product
ORDER BY found."at" DESC, event, product LIMIT $most
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """The newest rows behind a number, and how many there are."""

    field: str
    value: str
    total: int
    rows: list[dict[str, Any]]


def evidence_of(
    query: Query, person: PersonKey, field: str, *, value: str = "", currency: str, timezone: str, most: int = 100
) -> Evidence:
    """What a number of somebody's profile was made from, newest first.

    ``field`` is one of ``FIELDS``; of habits and search words ``value`` says which.
    """
    visitor = person.removeprefix("visitor:")
    theirs = "customer = $key" if visitor == person else "customer IS NULL AND visitor = $key"
    sql = _ROWS.format(theirs=theirs, where=WHERE[field], bands=feature_sql("product_band"))
    told = {"key": visitor, "currency": currency, "timezone": timezone, "value": value, "most": most}
    rows = query(sql, {name: each for name, each in told.items() if f"${name}" in sql}).to_pylist()
    total = rows[0]["total"] if rows else 0
    kept = [{name: each for name, each in row.items() if name != "total" and each is not None} for row in rows]
    return Evidence(field=field, value=value, total=int(total), rows=kept)
