"""The few directions in which customers differ most, in words and as a map."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from shopkeeper.core.ports import Arrays
from shopkeeper.learn.propensity.columns import Float64
from shopkeeper.learn.segment.k_means import scaled_points
from shopkeeper.learn.segment.portraits import NUMBERS, SHARES, Portraits, enough
from shopkeeper.learn.segment.scaling import RobustScaling

_LOUD = 0.25
"""A loading below this in size is not said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PrincipalComponents:
    """Principal components of the scaled numbers in ``fields`` (every number and share of the portraits where empty):
    directions of greatest variance, each turned so that its largest loading is positive.

    Source: Pearson (1901); Hotelling (1933); Jolliffe (2002), Principal component analysis.
    """

    fields: tuple[str, ...] = ()
    components: int = 5

    def fit(self, known: Portraits, *, seed: int = 0) -> "ComponentsModel":  # noqa: ARG002 (nothing is random)
        """The directions.

        Raises:
            DataError: fewer than three customers, or all alike.
        """
        enough(known, 3)
        fields = self.fields or tuple(name for name in (*NUMBERS, *SHARES) if name in known.columns.names)
        scaling, points = scaled_points(known, fields)
        middle = points.mean(axis=0)
        _, sizes, axes = np.linalg.svd(points - middle, full_matrices=False)
        kept = min(self.components, len(axes))
        largest = np.abs(axes).argmax(axis=1)
        axes = axes * np.sign(axes[np.arange(len(axes)), largest])[:, None]
        variance = sizes**2 / max((sizes**2).sum(), 1e-300)
        return ComponentsModel(
            fields=fields, scaling=scaling, middle=middle, axes=axes[:kept], explained=variance[:kept]
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ComponentsModel:
    """Axes (components, fields) of unit length, and the share of the variance that each explains."""

    fields: tuple[str, ...]
    scaling: RobustScaling
    middle: Float64
    axes: Float64
    explained: Float64

    def project(self, numbers: Float64) -> Float64:
        """(people, components) where each customer lies."""
        points = self.scaling(numbers) - self.middle
        return np.stack([(points * axis).sum(axis=1) for axis in self.axes], axis=1)

    def loadings(self, component: int, most: int = 4) -> list[tuple[str, float]]:
        """The numbers that make a component, largest loading first."""
        axis = self.axes[component]
        best = np.argsort(-np.abs(axis), kind="stable")[:most]
        return [(self.fields[place], float(axis[place])) for place in best.tolist() if abs(axis[place]) >= _LOUD]

    def arrays(self) -> Arrays:
        return {"own_middle": self.middle, "axes": self.axes, "explained": self.explained, **self.scaling.arrays()}

    def facts(self) -> Mapping[str, Any]:
        return {"fields": list(self.fields)}

    @classmethod
    def restore(cls, arrays: Arrays, facts: Mapping[str, Any]) -> "ComponentsModel":
        fields = tuple(facts["fields"])
        return cls(
            fields=fields, scaling=RobustScaling.restore(fields, arrays), middle=arrays["own_middle"],
            axes=arrays["axes"], explained=arrays["explained"],
        )  # fmt: skip
