"""Learners whose score is a weighted sum: linear regression and logistic regression."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from shopkeeper.learn.propensity.columns import Columns, Float64, Scaling

Wanted = Literal["probability", "number"]


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightedSum:
    """``score = base + sum of weight x scaled column``; ``odds``: the score is of log-odds."""

    scaling: Scaling
    weights: Float64
    base: float
    odds: bool

    def score(self, columns: Columns) -> Float64:
        return self.scaling(columns.values) @ self.weights + self.base

    def parts(self, columns: Columns) -> tuple[Float64, Float64]:
        """(rows, columns) each column's exact share, and (rows,) the base; together they are the score."""
        shares = self.scaling(columns.values) * self.weights
        return shares, np.full(len(columns), self.base)

    def arrays(self) -> Mapping[str, NDArray[Any]]:
        return {"weights": self.weights, **self.scaling.arrays()}

    def facts(self) -> Mapping[str, Any]:
        return {"base": self.base, "odds": self.odds}

    @classmethod
    def restore(cls, arrays: Mapping[str, NDArray[Any]], facts: Mapping[str, Any]) -> "WeightedSum":
        return cls(scaling=Scaling.restore(arrays), weights=arrays["weights"], base=facts["base"], odds=facts["odds"])


@dataclass(frozen=True, slots=True, kw_only=True)
class LinearRegression:
    """Least squares with a little ridge, on scaled columns; for a probability, the linear probability model.

    Source: Hoerl, Kennard (1970), Ridge regression.
    """

    ridge: float = 1.0

    def fit(self, columns: Columns, outcome: Float64, *, wanted: Wanted = "probability", seed: int = 0) -> WeightedSum:  # noqa: ARG002
        from sklearn.linear_model import Ridge  # here: only learning needs it

        scaling = Scaling.of(columns.values)
        found = Ridge(alpha=self.ridge).fit(scaling(columns.values), outcome)
        return WeightedSum(scaling=scaling, weights=found.coef_, base=float(found.intercept_), odds=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class LogisticRegression:
    """Weighted sum of log-odds. Outcomes between 0 and 1 (ratings) are learned as shares of yes and no.

    Source: Cox (1958), The regression analysis of binary sequences; Papke, Wooldridge (1996), Econometric methods for
    fractional response variables.
    """

    strength: float = 1.0
    """Inverse of the penalty on large weights."""

    def fit(self, columns: Columns, outcome: Float64, *, wanted: Wanted = "probability", seed: int = 0) -> WeightedSum:  # noqa: ARG002
        from sklearn.linear_model import LogisticRegression as SklearnLogistic  # here: only learning needs it

        scaling = Scaling.of(columns.values)
        x = np.concatenate([scaling(columns.values)] * 2)
        truth = np.repeat([1, 0], len(outcome))
        weight = np.concatenate([outcome, 1 - outcome])
        use = weight > 0
        learner = SklearnLogistic(C=self.strength, max_iter=1000)
        found = learner.fit(x[use], truth[use], sample_weight=weight[use])
        return WeightedSum(scaling=scaling, weights=found.coef_[0], base=float(found.intercept_[0]), odds=True)
