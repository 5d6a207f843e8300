"""A few browsers that several people sign in with and, event by event in plain Python, whose each nameless event is."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import chain

from hypothesis import strategies as st

from shopkeeper.core.action import Action
from shopkeeper.core.event import Event
from shopkeeper.core.identity import LinkRules
from shopkeeper.core.ids import CustomerId, EventId, ProductId, VisitorId, is_placeholder

BEGIN = datetime(2026, 3, 1, tzinfo=UTC)
STEP = timedelta(hours=6)
RULES = LinkRules(window_days=2.0, most_customers=2, most_visitors=2)
PRODUCTS = ("apple", "bread", "cheese", "dates")

_VISITORS = ("v1", "v2", "v3", None)
_CUSTOMERS = ("c1", "c1", "c2", "c3", None, None, None)


@st.composite
def _doing(draw: st.DrawFn, shop: str) -> Event:
    visitor, customer = draw(st.sampled_from(_VISITORS)), draw(st.sampled_from(_CUSTOMERS))
    at = BEGIN + STEP * draw(st.integers(0, 30))
    signs_in = visitor is not None and customer is not None
    return Event(
        id=EventId("?"), at=at, received_at=at + timedelta(hours=draw(st.sampled_from([0, 0, 0, 5]))),
        action=Action.IDENTIFY if signs_in and draw(st.booleans()) else Action.PRODUCT_VIEW,
        product=ProductId(draw(st.sampled_from(PRODUCTS))),
        visitor=VisitorId(shop + visitor) if visitor else None,
        customer=CustomerId(shop + (customer or "c1")) if customer or not visitor else None,
    )  # fmt: skip


def doings(most: int = 30, shops: int = 1) -> st.SearchStrategy[list[Event]]:
    """Events of three browsers and three customers within eight days, many at the same moment; of several such
    ``shops`` one after the other, with names of their own ("0v1", "1c2")."""

    def numbered(events: list[list[Event]]) -> list[Event]:
        return [replace(event, id=EventId(f"e{place:03}")) for place, event in enumerate(chain(*events))]

    names = ("",) if shops == 1 else tuple(map(str, range(shops)))
    return st.tuples(*(st.lists(_doing(name), max_size=most) for name in names)).map(list).map(numbered)


def named(shops: int, *names: str) -> list[str]:
    """Names as they are in each of several shops."""
    return [
        f"visitor:{shop}{name[8:]}" if name.startswith("visitor:") else f"{shop}{name}"
        for shop in range(shops)
        for name in names
    ]


def whose(
    event: Event, known: Sequence[Event], *, rules: LinkRules = RULES, apart: Collection[str] = (),
    agreed: Collection[str] | None = None,
) -> str | None:  # fmt: skip
    """The customer whose event it is, where ``known`` is all that is known; None where it is a browser's alone."""
    if event.customer or not event.visitor or event.visitor in apart:
        return event.customer
    seen = [
        (each.at, each.id, each.customer, each.visitor)
        for each in sorted(known, key=lambda each: (each.at, each.id))
        if each.customer and each.visitor and each.visitor not in apart
        if not is_placeholder(each.customer) and not is_placeholder(each.visitor)
    ]
    mine = [(at, customer) for at, _, customer, visitor in seen if visitor == event.visitor]
    before = [customer for at, customer in mine if at <= event.at]
    soon = [customer for at, customer in mine[:1] if at - timedelta(days=rules.window_days) <= event.at]
    (owner,) = before[-1:] or soon[:1] or [None]
    if owner is None or len({customer for _, customer in mine}) > rules.most_customers:
        return None
    if len({visitor for _, _, customer, visitor in seen if customer == owner}) > rules.most_visitors:
        return None
    if agreed is not None and not {owner, f"visitor:{event.visitor}"} <= set(agreed):
        return None
    return str(owner)


def signed_in(visitor: str, customers: Sequence[str]) -> list[Event]:
    """One signed-in event every ten minutes on one browser."""
    return [
        Event(
            id=EventId(f"s{place:05}"), at=BEGIN + timedelta(minutes=10 * place), action=Action.PRODUCT_VIEW,
            product=ProductId("apple"), visitor=VisitorId(visitor), customer=CustomerId(customer),
        )
        for place, customer in enumerate(customers)
    ]  # fmt: skip
