"""A question put to the engine, and the logged answer."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from shopkeeper.core.ids import CustomerId, DecisionId, PersonKey, ProductId, VisitorId, person_key

Mode = Literal["personal", "nonpersonal"]
Device = Literal["", "mobile", "tablet", "desktop"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Who asks for what, where and when."""

    placement: str
    at: datetime
    visitor: VisitorId | None = None
    customer: CustomerId | None = None
    count: int = 10
    mode: Mode = "personal"
    """``nonpersonal``: the answer may not depend on the person at all."""
    product: ProductId | None = None
    """The product page's product, or what "similar" is asked of."""
    cart: tuple[ProductId, ...] = ()
    categories: tuple[str, ...] = ()
    """Only products of one of these (any level); empty = all."""
    brands: tuple[str, ...] = ()
    """Only products of one of these; empty = all."""
    tags: tuple[str, ...] = ()
    """Only products that have all of these; an attribute is written ``name:value``."""
    price_min: float | None = None
    price_max: float | None = None
    """Only products with a known price in this range, in major units, both ends allowed."""
    exclude: tuple[ProductId, ...] = ()
    """Never these."""
    device: Device = ""
    """What the person looks at; "" = not known."""
    language: str = "en"
    seed: int | None = None
    """Fixes the dice, for tests and replays."""

    @property
    def person(self) -> PersonKey | None:
        return person_key(self.customer, self.visitor)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why an item was chosen: a message key of ``[reasons]`` and the evidence that fills it.

    Facts are plain text and numbers (product ids, dates as ISO text, counts), so that they can be logged and said in
    any language later. A fact that came from another product's name is stored as that product's id.
    """

    key: str
    facts: Mapping[str, str | int | float] = field(default_factory=dict)
    scorer: str = ""
    """Which scorer's evidence this is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One item of an answer. ``propensity``: the probability that this policy puts this item at this slot, given the
    slots before it; the product over slots is the probability of the whole slate."""

    item: str
    score: float
    propensity: float
    reason: Reason
    parts: Mapping[str, float] = field(default_factory=dict)
    """What each scorer contributed to ``score``."""
    features: Mapping[str, float] = field(default_factory=dict)
    """What else was known of it and the person when it was chosen (``decide.order``), among it its ``place`` among the
    candidates by the models and, where a ranker was asked, its ``ranked_place``; empty where no person was read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What was decided and everything needed to explain, evaluate or erase it later."""

    id: DecisionId
    request: Request
    policy: str
    """``name@version`` of the policy and its models."""
    choices: tuple[Choice, ...]
    eligible: int = 0
    """How many candidates were left when the dice were thrown."""
    removed: Mapping[str, str] = field(default_factory=dict)
    """item -> the rule that removed it."""
    personal: bool = False
    """Whether anything about the person was read."""
    fallback: str = ""
    """Why the first policy did not answer; empty when it did."""
    experiment: str = ""
    arm: str = ""
    assignment_probability: float = 1.0
