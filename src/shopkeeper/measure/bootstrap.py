"""How sure a number is: percentile bootstrap intervals that resample people.

Source: Efron, Tibshirani (1993), An introduction to the bootstrap, chapter 13 (percentile intervals); ratios of sums
over resampled clusters: Cameron, Gelbach, Miller (2008), Bootstrap-based improvements for inference with clustered
errors.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from shopkeeper.measure.ranking import Float64

RESAMPLES = 1000
_DRAWS_AT_ONCE = 4_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A value and the range it would lie in, at a level of 95 % unless said otherwise; NaN where nothing was seen."""

    value: float
    low: float
    high: float

    def excludes(self, other: float) -> bool:
        """Whether ``other`` is outside: for a difference, ``excludes(0)`` means "really different"."""
        return other < self.low or other > self.high


def plain_intervals(figures: Mapping[str, Interval]) -> dict[str, dict[str, float]]:
    """Figures with their ranges, each a JSON object."""
    return {name: {"value": one.value, "low": one.low, "high": one.high} for name, one in figures.items()}


NO_INTERVAL = Interval(value=float("nan"), low=float("nan"), high=float("nan"))


def ratio_intervals(
    tops: ArrayLike, bottoms: ArrayLike, *, level: float = 0.95, resamples: int = RESAMPLES, seed: int = 0
) -> list[Interval]:
    """Intervals of ``sum(tops) / sum(bottoms)`` by column, people (rows) drawn with replacement.

    Shapes (people, columns); every column sees the same draws. A column whose bottoms sum to 0 has no value (NaN).
    """
    top, bottom = np.asarray(tops, np.float64), np.asarray(bottoms, np.float64)
    people, columns = top.shape
    if not people:
        return [NO_INTERVAL] * columns
    drawn = [_divide(weights @ top, weights @ bottom) for weights in _resamples(people, resamples, seed)]
    edges = _quantiles(np.concatenate(drawn), level)
    value = _divide(top.sum(axis=0), bottom.sum(axis=0))
    return [
        # A mean of one constant may leave its own interval by rounding only: the interval is stretched to hold it.
        Interval(value=float(v), low=float(min(low, v)), high=float(max(high, v)))
        for v, low, high in zip(value, *edges, strict=True)
    ]


def mean_intervals(
    values: ArrayLike, *, level: float = 0.95, resamples: int = RESAMPLES, seed: int = 0
) -> list[Interval]:
    """Intervals of each column's mean; values (people, columns), NaN = this person says nothing in this column."""
    table = np.asarray(values, np.float64)
    seen = ~np.isnan(table)
    return ratio_intervals(np.where(seen, table, 0.0), seen, level=level, resamples=resamples, seed=seed)


def mean_interval(values: ArrayLike, *, level: float = 0.95, resamples: int = RESAMPLES, seed: int = 0) -> Interval:
    """The interval of one mean; values (people,), NaN left out."""
    column = np.asarray(values, np.float64)[:, None]
    return mean_intervals(column, level=level, resamples=resamples, seed=seed)[0]


def paired_difference(
    first: ArrayLike, second: ArrayLike, *, level: float = 0.95, resamples: int = RESAMPLES, seed: int = 0
) -> Interval:
    """The interval of ``mean(first - second)`` over the people who have both: what one method adds to another."""
    change = np.asarray(first, np.float64) - np.asarray(second, np.float64)
    return mean_interval(change, level=level, resamples=resamples, seed=seed)


def _resamples(people: int, resamples: int, seed: int) -> Iterator[Float64]:
    """Blocks of (resamples, people) counts of how often each person was drawn; the block size bounds memory."""
    rng = np.random.default_rng(seed)
    size = max(1, _DRAWS_AT_ONCE // people)
    for start in range(0, resamples, size):
        rows = min(size, resamples - start)
        picks = rng.integers(0, people, (rows, people)) + np.arange(rows)[:, None] * people
        yield np.bincount(picks.ravel(), minlength=rows * people).reshape(rows, people).astype(np.float64)


def _divide(top: Float64, bottom: Float64) -> Float64:
    ratio: Float64 = np.divide(top, bottom, out=np.full(np.shape(top), np.nan), where=bottom != 0)
    return ratio


def _quantiles(drawn: Float64, level: float) -> NDArray[np.float64]:
    """(2, columns); a resample in which nobody had a value is left out, a column without any is NaN."""
    ends = np.full((2, drawn.shape[1]), np.nan)
    some = ~np.isnan(drawn).all(axis=0)
    if some.any():
        ends[:, some] = np.nanquantile(drawn[:, some], [(1 - level) / 2, (1 + level) / 2], axis=0)
    return ends
