"""Laws of the live profile: it is the fold of one person, and its JSON is the whole of it; visits and trends."""

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from streams import CURRENCY, START, streams

from shopkeeper.core.action import Action
from shopkeeper.core.event import Event
from shopkeeper.core.ids import EventId, PersonKey, ProductId
from shopkeeper.features.fold import FeatureFold
from shopkeeper.features.live_fold import hours_after, hours_of, person_of, profile_after
from shopkeeper.features.live_profile import LiveProfile
from shopkeeper.features.sessions import GAP, KEPT, Session, is_over, with_event
from shopkeeper.features.trending import HOUR, HOURS, acts_of, score, with_act

many = settings(max_examples=120, deadline=None)


def folded(events: Sequence[Event]) -> dict[str, str]:
    states: dict[str, str] = {}
    for event in events:
        person = person_of(event)
        if person is not None:
            states[person] = profile_after(states.get(person, ""), event, CURRENCY)
    return states


@many
@given(streams())
def test_it_is_the_fold_of_the_tables(events: list[Event]) -> None:
    """Kept event by event through its JSON, a profile holds exactly what ``FeatureFold`` remembers of the person."""
    fold = FeatureFold(currency=CURRENCY)
    for event in events:
        fold.fold(event)
    states = folded(events)
    assert sorted(states) == fold.people
    for person, state in states.items():
        profile = LiveProfile.decoded(state)
        assert profile.state == fold.state_of(person)
        assert profile.encoded() == state
        assert sum(session.events for session in profile.sessions) == sum(
            person_of(event) == person for event in events
        )


@many
@given(st.lists(st.integers(0, 400), max_size=40), st.randoms(use_true_random=False))
def test_visits_do_not_ask_for_order(minutes: list[int], dice: random.Random) -> None:
    """From the same events in any order come the same visits: apart by half an hour or more, each event in one."""
    visits: list[tuple[Session, ...]] = []
    for order in (minutes, dice.sample(minutes, len(minutes))):
        sessions: tuple[Session, ...] = ()
        for minute in order:
            sessions = with_event(sessions, minute * 60_000_000)
        visits.append(sessions)
    assert visits[0] == visits[1]
    assert sum(session.events for session in visits[0]) == len(minutes)
    for one, other in zip(visits[0], visits[0][1:], strict=False):
        assert other.first_at - one.last_at >= GAP
        assert is_over(one, other.first_at)


def test_a_late_event_joins_two_visits() -> None:
    """Two visits with 40 minutes between them become one when an event from the middle arrives; old ones go."""
    minute = 60_000_000
    sessions = with_event(with_event((), 0), 40 * minute)
    assert [session.events for session in sessions] == [1, 1]
    assert with_event(sessions, 20 * minute) == (Session(0, 40 * minute, 3),)
    for number in range(KEPT + 5):
        sessions = with_event(sessions, (100 + 60 * number) * minute)
    assert len(sessions) == KEPT


@many
@given(st.lists(st.tuples(st.integers(0, 200), st.integers(1, 5)), min_size=1, max_size=40), st.randoms())
def test_trends_do_not_ask_for_order(acts: list[tuple[int, int]], dice: random.Random) -> None:
    """From the same acts in any order come the same hours and the same score, bit by bit; only the last three days of a
    product are kept, and none of theirs is missing."""
    told = []
    for order in (acts, dice.sample(acts, len(acts))):
        state, value = "", 0.0
        for hour, worth in order:
            state, value = hours_after(state, hour, worth)
        told.append((state, value))
    assert told[0] == told[1]
    newest = max(hour for hour, _ in acts)
    expected: dict[int, int] = {}
    for hour, worth in acts:
        if hour > newest - HOURS:
            expected[hour] = expected.get(hour, 0) + worth
    assert hours_of(told[0][0]) == expected


def test_scores_halve_in_a_day() -> None:
    """Four acts yesterday weigh as much as two today; an act more is always a higher score."""
    assert score(with_act({}, 100, 4)) == pytest.approx(score(with_act({}, 124, 2)))
    assert score({100: 4, 90: 1}) > score({100: 4})


def _view(hours_late: int) -> Event:
    return Event(
        id=EventId("e"), at=START, received_at=START + timedelta(hours=hours_late), action=Action.PRODUCT_VIEW,
        product=ProductId("apple"), customer=None,
    )  # fmt: skip


def test_what_comes_three_days_late_is_no_trend() -> None:
    """Whether an event counts for trends depends on the event alone, not on who counts it when."""
    assert [act[2] for act in acts_of(_view(HOURS))] == [1]
    assert list(acts_of(_view(HOURS + 1))) == []
    assert list(acts_of(replace(_view(0), action=Action.SEARCH))) == []
    assert profile_after("", replace(_view(0), action=Action.STOCK_CHANGE), CURRENCY) == ""
    assert person_of(_view(0)) is None
    assert HOUR == 3_600_000_000
    assert PersonKey("x") not in folded([_view(0)])
