"""Groups with soft edges: each customer belongs to every group with a probability."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from shopkeeper.core.errors import DataError
from shopkeeper.core.histories import Int32
from shopkeeper.core.ports import Arrays
from shopkeeper.learn.propensity.columns import Float64
from shopkeeper.learn.segment.k_means import FIELDS, scaled_points
from shopkeeper.learn.segment.portraits import Portraits, enough
from shopkeeper.learn.segment.scaling import RobustScaling


@dataclass(frozen=True, slots=True, kw_only=True)
class GaussianMixtureSegments:
    """A mixture of ``least`` to ``most`` full Gaussians over scaled numbers; the number with the lowest BIC is kept.

    Source: Dempster, Laird, Rubin (1977), Maximum likelihood from incomplete data via the EM algorithm; Schwarz
    (1978), Estimating the dimension of a model; Fraley, Raftery (2002).
    """

    fields: tuple[str, ...] = FIELDS
    least: int = 1
    most: int = 6
    floor: int = 20
    """Fewest customers a group, on average: it bounds the number of groups."""
    sample: int = 5_000

    def fit(self, known: Portraits, *, seed: int = 0) -> "MixtureModel":
        """The mixture.

        Raises:
            DataError: too few customers, or all alike.
        """
        from sklearn.mixture import GaussianMixture  # here: only learning needs it

        enough(known, 2 * self.floor)
        scaling, points = scaled_points(known, self.fields)
        points = points[np.linspace(0, len(points) - 1, min(len(points), self.sample)).astype(np.int64)]
        most = max(min(self.most, len(points) // self.floor, len(np.unique(points, axis=0))), self.least)
        tried: list[tuple[float, GaussianMixture]] = []
        with threadpool_limits(1):
            for k in range(self.least, most + 1):
                one = GaussianMixture(k, reg_covar=1e-2, n_init=2, max_iter=200, tol=1e-2, random_state=seed)
                one.fit(points)
                tried.append((float(one.bic(points)), one))
        if not tried:
            raise DataError("segments_too_few", needed=2 * self.floor, have=len(known))
        best = min(tried, key=lambda pair: pair[0])[1]
        order = np.argsort(-best.weights_, kind="stable")
        return MixtureModel(
            fields=self.fields, scaling=scaling, weights=best.weights_[order], means=best.means_[order],
            roots=best.precisions_cholesky_[order], bic=tuple(value for value, _ in tried), least=self.least,
        )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class MixtureModel:
    """Weights (groups,), means (groups, fields) and roots of the precisions (groups, fields, fields); largest first."""

    fields: tuple[str, ...]
    scaling: RobustScaling
    weights: Float64
    means: Float64
    roots: Float64
    bic: tuple[float, ...]
    """Of each number of groups that was tried, from ``least`` on."""
    least: int

    @property
    def groups(self) -> int:
        return len(self.weights)

    def probabilities(self, numbers: Float64) -> Float64:
        """(people, groups) how surely each belongs to each group; rows add up to 1."""
        points = self.scaling(numbers)
        told = []
        for weight, mean, root in zip(self.weights, self.means, self.roots, strict=True):
            away = np.stack([((points - mean) * column).sum(axis=1) for column in root.T], axis=1)
            told.append(np.log(weight) + np.log(np.diag(root)).sum() - 0.5 * (away**2).sum(axis=1))
        logs = np.stack(told, axis=1)
        shown = np.exp(logs - logs.max(axis=1, keepdims=True))
        return np.asarray(shown / shown.sum(axis=1, keepdims=True), np.float64)

    def assign(self, numbers: Float64) -> Int32:
        """(people,) the likeliest group; -1 where nothing is known."""
        known = np.isfinite(numbers).any(axis=1)
        return np.where(known, self.probabilities(numbers).argmax(axis=1), -1).astype(np.int32)

    def arrays(self) -> Arrays:
        return {"weights": self.weights, "means": self.means, "roots": self.roots, **self.scaling.arrays()}

    def facts(self) -> Mapping[str, Any]:
        return {"fields": list(self.fields), "bic": list(self.bic), "least": self.least}

    @classmethod
    def restore(cls, arrays: Arrays, facts: Mapping[str, Any]) -> "MixtureModel":
        fields = tuple(facts["fields"])
        return cls(
            fields=fields, scaling=RobustScaling.restore(fields, arrays), weights=arrays["weights"],
            means=arrays["means"], roots=arrays["roots"], bic=tuple(facts["bic"]), least=int(facts["least"]),
        )  # fmt: skip
