"""Shares of few counts, drawn towards the segment's and the shop's: return risk, share bought on a deal.

Each customer's own share is Beta(a, b) over the customers of a segment; a + b comes from the spread that the counts'
own noise does not explain, a / (a + b) is the segment's mean, itself drawn towards the shop's. Segments are the high,
middle and low spenders, where what each spends is given.

Source: Casella (1985), An introduction to empirical Bayes; moments of the beta-binomial: Kleinman (1973).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from scipy.special import betaincinv

from shopkeeper.core.errors import DataError
from shopkeeper.learn.customer_value.bands import Bands
from shopkeeper.learn.customer_value.bg_nbd import Float64

_LEAST_PEOPLE: Final = 10
_MOST: Final = 1e4


@dataclass(frozen=True, slots=True, kw_only=True)
class Shares:
    """The shop's distribution of a share: Beta(a, b); ``bands`` holds each segment's mean share."""

    a: float
    b: float
    bands: Bands

    def expected(self, hits: Float64, tries: Float64, worth: Float64 | None = None) -> Float64:
        """(customers,) each one's share, shrunk. ``worth``: what each spends an order day, which tells the segment."""
        a = self._prior(np.full(len(hits), np.nan) if worth is None else worth)
        return np.asarray((hits + a) / (tries + self.a + self.b), np.float64)

    def interval(
        self, hits: float, tries: float, level: float = 0.8, worth: float = float("nan")
    ) -> tuple[float, float]:
        """The range in which one customer's own share lies with this probability."""
        a = float(self._prior(np.array([worth]))[0])
        sides = np.array([(1 - level) / 2, (1 + level) / 2])
        ends = betaincinv(hits + a, tries - hits + self.a + self.b - a, sides)
        return float(ends[0]), float(ends[1])

    def _prior(self, worth: Float64) -> Float64:
        return self.bands.mean_of(worth, self.a / (self.a + self.b)) * (self.a + self.b)

    def facts(self) -> Mapping[str, Any]:
        return {"a": self.a, "b": self.b, "bands": self.bands.facts()}

    @classmethod
    def restore(cls, facts: Mapping[str, Any]) -> "Shares":
        return cls(a=facts["a"], b=facts["b"], bands=Bands.restore(facts["bands"]))


def fit_shares(hits: Float64, tries: Float64, worth: Float64 | None = None) -> Shares:
    """From counts of customers; with what each spends an order day, segment by segment.

    Raises:
        DataError: too few customers (``too_few_values``), or nobody differs: all or none (``values_all_equal``).
    """
    use = tries > 0
    worth = np.full(len(tries), np.nan) if worth is None else worth
    hits, tries, worth = np.minimum(hits[use], tries[use]), tries[use], worth[use]
    if len(tries) < _LEAST_PEOPLE:
        raise DataError("too_few_values", have=len(tries), needed=_LEAST_PEOPLE)
    mean = float(hits.sum() / tries.sum())
    if not 0 < mean < 1:
        raise DataError("values_all_equal", value=mean)
    weight = tries / tries.sum()
    noise = mean * (1 - mean)
    spread = float(weight @ (hits / tries - mean) ** 2)
    within = noise * float((weight * (1 - weight) / tries).sum())
    scale = float((weight * (1 - weight) * (1 - 1 / tries)).sum())
    alike = (spread - within) / (noise * scale) if scale > 0 else 0.0
    strength = np.clip(1 / max(alike, 1 / _MOST) - 1, 0.1, _MOST)
    return Shares(
        a=float(mean * strength), b=float((1 - mean) * strength),
        bands=_segments(hits, tries, worth, mean, float(strength)),
    )  # fmt: skip


def _segments(hits: Float64, tries: Float64, worth: Float64, mean: float, strength: float) -> Bands:
    """Each segment's mean share, drawn towards the shop's by its own noise: that of its counts and of its customers."""
    bands = Bands.of(worth)
    place = bands.place(worth)
    means, variances = np.full(bands.count, mean), np.full(bands.count, np.inf)
    for number in range(bands.count):
        mine = place == number
        if mine.sum() >= _LEAST_PEOPLE:
            weight = tries[mine] / tries[mine].sum()
            means[number] = hits[mine].sum() / tries[mine].sum()
            spread = mean * (1 - mean) * (1 / tries[mine] + (1 - 1 / tries[mine]) / (strength + 1))
            variances[number] = float((weight**2) @ spread)
    found = bands.shrunk(means, variances, mean)
    return replace(found, means=np.clip(found.means, mean * 1e-3, 1 - (1 - mean) * 1e-3))
