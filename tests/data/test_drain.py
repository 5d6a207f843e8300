"""Laws of what encoded events become in the lake."""

from datetime import UTC, datetime

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from shopkeeper.core.action import Action
from shopkeeper.core.event import Event, OrderLine
from shopkeeper.core.money import Money
from shopkeeper.data.drain import encode_event, events_of, lines_of, prices_of
from shopkeeper.data.schema import TABLES, event_row, line_rows

_TEXT = st.sampled_from(
    ["", "a", "游客 €", '","action":35,"', ',"lines":[],', ',"properties":{}}', "\u2028\\\n\t", "😀"]
) | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
_MOMENT = st.datetimes(datetime(2000, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC))  # given one
_MONEY = st.builds(Money, st.integers(0, 10**11), st.sampled_from(["USD", "JPY"]))
_MAYBE = st.none() | _TEXT
_NUMBER = st.none() | st.floats(-1e6, 1e6)
_LINE = st.builds(OrderLine, product=st.just("p1"), variant=_TEXT, quantity=st.floats(0.5, 9), price=st.none() | _MONEY)
EVENTS = st.builds(
    Event, id=_TEXT.map("e{}".format), at=_MOMENT, action=st.sampled_from(Action), visitor=_MAYBE, customer=_MAYBE,
    session=_TEXT, product=_MAYBE, variant=_TEXT, quantity=_NUMBER, price=st.none() | _MONEY, order=_MAYBE,
    lines=st.lists(_LINE, max_size=2).map(tuple), decision=_MAYBE, placement=_TEXT,
    position=st.none() | st.integers(0, 100_000), query=_TEXT, path=_TEXT, dwell_seconds=_NUMBER, rating=_NUMBER,
    text=_TEXT, coupon=_TEXT, campaign=_TEXT, channel=_TEXT, source=_TEXT, received_at=st.none() | _MOMENT,
    properties=st.dictionaries(_TEXT, _TEXT, max_size=2),
)  # fmt: skip


@settings(
    phases=[Phase.explicit, Phase.generate], deadline=None, max_examples=30,
    suppress_health_check=[HealthCheck.too_slow],
)  # fmt: skip
@given(events=st.lists(EVENTS, max_size=4))
def test_many_at_once_are_what_each_is_alone(events: list[Event]) -> None:
    """The rows read from encoded events are those that ``event_row`` and ``line_rows`` say, whatever the texts hold."""
    bodies = [encode_event(event) for event in events]
    assert events_of(bodies).to_pylist() == [event_row(event) for event in events]
    assert lines_of(bodies).to_pylist() == [row for event in events for row in line_rows(event)]
    told = [event for event in events if event.action is Action.PRICE_CHANGE and event.price]
    assert prices_of(bodies).column("price_minor").to_pylist() == [event.price.minor for event in told if event.price]
    assert events_of(bodies).schema.equals(TABLES["events"])
