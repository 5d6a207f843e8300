"""The law of joined pasts: live profiles join what the tables join, whatever came when and from where."""

import random
import uuid
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from browsers import BEGIN, PRODUCTS, RULES, STEP, doings, signed_in, whose
from shopkeeper.core.action import Action
from shopkeeper.core.event import Event
from shopkeeper.core.histories import Histories
from shopkeeper.core.identity import NO_RUNS, Runs
from shopkeeper.core.ids import EventId, PersonKey, VisitorId
from shopkeeper.core.live import SIGN_INS_KEPT, SignIn
from shopkeeper.data.stream.redis_profiles import RedisProfiles
from shopkeeper.features.browsers import Joining, add_sign_in
from shopkeeper.features.profiles import LiveProfiles
from shopkeeper.features.shared_profiles import ProfileWriter, SharedProfiles
from shopkeeper.features.state import micros_of

INDEX = {name: place for place, name in enumerate(PRODUCTS)}
NOBODY = Histories.of_sequences([])
PEOPLE = ("c1", "c2", "c3", "visitor:v1", "visitor:v2", "visitor:v3")
consents = st.none() | st.sets(st.sampled_from(PEOPLE), min_size=4)
wishes = st.sets(st.sampled_from(PEOPLE[3:]), max_size=1)
few = settings(max_examples=60, deadline=None)


def joining(apart: Collection[str] = (), agreed: Collection[str] | None = None, runs: Runs = NO_RUNS) -> Joining:
    ids = frozenset(name.removeprefix("visitor:") for name in apart)
    may = (lambda _: True) if agreed is None else agreed.__contains__
    return Joining(rules=RULES, may_join=may, apart=lambda: ids, runs=runs)


def live(events: Sequence[Event], how: Joining, base: Histories = NOBODY) -> LiveProfiles:
    profiles = LiveProfiles(base=base, product_index=INDEX, currency="USD", joining=how)
    profiles.fold_many(events)
    return profiles


def told(profiles: LiveProfiles | SharedProfiles) -> dict[str, tuple[str, list[tuple[int, int]]]]:
    """Under which name each person is answered, and with what."""
    found = {}
    for person in PEOPLE:
        history = profiles.history(PersonKey(person))
        found[person] = (
            str(history.people[0]),
            sorted(zip(history.at.tolist(), history.product.tolist(), strict=True)),
        )
    return found


def expected(events: Sequence[Event], apart: Collection[str], agreed: Collection[str] | None) -> dict[str, object]:
    """The same from the rules in plain Python: every event under whose it is; a browser is whose its next event is."""
    ids = [name.removeprefix("visitor:") for name in apart]
    whom = {event.id: whose(event, events, apart=ids, agreed=agreed) for event in events}
    parts: dict[str, list[tuple[int, int]]] = {person: [] for person in PEOPLE}
    for event in events:
        parts[whom[event.id] or f"visitor:{event.visitor}"].append((micros_of(event.at), INDEX[str(event.product)]))
    last = max((event.at for event in events), default=BEGIN) + STEP
    found: dict[str, object] = {}
    for person in PEOPLE:
        who: str | None = person
        if person.startswith("visitor:"):
            probe = Event(id=EventId("now"), at=last, action=Action.CLICK, visitor=VisitorId(person[8:]))
            who = whose(probe, events, apart=ids, agreed=agreed) or person
        found[person] = (who, sorted(parts[str(who)]))
    return found


@few
@given(doings(), wishes, consents, st.randoms(use_true_random=False))
def test_live_joins_what_the_tables_join(
    events: list[Event], apart: set[str], agreed: set[str] | None, dice: random.Random
) -> None:
    """In whatever order events come and however often, everybody is answered with what the rules say is theirs."""
    mixed = dice.sample([*events, *events[:5]], len(events) + len(events[:5]))
    assert told(live(mixed, joining(apart, agreed))) == expected(events, apart, agreed)


def past_of(events: Sequence[Event]) -> tuple[Histories, Runs]:
    """What a training hands over: histories by key, and the runs of sign-ins."""
    alone = {
        key: live([e for e in events if str(e.person) == key], joining()).history(PersonKey(key)) for key in PEOPLE
    }
    rows = [alone[key] for key in PEOPLE]
    ends = np.cumsum([0, *(row.events for row in rows)])
    joined = {
        name: np.concatenate([getattr(row, name) for row in rows])
        for name in ("product", "at", "action", "quantity", "price", "order")
    }
    base = Histories(offsets=ends.astype(np.int64), people=np.array(PEOPLE, object), **joined)
    seen: dict[str, list[SignIn]] = {}
    for event in events:
        if event.visitor and event.customer:
            seen.setdefault(event.visitor, []).append(SignIn(micros_of(event.at), event.id, event.customer))
    starts = [
        (visitor, each.customer, each.at)
        for visitor in sorted(seen)
        for before, each in zip([None, *sorted(seen[visitor])], sorted(seen[visitor]), strict=False)
        if before is None or before.customer != each.customer
    ]
    return base, Runs(
        visitor=np.array([row[0].encode() for row in starts], "S9"),
        customer=np.array([row[1].encode() for row in starts], "S9"),
        at=np.array([row[2] for row in starts], np.int64),
    )


