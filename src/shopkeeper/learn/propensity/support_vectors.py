"""Support vector machine with a Gaussian kernel: rows like those that came true score high."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shopkeeper.learn.propensity.columns import Columns, Float64, Scaling
from shopkeeper.learn.propensity.linear import Wanted

_BLOCK = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class SupportVectors:
    """The vectors that carry the border, and their weights. It has no exact parts: it cannot say which column why."""

    scaling: Scaling
    vectors: Float64
    weights: Float64
    base: float
    width: float

    odds = True  # a distance from the border, without bounds: it is calibrated as it is

    def score(self, columns: Columns) -> Float64:
        scaled = self.scaling(columns.values)
        own = (self.vectors**2).sum(axis=1)
        blocks = [scaled[start : start + _BLOCK] for start in range(0, len(scaled), _BLOCK)]
        found = [
            np.exp(-self.width * ((block**2).sum(axis=1)[:, None] + own - 2 * block @ self.vectors.T)) @ self.weights
            for block in blocks
        ]
        return np.concatenate([*found, np.zeros(0)]) + self.base

    def arrays(self) -> Mapping[str, NDArray[Any]]:
        return {"vectors": self.vectors, "weights": self.weights, **self.scaling.arrays()}

    def facts(self) -> Mapping[str, Any]:
        return {"base": self.base, "width": self.width}

    @classmethod
    def restore(cls, arrays: Mapping[str, NDArray[Any]], facts: Mapping[str, Any]) -> "SupportVectors":
        return cls(
            scaling=Scaling.restore(arrays), vectors=arrays["vectors"], weights=arrays["weights"],
            base=facts["base"], width=facts["width"],
        )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class SVM:
    """Source: Cortes, Vapnik (1995), Support-vector networks; numbers: Drucker et al. (1997), SVR."""

    strength: float = 1.0
    """How dear a row on the wrong side is."""
    width: float = 0.3
    """How near a row must be to count as alike, against one over all columns' variance: less reaches further."""
    most_rows: int = 5000
    """Training grows with the square of the rows: of more, so many are drawn."""

    def fit(
        self, columns: Columns, outcome: Float64, *, wanted: Wanted = "probability", seed: int = 0
    ) -> SupportVectors:
        from sklearn.svm import SVC, SVR  # here: only learning needs it

        scaling = Scaling.of(columns.values)
        rows = np.arange(len(columns))
        if len(rows) > self.most_rows:
            rows = np.sort(np.random.default_rng(seed).choice(len(rows), self.most_rows, replace=False))
        x, y = scaling(columns.values[rows]), outcome[rows]
        width = self.width / max(x.shape[1] * float(x.var()), 1e-9)
        if wanted == "probability":  # the rarer outcome weighs as much as the other; calibration makes shares of it
            learner: SVC | SVR = SVC(C=self.strength, gamma=width, class_weight="balanced")
        else:
            learner = SVR(C=self.strength, gamma=width)
        found = learner.fit(x, y)
        return SupportVectors(
            scaling=scaling, vectors=found.support_vectors_, weights=found.dual_coef_[0],
            base=float(found.intercept_[0]), width=width,
        )  # fmt: skip
