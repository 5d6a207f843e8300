"""High, middle and low spenders as segments whose means are drawn towards the shop's: the step between one customer's
few figures and everybody's.

Source: Gelman, Hill (2007), Data analysis using regression and multilevel models, chapter 12; Efron, Morris (1975).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from shopkeeper.learn.customer_value.bg_nbd import Float64

_AT: Final = (0.5, 0.8)
"""Quantiles of spending an order day that part the segments."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bands:
    """The edges of the segments and each one's mean of something."""

    edges: Float64
    means: Float64

    @classmethod
    def of(cls, worth: Float64) -> "Bands":
        """Segments of these customers; one where all spend the same or nothing is known."""
        known = worth[np.isfinite(worth)]
        edges = np.unique(np.quantile(known, _AT)) if len(known) else np.zeros(0)
        return cls(edges=edges, means=np.zeros(len(edges) + 1))

    @property
    def count(self) -> int:
        return len(self.means)

    def place(self, worth: Float64) -> NDArray[np.int64]:
        """(customers,) the segment of each, low spenders first; -1 where nothing is known."""
        found = np.searchsorted(self.edges, worth, side="left")
        return np.where(np.isfinite(worth), found, -1)

    def mean_of(self, worth: Float64, otherwise: float) -> Float64:
        """(customers,) the mean of each one's segment."""
        place = self.place(worth)
        return np.where(place >= 0, self.means[np.maximum(place, 0)], otherwise)

    def shrunk(self, means: Float64, variances: Float64, shop: float) -> "Bands":
        """These segments with these means, each drawn towards the shop's as far as its own noise asks; a segment of
        infinite variance has the shop's."""
        seen = np.isfinite(variances)
        apart = 0.0
        if seen.sum() > 1:
            weight = 1 / np.maximum(variances[seen], 1e-12)
            scale = float(weight.sum() - (weight**2).sum() / weight.sum())
            excess = float(weight @ (means[seen] - shop) ** 2) - (int(seen.sum()) - 1)
            apart = max(excess / scale, 0.0) if scale > 0 else 0.0
        own = np.where(seen, apart / np.maximum(apart + np.where(seen, variances, 0.0), 1e-12), 0.0)
        return replace(self, means=own * np.where(seen, means, shop) + (1 - own) * shop)

    def facts(self) -> Mapping[str, Any]:
        return {"edges": self.edges.tolist(), "means": self.means.tolist()}

    @classmethod
    def restore(cls, facts: Mapping[str, Any]) -> "Bands":
        return cls(edges=np.asarray(facts["edges"], np.float64), means=np.asarray(facts["means"], np.float64))
