"""Laws of the limits: a key gets its share and no more, nobody else pays for it, and nothing grows without a bound."""

import math

import pytest
from fake_engine import PUBLISHABLE, SECRET, FakeEngine, asking
from hypothesis import given
from hypothesis import strategies as st

from shopkeeper.apps.http.app import app_of
from shopkeeper.apps.http.limits import Bucket, Limits
from shopkeeper.core.errors import SettingsError, Unavailable
from shopkeeper.settings import LimitsSection, parse


@given(st.lists(st.tuples(st.floats(0, 5), st.integers(1, 50)), min_size=1, max_size=60), st.floats(0.5, 100))
def test_a_bucket_lets_in_what_flows_and_tells_exactly_when_to_come_again(
    steps: list[tuple[float, int]], rate: float
) -> None:
    """Over any stretch no more is let in than the bucket held, what flowed in, and one last batch; who waits as long as
    was said is let in."""
    most, now, taken = rate * 2, 0.0, 0
    bucket = Bucket(rate=rate, most=most, left=most, at=0.0)
    for pause, amount in steps:
        now += pause
        wait = bucket.take(amount, now)
        if wait:
            now += wait * (1 + 1e-9) + 1e-9
            assert bucket.take(amount, now) == 0.0
        taken += amount
        assert taken <= most + rate * now + 50


def test_keys_do_not_pay_for_each_other() -> None:
    """One key that is over its limit is refused with the seconds to wait; another of the same kind is not."""
    limits = Limits(settings=LimitsSection(publishable_events=10, burst_seconds=1), clock=lambda: 5.0)
    limits.events("a", "publishable", 25)
    with pytest.raises(Unavailable) as refused:
        limits.events("a", "publishable", 1)
    assert refused.value.key == "rate_limited"
    assert refused.value.retry_after_seconds == math.ceil(15 / 10)
    limits.events("b", "publishable", 1)
    limits.events("c", "secret", 10**9)


def test_bodies_in_work_are_bounded_in_bytes() -> None:
    """What does not fit beside what is in work is refused; once that is answered there is room again."""
    limits = Limits(settings=LimitsSection(waiting_mb=1))
    limits.weigh(900_000)
    with pytest.raises(Unavailable, match="overloaded"):
        limits.weigh(200_000)
    limits.bytes -= 900_000
    limits.weigh(200_000)
    assert limits.bytes == 200_000


def test_too_much_is_answered_429_and_nothing_of_it_is_taken() -> None:
    """Over HTTP: the status, Retry-After and a sentence; the engine never saw the batch; the other key goes on."""
    engine = FakeEngine()
    engine.limits = LimitsSection(secret_events=3, secret_requests=0, burst_seconds=1)
    batch = {"events": [{"id": f"e{n}", "action": "product_view", "visitor": "v"} for n in range(5)]}

    ask = asking(app_of(engine))
    assert ask("POST", "/v1/events", key=SECRET, json=batch).status_code == 200
    refused = ask("POST", "/v1/events", key=SECRET, json=batch)
    assert refused.status_code == 429
    assert int(refused.headers["Retry-After"]) >= 1
    assert refused.json()["error"]["key"] == "rate_limited"
    assert "Retry-After" in refused.json()["error"]["message"]
    assert ask("POST", "/v1/visitors", key=PUBLISHABLE).status_code == 201
    assert len(engine.collected) == 1


@pytest.mark.parametrize("name", ["publishable_requests", "waiting_mb", "burst_seconds"])
def test_a_limit_below_nothing_is_refused(name: str) -> None:
    """A negative limit is named with its place."""
    with pytest.raises(SettingsError, match=name):
        parse({"limits": {name: -1}})
