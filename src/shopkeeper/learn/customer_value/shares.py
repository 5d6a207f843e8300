"""Shares of few counts, drawn towards the shop's: return risk, share bought on a deal.

Each customer's own share is Beta(a, b) over the customers; a and b come from the mean and the spread that the counts'
own noise does not explain.

Source: Casella (1985), An introduction to empirical Bayes; moments of the beta-binomial: Kleinman (1973).
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.stats import beta

from shopkeeper.core.errors import DataError
from shopkeeper.learn.customer_value.bg_nbd import Float64

_LEAST_PEOPLE: Final = 10
_MOST: Final = 1e4


@dataclass(frozen=True, slots=True, kw_only=True)
class Shares:
    """The shop's distribution of a share: Beta(a, b)."""

    a: float
    b: float

    def expected(self, hits: Float64, tries: Float64) -> Float64:
        """(customers,) each one's share, shrunk."""
        return np.asarray((hits + self.a) / (tries + self.a + self.b), np.float64)

    def interval(self, hits: float, tries: float, level: float = 0.8) -> tuple[float, float]:
        """The range in which one customer's own share lies with this probability."""
        ends = beta.ppf([(1 - level) / 2, (1 + level) / 2], hits + self.a, tries - hits + self.b)
        return float(ends[0]), float(ends[1])


def fit_shares(hits: Float64, tries: Float64) -> Shares:
    """From counts of customers.

    Raises:
        DataError: too few customers (``too_few_values``), or nobody differs: all or none (``values_all_equal``).
    """
    use = tries > 0
    hits, tries = np.minimum(hits[use], tries[use]), tries[use]
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
    return Shares(a=float(mean * strength), b=float((1 - mean) * strength))
