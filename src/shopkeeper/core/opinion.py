"""What a model says to one person in a few numbers: the products it has something particular to say about, and one list
of scores that holds for all others. Whoever looks for the best need not look at the whole catalogue."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, cast

import numpy as np

from shopkeeper.core.decision import Reason
from shopkeeper.core.histories import Float32, Histories, Int64

Why = tuple[Reason | None, Mapping[str, float]]
"""The evidence for a product, and what its score is made of (empty: of nothing but itself)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opinion:
    """The scores of a one-row profile, and why."""

    own: Int64
    """Products with a score of their own, ascending, each once."""
    scores: Float32
    """(own,) finite."""
    base: Float32 | None = None
    """(products,) the scores of all others, NaN = cannot say; None where nothing is said of them.

    One array, the same object for everybody, so that its best need be found only once."""
    explain: Callable[[Sequence[int]], Sequence[Why]]
    """Why, for each of some products."""
    parts: Callable[[Int64], Mapping[str, Float32]] | None = None
    """What the scores of some products, of which it can say something, are made of: the numbers that ``explain``
    gives, as columns, 0 where it names none. None: of nothing but themselves."""

    def of(self, products: Int64) -> Float32:
        """The scores of some products, NaN where it cannot say."""
        found = np.full(len(products), np.nan, np.float32)
        if self.base is not None:
            inside = products < len(self.base)
            found[inside] = self.base[products[inside]]
        place, known = places(self.own, products)
        found[known] = self.scores[place[known]]
        return found

    def wide(self, products: int) -> Float32:
        """(products,) all scores, NaN where it cannot say."""
        scores = np.full(products, np.nan, np.float32)
        if self.base is not None:
            scores[: len(self.base)] = self.base[:products]
        scores[self.own] = self.scores
        return scores


def places(own: Int64, products: Int64) -> tuple[Int64, "np.ndarray[tuple[int], np.dtype[np.bool_]]"]:
    """Where each product stands in an ascending list, and whether it is in it at all."""
    place = own.searchsorted(products)
    if not len(own):
        return place, np.zeros(len(products), np.bool_)
    np.minimum(place, len(own) - 1, out=place)
    return place, own[place] == products


class Opinionated(Protocol):
    """A scorer that can answer one person in a few numbers: what ``score`` and ``reason`` say, bit for bit."""

    def opinion(self, profile: Histories, now: int) -> Opinion:
        """The opinion on a one-row profile. Its arrays may be the model's own: they are not to be written to."""
        ...


def opinionated(scorer: object) -> Opinionated | None:
    """The scorer, if it can."""
    return cast("Opinionated", scorer) if hasattr(scorer, "opinion") else None


def opinion_of(scores: Float32, explain: Callable[[Sequence[int]], Sequence[Why]]) -> Opinion:
    """The opinion that says what a whole row of scores says."""
    own = np.flatnonzero(np.isfinite(scores))
    return Opinion(own=own, scores=scores[own], explain=explain)
