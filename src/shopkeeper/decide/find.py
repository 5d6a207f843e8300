"""Which products are candidates: the best of each layer of scores, minus what the rules refuse."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shopkeeper.core.decision import Reason
from shopkeeper.core.histories import Bool, Float32, Int64
from shopkeeper.decide.shelf import Shelf

Float64 = NDArray[np.float64]

Why = tuple[Reason | None, Mapping[str, float]]
"""The evidence for a product, and what its score is made of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One source of candidates: its scores, and how it explains one of them."""

    scores: Float32
    """(products,) not finite = cannot say."""
    explain: Callable[[Sequence[int]], Sequence[Why]]
    """Why for each of some products."""

    @property
    def says(self) -> bool:
        """Whether it has a score for anything at all."""
        return bool(np.isfinite(self.scores).any())


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Candidates, best first: all of the first layer, then those of the next, then pins that no layer brought."""

    products: Int64
    layer: Int64
    """(candidates,) which layer brought it; one more than the last for such pins."""
    score: Float64
    """(candidates,) the layer's own score; 0 for such pins."""
    utility: Float64
    """(candidates,) the first layer scaled to 0 … 1, the second to -1 … 0, and so on."""
    removed: tuple[int, ...]
    """Refused products that would have been among the best without rules, or were pinned: few, so that the log stays
    small."""


def find(
    layers: Sequence[Callable[[], Layer]], allowed: Bool, shelf: Shelf, *, count: int, day: int, pins: Int64
) -> Found:
    """The best ``count`` products that no rule refuses, and the allowed ``pins`` wherever they rank.

    A layer is asked only when those before it left room.
    """
    groups = _stack(layers, allowed, shelf, count, day)
    known = np.concatenate([*groups, np.empty(0, np.int64)])
    late = np.array([pin for pin in dict.fromkeys(pins.tolist()) if allowed[pin] and pin not in known], np.int64)
    scores = [layers[place]().scores[group].astype(np.float64) for place, group in enumerate(groups)]
    scaled = [_scaled(score) - place for place, score in enumerate(scores)]
    near = _near(layers, groups, allowed, count)
    unruled = _stack(layers, near, shelf, count, day) if (near & ~allowed).any() else []
    wanted = np.concatenate([*unruled, pins])
    return Found(
        products=np.concatenate([known, late]),
        layer=np.repeat(np.arange(len(groups) + 1), [*map(len, groups), len(late)]),
        score=np.concatenate([*scores, np.zeros(len(late))]),
        utility=np.concatenate([*scaled, np.full(len(late), -float(len(layers)))]),
        removed=tuple(dict.fromkeys(wanted[~allowed[wanted]].tolist())),
    )


def best(scores: Float32, allowed: Bool, shelf: Shelf, *, count: int, day: int) -> Int64:
    """The ``count`` allowed products with the highest finite scores, best first; ties by the day's hash of the id."""
    usable = np.flatnonzero(allowed & np.isfinite(scores))
    if len(usable) > count:
        values = scores[usable]
        last = _kth(values, count)
        above, tied = usable[values > last], usable[values == last]
        tied = tied[np.argpartition(shelf.ties(tied, day), count - len(above) - 1)[: count - len(above)]]
        usable = np.concatenate([above, tied])
    return usable[np.lexsort((shelf.ties(usable, day), -scores[usable]))]


def _kth(values: Float32, count: int) -> np.float32:
    """The ``count``-th largest of more than ``count`` values.

    Most products have the same low score, and selecting among thousands of equals is slow: so the lowest value is left
    out first, and is the answer where too few are above it.
    """
    low = values.min()
    high = values[values > low]
    if len(high) < count:
        lowest: np.float32 = low
        return lowest
    found: np.float32 = np.partition(high, len(high) - count)[len(high) - count]
    return found


def _stack(layers: Sequence[Callable[[], Layer]], allowed: Bool, shelf: Shelf, count: int, day: int) -> list[Int64]:
    """The best of the first layer, then of the next among the rest, … until there are ``count``."""
    groups: list[Int64] = []
    left = allowed.copy()
    for layer in layers:
        group = best(layer().scores, left, shelf, count=count, day=day)
        left[group] = False
        count -= len(group)
        groups.append(group)
        if count <= 0:
            break
    return groups


def _near(layers: Sequence[Callable[[], Layer]], groups: list[Int64], allowed: Bool, count: int) -> Bool:
    """(products,) the candidates and whatever could be among the best in their stead if there were no rules."""
    near = np.zeros(len(allowed), np.bool_)
    for place, group in enumerate(groups):
        scores, count = layers[place]().scores, count - len(group)
        near[group] = True
        near |= ~allowed & (scores >= (scores[group[-1]] if len(group) and count <= 0 else -np.inf))
    return near


def _scaled(scores: Float64) -> Float64:
    """Best = 1, worst = 0; all 1 where they are equal."""
    if not len(scores):
        return scores
    low, high = scores.min(), scores.max()
    return (scores - low) / (high - low) if high > low else np.ones(len(scores))
