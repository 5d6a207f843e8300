"""How far a number may lie from what was said: taken from rows that the model had not seen.

Source: Lei, G'Sell, Rinaldo, Tibshirani, Wasserman (2018), Distribution-free predictive inference for regression
(split conformal), among the rows that were said to be nearest.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from shopkeeper.learn.propensity.columns import Float64

_NEIGHBOURS: Final = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """What was said of the unseen rows, ascending, and how much more the truth was."""

    said: Float64
    more: Float64
    low: float
    high: float
    """No truth lies outside these two."""

    @classmethod
    def of(cls, said: Float64, truth: Float64, *, low: float, high: float) -> "Spread":
        order = np.argsort(said, kind="stable")
        return cls(said=said[order], more=(truth - said)[order], low=low, high=high)

    def interval(self, value: float, level: float = 0.8) -> tuple[float, float]:
        """The range that held the truth this often where about the same was said."""
        if not len(self.said):
            return self.low, self.high
        size = min(_NEIGHBOURS, len(self.said))
        start = int(np.clip(np.searchsorted(self.said, value) - size // 2, 0, len(self.said) - size))
        near, tail = np.sort(self.more[start : start + size]), (1 - level) / 2
        rank = int(np.floor((size + 1) * tail))
        if rank < 1:
            return self.low, self.high
        ends = value + near[rank - 1], value + near[size - rank]
        return float(min(max(ends[0], self.low), value)), float(max(min(ends[1], self.high), value))

    def arrays(self) -> Mapping[str, NDArray[Any]]:
        return {"spread_said": self.said, "spread_more": self.more}

    def facts(self) -> Mapping[str, Any]:
        return {"low": self.low, "high": self.high if np.isfinite(self.high) else None}

    @classmethod
    def restore(cls, arrays: Mapping[str, NDArray[Any]], facts: Mapping[str, Any]) -> "Spread":
        high = float("inf") if facts["high"] is None else facts["high"]
        return cls(said=arrays["spread_said"], more=arrays["spread_more"], low=facts["low"], high=high)
