"""The law of the shared profiles: from a real Redis come the same histories as from memory, whoever adds what when."""

import random
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from streams import CURRENCY, START, streams
from test_profiles import END, INDEX, NOBODY, PEOPLE, _sign_in, _view, profiles, told

from shopkeeper.core.action import Action
from shopkeeper.core.event import Event, OrderLine
from shopkeeper.core.histories import Histories
from shopkeeper.core.ids import CustomerId, EventId, OrderId, PersonKey, ProductId, VisitorId
from shopkeeper.data.stream.redis_profiles import RedisProfiles
from shopkeeper.features.past import NEWEST
from shopkeeper.features.shared_profiles import ProfileWriter, SharedProfiles
from shopkeeper.features.state import micros_of

LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


@pytest.fixture
def store(shared_redis: str) -> Iterator[RedisProfiles]:
    store = RedisProfiles(shared_redis, prefix=f"t-{uuid.uuid4().hex}")
    yield store
    store.close()


def shared(
    store: RedisProfiles, events: Sequence[Event], base: Histories = NOBODY, until: datetime = LONG_AGO
) -> SharedProfiles:
    ProfileWriter(store, CURRENCY).tell(events)
    return SharedProfiles(base=base, product_index=INDEX, store=store, received_until=until)


def told_first(events: Sequence[Event]) -> list[Event]:
    """Without the orders that their people told before. Those without a line say nothing."""
    first: dict[tuple[str | None, str | None], tuple[datetime, str]] = {}
    for event in events:
        if event.action is Action.ORDER and event.order and event.lines:
            its = event.person, event.order
            first[its] = min(first.get(its, (END, "")), (event.received_at or event.at, event.id))
    return [
        event
        for event in events
        if event.action is not Action.ORDER or first.get((event.person, event.order), ("", event.id))[1] == event.id
    ]


@settings(max_examples=60, deadline=None)
@given(streams(), st.randoms(use_true_random=False))
def test_the_same_as_in_memory(shared_redis: str, events: list[Event], dice: random.Random) -> None:
    """Any permutation of the events, any of them sent again, dealt to two processes, gives the histories of memory,
    which knows an order as it was told first."""
    prefix = f"t-{uuid.uuid4().hex}"
    stores = [RedisProfiles(shared_redis, prefix=prefix) for _ in range(2)]
    again = dice.choices(events, k=5) if events else []
    mixed = dice.sample([*events, *again], len(events) + len(again))
    half = dice.randint(0, len(mixed))
    one, other = shared(stores[0], mixed[:half]), shared(stores[1], mixed[half:])
    expected = told(profiles(told_first(events)))
    assert told(one) == expected  # type: ignore[arg-type]  # it answers as LiveProfiles does
    assert told(other) == expected  # type: ignore[arg-type]  # it answers as LiveProfiles does
    for person in PEOPLE:
        assert one.customer_of(PersonKey(person)) == profiles(events).customer_of(PersonKey(person))
    for store in stores:
        store.close()


def test_what_the_training_knew_is_not_counted_twice(store: RedisProfiles) -> None:
    """Of what is kept in the store only what was received after the training joins the base, and of that only what the
    base does not have: also what came in while the training read."""
    early = replace(_view("a", 1, customer="c1"), received_at=START + timedelta(hours=1))
    during = replace(_view("b", 2, customer="c1", product="bread"), received_at=START + timedelta(hours=2, seconds=1))
    late = replace(_view("c", 3, customer="c1"), received_at=START + timedelta(hours=3))
    base = profiles([early, during]).history(PersonKey("c1"))
    live = shared(store, [early, during, late], base, START + timedelta(hours=2))
    assert live.history(PersonKey("c1")).at.tolist() == [micros_of(each.at) for each in (early, during, late)]
    empty = shared(store, [], NOBODY, START + timedelta(hours=2))
    assert empty.history(PersonKey("c1")).events == 2


def test_only_the_newest_are_kept(store: RedisProfiles) -> None:
    """Of more than ``NEWEST`` deeds the newest are told, and what is kept is bounded, in whatever order they came."""
    events = [_view(f"e{number:05}", number, customer="c1") for number in range(NEWEST * 2 + 50)]
    for name, stream in (("on", events), ("back", events[::-1])):
        own = RedisProfiles(store._url, prefix=f"{name}-{uuid.uuid4().hex}")
        live = shared(own, stream)
        history = live.history(PersonKey("c1"))
        assert history.events == NEWEST
        assert int(history.at[0]) == micros_of(events[-NEWEST].at)
        assert own._redis.hlen(f"{own.prefix}deeds:c1") <= NEWEST * 1.25
        own.close()


