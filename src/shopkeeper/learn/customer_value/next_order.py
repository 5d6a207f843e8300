"""When a customer's next order comes, from their own rhythm and the shop's.

A wait is measured in a customer's own usual gaps, drawn towards the shop's by three gaps' worth. How such waits are
distributed is learned from past moments: somebody already quiet for 2 gaps is compared only with others who were quiet
for at least 2, and somebody whose order has not come yet counts as "longer than that".

Source: Kaplan, Meier (1958), Nonparametric estimation from incomplete observations; delayed entry: Lynden-Bell (1971);
shrinkage: Efron, Morris (1975).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from shopkeeper.core.errors import DataError
from shopkeeper.learn.customer_value.bg_nbd import Float64

_PRIOR_GAPS: Final = 3.0
_LEAST: Final = 50
_LEAST_AT_RISK: Final = 5
_GRID: Final = np.concatenate([np.linspace(0, 5, 201), np.geomspace(5.1, 200, 120)])


@dataclass(frozen=True, slots=True, kw_only=True)
class NextOrder:
    """``stays`` (grid,): the share of waits longer than so many usual gaps."""

    shop_gap_days: float
    stays: Float64

    def usual_gap(self, order_days: Float64, gap_mean: Float64) -> Float64:
        """(customers,) days between orders, the shop's own for somebody with one order."""
        gaps = np.maximum(order_days - 1, 0)
        own = np.where(gaps > 0, np.nan_to_num(gap_mean), 0.0)
        return np.asarray((gaps * own + _PRIOR_GAPS * self.shop_gap_days) / (gaps + _PRIOR_GAPS), np.float64)

    def wait(self, usual: float, quiet_days: float, share: float) -> float:
        """Days from now until an order has come with this probability; infinite where it may never."""
        return float(self.waits(np.array([usual]), np.array([quiet_days]), share)[0])

    def waits(self, usual: Float64, quiet_days: Float64, share: float) -> Float64:
        """(customers,) ``wait`` of each."""
        entered = quiet_days / usual
        here = np.interp(entered, _GRID, self.stays)
        gone = np.searchsorted(-self.stays, -(1 - share) * here, side="left")
        late = np.maximum(np.searchsorted(_GRID, entered, side="right"), gone)
        found = np.maximum(_GRID[np.minimum(late, len(_GRID) - 1)] - entered, 0.0) * usual
        return np.where((here > 0) & (late < len(_GRID)), found, np.inf)

    def arrays(self) -> Mapping[str, NDArray[Any]]:
        return {"stays": self.stays}

    def facts(self) -> Mapping[str, Any]:
        return {"shop_gap_days": self.shop_gap_days}

    @classmethod
    def restore(cls, arrays: Mapping[str, NDArray[Any]], facts: Mapping[str, Any]) -> "NextOrder":
        return cls(shop_gap_days=facts["shop_gap_days"], stays=arrays["stays"])


def fit_next_order(
    order_days: Float64, gap_mean: Float64, quiet_days: Float64, wait_days: Float64, window_days: float
) -> NextOrder:
    """From past moments: how customers stood then, and how long it took (NaN: not within the window).

    Raises:
        DataError: hardly anybody came back (``too_few_repeats``).
    """
    came = np.isfinite(wait_days)
    gaps = gap_mean[np.isfinite(gap_mean) & (order_days > 1)]
    if came.sum() < _LEAST or not len(gaps):
        raise DataError("too_few_repeats", have=int(came.sum()), needed=_LEAST)
    empty = NextOrder(shop_gap_days=float(np.median(gaps)), stays=np.ones(len(_GRID)))
    usual = empty.usual_gap(order_days, gap_mean)
    entered = quiet_days / usual
    left = entered + np.where(came, wait_days, window_days) / usual
    edges = np.append(_GRID, np.inf)
    before = np.searchsorted(np.sort(entered), _GRID, side="left") - np.searchsorted(np.sort(left), _GRID, side="left")
    entering = np.histogram(entered, bins=edges)[0]
    events = np.histogram(left[came], bins=edges)[0]
    # who enters within a step is at risk for half of it; a step with hardly anybody at risk says nothing
    risk = before + entering / 2
    hazard = np.divide(events, risk, out=np.zeros(len(_GRID)), where=risk >= _LEAST_AT_RISK)
    stays = np.cumprod(1 - np.minimum(hazard, 1.0))
    return NextOrder(shop_gap_days=empty.shop_gap_days, stays=np.concatenate([[1.0], stays[:-1]]))
