"""Laws of the live profiles: however events came in, a history is the same, and the one made from scratch."""

import math
import random
import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from streams import CURRENCY, PRODUCTS, START, streams

from shopkeeper.core.action import Action
from shopkeeper.core.event import Event, OrderLine
from shopkeeper.core.histories import Histories
from shopkeeper.core.ids import CustomerId, EventId, PersonKey, ProductId, VisitorId
from shopkeeper.core.weights import ActionWeights
from shopkeeper.data.lake import Lake
from shopkeeper.data.schema import event_row, line_rows, table_of
from shopkeeper.data.snapshot import LakeSnapshot
from shopkeeper.features.profiles import NEWEST, LiveProfiles
from shopkeeper.features.state import micros_of

INDEX = {name: place for place, name in enumerate(PRODUCTS)}
NOBODY = Histories.of_sequences([])
PEOPLE = ["c1", "c2", "visitor:v1", "visitor:v2"]
END = START + timedelta(days=20)
few = settings(max_examples=60, deadline=None)
Row = tuple[int, int, int, float, float, int]


def profiles(events: Sequence[Event], base: Histories = NOBODY) -> LiveProfiles:
    live = LiveProfiles(base=base, product_index=INDEX, currency=CURRENCY)
    for event in events:
        live.fold_many([event])
    return live


def rows(history: Histories) -> list[Row]:
    """Events as comparable rows; baskets by rank, unknown prices as -1."""
    ranks = {number: place for place, number in enumerate(sorted({*history.order.tolist()} - {-1}))}
    return [
        (at, product, action, round(quantity, 4), -1.0 if math.isnan(price) else round(price, 4), ranks.get(order, -1))
        for at, product, action, quantity, price, order in zip(
            history.at.tolist(), history.product.tolist(), history.action.tolist(), history.quantity.tolist(),
            history.price.tolist(), history.order.tolist(), strict=True,
        )
    ]  # fmt: skip


def told(live: LiveProfiles) -> dict[str, list[Row]]:
    return {person: sorted(rows(live.history(PersonKey(person)))) for person in PEOPLE}


def batch(folder: Path, events: Sequence[Event], people: Sequence[str]) -> Histories:
    """The histories that training reads from the lake, in the numbering of ``INDEX``."""
    lake = Lake(folder / "lake")
    goods = [{"id": name, "at": START} for name in PRODUCTS]
    lines = [row for event in events for row in line_rows(event)]
    lake.append("products", table_of("products", goods), key="p")
    lake.append("events", table_of("events", [event_row(event) for event in events]), key="e")
    lake.append("order_lines", table_of("order_lines", lines), key="l")
    known = LakeSnapshot(lake=lake, moment=END, currency=CURRENCY, may_train=lambda: list(people))
    assert known.catalogue().ids.tolist() == PRODUCTS
    return known.histories()


def alone(events: Sequence[Event]) -> list[Event]:
    """The same events without sign-ins: training does not join a browser with its customer."""
    return [replace(event, visitor=None) if event.customer else event for event in events]


@few
@given(streams(), st.randoms(use_true_random=False))
def test_order_and_repetition_change_nothing(events: list[Event], dice: random.Random) -> None:
    """Any permutation of the events, any of them sent again, leaves every history as it was."""
    again = dice.choices(events, k=5) if events else []
    assert told(profiles(events)) == told(profiles(dice.sample([*events, *again], len(events) + len(again))))


@settings(max_examples=12, deadline=None)
@given(streams(40).map(alone), st.integers(0, 41))
def test_live_is_what_training_would_read(
    tmp_path_factory: pytest.TempPathFactory, events: list[Event], step: int
) -> None:
    """A history folded from nothing, or on a base of the events up to any moment, is the one of the lake's snapshot."""
    split = START + timedelta(hours=7 * step)
    whole = batch(tmp_path_factory.mktemp("whole"), events, PEOPLE)
    early = [event for event in events if event.at < split]
    base = batch(tmp_path_factory.mktemp("base"), early, PEOPLE)
    scratch, onwards = profiles(events), profiles([event for event in events if event.at >= split], base)
    for place, person in enumerate(whole.people.tolist()):
        expected = sorted(rows(whole.rows(np.array([place]))))
        assert sorted(rows(scratch.history(person))) == expected
        assert sorted(rows(onwards.history(person))) == expected


