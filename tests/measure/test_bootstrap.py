"""Bootstrap intervals."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from shopkeeper.measure.bootstrap import mean_interval, mean_intervals, paired_difference, ratio_intervals

numbers = arrays(np.float64, st.integers(1, 40), elements=st.floats(-100, 100))


@given(numbers, st.integers(0, 3))
def test_interval_holds_the_mean_and_repeats(values: np.ndarray, seed: int) -> None:
    """Law: low <= mean <= high, and the same seed gives the same interval."""
    interval = mean_interval(values, resamples=200, seed=seed)
    assert interval.low <= interval.value <= interval.high
    assert interval.value == pytest.approx(values.mean(), abs=1e-9)
    assert interval == mean_interval(values, resamples=200, seed=seed)


def test_close_to_the_normal_interval() -> None:
    """Golden: for 2,000 normal values the interval is the textbook one, mean ± 1.96 s/√n, within 10 %."""
    values = np.random.default_rng(1).normal(3, 2, 2000)
    interval = mean_interval(values)
    half = 1.96 * values.std() / np.sqrt(2000)
    assert (interval.high - interval.low) / 2 == pytest.approx(half, rel=0.1)


def test_covers_the_truth_about_as_often_as_it_says() -> None:
    """Law: of 200 samples from a known mean about 95 % of intervals hold it (at least 90 % here)."""
    rng = np.random.default_rng(2)
    held = [not mean_interval(rng.exponential(1, 200), resamples=300, seed=n).excludes(1) for n in range(200)]
    assert np.mean(held) >= 0.9


def test_missing_people_are_left_out() -> None:
    """Law: NaN is "says nothing": the mean is of the others, and a column of NaN has no interval."""
    first, second = mean_intervals(np.array([[1.0, np.nan], [3.0, np.nan], [np.nan, np.nan]]), resamples=100)
    assert first.value == 2
    assert np.isnan(second.value)
    assert np.isnan(second.low)
    assert np.isnan(mean_interval(np.array([])).value)


def test_paired_difference_is_narrower_than_the_parts() -> None:
    """Law: pairing takes the differences between people out of the difference between methods."""
    rng = np.random.default_rng(3)
    skill = rng.normal(0, 5, 500)
    gain = paired_difference(skill + 0.5 + rng.normal(0, 0.1, 500), skill, resamples=300)
    assert gain.excludes(0)
    assert gain.high - gain.low < 0.05


def test_ratio_of_sums() -> None:
    """Law: the value is sum over sum, people being drawn whole; a bottom of 0 gives no value."""
    ratio, none = ratio_intervals([[1, 1], [5, 1]], [[1, 0], [1, 0]], resamples=50)
    assert ratio.value == 3
    assert (ratio.low, ratio.high) == (1, 5)
    assert np.isnan(none.value)


def test_memory_blocks_do_not_change_the_law() -> None:
    """Law: many people are resampled block by block and still give low < mean < high."""
    interval = mean_interval(np.arange(50_000) % 7, resamples=100)
    assert 2.9 < interval.low < interval.value < interval.high < 3.1
