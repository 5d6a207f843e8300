"""The closed grammar of audiences, as a typed tree. Nothing of it is ever code: ``reading`` makes it from JSON, ``sql``
makes parameters of every value."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from shopkeeper.core.action import Action

Kind = Literal["count", "money", "share", "days", "word"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A number or word about a customer that rules may ask for."""

    column: str
    """SQL over the table of people: a constant of ours."""
    kind: Kind


def _days(earlier: str, later: str) -> str:
    """The days between two moments."""
    return f"(epoch_us({later}) - epoch_us({earlier})) / 86400000000.0"


FIELDS: Final[dict[str, Field]] = {
    "orders": Field(column="people.orders", kind="count"),
    "spend": Field(column="people.spend", kind="money"),
    "basket_spend": Field(column="people.basket_spend", kind="money"),
    "basket_lines": Field(column="people.basket_lines", kind="count"),
    "usual_price": Field(column="people.usual_price", kind="money"),
    "discount_share": Field(column="people.discount_share", kind="share"),
    "weekend_share": Field(column="people.weekend_share", kind="share"),
    "returns": Field(column="people.returns", kind="count"),
    "quiet_days": Field(column=_days("people.last_order_at", "$moment"), kind="days"),
    "customer_days": Field(column=_days("people.first_order_at", "$moment"), kind="days"),
    "unseen_days": Field(column=_days("people.last_seen_at", "$moment"), kind="days"),
    "views": Field(column="people.views", kind="count"),
    "cart_adds": Field(column="people.cart_adds", kind="count"),
    "searches": Field(column="people.searches", kind="count"),
    "mail_opens": Field(column="people.mail_opens", kind="count"),
    "mail_clicks": Field(column="people.mail_clicks", kind="count"),
    "coupons_redeemed": Field(column="people.coupons_redeemed", kind="count"),
    "rating_mean": Field(column="people.rating_mean", kind="count"),
    "recency_score": Field(column="people.recency_score", kind="count"),
    "frequency_score": Field(column="people.frequency_score", kind="count"),
    "money_score": Field(column="people.money_score", kind="count"),
    "churn_probability": Field(column="people.churn_probability", kind="share"),
    "buy_probability": Field(column="people.buy_probability", kind="share"),
    "alive_probability": Field(column="people.alive_probability", kind="share"),
    "predicted_value": Field(column="people.predicted_value", kind="money"),
    "predicted_orders": Field(column="people.predicted_orders", kind="count"),
    "predicted_soon": Field(column="people.predicted_soon", kind="money"),
    "next_order_days": Field(column=_days("$moment", "people.next_order_at"), kind="days"),
    "return_share": Field(column="people.return_share", kind="share"),
    "deal_share": Field(column="people.deal_share", kind="share"),
    "price_response": Field(column="people.price_response", kind="count"),
    "segment": Field(column="people.segment", kind="word"),
    "spending": Field(column="people.spending", kind="word"),
    "language": Field(column="people.language", kind="word"),
}
"""Every field. Contact fields are none of them."""
ABOUT: Final = ("product", "category", "brand", "campaign", "coupon", "channel", "placement")
"""What an event may be asked to be about."""
NOT_ASKED: Final = frozenset({Action.CONSENT, Action.STOCK_CHANGE, Action.PRICE_CHANGE, Action.IDENTIFY})
"""Actions that say nothing of what a customer wants."""


@dataclass(frozen=True, slots=True)
class All:
    """Every part holds; of no parts: everybody."""

    parts: tuple["Rule", ...]


@dataclass(frozen=True, slots=True)
class Some:
    """At least one part holds."""

    parts: tuple["Rule", ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The part does not hold; what is not known does not hold either, so its contrary does."""

    part: "Rule"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """A number lies between two ends, both included; None = open. Money in minor units."""

    field: str
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """A word is one of several."""

    field: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A registration field is one of several values."""

    field: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tagged:
    """What a third party says: the newest value of a tag is one of several, or a number between two ends. It is read of
    those alone who agree to third parties now."""

    tag: str
    origin: str = ""
    """Who says it; "": anybody."""
    values: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Did:
    """Something was done between ``low`` and ``high`` times (None = open) in the last ``days`` days (None = ever)."""

    action: Action
    about: tuple[tuple[str, str], ...] = ()
    low: int | None = 1
    high: int | None = None
    days: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Like:
    """Among the ``people`` customers most like those of a saved audience, who are not in it."""

    audience: str
    people: int


Rule = All | Some | Not | Measure | Word | Told | Tagged | Did | Like


def leaves(rule: Rule) -> Iterator[Rule]:
    """Every condition of a rule, from left to right."""
    match rule:
        case All(parts) | Some(parts):
            for part in parts:
                yield from leaves(part)
        case Not(part):
            yield from leaves(part)
        case _:
            yield rule