def test_what_the_base_has_is_recognised(tmp_path: Path) -> None:
    """Events that the base was made from change nothing when they are folded again."""
    lines = (OrderLine(product=ProductId("apple")), OrderLine(product=ProductId("bread"), quantity=2.0))
    events = [
        Event(id=EventId("o"), at=START, action=Action.ORDER, customer=CustomerId("c1"), lines=lines),
        _view("a", 1, customer="c1"),
    ]
    base = batch(tmp_path, events, PEOPLE)
    assert told(profiles(events, base)) == told(profiles([], base))
    assert len(told(profiles(events, base))["c1"]) == 3


@few
@given(streams(), streams())
def test_histories_are_in_order_of_time(early: list[Event], late: list[Event]) -> None:
    """Events are oldest first and basket numbers grow with time, also when late events come on top of a base."""
    base = profiles(early).history(PersonKey("c1"))
    for person in PEOPLE:
        history = profiles([replace(event, id=EventId(f"l{event.id}")) for event in late], base).history(
            PersonKey(person)
        )
        assert (np.diff(history.at) >= 0).all()
        baskets = history.order[history.order >= 0]
        times = history.at[history.order >= 0]
        first = {number: int(times[baskets == number].min()) for number in set(baskets.tolist())}
        assert [first[number] for number in sorted(first)] == sorted(first.values())


def _view(name: str, hour: int, *, customer: str = "", visitor: str = "", product: str = "apple") -> Event:
    return Event(
        id=EventId(name), at=START + timedelta(hours=hour), action=Action.PRODUCT_VIEW, product=ProductId(product),
        customer=CustomerId(customer) if customer else None, visitor=VisitorId(visitor) if visitor else None,
    )  # fmt: skip


def _sign_in(name: str, hour: int, visitor: str, customer: str) -> Event:
    return replace(_view(name, hour, customer=customer, visitor=visitor), action=Action.IDENTIFY, product=None)


def test_a_browser_that_signs_in_brings_its_past() -> None:
    """What a visitor did before signing in is part of the customer's history, asked for under either name."""
    events = [_view("a", 1, visitor="v1"), _sign_in("b", 2, "v1", "c1"), _view("c", 3, customer="c1", product="bread")]
    live = profiles(events)
    history = live.history(PersonKey("c1"))
    assert history.product.tolist() == [INDEX["apple"], INDEX["bread"]]
    assert history.people.tolist() == live.history(PersonKey("visitor:v1")).people.tolist() == ["c1"]
    assert rows(live.history(PersonKey("visitor:v1"))) == rows(history)


def test_a_past_in_the_base_comes_along() -> None:
    """A visitor's events from before the training join the customer's, too."""
    base = profiles([_view("a", 1, visitor="v1")]).history(PersonKey("visitor:v1"))
    live = profiles([_sign_in("b", 2, "v1", "c1")], base)
    assert live.history(PersonKey("c1")).product.tolist() == [INDEX["apple"]]


def test_people_of_one_browser_stay_apart() -> None:
    """Where two people share a browser, its past is whose it was then, in whatever order the events came; who asks from
    there is the newest."""
    events = [_view("a", 1, visitor="v1"), _sign_in("b", 2, "v1", "c1"), _sign_in("c", 3, "v1", "c2")]
    for stream in (events, events[::-1]):
        live = profiles(stream)
        assert live.history(PersonKey("c1")).events == 1
        assert live.history(PersonKey("c2")).events == 0
        assert live.customer_of(PersonKey("visitor:v1")) == "c2"


