"""What a shop wants beside what the shopper wants: margin, the little known, and what it would like to sell.

Goals change the utility of candidates before the dice are thrown, so propensities stay exact and each has its price in
accuracy (``shopkeeper evaluate --tradeoff``).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from shopkeeper.core.histories import Bool, Catalogue, Float32
from shopkeeper.decide.shelf import Shelf

Float64 = NDArray[np.float64]
KINDS: Final = ("category", "brand", "tag")
"""What a boost may name, before its colon."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Goals:
    """Weights on the scale of utilities, where the best candidate is 1 and the worst 0."""

    margin: float = 0.0
    novelty: float = 0.0
    boosts: Mapping[str, float] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.margin or self.novelty or any(self.boosts.values()))

    def worth(self, shelf: Shelf, known: Float32) -> Float64:
        """(products,) what is added to each product's utility. ``known``: (products or fewer,) how popular each is,
        NaN = not at all."""
        total = self.margin * margins(shelf.catalogue) if self.margin else np.zeros(len(shelf))
        if self.novelty:
            total += self.novelty * unknown(known, len(shelf))
        for group, worth in self.boosts.items():
            total[_members(shelf, group)] += worth
        return total


def margins(catalogue: Catalogue) -> Float64:
    """(products,) (price - cost) / price, 0 to 1; the mean of the known ones where price or cost is unknown, so that
    not knowing neither helps nor harms."""
    price, cost = catalogue.price.astype(np.float64), catalogue.cost.astype(np.float64)
    known = np.isfinite(price) & np.isfinite(cost) & (price > 0)
    share = np.clip(np.divide(price - cost, price, out=np.zeros(len(price)), where=known), 0.0, 1.0)
    share[~known] = share[known].mean() if known.any() else 0.0
    return share


def unknown(known: Float32, products: int) -> Float64:
    """(products,) 1 for the least popular, 0 for the most: by rank, equal ones alike."""
    popular = np.zeros(products)
    popular[: len(known)] = np.nan_to_num(known[:products])
    values, place = np.unique(popular, return_inverse=True)
    novel: Any = 1.0 - place / max(len(values) - 1, 1)
    return np.asarray(novel, np.float64)


def _members(shelf: Shelf, group: str) -> Bool:
    kind, _, name = group.partition(":")
    if kind == "category":
        return shelf.within((name,))
    return shelf.of_brands((name,)) if kind == "brand" else shelf.tagged(name)
