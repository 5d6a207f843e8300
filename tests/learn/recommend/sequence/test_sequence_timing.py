"""Time to the next purchase."""

from dataclasses import replace

import numpy as np

from shopkeeper.core.histories import MICROSECONDS_PER_DAY, Histories
from shopkeeper.learn.recommend.sequence.attention import SelfAttention
from shopkeeper.learn.recommend.sequence.recurrent import GRU
from shopkeeper.learn.snapshot import ArraySnapshot


def after_milk_soon(people: int = 120) -> Histories:
    """After an even product (milk) the next comes in 3 days, after an odd one (soap) in 40."""
    dice = np.random.default_rng(0)
    events = Histories.of_sequences(dice.integers(0, 10, (people, 9)).tolist())
    wait = np.where(events.product % 2 == 0, 3, 40).reshape(people, 9)
    day = np.cumsum(np.concatenate([np.zeros((people, 1), np.int64), wait[:, :-1]], axis=1), axis=1)
    return replace(events, at=(day.ravel() + 20_000) * MICROSECONDS_PER_DAY)


def test_a_network_tells_how_long_people_wait() -> None:
    """Planted truth: the wait after the newest product is told within a factor of two, in the middle of people."""
    known = after_milk_soon()
    for settings in (SelfAttention(dimensions=16, epochs=3, negatives=0), GRU(dimensions=16, epochs=3, negatives=0)):
        days = settings.fit(ArraySnapshot.of(known, 10), seed=0).days_to_next(known)
        soon = known.product.reshape(-1, 9)[:, -1] % 2 == 0
        assert 1.5 < np.median(days[soon]) < 6
        assert 20 < np.median(days[~soon]) < 80


def test_strangers_and_timeless_shops_are_not_told() -> None:
    """Law: without a history, or where too few pauses are known, the answer is NaN; alone as in a block."""
    known = after_milk_soon()
    model = SelfAttention(dimensions=16, epochs=1, negatives=0).fit(ArraySnapshot.of(known, 10), seed=0)
    assert np.isnan(model.days_to_next(Histories.of_sequences([[], [1]]))).tolist() == [True, False]
    assert np.allclose(model.days_to_next(known)[7], model.days_to_next(known.rows(np.array([7])))[0], rtol=1e-5)
    few = Histories.of_sequences([[1, 2], [3, 4]])
    poor = SelfAttention(dimensions=16, epochs=1, negatives=0).fit(ArraySnapshot.of(few, 10), seed=0)
    assert np.isnan(poor.days_to_next(few)).all()
