"""The JSON of what is foretold: of a customer and of an order."""

from typing import Annotated, Any

from msgspec import Meta, Struct


class ReasonPart(Struct, frozen=True, kw_only=True):
    """One feature's exact share in a prediction, in log-odds for probabilities."""

    feature: str
    text: str
    value: float | None
    share: float


class PredictionOut(Struct, frozen=True, kw_only=True):
    """A number with its range and reasons; or, where ``value`` is null, ``message``: what is missing."""

    value: float | None = None
    low: float | None = None
    high: float | None = None
    level: float | None = None
    unit: str = ""
    days: int = 0
    why: list[ReasonPart] = []
    message: str = ""
    needs: float | None = None
    has: float | None = None
    ready_at: str | None = None


class PredictionsOut(Struct, frozen=True, kw_only=True):
    """What is foretold of a customer. ``fields``: the figures that marketing programs show, money in minor units."""

    id: str
    at: str
    currency: str
    version: str
    fields: dict[str, Any] = {}
    answers: dict[str, PredictionOut] = {}
    categories: list[dict[str, Any]] = []


class LineRiskOut(Struct, frozen=True, kw_only=True):
    """One product of an order. ``back_days``: it came back after so many days; null: it has not."""

    product: str
    name: str = ""
    quantity: float = 1.0
    paid_minor: float | None = None
    back_days: float | None = None
    risk: PredictionOut = PredictionOut()


class OrderReturnsOut(Struct, frozen=True, kw_only=True):
    """What of an order will come back within ``days``; ``expected_minor``: what that is worth."""

    id: str
    at: str
    customer: str
    currency: str
    version: str
    days: int
    expected_minor: float | None = None
    lines: list[LineRiskOut] = []


class RatingsIn(Struct, frozen=True, kw_only=True):
    """Which products, parted by commas; at most 50."""

    products: Annotated[str, Meta(min_length=1, max_length=6400)]


class StarsOut(Struct, frozen=True, kw_only=True):
    """One product and the stars it would get."""

    product: str
    name: str = ""
    stars: PredictionOut = PredictionOut()


class RatingsOut(Struct, frozen=True, kw_only=True):
    """What a customer would give each product, on the shop's scale from ``lowest`` to ``highest``."""

    id: str
    at: str
    version: str
    learner: str = ""
    lowest: float | None = None
    highest: float | None = None
    gave: int = 0
    products: list[StarsOut] = []
