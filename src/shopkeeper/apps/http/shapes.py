"""The JSON of requests and answers. OpenAPI is made from these."""

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from shopkeeper.core.decision import Device

MAX_EVENTS = 1000
MAX_BODY_BYTES = 2_000_000
MAX_COUNT = 100

Id = Annotated[str, Meta(min_length=1, max_length=256)]
Count = Annotated[int, Meta(ge=1, le=MAX_COUNT)]


class Fault(Struct, frozen=True, kw_only=True):
    """What went wrong: a stable key, a sentence, and the values in it."""

    key: str
    message: str
    facts: dict[str, Any] = {}


class FaultAnswer(Struct, frozen=True, kw_only=True):
    """The shape of every error."""

    error: Fault


class Line(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One product of an order. Amounts are decimal text in major units."""

    product: Id
    variant: str = ""
    quantity: float = 1.0
    price: str | float | None = None
    discount: str | float | None = None
    tax: str | float | None = None
    refund: str | float | None = None


class EventIn(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something that happened. ``id`` is yours: a repeated one has one effect. Without ``at`` it happened just now."""

    id: Id
    action: str
    at: str | int | None = None
    visitor: Id | None = None
    customer: Id | None = None
    customer_token: str | None = None
    session: str = ""
    product: Id | None = None
    variant: str = ""
    quantity: float | None = None
    price: str | float | None = None
    currency: str = ""
    order: Id | None = None
    lines: list[Line] = []
    decision: Id | None = None
    placement: str = ""
    position: int | None = None
    query: str = ""
    path: str = ""
    dwell_seconds: float | None = None
    rating: float | None = None
    text: str = ""
    coupon: str = ""
    campaign: str = ""
    channel: str = ""
    sent_at: str | int | None = None
    """When it was sent, by the same clock as ``at``: a clock that is wrong by more than a minute is put right."""
    consent: dict[str, bool] | None = None
    """Purpose -> whether the person agrees; with the action ``consent``."""
    source: str = ""
    properties: dict[str, str | int | float | bool | None] = {}


class EventsIn(Struct, frozen=True, kw_only=True):
    """A batch of events; a bare array of them will do too."""

    events: Annotated[list[EventIn], Meta(min_length=1, max_length=MAX_EVENTS)]
    sent_at: str | int | None = None
    """Of all its events that do not say their own."""


class VerdictOut(Struct, frozen=True, kw_only=True):
    """What became of one event. ``reason`` and ``message`` say why it was held, ``warnings`` what was changed."""

    id: str
    status: Literal["stored", "duplicate", "quarantined", "skipped"]
    reason: str | None = None
    message: str | None = None
    facts: dict[str, Any] = {}
    warnings: list[Fault] | UnsetType = UNSET


class EventsOut(Struct, frozen=True, kw_only=True):
    """One verdict an event, in the order they were sent; the three counts add up to their number."""

    stored: int
    duplicate: int
    quarantined: int
    verdicts: list[VerdictOut]
    warnings: list[Fault] | UnsetType = UNSET
    """About the batch as a whole."""


class MessageIn(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A message of Segment's spec: ``track`` with events of its e-commerce spec, ``identify``, ``page``."""

    type: str
    messageId: str = ""  # noqa: N815 - Segment's names
    event: str = ""
    anonymousId: str = ""  # noqa: N815 - Segment's names
    userId: str = ""  # noqa: N815 - Segment's names
    timestamp: str = ""
    properties: dict[str, Any] = {}
    traits: dict[str, Any] = {}
    context: dict[str, Any] = {}


class BatchIn(Struct, frozen=True, kw_only=True):
    """A batch of Segment's libraries; a bare array of messages will do too."""

    batch: Annotated[list[MessageIn], Meta(min_length=1, max_length=MAX_EVENTS)]
    sentAt: str | int | None = None  # noqa: N815 - Segment's names


class BatchOut(Struct, frozen=True, kw_only=True):
    """One verdict a message, in the order they were sent; the four counts add up to their number."""

    success: bool
    stored: int
    duplicate: int
    quarantined: int
    skipped: int
    """Messages that say nothing we keep, such as ``group``."""
    verdicts: list[VerdictOut]
    warnings: list[Fault] | UnsetType = UNSET


class VisitorOut(Struct, frozen=True, kw_only=True):
    """A new visitor id, signed by the shop."""

    visitor: str


class RecommendationsIn(Struct, frozen=True, kw_only=True):
    """Who asks for what. Lists may be repeated or separated by commas."""

    placement: Annotated[str, Meta(min_length=1, max_length=64)] = "home"
    visitor: Id | None = None
    customer: Id | None = None
    customer_token: Annotated[str, Meta(max_length=64)] | None = None
    product: Id | None = None
    cart: Annotated[list[Id], Meta(max_length=100)] = []
    categories: Annotated[list[Id], Meta(max_length=100)] = []
    brands: Annotated[list[Id], Meta(max_length=100)] = []
    tags: Annotated[list[Id], Meta(max_length=20)] = []
    price_min: Annotated[float, Meta(ge=0)] | None = None
    price_max: Annotated[float, Meta(ge=0)] | None = None
    exclude: Annotated[list[Id], Meta(max_length=200)] = []
    count: Count | None = None
    """As many as the placement shows, where absent."""
    mode: Literal["personal", "nonpersonal"] = "personal"
    device: Device = ""
    """What the person looks at; a browser's own words where absent."""
    lang: Annotated[str, Meta(max_length=35)] = ""


class SimilarIn(Struct, frozen=True, kw_only=True):
    """How many similar products, and in which language their reasons are said."""

    count: Count = 10
    lang: Annotated[str, Meta(max_length=35)] = ""


class ReasonOut(Struct, frozen=True, kw_only=True):
    """Why an item was chosen: a sentence, and what it was made of."""

    key: str
    text: str
    facts: dict[str, Any] = {}


class ItemOut(Struct, frozen=True, kw_only=True):
    """One recommended product; ``position`` counts from 1."""

    product: str
    position: int
    reason: ReasonOut


class RecommendationsOut(Struct, frozen=True, kw_only=True):
    """The answer. Send ``decision`` with the impressions, clicks and orders it leads to.

    ``personal``: whether anything about the person was read; ``fallback``: whether the placement's policy failed.
    """

    decision: str
    placement: str
    personal: bool
    fallback: bool
    items: list[ItemOut]


class MovedOut(Struct, frozen=True, kw_only=True):
    """A product's place among all candidates by the mix of models and by the learned order, 1 = first, and what each
    thing that was looked at added to its score; null where that can no longer be said."""

    place: int
    ranked_place: int
    because: dict[str, float] | None


class ChoiceOut(Struct, frozen=True, kw_only=True):
    """One item of a decision with all its numbers."""

    product: str
    position: int
    score: float
    propensity: float
    parts: dict[str, float]
    reason: ReasonOut
    features: dict[str, float] = {}
    order: MovedOut | None = None
    """What the learned order did to it; null where the mix of models alone put it in order."""


class AskedOut(Struct, frozen=True, kw_only=True):
    """The request that a decision answered."""

    placement: str
    at: str
    visitor: str | None
    customer: str | None
    count: int
    mode: Literal["personal", "nonpersonal"]
    product: str | None
    cart: list[str]
    categories: list[str]
    brands: list[str] = []
    tags: list[str] = []
    price_min: float | None = None
    price_max: float | None = None
    exclude: list[str] = []
    device: Device = ""


class DecisionOut(Struct, frozen=True, kw_only=True):
    """Why: who asked for what, what was eligible, what each rule removed, and each choice."""

    id: str
    policy: str
    personal: bool
    eligible: int
    fallback: str
    experiment: str
    arm: str
    assignment_probability: float
    request: AskedOut
    choices: list[ChoiceOut]
    removed: dict[str, str]


class CustomerOut(Struct, frozen=True, kw_only=True):
    """A customer: what was imported of them, what is known of their behaviour, their newest facts, their consent."""

    id: str
    registered: dict[str, Any] = {}
    features: dict[str, Any] = {}
    timeline: list[dict[str, Any]] = []
    consent: dict[str, Any] = {}
    browsers: list[dict[str, Any]] = []


class IdentityOut(Struct, frozen=True, kw_only=True):
    """Which browsers are whose: the rules, counts by what became of each browser, those refused for being too many,
    those that were unlinked."""

    rules: dict[str, float]
    counts: dict[str, int]
    crowds: list[dict[str, Any]]
    unlinked: list[dict[str, Any]]


class UnlinkOut(Struct, frozen=True, kw_only=True):
    """A browser, and whether it is kept apart from now on."""

    visitor: str
    unlinked: bool


class RulesIn(Struct, frozen=True, kw_only=True):
    """Which rules of baskets: of categories or products, of a segment, how strong, with which text in a name."""

    level: Literal["category", "product"] = "category"
    segment: Annotated[str, Meta(max_length=8)] = ""
    text: Annotated[str, Meta(max_length=100)] = ""
    min_confidence: Annotated[float, Meta(ge=0, le=1)] = 0.0
    min_lift: Annotated[float, Meta(ge=0)] = 1.0
    max_false_share: Annotated[float, Meta(ge=0, le=1)] = 0.05
    count: Annotated[int, Meta(ge=1, le=1500)] = 50


class SegmentsOut(Struct, frozen=True, kw_only=True):
    """Groups of customers. Numbers of people are multiples of 20; null: fewer than 20."""

    version: str
    segments: list[dict[str, Any]] = []
    refused: dict[str, str] = {}


class RulesOut(Struct, frozen=True, kw_only=True):
    """What is bought together. ``holm`` and ``false_share`` are corrected for all rules that were ``tested``."""

    version: str
    orders: int
    days: float
    tested: int
    passing: int
    rules: list[dict[str, Any]] = []


class AudienceIn(Struct, frozen=True, kw_only=True):
    """A rule of the closed grammar, and what its people must have agreed to; with a name it can be saved."""

    rule: dict[str, Any]
    purpose: Literal["analytics", "personalise", "personalised_price", "email", "third_party", "train"] = "email"
    name: Annotated[str, Meta(max_length=100)] = ""


class CountOut(Struct, frozen=True, kw_only=True):
    """How many a rule fits, and how many of them agreed. Multiples of 20; null: fewer than 20."""

    matching: int | None
    reachable: int | None
    everybody: int | None
    purpose: str
    at: str
    least: int


class AudienceOut(Struct, frozen=True, kw_only=True):
    """A saved audience."""

    id: str
    name: str = ""
    purpose: str = ""
    rule: dict[str, Any] = {}


class AudiencesOut(Struct, frozen=True, kw_only=True):
    """All saved audiences."""

    audiences: list[AudienceOut]


class AudiencePeopleOut(Struct, frozen=True, kw_only=True):
    """The customers of an audience who agreed to its purpose."""

    audience: str
    customers: list[str]


class ExportOut(Struct, frozen=True, kw_only=True):
    """Everything that is kept about a customer, place by place."""

    customer: str
    kept: dict[str, Any]


class EraseOut(Struct, frozen=True, kw_only=True):
    """What was removed, place by place."""

    erased: dict[str, Any]


class HealthOut(Struct, frozen=True, kw_only=True):
    """``ok``; anything else is an error of the usual shape."""

    status: Literal["ok"] = "ok"
    version: str = ""
