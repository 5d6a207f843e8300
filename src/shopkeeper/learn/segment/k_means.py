"""Customers in a few groups that come back when the customers are drawn again: K-means on scaled numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from threadpoolctl import threadpool_limits

from shopkeeper.core.errors import DataError
from shopkeeper.core.histories import Int32
from shopkeeper.core.ports import Arrays
from shopkeeper.learn.propensity.columns import Float64
from shopkeeper.learn.segment.choosing import STABLE, Trial, chosen, gap_choice, lloyd, nearest, tried
from shopkeeper.learn.segment.portraits import Portraits, enough
from shopkeeper.learn.segment.scaling import RobustScaling

FIELDS: Final = ("quiet_days", "orders", "spend", "basket_spend", "discount_share")
_MOST: Final = 50_000


@dataclass(frozen=True, slots=True, kw_only=True)
class KMeansSegments:
    """Every k from ``least`` to ``most`` is tried; the one that is kept is stable under resampling and well apart
    (``choosing.chosen``). Groups are numbered from the one that spends most to the one that spends least.

    Source: Lloyd (1982), Least squares quantization in PCM; MacQueen (1967); and see ``choosing``.
    """

    fields: tuple[str, ...] = FIELDS
    """The numbers that customers are compared by: columns of the portraits."""
    least: int = 2
    most: int = 8
    floor: int = 20
    """Fewest customers of a group."""
    resamples: int = 20
    """Bootstrap resamples for the adjusted Rand index."""
    references: int = 10
    """Samples of chance for the gap statistic."""
    sample: int = 4_000
    """At most so many customers take part in the trials; up to 50,000 in the fit."""

    def fit(self, known: Portraits, *, seed: int = 0) -> "KMeansModel":
        """The groups.

        Raises:
            DataError: too few customers, all alike, no number of groups is stable, or those that are stable are small.
        """
        enough(known, self.least * self.floor)
        scaling, points = scaled_points(known, self.fields)
        with threadpool_limits(1):
            trials = tried(points, range(self.least, self.most + 1), resamples=self.resamples,
                           references=self.references, sample=self.sample, seed=seed)  # fmt: skip
            best = chosen(trials, self.floor)
            if best is None:
                raise _why_none(trials, self.floor)
            centres = lloyd(points, best.k, seed, 20).cluster_centers_
        worth = scaling.back(centres)[:, self.fields.index("spend")] if "spend" in self.fields else centres[:, 0]
        return KMeansModel(
            fields=self.fields, scaling=scaling, centres=centres[np.argsort(-worth, kind="stable")],
            trials=tuple(trials),
        )  # fmt: skip


def _why_none(trials: Sequence[Trial], floor: int) -> DataError:
    """What keeps every number of groups from being chosen: none comes back, or those that do hold too small a group."""
    stable = [trial for trial in trials if trial.ari >= STABLE]
    if not stable:
        reached = max((trial.ari for trial in trials), default=0.0)
        return DataError("segments_unstable", reached=round(reached, 2), needed=STABLE)
    return DataError("segments_small", have=max(trial.smallest for trial in stable), needed=floor)


def scaled_points(known: Portraits, fields: tuple[str, ...]) -> tuple[RobustScaling, Float64]:
    """The scaling, and at most 50,000 customers by it.

    Raises:
        DataError: all customers are alike in these numbers (``segments_all_equal``).
    """
    values = np.stack([known.column(name) for name in fields], axis=1)
    if len(values) > _MOST:
        values = values[np.linspace(0, len(values) - 1, _MOST).astype(np.int64)]
    scaling = RobustScaling.of(fields, values)
    if not (scaling.spread > 0).any():
        raise DataError("segments_all_equal", have=len(known))
    return scaling, scaling(values)


@dataclass(frozen=True, slots=True, kw_only=True)
class KMeansModel:
    """Centres in scaled numbers, and what spoke for each k that was tried."""

    fields: tuple[str, ...]
    scaling: RobustScaling
    centres: Float64
    """(groups, fields)"""
    trials: tuple[Trial, ...]

    @property
    def groups(self) -> int:
        return len(self.centres)

    @property
    def trial(self) -> Trial:
        """What speaks for the k that was kept."""
        return next(trial for trial in self.trials if trial.k == self.groups)

    @property
    def gap_k(self) -> int:
        """The k that the gap statistic would have taken."""
        return gap_choice(self.trials)

    def assign(self, numbers: Float64) -> Int32:
        """(people,) the group of each row of ``fields``; -1 where nothing is known."""
        known = np.isfinite(numbers).any(axis=1)
        return np.where(known, nearest(self.scaling(numbers), self.centres), -1).astype(np.int32)

    def arrays(self) -> Arrays:
        return {"centres": self.centres, **self.scaling.arrays()}

    def facts(self) -> Mapping[str, Any]:
        return {"fields": list(self.fields), "trials": [trial.facts() for trial in self.trials]}

    @classmethod
    def restore(cls, arrays: Arrays, facts: Mapping[str, Any]) -> "KMeansModel":
        fields = tuple(facts["fields"])
        return cls(
            fields=fields, scaling=RobustScaling.restore(fields, arrays), centres=arrays["centres"],
            trials=tuple(Trial(**trial) for trial in facts["trials"]),
        )  # fmt: skip
