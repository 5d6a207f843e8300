"""From a score to a probability that means what it says, learned on rows later than those the score was learned on.

Source: Platt (1999), Probabilistic outputs for support vector machines; Zadrozny, Elkan (2002), Transforming classifier
scores into accurate multiclass probability estimates (isotonic).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from shopkeeper.learn.propensity.columns import Float64

Method = Literal["platt", "isotonic", "none"]
_ISOTONIC_FROM: Final = 500
"""So many rows of the rarer outcome are needed before steps follow more than noise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """Steps from score to probability (isotonic), or a line in log-odds (Platt): ``expit(slope x score + shift)``."""

    method: Method
    at: Float64
    says: Float64
    slope: float = 1.0
    shift: float = 0.0

    def __call__(self, score: Float64) -> Float64:
        if self.method == "isotonic":
            return np.asarray(np.interp(score, self.at, self.says), np.float64)
        return np.asarray(expit(self.slope * score + self.shift), np.float64)

    def facts(self) -> Mapping[str, Any]:
        return {
            "method": self.method, "at": self.at.tolist(), "says": self.says.tolist(), "slope": self.slope,
            "shift": self.shift,
        }  # fmt: skip

    @classmethod
    def restore(cls, facts: Mapping[str, Any]) -> "Calibration":
        points: dict[str, NDArray[Any]] = {name: np.asarray(facts[name], np.float64) for name in ("at", "says")}
        return cls(method=facts["method"], slope=facts["slope"], shift=facts["shift"], **points)


def as_score(found: Float64, odds: bool) -> Float64:
    """A score in log-odds where it is a share, so that a line can calibrate it."""
    return found if odds else np.asarray(logit(np.clip(found, 1e-3, 1 - 1e-3)), np.float64)


def calibrate(score: Float64, outcome: Float64, method: Method | None = None) -> Calibration:
    """The calibration of a score; steps where both outcomes are frequent, else a line, else the share of all."""
    from sklearn.isotonic import IsotonicRegression  # here: only learning needs it
    from sklearn.linear_model import LogisticRegression

    rare = int(min((outcome > 0).sum(), (outcome <= 0).sum()))
    chosen = method or ("isotonic" if rare >= _ISOTONIC_FROM else "platt")
    nothing = np.zeros(0)
    if rare == 0 or np.ptp(score) <= 0:
        share = (float(outcome.sum()) + 0.5) / (len(outcome) + 1)
        return Calibration(method="platt", at=nothing, says=nothing, slope=0.0, shift=float(logit(share)))
    if chosen == "isotonic":
        steps = IsotonicRegression(out_of_bounds="clip").fit(score, outcome)
        least = 0.5 / len(outcome)
        says = np.clip(steps.y_thresholds_, least, 1 - least)
        return Calibration(method="isotonic", at=steps.X_thresholds_, says=says)
    centre, spread = float(score.mean()), float(score.std()) or 1.0
    line = LogisticRegression(C=1e6).fit(((score - centre) / spread)[:, None], outcome > 0)
    slope = float(line.coef_[0, 0]) / spread
    return Calibration(
        method="platt", at=nothing, says=nothing, slope=slope, shift=float(line.intercept_[0]) - slope * centre
    )