@few
@given(doings(), wishes, consents, st.integers(0, 31))
def test_a_training_in_between_changes_nothing(
    events: list[Event], apart: set[str], agreed: set[str] | None, step: int
) -> None:
    """On top of what a training knew at any moment come the same answers as from all events folded."""
    early = [event for event in events if event.at < BEGIN + STEP * step]
    base, runs = past_of(early)
    late = [event for event in events if event not in early]
    whole = live(events, joining(apart, agreed))
    assert told(live(late, joining(apart, agreed, runs), base)) == told(whole)


@pytest.fixture
def stores(shared_redis: str) -> Iterator[Callable[[], RedisProfiles]]:
    made: list[RedisProfiles] = []

    def fresh() -> RedisProfiles:
        made.append(RedisProfiles(shared_redis, prefix=f"t-{uuid.uuid4().hex}"))
        return made[-1]

    yield fresh
    for store in made:
        store.close()


@settings(max_examples=30, deadline=None)
@given(doings(), wishes, consents, st.integers(0, 31), st.randoms(use_true_random=False))
def test_shared_profiles_join_the_same(
    shared_redis: str, events: list[Event], apart: set[str], agreed: set[str] | None, step: int, dice: random.Random
) -> None:
    """From a real Redis, with or without a training before, come the answers of memory."""
    early = [event for event in events if event.at < BEGIN + STEP * step]
    base, runs = past_of(early)
    late = [event for event in events if event not in early]
    store = RedisProfiles(shared_redis, prefix=f"t-{uuid.uuid4().hex}")
    ProfileWriter(store, "USD").tell(dice.sample(late, len(late)))
    shared = SharedProfiles(
        base=base, product_index=INDEX, store=store, received_until=BEGIN - timedelta(days=1),
        joining=joining(apart, agreed, runs),
    )  # fmt: skip
    memory = live(late, joining(apart, agreed, runs), base)
    assert told(shared) == told(memory)
    for person in map(PersonKey, PEOPLE):
        assert shared.customer_of(person) == memory.customer_of(person)
    store.close()


def test_forgetting_one_leaves_the_other_of_a_browser() -> None:
    """Of two customers of one browser the one who is forgotten leaves no sign-in, neither live nor of the training."""
    runs = Runs(visitor=np.array([b"v1", b"v1"]), customer=np.array([b"c1", b"c2"]), at=np.array([5, 9], np.int64))
    how = joining(runs=runs)
    profiles = live([], how)
    assert profiles.customer_of(PersonKey("visitor:v1")) == "c2"
    profiles.forget(PersonKey("c2"))
    assert profiles.customer_of(PersonKey("visitor:v1")) == "c1"
    assert how.known_browsers(PersonKey("c2")) == []
    profiles.forget(PersonKey("visitor:v1"))
    assert profiles.customer_of(PersonKey("visitor:v1")) is None
    assert len(runs.without({"v1"}, set())) == 0
    assert runs.without(set(), {"c1"}).customer.tolist() == [b"c2"]


def test_sign_ins_are_few_however_long_somebody_stays(stores: Callable[[], RedisProfiles]) -> None:
    """A browser that is signed in all the time keeps a day of it and the borders, in memory and in Redis alike;
    whose it was at every moment is as before."""
    events = signed_in("v1", ["c1"] * 900 + ["c2"] * 5 + ["c1"] * 900)
    kept: list[SignIn] = []
    for event in events:
        add_sign_in(kept, SignIn(micros_of(event.at), event.id, str(event.customer)))
    store = stores()
    for begin in range(0, len(events), 200):
        ProfileWriter(store, "USD").tell(events[begin : begin + 200])
    shared = store.look(PersonKey("visitor:v1")).sign_ins(PersonKey("visitor:v1"))

    def owners(seen: Sequence[SignIn]) -> list[str]:
        at = np.array([each.at for each in seen])
        moments = [micros_of(event.at) + 1 for event in events]
        return [seen[place - 1].customer for place in np.searchsorted(at, moments).tolist()]

    for seen in (kept, shared):
        assert len(seen) < 300 < SIGN_INS_KEPT
        assert owners(seen) == [event.customer for event in events]
