"""Numbers about rows by column, and how learners that need whole, scaled numbers get them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Float64 = NDArray[np.float64]
_FAR = 8.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """(rows, columns) of numbers; NaN where a number is unknown."""

    names: tuple[str, ...]
    values: Float64

    def __len__(self) -> int:
        return len(self.values)

    def rows(self, which: NDArray[Any]) -> "Columns":
        """Some of the rows."""
        return Columns(names=self.names, values=self.values[which])

    def joined(self, other: "Columns") -> "Columns":
        """These rows, then the other's, of the same columns."""
        if self.names != other.names:
            raise ValueError("the columns differ")
        return Columns(names=self.names, values=np.concatenate([self.values, other.values]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaling:
    """Numbers with a long tail by their logarithm, centred, in standard deviations; unknown and constant ones are 0.

    An extreme spender lies at most 8 standard deviations out.
    """

    middle: Float64
    spread: Float64
    """0 for a column that is constant or wholly unknown: it says nothing."""
    tailed: NDArray[np.bool_]

    @classmethod
    def of(cls, values: Float64) -> "Scaling":
        """Learned from the training rows."""
        known = np.isfinite(values)
        count = np.maximum(known.sum(axis=0), 1)
        filled = np.where(known, values, 0.0)
        top = np.where(known, values, -np.inf).max(axis=0, initial=-np.inf)
        tailed = (np.where(known, values, np.inf).min(axis=0, initial=np.inf) >= 0) & (top > 20)
        shown = np.where(tailed, np.log1p(np.abs(filled)), filled) * known
        middle = shown.sum(axis=0) / count
        spread = np.sqrt((((shown - middle) ** 2) * known).sum(axis=0) / count)
        return cls(middle=middle, spread=np.where(spread > 1e-9 * (1 + np.abs(middle)), spread, 0.0), tailed=tailed)

    def __call__(self, values: Float64) -> Float64:
        """(rows, columns) scaled."""
        known = np.isfinite(values)
        filled = np.where(known, values, 0.0)
        shown = np.where(self.tailed, np.sign(filled) * np.log1p(np.abs(filled)), filled)
        scaled = np.divide(shown - self.middle, self.spread, out=np.zeros_like(shown), where=self.spread > 0)
        return np.clip(np.where(known, scaled, 0.0), -_FAR, _FAR)

    def arrays(self) -> Mapping[str, NDArray[Any]]:
        return {"middle": self.middle, "spread": self.spread, "tailed": self.tailed}

    @classmethod
    def restore(cls, arrays: Mapping[str, NDArray[Any]]) -> "Scaling":
        return cls(middle=arrays["middle"], spread=arrays["spread"], tailed=arrays["tailed"])
