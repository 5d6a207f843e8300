"""Predictions and minimum-data meters in words, the same on the command line, in the API and in the console."""

import math
from datetime import datetime
from typing import Any

from shopkeeper.core.prediction import Answer, Meter
from shopkeeper.locale import phrases, say
from shopkeeper.shop.order_returns import OrderRisk
from shopkeeper.shop.predicting import CustomerPredictions
from shopkeeper.shop.rating import RatingsOf


def said_meter(meter: Meter, language: str) -> str:
    """Why there is no number, when there will be one, and what answers until then."""
    facts = {"needs": f"{meter.needs:,.0f}", "has": f"{meter.has:,.0f}", **meter.facts}
    own = f"meter_{meter.key}" in phrases(language, "predict")
    sentence = (
        say(language, "predict", f"meter_{meter.key}", **facts) if own else say(language, "errors", meter.key, **facts)
    )
    if meter.ready_at is not None:
        sentence += say(language, "predict", "ready_about", day=f"{meter.ready_at:%Y-%m-%d}")
    return sentence + say(language, "predict", f"until_{meter.until}")


def feature_name(feature: str, language: str) -> str:
    """What a feature is called in a reason."""
    return phrases(language, "predict").get(feature, feature.replace("_", " "))


def told(found: CustomerPredictions, language: str) -> dict[str, Any]:
    """Everything foretold of a customer as JSON values; what has no number is null, moments are ISO text."""
    fields = {name: _plain(value) for name, value in found.fields.items()}
    return {
        "id": found.id, "at": found.at.isoformat(), "currency": found.currency, "version": found.version,
        "fields": fields, "answers": {name: answer_told(one, language) for name, one in found.answers.items()},
        "categories": found.categories,
    }  # fmt: skip


def told_order(found: OrderRisk, language: str) -> dict[str, Any]:
    """What of an order will come back, as JSON values."""
    return {
        "id": found.id, "at": found.at.isoformat(), "customer": found.customer, "currency": found.currency,
        "version": found.version, "days": found.days, "expected_minor": found.expected_minor,
        "lines": [
            {"product": one.product, "name": one.name, "quantity": one.quantity, "paid_minor": one.paid_minor,
             "back_days": one.back_days, "risk": answer_told(one.answer, language)} for one in found.lines
        ],
    }  # fmt: skip


def told_ratings(found: RatingsOf, language: str) -> dict[str, Any]:
    """What a customer would give some products, as JSON values."""
    return {
        "id": found.customer, "at": found.at.isoformat(), "version": found.version, "learner": found.learner,
        "lowest": _plain(found.low), "highest": _plain(found.high), "gave": found.gave,
        "products": [{"product": product, "name": name, "stars": answer_told(answer, language)}
                     for product, name, answer in found.products],
    }  # fmt: skip


def answer_told(answer: Answer, language: str) -> dict[str, Any]:
    """One answer as JSON values."""
    if isinstance(answer, Meter):
        return {
            "value": None, "message": said_meter(answer, language), "needs": answer.needs, "has": answer.has,
            "ready_at": answer.ready_at.isoformat() if answer.ready_at else None,
        }  # fmt: skip
    why = [
        {"feature": part.feature, "text": feature_name(part.feature, language), "value": _plain(part.value),
         "share": part.share} for part in answer.why
    ]  # fmt: skip
    return {
        "value": _plain(answer.value), "low": _plain(answer.low), "high": _plain(answer.high), "level": answer.level,
        "unit": answer.unit, "days": answer.days, "why": why,
    }  # fmt: skip


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return None if isinstance(value, float) and not math.isfinite(value) else value
