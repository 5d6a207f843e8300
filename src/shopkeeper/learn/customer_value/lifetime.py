"""Lifetime value: BG/NBD says how many days with orders will come, Gamma-Gamma what each is worth.

Source: Fader, Hardie, Lee (2005), RFM and CLV: using iso-value curves for customer base analysis.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from shopkeeper.learn.customer_value.bg_nbd import BGNBD, Float64, Purchases, fit_bg_nbd
from shopkeeper.learn.customer_value.gamma_gamma import GammaGamma, fit_gamma_gamma


def purchases_of(order_days: Float64, first_days: Float64, last_days: Float64) -> Purchases:
    """From ages in days of the first and last day with an order. A clock ahead of ours counts as now."""
    age = np.maximum(first_days, 0.0)
    return Purchases(
        x=np.maximum(order_days - 1, 0.0), T=age, t_x=np.where(order_days > 1, np.clip(age - last_days, 0.0, age), 0.0)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifetime:
    """Both models, in days and minor units."""

    buying: BGNBD
    spending: GammaGamma

    def draw(
        self, known: Purchases, mean_minor: Float64, days: float, *, draws: int = 2000, seed: int = 0
    ) -> tuple[Float64, Float64]:
        """(customers, draws) possible orders and possible spending in the next days."""
        rng = np.random.default_rng(seed)
        orders = self.buying.draw(known, days, draws, rng)
        return orders.astype(np.float64), self.spending.draw(known.x + 1, mean_minor, orders, rng)

    def facts(self) -> Mapping[str, Any]:
        b, s = self.buying, self.spending
        return {
            "bg_nbd": {"r": b.r, "alpha": b.alpha, "a": b.a, "b": b.b, "log_likelihood": float(b.log_likelihood),
                       "covariance": _plain(b.covariance)},
            "gamma_gamma": {"p": s.p, "q": s.q, "gamma": s.gamma, "correlation": s.correlation,
                            "covariance": _plain(s.covariance)},
        }  # fmt: skip

    @classmethod
    def restore(cls, facts: Mapping[str, Any]) -> "Lifetime":
        return cls(
            buying=BGNBD(**{**facts["bg_nbd"], "covariance": _matrix(facts["bg_nbd"])}),
            spending=GammaGamma(**{**facts["gamma_gamma"], "covariance": _matrix(facts["gamma_gamma"])}),
        )


def _plain(matrix: Float64) -> list[list[float | None]]:
    return [[float(value) if np.isfinite(value) else None for value in row] for row in matrix]


def _matrix(facts: Mapping[str, Any]) -> Float64:
    return np.array([[np.nan if value is None else value for value in row] for row in facts["covariance"]])


def fit_lifetime(known: Purchases, mean_minor: Float64) -> Lifetime:
    """Fit both.

    Raises:
        DataError: too few came back, too few paid in the shop's currency, or all values are equal.
    """
    return Lifetime(buying=fit_bg_nbd(known), spending=fit_gamma_gamma(known.x + 1, mean_minor))
