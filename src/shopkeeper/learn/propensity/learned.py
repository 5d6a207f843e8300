"""A learner and its calibration as one model: the probability of an outcome, its range, and the exact reasons."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from shopkeeper.core.errors import DataError, SettingsError
from shopkeeper.core.prediction import Part
from shopkeeper.learn.propensity.boosting import Boosted, GradientBoosting
from shopkeeper.learn.propensity.calibration import Calibration, Method, as_score, calibrate
from shopkeeper.learn.propensity.columns import Columns, Float64
from shopkeeper.learn.propensity.linear import LinearRegression, LogisticRegression, Wanted, WeightedSum
from shopkeeper.learn.propensity.support_vectors import SVM, SupportVectors
from shopkeeper.learn.propensity.trees import DecisionTree, RandomForest, Trees
from shopkeeper.measure.outcomes import wilson

LEAST_OF_EACH: Final = 20
_REASONS: Final = 5
_NEIGHBOURS: Final = 200


class Model(Protocol):
    """What every learner leaves."""

    @property
    def odds(self) -> bool: ...
    def score(self, columns: Columns) -> Float64: ...
    def arrays(self) -> Mapping[str, NDArray[Any]]: ...
    def facts(self) -> Mapping[str, Any]: ...


class Learner(Protocol):
    """A frozen settings dataclass."""

    def fit(self, columns: Columns, outcome: Float64, *, wanted: Wanted = ..., seed: int = ...) -> Model: ...


LEARNERS: Final[Mapping[str, Learner]] = {
    "linear_regression": LinearRegression(), "logistic_regression": LogisticRegression(),
    "decision_tree": DecisionTree(), "random_forest": RandomForest(), "svm": SVM(),
    "gradient_boosting": GradientBoosting(),
}  # fmt: skip
_KINDS: Final[Mapping[str, Any]] = {
    kind.__name__: kind for kind in (WeightedSum, Trees, SupportVectors, Boosted)
}  # fmt: skip


def learner_of(name: str) -> Learner:
    """A learner by its name.

    Raises:
        SettingsError: there is none of this name.
    """
    if name not in LEARNERS:
        raise SettingsError("setting_bad", where="predict", name="learner", value=name, wanted=", ".join(LEARNERS))
    return LEARNERS[name]


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """A calibrated model of one outcome. ``judged_*`` are the probabilities and outcomes of the calibration rows."""

    names: tuple[str, ...]
    model: Any
    calibration: Calibration
    judged: Float64
    """(rows,) probabilities of the calibration rows, ascending."""
    came: Float64
    """(rows,) their outcomes."""

    def probability(self, columns: Columns) -> Float64:
        """(rows,) calibrated."""
        return self.calibration(as_score(self.model.score(columns), self.model.odds))

    def interval(self, probability: float) -> tuple[float, float]:
        """How often the outcome came, at 95 %, among the calibration rows with the nearest probabilities."""
        if not len(self.judged):
            return 0.0, 1.0
        middle = int(np.searchsorted(self.judged, probability))
        size = min(_NEIGHBOURS, len(self.judged))
        start = min(max(middle - size // 2, 0), len(self.judged) - size)
        found = wilson(int(self.came[start : start + size].sum()), size)
        return min(found.low, probability), max(found.high, probability)

    def why(self, columns: Columns) -> tuple[tuple[Part, ...], float, bool]:
        """The reasons for one row, largest first; the base; whether they are exact. None where the learner has none."""
        parts = getattr(self.model, "parts", None)
        if parts is None:
            return (), 0.0, False
        shares, base = parts(columns)
        order = np.argsort(-np.abs(shares[0]), kind="stable")
        found = tuple(
            Part(feature=self.names[place], value=float(columns.values[0, place]), share=float(shares[0, place]))
            for place in order.tolist()
            if shares[0, place]
        )
        return found, float(base[0]), True

    def arrays(self) -> Mapping[str, NDArray[Any]]:
        return {**self.model.arrays(), "judged": self.judged, "came": self.came}

    def facts(self) -> Mapping[str, Any]:
        return {
            "kind": type(self.model).__name__, "names": list(self.names), "model": self.model.facts(),
            "calibration": self.calibration.facts(),
        }  # fmt: skip

    @classmethod
    def restore(cls, arrays: Mapping[str, NDArray[Any]], facts: Mapping[str, Any]) -> "Learned":
        own = {name: array for name, array in arrays.items() if name not in ("judged", "came")}
        return cls(
            names=tuple(facts["names"]), model=_KINDS[facts["kind"]].restore(own, facts["model"]),
            calibration=Calibration.restore(facts["calibration"]), judged=arrays["judged"], came=arrays["came"],
        )  # fmt: skip


def learn(
    learner: Learner, columns: Columns, outcome: Float64, later: Columns, came: Float64, *,
    method: Method | None = None, seed: int = 0,
) -> Learned:  # fmt: skip
    """Fit on the earlier rows, calibrate on the later ones.

    Raises:
        DataError: too few rows of one outcome to learn from (``too_few_outcomes``), or no column that says anything
            (``nothing_differs``).
    """
    rare = int(min((outcome > 0).sum(), (outcome <= 0).sum())) if len(later) else 0
    if rare < LEAST_OF_EACH:
        raise DataError("too_few_outcomes", have=rare, needed=LEAST_OF_EACH)
    known = np.where(np.isfinite(columns.values), columns.values, np.nan)
    differs = [np.ptp(part[np.isfinite(part)]) > 0 for part in known.T if np.isfinite(part).any()]
    if not any(differs):
        raise DataError("nothing_differs", columns=len(columns.names))
    model = learner.fit(columns, outcome, seed=seed)
    calibration = calibrate(as_score(model.score(later), model.odds), came, method)
    said = calibration(as_score(model.score(later), model.odds))
    order = np.argsort(said, kind="stable")
    return Learned(
        names=columns.names, model=model, calibration=calibration, judged=said[order], came=came[order].astype(float)
    )
