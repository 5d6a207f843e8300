"""A fact: something happened at a moment. Append-only; erasure is the one exception."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from shopkeeper.core.action import Action
from shopkeeper.core.ids import CustomerId, DecisionId, EventId, OrderId, PersonKey, ProductId, VisitorId, person_key
from shopkeeper.core.money import Money


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderLine:
    """One product of an order. ``price`` is what one unit cost before ``discount`` (of the whole line) and tax."""

    product: ProductId
    variant: str = ""
    quantity: float = 1.0
    price: Money | None = None
    discount: Money | None = None
    tax: Money | None = None
    refund: Money | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A fact about a visitor, customer or product. ``at`` is aware and in UTC."""

    id: EventId
    at: datetime
    action: Action
    visitor: VisitorId | None = None
    customer: CustomerId | None = None
    session: str = ""
    product: ProductId | None = None
    variant: str = ""
    quantity: float | None = None
    price: Money | None = None
    order: OrderId | None = None
    lines: tuple[OrderLine, ...] = ()
    decision: DecisionId | None = None
    """The choice that led to it: how an outcome finds its cause."""
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
    source: str = ""
    received_at: datetime | None = None
    properties: Mapping[str, str] = field(default_factory=dict)

    @property
    def person(self) -> PersonKey | None:
        """Whose history this belongs to; None for facts about products alone."""
        return person_key(self.customer, self.visitor)