@pytest.mark.parametrize("name", ["guest", "NULL", " ", "0", "游客"])
def test_nobody_is_nobody(name: str) -> None:
    """An id that stands for nobody gets no history and joins no browsers."""
    live = profiles([_view("a", 1, customer=name), _view("b", 2, customer=name, visitor="v1")])
    assert live.history(PersonKey(name)).events == 0
    assert live.history(PersonKey("visitor:v1")).events == 1


def test_only_the_newest_are_kept() -> None:
    """Of more than ``NEWEST`` facts the newest stay, in whatever order they came; fewer are given where asked for."""
    events = [_view(f"e{number:05}", number, customer="c1") for number in range(NEWEST + 50)]
    for stream in (events, events[::-1]):
        live = profiles(stream)
        history = live.history(PersonKey("c1"))
        assert history.events == NEWEST
        assert int(history.at[0]) == micros_of(events[50].at)
        assert live.history(PersonKey("c1"), 3).at.tolist() == [micros_of(event.at) for event in events[-3:]]


def test_who_is_forgotten_is_unknown() -> None:
    """After ``forget`` neither the customer nor the link to their browser answers; later events start afresh."""
    base = profiles([_view("a", 1, customer="c1")]).history(PersonKey("c1"))
    live = profiles([_view("b", 2, visitor="v1"), _sign_in("c", 3, "v1", "c1")], base)
    for key in ("c1", "visitor:v1"):
        live.forget(PersonKey(key))
    assert [live.history(PersonKey(key)).events for key in ("c1", "visitor:v1")] == [0, 0]
    live.fold_many([_view("d", 4, customer="c1")])
    assert live.history(PersonKey("c1")).events == 1


def test_many_threads_lose_nothing() -> None:
    """Events folded from several threads while others read are all there afterwards."""
    live = profiles([])
    streams_of = [[_view(f"{who}-{number}", number, customer="c1") for number in range(100)] for who in range(4)]

    def work(events: list[Event]) -> None:
        for event in events:
            live.fold_many([event])
            assert (np.diff(live.history(PersonKey("c1")).at) >= 0).all()

    threads = [threading.Thread(target=work, args=(events,)) for events in streams_of]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert live.history(PersonKey("c1")).events == 400


def _search(number: int, text: str) -> Event:
    at = START + timedelta(minutes=number)
    return Event(id=EventId(f"s{number}"), at=at, action=Action.SEARCH, visitor=VisitorId("v1"), query=text)


def test_a_search_is_what_its_words_speak_of() -> None:
    """The products that the words speak of, with how well they match; only the newest five searches; sent again it
    counts once; unknown words are nothing."""
    index = {"tea": [(2, 1.0), (0, 0.5)], "pot": [(1, 0.25)]}
    live = LiveProfiles(base=NOBODY, product_index=INDEX, currency=CURRENCY, search=lambda text: index.get(text, []))
    live.fold_many([_search(1, "tea"), _search(1, "tea"), _search(2, "zzz"), _search(3, "pot")])
    history = live.history(PersonKey("visitor:v1"))
    assert history.product.tolist() == [2, 0, 1]
    assert history.quantity.tolist() == [1.0, 0.5, 0.25]
    assert set(history.action.tolist()) == {int(Action.SEARCH)}
    live.fold_many([_search(number, "pot") for number in range(4, 9)])
    assert live.history(PersonKey("visitor:v1")).product.tolist() == [1] * 5


def test_live_histories_are_weighed_as_the_shop_says() -> None:
    """With and without live events, a history has the weights of what it was made over."""
    own = ActionWeights(product_view=2.0).table()
    base = replace(Histories.of_sequences([[0, 1]]), weights=own, people=np.array(["c1"], object))
    live = profiles([], base)
    assert live.history(PersonKey("c1")).weights is own
    live.fold_many([_view("late", 3, customer="c1")])
    assert live.history(PersonKey("c1")).weights is own
    assert live.history(PersonKey("nobody")).weights is own
