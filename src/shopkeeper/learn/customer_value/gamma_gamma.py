"""Gamma-Gamma: what a customer's orders are worth on average, drawn towards what everybody's are.

The value of an order of one customer is Gamma(p, nu), and nu ~ Gamma(q, gamma) over the customers; value and frequency
are taken as independent (``correlation`` says how true that is).

Source: Fader, Hardie (2013), The Gamma-Gamma model of monetary value; Fader, Hardie, Lee (2005), RFM and CLV.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import digamma, gammaincinv, gammaln

from shopkeeper.core.errors import DataError
from shopkeeper.learn.customer_value.bg_nbd import MOST_PEOPLE, Float64, covariance_of, lowest

NAMES: Final = ("p", "q", "gamma")
_LEAST_PEOPLE: Final = 10
_BOUND: Final = 12.0


@dataclass(frozen=True, slots=True, kw_only=True)
class GammaGamma:
    """The fitted model. ``covariance`` (3, 3) is of the logarithms of p, q, gamma."""

    p: float
    q: float
    gamma: float
    covariance: Float64
    correlation: float
    """Between orders and their mean value; far from 0 the model's assumption does not hold."""

    def expected(self, orders: Float64, mean: Float64) -> Float64:
        """(customers,) the value expected of a next order, after ``orders`` orders worth ``mean`` each.

        The posterior mean where it exists, else its median (q below 1 has no mean for somebody without orders).
        """
        shape, rate = self._posterior(orders, mean)
        return np.asarray(np.where(shape > 1, self.p * rate / np.maximum(shape - 1, 1e-9),
                                   self.p * rate / gammaincinv(shape, 0.5)), np.float64)  # fmt: skip

    def interval(self, orders: Float64, mean: Float64, level: float = 0.8) -> tuple[Float64, Float64]:
        """The range in which the customer's own mean order value lies with this probability."""
        shape, rate = self._posterior(orders, mean)
        ends = [gammaincinv(shape, (1 + sign * level) / 2) for sign in (1, -1)]
        return self.p * rate / ends[0], self.p * rate / ends[1]

    def draw(self, orders: Float64, mean: Float64, future: NDArray[np.int64], rng: np.random.Generator) -> Float64:
        """(customers, draws) what ``future`` (customers, draws) orders may be worth together."""
        shape, rate = self._posterior(orders, mean)
        nu = rng.gamma(np.broadcast_to(shape[:, None], future.shape)) / rate[:, None]
        return np.where(future > 0, rng.gamma(self.p * np.maximum(future, 1)) / np.maximum(nu, 1e-300), 0.0)

    def _posterior(self, orders: Float64, mean: Float64) -> tuple[Float64, Float64]:
        seen = orders > 0
        worth = np.where(seen, orders * np.where(seen, mean, 0.0), 0.0)
        return self.p * orders + self.q, self.gamma + worth


def fit_gamma_gamma(orders: Float64, mean: Float64) -> GammaGamma:
    """The most likely parameters, from customers with at least one order of positive value.

    Raises:
        DataError: there are too few of them (``too_few_values``), or all values are equal (``values_all_equal``).
    """
    use = (orders > 0) & (mean > 0) & np.isfinite(mean)
    x, z = orders[use], mean[use]
    if len(x) < _LEAST_PEOPLE:
        raise DataError("too_few_values", have=len(x), needed=_LEAST_PEOPLE)
    if np.ptp(z) <= 1e-9 * z.max():
        raise DataError("values_all_equal", value=float(z[0]))
    if len(x) > MOST_PEOPLE:
        drawn = np.random.default_rng(0).choice(len(x), MOST_PEOPLE, replace=False)
        x, z = x[drawn], z[drawn]
    scale = float(np.median(z))
    z = z / scale

    def loss(logs: Float64) -> tuple[float, Float64]:
        p, q, gamma = np.exp(np.clip(logs, -_BOUND, _BOUND))
        px, paid = p * x, np.log(gamma + x * z)
        terms = gammaln(px + q) - gammaln(px) - gammaln(q) + q * np.log(gamma)
        value = terms + (px - 1) * np.log(z) + px * np.log(x) - (px + q) * paid
        slopes = [
            px * (digamma(px + q) - digamma(px) + np.log(z) + np.log(x) - paid),
            q * (digamma(px + q) - digamma(q) + np.log(gamma) - paid),
            q - gamma * (px + q) / (gamma + x * z),
        ]
        return -float(np.mean(value)), -np.array([float(np.mean(slope)) for slope in slopes])

    found = lowest(loss, (1.0, 1.0, 1.0))
    if not np.isfinite(found.fun):
        raise DataError("model_not_fitted", model="Gamma-Gamma")
    p, q, gamma = np.exp(found.x)
    together = float(np.corrcoef(x, z)[0, 1]) if np.ptp(x) > 0 else 0.0
    return GammaGamma(
        p=float(p), q=float(q), gamma=float(gamma * scale), correlation=together,
        covariance=covariance_of(lambda logs: loss(logs)[0] * len(x), found.x),
    )  # fmt: skip
