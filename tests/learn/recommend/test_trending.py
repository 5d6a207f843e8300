"""Trending: steady demand is no surprise, a burst is; folding live gives what counting gives."""

from datetime import UTC, datetime, timedelta
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shopkeeper.core.action import Action
from shopkeeper.core.histories import MICROSECONDS_PER_DAY, Histories
from shopkeeper.learn.recommend.trending import Trending, live
from shopkeeper.learn.snapshot import ArraySnapshot, microseconds

NOW = datetime(2026, 3, 1, tzinfo=UTC)
DAY = MICROSECONDS_PER_DAY
ORDER = int(Action.ORDER)
NOBODY = Histories.of_sequences([[]])


def _shop(touches: list[tuple[int, float]], *, products: int = 3, moment: datetime = NOW) -> ArraySnapshot:
    """Every touch (product, days before NOW) by a person of its own."""
    count = len(touches)
    at = np.array([microseconds(NOW) - int(days * DAY) for _, days in touches], np.int64)
    rows = Histories(
        offsets=np.arange(count + 1), product=np.array([product for product, _ in touches], np.int32), at=at,
        action=np.full(count, ORDER, np.int8), quantity=np.ones(count, np.float32),
        price=np.full(count, np.nan, np.float32), order=np.zeros(count, np.int32),
        people=np.array([f"p{row}" for row in range(count)], object),
    )  # fmt: skip
    return ArraySnapshot.of(rows, products, moment)


STEADY = [(0, day + 0.5) for day in range(200) for _ in range(4)]


def test_steady_demand_is_no_trend() -> None:
    """Four buyers a day for 200 days: lately stands where the longer past lets expect, within rounding by days."""
    model = Trending().fit(_shop(STEADY))
    assert model.lately[0] == pytest.approx(model.expected()[0], rel=0.02)
    assert not model.surprise[0] > 0.3


def test_a_burst_outranks_steady_best_sellers() -> None:
    """Ten buyers since yesterday of something sold once a week beat 800 buyers of a steady seller."""
    burst = [(1, 7.0 * week + 0.5) for week in range(1, 20)] + [(1, 0.1 * hour) for hour in range(10)]
    scores = Trending().fit(_shop(STEADY + burst)).score(NOBODY, 0)[0]
    assert scores[1] > 3
    assert not scores[0] > 1
    assert np.isnan(scores[2])


def test_few_are_no_trend() -> None:
    """Two buyers today of a product nobody bought before say nothing yet."""
    assert np.isnan(Trending().fit(_shop([(1, 0.1), (1, 0.2)])).score(NOBODY, 0)).all()


def test_the_reason_says_how_much_more_than_usual() -> None:
    """Its evidence is lately over expected; a product without a trend has none."""
    model = Trending().fit(_shop(STEADY + [(1, 0.1 * hour) for hour in range(10)]))
    found = model.reason(NOBODY, 1, 0)
    assert found is not None
    assert found.key == "trending"
    assert found.facts["times"] == pytest.approx(model.lately[1] / model.expected()[1], abs=0.06)
    assert model.reason(NOBODY, 2, 0) is None


TOUCHES = st.lists(st.tuples(st.integers(0, 2), st.floats(0.001, 20.0)), min_size=1, max_size=30)


@given(TOUCHES, st.randoms(use_true_random=False))
@settings(max_examples=50, deadline=None)
def test_folded_equals_counted(touches: list[tuple[int, float]], chance: Random) -> None:
    """Events of the last ten days folded into a model of ten days ago, in any order and twice, give what fitting on all
    gives now."""
    early = NOW - timedelta(days=10)
    running = live(Trending().fit(_shop([touch for touch in touches if touch[1] > 10], moment=early)))
    late = [(row, *touch) for row, touch in enumerate(touches) if touch[1] <= 10]
    for row, product, days in chance.sample(late, len(late)) + late:
        running.fold_many([(f"p{row}", product, 1.0, microseconds(NOW) - int(days * DAY))])
    whole, now = Trending().fit(_shop(touches)), running.as_of(microseconds(NOW))
    assert now.lately == pytest.approx(whole.lately, rel=1e-6, abs=1e-9)
    assert now.usual == pytest.approx(whole.usual, rel=1e-6, abs=1e-9)


def test_a_person_counts_once() -> None:
    """Touching a thing again moves the person's one count to now; removals and older events add nothing."""
    running = live(Trending(least=0.0).fit(_shop([(0, 3.0)])))
    at = microseconds(NOW)
    for minutes in range(5):
        running.fold_many([("bob", 1, 1.0, at + minutes * 60_000_000)])
    running.fold_many([("bob", 2, -0.4, at)])
    running.fold_many([("eve", 2, 1.0, at - DAY)])
    running.fold_many([("eve", 99, 1.0, at)])
    assert running.model.lately[1] == pytest.approx(1.0, rel=1e-2)
    assert running.model.lately[2] == 0.0


def test_an_answer_is_kept_a_second() -> None:
    """Within a second the list is the same object, so that it need be sorted only once; after it, new events count."""
    running, at = live(Trending(least=0.5).fit(_shop([(0, 3.0)]))), microseconds(NOW)
    first = running.opinion(NOBODY, at)
    running.fold_many([("bob", 1, 1.0, at)])
    assert running.opinion(NOBODY, at + 10).base is first.base
    later = running.opinion(NOBODY, at + 1_000_000).base
    assert later is not None
    assert later[1] > 0
