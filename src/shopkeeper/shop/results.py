"""What came of the shop's decisions: its log joined with the clicks and orders that followed."""

from datetime import UTC, datetime
from typing import Any, Final

import numpy as np
import pyarrow as pa

from shopkeeper.core.action import Action
from shopkeeper.core.money import exponent
from shopkeeper.measure.outcomes import Outcome, Responses, Shown, outcomes
from shopkeeper.shop.shop import Shop

_FIRST: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LAST: Final = datetime(9999, 1, 1, tzinfo=UTC)
_SHOWN: Final = """
SELECT decision, placement, arm, person, micros, choice.item AS product FROM (
  SELECT id AS decision, placement, coalesce(arm, '') AS arm,
         coalesce(customer, 'visitor:' || visitor, '') AS person, epoch_us("at") AS micros,
         unnest(from_json(choices, '[{"item": "VARCHAR"}]')) AS choice
  FROM decisions WHERE "at" >= $start AND "at" < $end)
"""
_RESPONSES: Final = """
SELECT coalesce(decision, '') AS decision, coalesce(customer, 'visitor:' || visitor, '') AS person,
       coalesce(product, '') AS product, '' AS "order", $click AS code, epoch_us("at") AS micros, 0.0 AS revenue
FROM events WHERE action = 'click' AND decision IS NOT NULL
UNION ALL
SELECT coalesce(decision, ''), coalesce(customer, 'visitor:' || visitor, ''), product, order_id, $order,
       epoch_us("at"), (quantity * coalesce(price_minor, 0) - coalesce(discount_minor, 0)) / $scale
FROM order_lines WHERE quantity > 0 AND "at" >= (SELECT min("at") FROM decisions)
"""


def outcomes_of(shop: Shop) -> list[Outcome]:
    """Clicks, conversion and revenue by placement and arm, since the first logged decision."""
    return shop.remembered("outcomes", lambda: _outcomes(shop))


def outcomes_between(shop: Shop, start: datetime, end: datetime) -> list[Outcome]:
    """The same of what was shown in a stretch of time, whenever the answers came."""
    return _outcomes(shop, start, end)


def _outcomes(shop: Shop, start: datetime = _FIRST, end: datetime = _LAST) -> list[Outcome]:
    known = shop.snapshot()
    shown = known.query(_SHOWN, {"start": start, "end": end})
    if not shown.num_rows:
        return []
    values = {
        "click": int(Action.CLICK),
        "order": int(Action.ORDER),
        "scale": 10 ** exponent(shop.settings.shop.currency),
    }
    answers = known.query(_RESPONSES, values)
    return outcomes(
        Shown(
            decision=_text(shown, "decision"), placement=_text(shown, "placement"), arm=_text(shown, "arm"),
            person=_text(shown, "person"), product=_text(shown, "product"), at=_whole(shown, "micros"),
        ),
        Responses(
            decision=_text(answers, "decision"), person=_text(answers, "person"), product=_text(answers, "product"),
            order=_text(answers, "order"), action=_whole(answers, "code"), at=_whole(answers, "micros"),
            revenue=answers.column("revenue").to_numpy(zero_copy_only=False).astype(np.float64),
        ),
    )  # fmt: skip


def _text(table: pa.Table, name: str) -> Any:
    return np.array(table.column(name).to_pylist(), object)


def _whole(table: pa.Table, name: str) -> Any:
    return table.column(name).to_numpy(zero_copy_only=False).astype(np.int64)
