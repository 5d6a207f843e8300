"""Choosers: what is logged as a propensity is the probability."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from shopkeeper.decide.choose import Chooser, EpsilonGreedy, Greedy, PlackettLuce, Pool, choose, slate_probability

SHARES = st.floats(0.0, 1.0, allow_nan=False)
CHOOSERS = st.one_of(
    st.builds(Greedy, diversity=SHARES),
    st.builds(EpsilonGreedy, epsilon=SHARES, diversity=SHARES),
    st.builds(PlackettLuce, temperature=st.floats(0.01, 10.0), diversity=SHARES),
)


def groups(size: int) -> st.SearchStrategy[np.ndarray]:
    return st.lists(st.integers(-1, 2), min_size=size, max_size=size).map(lambda codes: np.array(codes, np.int32))


@st.composite
def pools(draw: st.DrawFn, most: int = 5) -> Pool:
    size = draw(st.integers(0, most))
    values = draw(st.lists(st.sampled_from([-1.0, 0.0, 0.25, 0.5, 1.0]), min_size=size, max_size=size))
    pins = draw(st.dictionaries(st.integers(0, 4), st.integers(0, size - 1), max_size=3)) if size else {}
    return Pool(
        utility=np.array(sorted(values, reverse=True)),
        weights=np.array([0.7, 0.3]),
        groups=np.stack([draw(groups(size)), draw(groups(size))]),
        caps=tuple(draw(st.lists(st.tuples(st.integers(1, 3), groups(size)), max_size=2))),
        pins=pins,
    )


@given(pool=pools(), count=st.integers(0, 4), chooser=CHOOSERS)
@settings(max_examples=150, deadline=None)
def test_probabilities_of_all_slates_sum_to_one(pool: Pool, count: int, chooser: Chooser) -> None:
    """Whatever the caps, pins, ties and diversity: exactly one slate happens."""
    slates = (slate for size in range(count + 1) for slate in permutations(range(len(pool)), size))
    assert sum(slate_probability(pool, count, chooser, slate) for slate in slates) == pytest.approx(1.0, abs=1e-9)


@given(pool=pools(most=12), count=st.integers(0, 8), chooser=CHOOSERS, seed=st.integers(0, 2**32))
@settings(max_examples=150, deadline=None)
def test_a_slate_carries_its_own_probability(pool: Pool, count: int, chooser: Chooser, seed: int) -> None:
    """The product of the logged propensities is the slate's probability, and equal dice give an equal slate."""
    chosen, propensities = choose(pool, count, chooser, np.random.default_rng(seed))
    assert slate_probability(pool, count, chooser, chosen) == pytest.approx(np.prod(propensities))
    assert all(0.0 < odds <= 1.0 + 1e-12 for odds in propensities)
    assert (chosen, propensities) == choose(pool, count, chooser, np.random.default_rng(seed))


@given(pool=pools(most=12), count=st.integers(0, 8), chooser=CHOOSERS, seed=st.integers(0, 2**32))
@settings(max_examples=150, deadline=None)
def test_caps_hold_and_nothing_comes_twice(pool: Pool, count: int, chooser: Chooser, seed: int) -> None:
    """No group exceeds its cap, pins included; no candidate is chosen twice; a short slate has no room left."""
    chosen, _ = choose(pool, count, chooser, np.random.default_rng(seed))
    assert len(set(chosen)) == len(chosen) <= count
    for most, group in pool.caps:
        sizes = [int(np.sum(group[chosen] == code)) for code in range(3)]
        assert max(sizes) <= most
    if len(chosen) < count - len(pool.pins):
        full = [[code for code in range(3) if np.sum(g[chosen] == code) >= most] for most, g in pool.caps]
        left = set(range(len(pool))) - set(chosen)
        assert all(any(g[item] in codes for (_, g), codes in zip(pool.caps, full, strict=True)) for item in left)


@given(pool=pools(most=8), chooser=CHOOSERS)
@settings(max_examples=100, deadline=None)
def test_first_slot_is_a_distribution(pool: Pool, chooser: Chooser) -> None:
    """Stated probabilities are not negative, sum to 1, and are 0 for closed candidates."""
    if not len(pool):
        return
    open_ = np.ones(len(pool), np.bool_)
    open_[1::2] = False
    odds = chooser.probabilities(pool.utility, open_)
    assert odds.sum() == pytest.approx(1.0)
    assert (odds >= 0).all()
    assert (odds[~open_] == 0).all()


@pytest.mark.parametrize(
    "chooser", [EpsilonGreedy(epsilon=0.5, diversity=0.4), PlackettLuce(temperature=0.5, diversity=0.4)]
)
def test_slates_come_as_often_as_stated(chooser: Chooser) -> None:
    """Over 20,000 fixed throws the slates' frequencies agree with their stated probabilities (chi-square)."""
    kind = np.array([0, 0, 1, 1, -1], np.int32)
    pool = Pool(
        utility=np.array([1, 0.8, 0.7, 0.2, 0]), weights=np.ones(1), groups=kind[None], caps=((1, kind),), pins={1: 2}
    )
    slates = [slate for slate in permutations(range(5), 3) if slate_probability(pool, 3, chooser, slate) > 0]
    seen = dict.fromkeys(slates, 0)
    dice = np.random.default_rng(11)
    for _ in range(20_000):
        seen[tuple(choose(pool, 3, chooser, dice)[0])] += 1
    expected = [20_000 * slate_probability(pool, 3, chooser, slate) for slate in slates]
    assert len(slates) > 3
    assert chisquare(list(seen.values()), expected).pvalue > 0.001


def test_diversity_prefers_the_unlike() -> None:
    """With diversity the second item comes from another group even where its value is a little lower."""
    pool = Pool(utility=np.array([1.0, 0.9, 0.8]), weights=np.ones(1), groups=np.array([[0, 0, 1]], np.int32))
    assert choose(pool, 2, Greedy(), np.random.default_rng(0))[0] == [0, 1]
    assert choose(pool, 2, Greedy(diversity=0.3), np.random.default_rng(0))[0] == [0, 2]


def test_a_pin_without_room_before_it_moves_up() -> None:
    """Where candidates run out before a pin's place, it moves up and stays certain."""
    pool = Pool(utility=np.array([1.0, 0.5]), pins={3: 1})
    assert choose(pool, 5, PlackettLuce(), np.random.default_rng(0)) == ([0, 1], [1.0, 1.0])


def test_an_impossible_temperature_range_stays_finite() -> None:
    """Values far apart underflow to probability 0, never to NaN, and what has no chance is never drawn."""
    pool = Pool(utility=np.array([1e6, 0.0]))
    assert choose(pool, 1, PlackettLuce(temperature=0.001), np.random.default_rng(0)) == ([0], [1.0])
