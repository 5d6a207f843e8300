"""Logistic regression for stars: one weighted sum, and between each two neighbouring grades a threshold.

``P(stars <= grade) = expit(threshold of the grade - weights x scaled columns)``; said are the expected stars.
Source: McCullagh (1980), Regression models for ordinal data (proportional odds).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from shopkeeper.core.errors import DataError
from shopkeeper.learn.propensity.columns import Columns, Float64, Scaling

_LEAST: Final = 1e-9
MOST_GRADES: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Ordinal:
    """The fitted thresholds and weights."""

    scaling: Scaling
    weights: Float64
    thresholds: Float64
    """(grades - 1,) ascending."""
    grades: Float64

    odds = False

    def chances(self, columns: Columns) -> Float64:
        """(rows, grades) the probability of each grade."""
        lean = self.scaling(columns.values) @ self.weights
        below = expit(self.thresholds - lean[:, None])
        ends = np.zeros((len(lean), 1)), np.ones((len(lean), 1))
        return np.diff(np.concatenate([ends[0], below, ends[1]], axis=1), axis=1)

    def score(self, columns: Columns) -> Float64:
        """(rows,) expected stars."""
        return np.asarray(self.chances(columns) @ self.grades, np.float64)

    def parts(self, columns: Columns) -> tuple[Float64, Float64]:
        """Each column's share in stars, in the proportions of the weighted sum; with the base they are the score."""
        leans = self.scaling(columns.values) * self.weights
        base = float(self._expected(np.zeros(1))[0])
        lean = leans.sum(axis=1)
        slope = np.divide(self.score(columns) - base, lean, out=np.zeros(len(lean)), where=np.abs(lean) > _LEAST)
        return leans * slope[:, None], np.full(len(columns), base)

    def _expected(self, lean: Float64) -> Float64:
        below = expit(self.thresholds - lean[:, None])
        return np.asarray(self.grades[-1] - below @ np.diff(self.grades), np.float64)

    def arrays(self) -> Mapping[str, NDArray[Any]]:
        own = {"weights": self.weights, "thresholds": self.thresholds, "grades": self.grades}
        return {**own, **self.scaling.arrays()}

    def facts(self) -> Mapping[str, Any]:
        return {}

    @classmethod
    def restore(cls, arrays: Mapping[str, NDArray[Any]], facts: Mapping[str, Any]) -> "Ordinal":  # noqa: ARG003 - all is in the arrays
        names = ("weights", "thresholds", "grades")
        return cls(scaling=Scaling.restore(arrays), **{name: arrays[name] for name in names})


@dataclass(frozen=True, slots=True, kw_only=True)
class OrdinalLogistic:
    """Maximum likelihood with a small penalty on the weights."""

    penalty: float = 1.0

    def fit(self, columns: Columns, outcome: Float64, *, wanted: str = "number", seed: int = 0) -> Ordinal:  # noqa: ARG002
        """From stars on a scale of at most 20 grades.

        Raises:
            DataError: more different values than grades (``too_many_grades``).
        """
        grades, place = np.unique(outcome, return_inverse=True)
        if len(grades) > MOST_GRADES:
            raise DataError("too_many_grades", have=len(grades), most=MOST_GRADES)
        scaling = Scaling.of(columns.values)
        x, wide = scaling(columns.values), len(columns.names)
        share = np.cumsum(np.bincount(place))[:-1] / len(place)
        begin = np.log(share / (1 - share))
        gaps = np.log(np.maximum(np.diff(begin), 1e-3))

        def loss(free: Float64) -> tuple[float, Float64]:
            weights, steps = free[:wide], np.exp(free[wide + 1 :])
            thresholds = free[wide] + np.concatenate([[0.0], np.cumsum(steps)])
            lean = x @ weights
            below = np.concatenate([[-np.inf], thresholds])[place] - lean
            above = np.concatenate([thresholds, [np.inf]])[place] - lean
            low, high = expit(below), expit(above)
            chance = np.maximum(high - low, _LEAST)
            by_low, by_high = low * (1 - low) / chance, high * (1 - high) / chance
            at_grade = np.bincount(place, by_high, minlength=len(grades))[:-1]
            at_grade = at_grade - np.bincount(place, by_low, minlength=len(grades))[1:]
            by_threshold = -at_grade
            by_weight = x.T @ (by_high - by_low) + self.penalty * weights
            later = np.cumsum(by_threshold[::-1])[::-1]
            gradient = np.concatenate([by_weight, [by_threshold.sum()], later[1:] * steps])
            return float(-np.log(chance).sum() + self.penalty / 2 * weights @ weights), gradient

        from scipy.optimize import minimize  # here: only learning needs it

        free = np.concatenate([np.zeros(wide), begin[:1], gaps])
        found = minimize(loss, free, jac=True, method="L-BFGS-B", options={"maxiter": 500})
        thresholds = found.x[wide] + np.concatenate([[0.0], np.cumsum(np.exp(found.x[wide + 1 :]))])
        return Ordinal(scaling=scaling, weights=found.x[:wide], thresholds=thresholds, grades=grades)
