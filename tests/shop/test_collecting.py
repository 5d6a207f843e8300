"""Laws of how events are taken in."""

from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shopkeeper.core.action import Action
from shopkeeper.core.event import Event
from shopkeeper.data.drain import encode_event
from shopkeeper.shop.collecting import unreceived

_TEXT = st.sampled_from(["a", ',"at":', ',"received_at":', '","received_at":"x",', "游客"])
_MOMENT = st.datetimes(datetime(2000, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC))  # given one


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    event=st.builds(
        Event, id=_TEXT, at=_MOMENT, action=st.sampled_from(Action), visitor=_TEXT, text=_TEXT, source=_TEXT,
        received_at=st.none() | _MOMENT, properties=st.dictionaries(_TEXT, _TEXT, max_size=2),
    ),
    now=st.booleans(),
)  # fmt: skip
def test_retries_differ_in_nothing_but_when_they_were_received(event: Event, now: bool) -> None:
    """Taking the times out of an encoded event gives what encoding it without them gives, whatever its texts hold."""
    never = datetime(1970, 1, 1, tzinfo=UTC)
    plain = replace(event, received_at=None, at=never if now else event.at)
    assert unreceived(encode_event(event), now=now) == encode_event(plain)
