"""Laws of the live profiles that the drain keeps in a real Redis: each message counts once, whatever is read again."""

import uuid
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from live_events import expected, kept, messages_of, some_events
from shopkeeper.core.ids import PersonKey
from shopkeeper.data.stream.redis_live import RedisLive
from shopkeeper.data.stream.redis_profiles import RedisProfiles
from shopkeeper.shop.live_folding import LiveFolding


@pytest.fixture
def store(shared_redis: str) -> Iterator[RedisProfiles]:
    store = RedisProfiles(shared_redis, prefix=f"t-{uuid.uuid4().hex}")
    yield store
    store.close()


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.lists(st.tuples(st.integers(1, 60), st.integers(0, 40)), max_size=8))
def test_reading_again_changes_nothing(shared_redis: str, seed: int, crashes: list[tuple[int, int]]) -> None:
    """Wherever the drain died and from wherever it reads again, the states are those of each event folded once."""
    store = RedisProfiles(shared_redis, prefix=f"t-{uuid.uuid4().hex}")
    folding, events = LiveFolding(RedisLive(store), "CNY"), some_events(120, seed)
    messages, begin = messages_of(events), 0
    for onward, back in [*crashes, (len(messages), 0)]:
        folding.fold(messages[begin : begin + onward])
        begin = max(min(begin + onward, len(messages)) - back, 0)
    assert kept(store) == expected(events)
    store.close()


def test_what_is_trending_comes_most_first(store: RedisProfiles) -> None:
    """Products stand in the order of their scores, and a person who is forgotten has no live profile."""
    events = some_events(200)
    LiveFolding(RedisLive(store), "CNY").fold(messages_of(events))
    _, products = expected(events)
    assert RedisLive(store).trending(3) == sorted(products, key=lambda product: -products[product][1])[:3]
    store.forget([PersonKey("c1")])
    assert RedisLive(store).people(["c1"])["c1"].state == ""
    assert RedisLive(store).people(["c2"])["c2"].state != ""
