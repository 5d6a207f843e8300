"""How good probabilities are: do they rank, do they mean what they say, and how sure is that.

Source: AUC as the Mann-Whitney statistic: Hanley, McNeil (1982); Brier (1950), Verification of forecasts expressed in
terms of probability; expected calibration error over equally filled bins: Naeini, Cooper, Hauskrecht (2015),
Obtaining well calibrated probabilities using Bayesian binning; Nixon et al. (2019), Measuring calibration.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from shopkeeper.measure.bootstrap import Interval

_LEAST: Final = 1e-12
BINS: Final = 10
RESAMPLES: Final = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """Rows of about the same probability: what was said and what came."""

    said: float
    came: float
    rows: int


def auc(outcome: ArrayLike, score: ArrayLike) -> float:
    """How often a row that came true stands above one that did not, ties as half; NaN where only one kind is there."""
    from scipy.stats import rankdata  # here: it takes half a second, and few programs need it

    truth = np.asarray(outcome, np.float64) > 0
    ones, zeros = int(truth.sum()), int((~truth).sum())
    if not ones or not zeros:
        return float("nan")
    ranks = rankdata(np.asarray(score, np.float64))
    return float((ranks[truth].sum() - ones * (ones + 1) / 2) / (ones * zeros))


def log_loss(outcome: ArrayLike, probability: ArrayLike) -> float:
    """The mean surprise, in nats."""
    truth, said = np.asarray(outcome, np.float64), np.clip(np.asarray(probability, np.float64), _LEAST, 1 - _LEAST)
    return float(-np.mean(truth * np.log(said) + (1 - truth) * np.log1p(-said))) if len(truth) else float("nan")


def brier(outcome: ArrayLike, probability: ArrayLike) -> float:
    """The mean squared distance between what was said and what came."""
    truth = np.asarray(outcome, np.float64)
    return float(np.mean((np.asarray(probability, np.float64) - truth) ** 2)) if len(truth) else float("nan")


def reliability(outcome: ArrayLike, probability: ArrayLike, bins: int = BINS) -> list[Bin]:
    """Rows in order of probability, cut into groups of equal size."""
    truth, said = np.asarray(outcome, np.float64), np.asarray(probability, np.float64)
    groups = np.array_split(np.argsort(said, kind="stable"), min(bins, max(len(said), 1)))
    return [
        Bin(said=float(said[group].mean()), came=float(truth[group].mean()), rows=len(group))
        for group in groups
        if len(group)
    ]


def calibration_error(outcome: ArrayLike, probability: ArrayLike, bins: int = BINS) -> float:
    """The mean distance between what was said and what came, over equally filled bins.

    A perfectly calibrated model of a finite sample has an error above 0 too: about 0.8 sqrt(p (1 - p) / rows a bin).
    """
    found = reliability(outcome, probability, bins)
    rows = sum(each.rows for each in found)
    return sum(each.rows * abs(each.said - each.came) for each in found) / rows if rows else float("nan")


def top_lift(outcome: ArrayLike, score: ArrayLike, share: float = 0.1) -> float:
    """How many times more often the outcome came among the highest-scored share than among all."""
    truth = np.asarray(outcome, np.float64)
    count = max(round(len(truth) * share), 1)
    if not len(truth) or not truth.mean():
        return float("nan")
    best = np.argsort(-np.asarray(score, np.float64), kind="stable")[:count]
    return float(truth[best].mean() / truth.mean())


METRICS: Final[dict[str, Callable[[ArrayLike, ArrayLike], float]]] = {
    "auc": auc, "log_loss": log_loss, "brier": brier, "calibration_error": calibration_error, "lift": top_lift,
}  # fmt: skip


def figures(
    outcome: ArrayLike, probability: ArrayLike, *, resamples: int = RESAMPLES, seed: int = 0
) -> dict[str, Interval]:
    """Each of ``METRICS`` with its 95 % bootstrap interval; rows (one a person) are drawn with replacement."""
    truth, said = np.asarray(outcome, np.float64), np.asarray(probability, np.float64)
    rng = np.random.default_rng(seed)
    draws = [rng.integers(0, len(truth), len(truth)) for _ in range(resamples if len(truth) else 0)]
    found = {}
    for name, metric in METRICS.items():
        value = metric(truth, said)
        drawn = np.array([metric(truth[rows], said[rows]) for rows in draws])
        drawn = drawn[np.isfinite(drawn)]
        low, high = np.quantile(drawn, [0.025, 0.975]) if len(drawn) else (np.nan, np.nan)
        if name == "calibration_error":  # resampling adds its own noise to a distance: the basic interval takes it off
            low, high = max(0.0, 2 * value - high), 2 * value - low
        found[name] = Interval(value=value, low=float(min(low, value)), high=float(max(high, value)))
    return found
