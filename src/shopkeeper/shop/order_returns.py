"""What of an order will come back: a probability for each of its products, with its range and reasons."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import numpy as np
import pyarrow as pa

from shopkeeper.core.consent import Purpose
from shopkeeper.core.errors import NotFound
from shopkeeper.core.ids import PersonKey
from shopkeeper.core.prediction import Answer, Meter, Prediction
from shopkeeper.features.tables import feature_sql
from shopkeeper.learn.propensity.foretell import NAME, columns_like
from shopkeeper.learn.propensity.learned import Learned
from shopkeeper.learn.propensity.line_returns import ALL_LINES, TABLE, asked_of
from shopkeeper.shop.of_version import why_none
from shopkeeper.shop.predicting import foretold, meter_of
from shopkeeper.shop.shop import Shop

_LEVEL: Final = 0.95
_ORDER: Final = """
WITH asked AS (
  SELECT DISTINCT coalesce(customer, 'visitor:' || visitor) AS person, product FROM order_lines
  WHERE coalesce(order_id, event_id) = $order
), alike AS (
  SELECT id FROM products WHERE category_1 IN (
    SELECT category_1 FROM products WHERE id IN (SELECT product FROM asked))
), order_lines AS MATERIALIZED (
  SELECT * FROM order_lines
  WHERE coalesce(customer, 'visitor:' || visitor) IN (SELECT person FROM asked)
     OR product IN (SELECT product FROM asked) OR product IN (SELECT id FROM alike)
), found AS ({inner})
SELECT * FROM found WHERE order_id = $order ORDER BY product
"""
"""The table of lines over all that it counts for these: the same rows as over the whole lake."""
_NEWEST: Final = """
SELECT coalesce(order_id, event_id) AS order_id, min("at") AS "at", any_value(coalesce(customer, 'visitor:' || visitor)) AS person,
       count(DISTINCT product) AS products
FROM order_lines WHERE coalesce(quantity, 1) > 0 AND coalesce(customer, visitor) IS NOT NULL
GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT $most
"""  # noqa: E501 - a statement


@dataclass(frozen=True, slots=True, kw_only=True)
class LineRisk:
    """One product of an order."""

    product: str
    name: str
    quantity: float
    paid_minor: float | None
    back_days: float | None
    """How long after the order it came back; None where it has not."""
    answer: Answer


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRisk:
    """An order and what of it will come back."""

    id: str
    at: datetime
    customer: str
    currency: str
    version: str
    days: int
    """A return counts within so many days."""
    lines: list[LineRisk]
    expected_minor: float | None
    """What is expected to be paid back: of lines that came back all, of the others by their probability."""


def order_risk(shop: Shop, order_id: str) -> OrderRisk:
    """The return risk of each product of an order, from what was known when it was ordered.

    Raises:
        NotFound: no such order of a known buyer.
    """
    known = shop.snapshot()
    asked = {"order": order_id, "currency": known.currency, "line_limit": ALL_LINES}
    table = known.query(_ORDER.format(inner=feature_sql(TABLE)), asked)
    if not table.num_rows:
        raise NotFound("unknown_order", order=order_id)
    rows = table.to_pylist()
    person = PersonKey(rows[0]["person"])
    version, model = foretold(shop)
    answers = _answers(shop, person, table, known.moment)
    lines = [_line(shop, row, answer) for row, answer in zip(rows, answers, strict=True)]
    return OrderRisk(
        id=order_id, at=rows[0]["at"], customer=str(person), currency=known.currency, version=version,
        days=round(model.return_days) if model else 0, lines=lines, expected_minor=_expected(lines),
    )  # fmt: skip


def newest_orders(shop: Shop, most: int = 20) -> list[dict[str, Any]]:
    """The newest orders of known buyers, newest first."""
    rows: list[dict[str, Any]] = shop.snapshot().query(_NEWEST, {"most": most}).to_pylist()
    return rows


def _answers(shop: Shop, person: PersonKey, table: pa.Table, now: datetime) -> list[Answer]:
    _, model = foretold(shop)
    lines = table.num_rows
    if not shop.consent_of(person).allows(Purpose.PERSONALISE):
        return [Meter(name=TABLE, key="no_consent", needs=1, has=0, until="nothing")] * lines
    if model is None:
        return [Meter(name=TABLE, key=why_none(shop, NAME), needs=1, has=0)] * lines
    if TABLE in model.refused:
        return [meter_of(TABLE, model.refused[TABLE], now)] * lines
    one = model.learned[TABLE]
    columns = columns_like(one.names, asked_of(table))
    said = one.probability(columns)
    return [_said(one, columns.rows(np.array([n])), float(said[n]), round(model.return_days)) for n in range(lines)]


def _said(one: Learned, columns: Any, value: float, days: int) -> Prediction:
    low, high = one.interval(value)
    why, base, exact = one.why(columns)
    return Prediction(name=TABLE, value=value, low=low, high=high, level=_LEVEL, unit="share", why=why, base=base,
                      exact=exact, days=days)  # fmt: skip


def _line(shop: Shop, row: Mapping[str, Any], answer: Answer) -> LineRisk:
    return LineRisk(
        product=row["product"], name=shop.name_of(row["product"]), quantity=float(row["quantity"]),
        paid_minor=None if row["paid"] is None else float(row["paid"]), back_days=row["back_days"], answer=answer,
    )  # fmt: skip


def _expected(lines: list[LineRisk]) -> float | None:
    shares = [1.0 if one.back_days is not None else one.answer.value if isinstance(one.answer, Prediction) else None
              for one in lines]  # fmt: skip
    if any(share is None for share in shares):
        return None
    return sum(share * (one.paid_minor or 0.0) for share, one in zip(shares, lines, strict=True) if share is not None)