def test_a_decision_is_one_round_trip(store: RedisProfiles) -> None:
    """Within ``once`` a person is asked for once, however often they are looked at; nothing else is asked."""
    live = shared(store, [_view("a", 1, visitor="v1"), _sign_in("b", 2, "v1", "c1")])
    live.history(PersonKey("c1"))  # the script is known from here on
    before = store._redis.info("commandstats")
    with live.once():
        assert live.customer_of(PersonKey("visitor:v1")) == "c1"
        assert live.history(PersonKey("visitor:v1")).events == 1
        live.customer_of(PersonKey("visitor:v1"))
    after = store._redis.info("commandstats")
    asked = {name: figures["calls"] - before.get(name, {"calls": 0})["calls"] for name, figures in after.items()}
    assert asked["cmdstat_evalsha"] == 1
    assert asked.get("cmdstat_eval", 0) == 0
    live.history(PersonKey("visitor:v1"))
    assert store._redis.info("commandstats")["cmdstat_evalsha"]["calls"] == after["cmdstat_evalsha"]["calls"] + 1


def test_who_is_forgotten_leaves_nothing(store: RedisProfiles) -> None:
    """After ``forget`` no key and no value of the store names the customer or their browser; others stay."""
    live = shared(
        store, [_view("a", 1, visitor="v-gone"), _sign_in("b", 2, "v-gone", "c-gone"), _view("c", 3, customer="c1")]
    )
    live.forget(PersonKey("c-gone"))
    live.forget(PersonKey("visitor:v-gone"))
    kept = {key: store._redis.dump(key) for key in store._redis.scan_iter(f"{store.prefix}*")}
    assert kept
    assert not [key for key, value in kept.items() if b"gone" in key + value]
    assert live.history(PersonKey("c1")).events == 1


def test_odd_ids_are_only_ids(store: RedisProfiles) -> None:
    """An id may hold what a key or a script could trip over."""
    for customer in ("a:b", "{x}", "'; return 1 --", "顾客 1", 'q"uote\\'):
        event = replace(_view(f"id {customer}", 1, customer="c"), customer=CustomerId(customer))
        live = shared(store, [event])
        assert live.history(PersonKey(customer)).events == 1


def test_a_search_is_shared(store: RedisProfiles) -> None:
    """What one process heard searched for, another one finds."""
    at = START + timedelta(days=30)
    search = Event(id=EventId("s1"), at=at, action=Action.SEARCH, visitor=VisitorId("v1"), query="tea")
    ProfileWriter(store, CURRENCY).tell([search])
    other = SharedProfiles(
        base=NOBODY, product_index=INDEX, store=store, received_until=LONG_AGO, search=lambda text: [(len(text), 0.5)]
    )
    history = other.history(PersonKey("visitor:v1"))
    assert (history.product.tolist(), history.quantity.tolist()) == ([3], [0.5])


def test_an_order_counts_once_under_whatever_ids_it_is_told(store: RedisProfiles) -> None:
    """Told by the browser's library and by the server, each to a process of its own: one order at the next answer,
    before the drain has judged. What takes it back is a deed of its own, and so is another order."""
    line = OrderLine(product=ProductId("apple"), quantity=2.0, price=None)
    first = replace(
        _view("web-1", 5, customer="c1"), action=Action.ORDER, order=OrderId("O1"), lines=(line,), product=None
    )
    second = replace(first, id=EventId("hook-7"), received_at=first.at + timedelta(seconds=3))
    back = replace(first, id=EventId("back"), action=Action.ORDER_RETURN, at=first.at + timedelta(hours=1))
    other = replace(first, id=EventId("web-2"), order=OrderId("O2"), at=first.at + timedelta(hours=2))
    shared(store, [second])
    live = shared(store, [first])
    history = live.history(PersonKey("c1"))
    assert (history.at.tolist(), history.quantity.tolist()) == ([micros_of(first.at)], [2.0])
    live = shared(store, [back, other])
    told = live.history(PersonKey("c1"))
    assert told.action.tolist() == [int(Action.ORDER), int(Action.ORDER_RETURN), int(Action.ORDER)]
