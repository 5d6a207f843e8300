"""Who is most like the customers of an audience: a logistic regression of belonging on scaled numbers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from shopkeeper.core.errors import DataError
from shopkeeper.core.ports import Arrays
from shopkeeper.learn.propensity.columns import Float64
from shopkeeper.learn.segment.assigning import numbers_for
from shopkeeper.learn.segment.portraits import Portraits
from shopkeeper.learn.segment.scaling import RobustScaling
from shopkeeper.measure.probability import auc

_FOLDS = 5
_MOST = 50_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookalike:
    """Those in the audience against everybody else, classes weighted alike; the likeness is the log-odds.

    Source: Elkan, Noto (2008), Learning classifiers from only positive and unlabeled data: the ranking is the same.
    """

    fields: tuple[str, ...] = ()
    """Every number of the portraits where empty."""
    strength: float = 1.0
    """How weakly weights are drawn to zero."""
    least: int = 20
    """Fewest customers in the audience, and outside."""

    def fit(self, known: Portraits, *, like: NDArray[np.bool_], seed: int = 0) -> "LookalikeModel":
        """Learn what sets the marked customers apart.

        Raises:
            DataError: fewer than ``least`` in the audience or outside (``lookalike_too_few``).
        """
        from sklearn.linear_model import LogisticRegression  # here: only learning needs it
        from sklearn.model_selection import cross_val_predict

        if min(int(like.sum()), int((~like).sum())) < self.least:
            raise DataError("lookalike_too_few", needed=self.least, have=min(int(like.sum()), int((~like).sum())))
        fields = self.fields or known.columns.names
        values = numbers_for(fields, known)
        some = np.sort(np.random.default_rng(seed).permutation(len(values))[:_MOST])
        scaling = RobustScaling.of(fields, values)
        points, truth = scaling(values[some]), like[some]
        learner = LogisticRegression(C=self.strength, class_weight="balanced", max_iter=500)
        with threadpool_limits(1):
            told = cross_val_predict(learner, points, truth, cv=_FOLDS, method="decision_function")
            learner.fit(points, truth)
        return LookalikeModel(
            fields=fields, scaling=scaling, weights=learner.coef_[0], bias=float(learner.intercept_[0]),
            auc=float(auc(truth.astype(np.float64), told)),
        )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class LookalikeModel:
    """Weights of the scaled numbers."""

    fields: tuple[str, ...]
    scaling: RobustScaling
    weights: Float64
    bias: float
    auc: float
    """How well belonging is told of customers who were not learned from (five folds): 0.5 = not at all."""

    def score(self, numbers: Float64) -> Float64:
        """(people,) log-odds of being like them; rows are independent."""
        return np.asarray((self.scaling(numbers) * self.weights).sum(axis=1) + self.bias, np.float64)

    def arrays(self) -> Arrays:
        return {"weights": self.weights, **self.scaling.arrays()}

    def facts(self) -> Mapping[str, Any]:
        return {"fields": list(self.fields), "bias": self.bias, "auc": self.auc}

    @classmethod
    def restore(cls, arrays: Arrays, facts: Mapping[str, Any]) -> "LookalikeModel":
        fields = tuple(facts["fields"])
        return cls(
            fields=fields, scaling=RobustScaling.restore(fields, arrays), weights=arrays["weights"],
            bias=facts["bias"], auc=facts["auc"],
        )  # fmt: skip
