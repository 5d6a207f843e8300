"""Every classical learner on the same rows: which one to trust, judged on rows that none of them has seen.

Rows with a moment are split by time (older ones teach, later ones calibrate, the newest judge); rows without one are
judged by folds: each row once, by a model that was neither taught nor calibrated on it.
"""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from shopkeeper.core.errors import DataError
from shopkeeper.core.ports import Progress, quiet
from shopkeeper.learn.propensity.columns import Columns, Float64
from shopkeeper.learn.propensity.learned import LEARNERS, LEAST_OF_EACH, Learned, learn, learner_of
from shopkeeper.learn.propensity.panel import Panel, check_leaks
from shopkeeper.measure.bootstrap import Interval
from shopkeeper.measure.probability import Bin, figures, reliability

Rows = NDArray[np.int64]
Mask = NDArray[np.bool_]
_NEWEST: Final = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """Places of the rows that teach, calibrate and judge; no row is in two of them."""

    teach: Rows
    calibrate: Rows
    judge: Rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One learner's row of the table."""

    learner: str
    figures: Mapping[str, Interval]
    """``measure.probability.METRICS``, with 95 % bootstrap intervals over the judged rows."""
    bins: tuple[Bin, ...]
    """The calibration plot: ten groups of equal size, by probability."""
    seconds: float
    """Teaching and calibrating, all folds together."""
    rows: Rows
    """Places of the judged rows."""
    said: Float64
    """(rows,) their probabilities."""
    model: Learned
    """Of the last fold."""


def by_time(moment: Float64) -> list[Split]:
    """One split: the newest fifth judges, the fifth before calibrates, the rest teaches. A moment's rows stay together.

    Raises:
        DataError: too few different moments (``benchmark_no_time``).
    """
    early, late = np.quantile(moment, [1 - 2 * _NEWEST, 1 - _NEWEST], method="lower")
    parts = moment < early, (moment >= early) & (moment < late), moment >= late
    if not all(part.any() for part in parts):
        raise DataError("benchmark_no_time", have=len(np.unique(moment)), needed=3)
    return [_split(*parts)]


def _split(teach: Mask, calibrate: Mask, judge: Mask) -> Split:
    return Split(teach=np.flatnonzero(teach), calibrate=np.flatnonzero(calibrate), judge=np.flatnonzero(judge))


def by_folds(outcome: Float64, folds: int, seed: int = 0) -> list[Split]:
    """``folds`` splits with as many of each outcome in every fold; the fold after the judged one calibrates."""
    rng = np.random.default_rng(seed)
    fold = np.empty(len(outcome), np.int64)
    start = 0
    for kind in (outcome > 0, outcome <= 0):
        rows = rng.permutation(np.flatnonzero(kind))
        fold[rows] = (np.arange(len(rows)) + start) % folds
        start += len(rows)
    return [
        _split((fold != number) & (fold != (number + 1) % folds), fold == (number + 1) % folds, fold == number)
        for number in range(folds)
    ]


def by_fold_of(panel: Panel) -> list[Split]:
    """A panel's newest moment judges, the one before calibrates, earlier ones teach."""
    return [_split(panel.fold >= 2, panel.fold == 1, panel.fold == 0)]


def compare(
    columns: Columns, outcome: Float64, splits: list[Split], *, learners: tuple[str, ...] = tuple(LEARNERS),
    seed: int = 0, progress: Progress = quiet,
) -> Iterator[Judged]:  # fmt: skip
    """Each learner's row, in the order asked.

    Raises:
        DataError: too few rows of one outcome (``too_few_outcomes``), or a column that is the answer in disguise
            (``feature_leaks``).
    """
    rare = int(min((outcome > 0).sum(), (outcome <= 0).sum()))
    if rare < LEAST_OF_EACH:
        raise DataError("too_few_outcomes", have=rare, needed=LEAST_OF_EACH)
    check_leaks(columns, outcome)
    for number, name in enumerate(learners):
        progress(name, number, len(learners))
        yield _judged(name, columns, outcome, splits, seed)
    progress("", len(learners), len(learners))


def _judged(name: str, columns: Columns, outcome: Float64, splits: list[Split], seed: int) -> Judged:
    learner, seconds = learner_of(name), 0.0
    said: list[Float64] = []
    model: Any = None
    for split in splits:
        began = time.perf_counter()
        later = columns.rows(split.calibrate), outcome[split.calibrate]
        model = learn(learner, columns.rows(split.teach), outcome[split.teach], *later, seed=seed)
        seconds += time.perf_counter() - began
        said.append(model.probability(columns.rows(split.judge)))
    rows, probability = np.concatenate([split.judge for split in splits]), np.concatenate(said)
    order = np.argsort(rows, kind="stable")
    rows, probability = rows[order], probability[order]
    return Judged(
        learner=name, figures=figures(outcome[rows], probability, seed=seed), seconds=seconds, rows=rows,
        said=probability, bins=tuple(reliability(outcome[rows], probability)), model=model,
    )  # fmt: skip
