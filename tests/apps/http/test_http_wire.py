"""Laws of what the process that listens and those that decide say to each other."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from shopkeeper.apps.http.wire import Ask, Forget, Frames, Happened, Load, Question, framed
from shopkeeper.core.action import Action
from shopkeeper.core.decision import Request
from shopkeeper.core.event import Event
from shopkeeper.core.ids import CustomerId, EventId, ProductId
from shopkeeper.core.money import Money

AT = datetime(2026, 11, 25, 12, 30, 15, 123456, tzinfo=UTC)
REQUEST = Request(
    placement="cart", at=AT, customer=CustomerId("顾客"), cart=(ProductId("a"), ProductId("b")), seed=2**53 - 1
)
EVENT = Event(
    id=EventId("e1"), at=AT, received_at=AT, action=Action.PRODUCT_VIEW, customer=CustomerId("c"),
    product=ProductId("a"), price=Money(minor=1999, currency="CNY"), properties={"k": "v"},
)  # fmt: skip
MESSAGES = (Ask(7, REQUEST, True, "zh"), Happened([EVENT]), Forget(["c", "visitor:v"]), Load(), Happened([]))


@given(st.lists(st.sampled_from(MESSAGES), max_size=12), st.lists(st.integers(1, 400), min_size=1, max_size=60))
def test_messages_come_out_whole_and_in_order_however_they_are_cut(sent: list[Question], cuts: list[int]) -> None:
    """What arrives equals what was sent, in its order, however the bytes are cut on the way."""
    stream, frames, heard = b"".join(map(framed, sent)), Frames(Question), []
    while stream:
        size = cuts[len(heard) % len(cuts)]
        heard += list(frames.of(stream[:size]))
        stream = stream[size:]
    assert heard == sent
