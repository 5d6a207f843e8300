"""The part of the customer page that says what is foretold, why, and what is still missing."""

import math
from datetime import timedelta
from typing import Any

from shopkeeper.apps.console.words import Words
from shopkeeper.core.prediction import Answer, Meter, Prediction
from shopkeeper.shop import Shop
from shopkeeper.shop.predicting import CustomerPredictions, predictions_of
from shopkeeper.shop.telling import feature_name, said_meter

_REASONS = 4


def prediction_values(shop: Shop, customer_id: str, words: Words) -> dict[str, Any]:
    """``predicted``: one row an answer; ``next_categories``: what is bought from next."""
    found = predictions_of(shop, customer_id)
    return {
        "predicted": [_row(name, answer, found, words) for name, answer in found.answers.items()],
        "next_categories": [(row["category"], words.share(row["probability"])) for row in found.categories[:5]],
    }


def _row(name: str, answer: Answer, found: CustomerPredictions, words: Words) -> dict[str, Any]:
    label = words(f"predicted_{name}")
    if isinstance(answer, Meter):
        share = max(0.0, min(answer.has / answer.needs, 1.0)) if answer.needs else 0.0
        return {"label": label, "need": said_meter(answer, words.language), "share": round(share * 100)}
    ends = [_amount(end, answer, found, words) for end in (answer.low, answer.high)]
    unit = words.scale if answer.unit == "minor" else 1
    why = [(feature_name(part.feature, words.language), words.fixed(part.share / unit, 2), part.share > 0)
           for part in answer.why[:_REASONS]]  # fmt: skip
    return {"label": label, "need": "", "value": _amount(answer.value, answer, found, words),
            "low": ends[0], "high": ends[1], "why": why, "level": words.share(answer.level)}  # fmt: skip


def _amount(value: float, answer: Prediction, found: CustomerPredictions, words: Words) -> str:
    if not math.isfinite(value):
        return words("predicted_open")
    match answer.unit:
        case "share":
            return words.share(value)
        case "minor":
            return words.money(value)
        case "days":
            return words.day(found.at + timedelta(days=value))
    return words.number(value, 1)
