"""The law of evidence: from the events behind a number the number can be made again."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from streams import CURRENCY, START, Tables, streams

from shopkeeper.core.event import Event
from shopkeeper.core.ids import PersonKey
from shopkeeper.features.evidence import FIELDS, evidence_of
from shopkeeper.features.tables import FEATURES, customer_features, feature_sql
from shopkeeper.features.tone import PATTERNS, tone_of

END = START + timedelta(days=20)
Rows = list[dict[str, Any]]


def _paid(row: dict[str, Any]) -> int:
    if row.get("product") is None:  # a return's or cancellation's own amount
        return -int(row["price_minor"])
    gross = int(abs(row["quantity"]) * row.get("price_minor", 0) + 0.5)
    paid = gross - row.get("discount_minor", 0)
    refund = row.get("refund_minor")
    return paid - (refund or 0) if row["action"] == "order" else -(paid if refund is None else refund)


def _mean(values: list[float]) -> float | None:
    return sum(values) / len(values) if values else None


AGAIN: dict[str, Callable[[Rows], Any]] = {
    "orders": lambda rows: len({row["event"] for row in rows}),
    "returns": lambda rows: len({row["event"] for row in rows}),
    "last_order_at": lambda rows: max((row["at"] for row in rows), default=None),
    "first_order_at": lambda rows: min((row["at"] for row in rows), default=None),
    "last_seen_at": lambda rows: max((row["at"] for row in rows), default=None),
    "monetary_minor": lambda rows: sum(map(_paid, rows)),
    "mean_basket_lines": lambda rows: len(rows) / len({row["event"] for row in rows}) if rows else None,
    "views": len, "cart_adds": len, "searches": len, "reviews": len,
    "rating_mean": lambda rows: _mean([row["rating"] for row in rows]),
    "dwell_seconds": lambda rows: _mean([min(row["dwell_seconds"], 1800.0) for row in rows]),
    "review_tone": lambda rows: _mean([tone / 1000 for row in rows
                                       if (tone := tone_of(row.get("rating"), row.get("text", ""))) is not None]),
}  # fmt: skip


@settings(max_examples=6, deadline=None)
@given(streams())
def test_the_number_is_made_again(events: list[Event]) -> None:
    """Each number that is a sum, a count, a mean or an end over events comes out of the rows that stand behind it."""
    tables = Tables(events, END)
    looked = {row["person"]: row for row in tables(feature_sql("customer_browsing"), {}).to_pylist()}
    toned = {row["person"]: row for row in tables(feature_sql("customer_reviews"), PATTERNS).to_pylist()}
    for person in ("c1", "c2", "visitor:v1", "visitor:v2"):
        known = customer_features(tables, PersonKey(person), currency=CURRENCY)
        if not known:
            continue
        known |= looked.get(person, {}) | {"review_tone": toned.get(person, {}).get("review_tone")}
        for field, again in AGAIN.items():
            if person not in looked and field in ("searches", "reviews", "rating_mean", "dwell_seconds"):
                continue
            found = evidence_of(tables, PersonKey(person), field, currency=CURRENCY, timezone="UTC", most=1000)
            assert found.total == len(found.rows)
            wanted = known[field]
            said = pytest.approx(wanted, abs=1e-3) if isinstance(wanted, float) else wanted
            assert again(found.rows) == said, field


@pytest.mark.parametrize("field", sorted(FIELDS))
def test_every_field_can_be_asked(field: str) -> None:
    """No field's condition is broken SQL, with and without rows, and ``most`` is kept to."""
    found = evidence_of(Tables([], END), PersonKey("c1"), field, value="1", currency=CURRENCY, timezone="UTC", most=3)
    assert (found.total, found.rows) == (0, [])


def test_every_number_of_a_profile_has_events_behind_it() -> None:
    """What is shown of a customer's behaviour can be asked for its events."""
    shown = {each.name for each in FEATURES if each.table in ("customer", "customer_browsing", "customer_reviews")}
    assert shown <= FIELDS
