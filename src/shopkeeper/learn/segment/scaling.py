"""How numbers about customers become comparable: logarithms of what has a long tail, then medians and quartiles.

z = (x - median) / (IQR / 1.349), cut at 3: an extreme spender pulls no centre, and a constant number says nothing.
Where the quartiles coincide the standard deviation stands in. Source: Huber, Ronchetti (2009), Robust statistics.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from shopkeeper.learn.propensity.columns import Float64

TAILED: Final = frozenset({"quiet_days", "orders", "spend", "basket_spend", "basket_lines", "usual_price"})
"""Amounts and counts: their logarithm is taken."""
_IQR: Final = 1.349
_FAR: Final = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RobustScaling:
    """Learned from the fitting rows; unknown numbers become 0, the middle."""

    fields: tuple[str, ...]
    middle: Float64
    spread: Float64
    """0 for a number that is constant or wholly unknown."""

    @classmethod
    def of(cls, fields: tuple[str, ...], values: Float64) -> "RobustScaling":
        """From (rows, fields) of numbers."""
        shown = _shown(fields, values)
        middle, spread = np.zeros(len(fields)), np.zeros(len(fields))
        for place, column in enumerate(shown.T):
            known = column[np.isfinite(column)]
            if not len(known):
                continue
            low, middle[place], high = np.quantile(known, [0.25, 0.5, 0.75])
            wide = (high - low) / _IQR if high > low else float(known.std())
            spread[place] = wide if wide > 1e-9 * (1 + abs(middle[place])) else 0.0
        return cls(fields=fields, middle=middle, spread=spread)

    def __call__(self, values: Float64) -> Float64:
        """(rows, fields) scaled; each row by itself."""
        shown = _shown(self.fields, values)
        scaled = np.divide(shown - self.middle, self.spread, out=np.zeros_like(shown), where=self.spread > 0)
        return np.clip(np.where(np.isfinite(shown), scaled, 0.0), -_FAR, _FAR)

    def back(self, scaled: Float64) -> Float64:
        """The numbers that scaled ones stand for."""
        shown = scaled * self.spread + self.middle
        return np.where(_tailed(self.fields), np.expm1(shown), shown)

    def arrays(self) -> Mapping[str, NDArray[Any]]:
        return {"middle": self.middle, "spread": self.spread}

    @classmethod
    def restore(cls, fields: tuple[str, ...], arrays: Mapping[str, NDArray[Any]]) -> "RobustScaling":
        return cls(fields=fields, middle=arrays["middle"], spread=arrays["spread"])


def _tailed(fields: tuple[str, ...]) -> NDArray[np.bool_]:
    return np.array([name in TAILED for name in fields], np.bool_)


def _shown(fields: tuple[str, ...], values: Float64) -> Float64:
    """Logarithms where the tail is long; a loss (negative spending) counts as nothing spent."""
    values = np.asarray(values, np.float64)
    return np.where(_tailed(fields), np.log1p(np.maximum(np.where(np.isfinite(values), values, np.nan), 0.0)),
                    np.where(np.isfinite(values), values, np.nan))  # fmt: skip
