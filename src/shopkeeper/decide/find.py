"""Which products are candidates: the best of each layer of scores, minus what the rules refuse.

A layer is an ``Opinion``: few products with a score of their own over a base that holds for everybody. The base is put
in order once a day; so finding costs as much as there are candidates, not as there are products.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shopkeeper.core.histories import Bool, Float32, Int64
from shopkeeper.core.opinion import Opinion
from shopkeeper.decide.shelf import Shelf

Float64 = NDArray[np.float64]

Layer = Opinion
"""One source of candidates: its scores, and how it explains some of them."""


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
    free = _stack(layers, np.ones(len(shelf), np.bool_), shelf, count, day)
    refused = [group[~allowed[group]] for group, _ in free]
    groups = _stack(layers, allowed, shelf, count, day) if any(map(len, refused)) else free
    known = np.concatenate([group for group, _ in groups])
    wanted = list(dict.fromkeys(pins.tolist()))
    late = np.array([pin for pin in wanted if allowed[pin] and pin not in known], np.int64)
    scores = [score.astype(np.float64) for _, score in groups]
    utilities = [scaled(score) - place for place, score in enumerate(scores)]
    return Found(
        products=np.concatenate([known, late]),
        layer=np.repeat(np.arange(len(groups) + 1), [*map(len, scores), len(late)]),
        score=np.concatenate([*scores, np.zeros(len(late))]),
        utility=np.concatenate([*utilities, np.full(len(late), -float(len(layers)))]),
        removed=tuple(dict.fromkeys([*np.concatenate(refused).tolist(), *(pin for pin in wanted if not allowed[pin])])),
    )


def best(layer: Layer, allowed: Bool, shelf: Shelf, *, count: int, day: int) -> tuple[Int64, Float32]:
    """The ``count`` allowed products with the highest scores, best first, and their scores; ties by the day's hash of
    the id."""
    mine = allowed[layer.own]
    products, scores = (layer.own, layer.scores) if mine.all() else (layer.own[mine], layer.scores[mine])
    if layer.base is not None:
        others = allowed.copy()
        others[layer.own] = False
        rest = _first(_order(layer.base, shelf, day), others, count)
        products, scores = np.concatenate([products, rest]), np.concatenate([scores, layer.base[rest]])
    if len(products) > count:
        last = _kth(scores, count)
        above, tied = (scores > last).nonzero()[0], (scores == last).nonzero()[0]
        wanted = count - len(above)
        if len(tied) > wanted:
            tied = tied[np.argpartition(shelf.ties(products[tied], day), wanted - 1)[:wanted]]
        kept = np.concatenate([above, tied])
        products, scores = products[kept], scores[kept]
    turn = np.lexsort((shelf.ties(products, day), -scores))
    return products[turn], scores[turn]


def _first(order: Int64, allowed: Bool, count: int) -> Int64:
    """The first ``count`` of an order that are allowed; most often they stand near its beginning."""
    size = 2 * count
    while True:
        some = order[:size]
        found = some[allowed[some]]
        if len(found) >= count or size >= len(order):
            return found[:count]
        size *= 4


_recent: list[tuple[Float32, NDArray[np.uint64], int, Int64]] = []
_REMEMBERED = 8


def _order(base: Float32, shelf: Shelf, day: int) -> Int64:
    """The products a base can score, best first, ties by the day's hash: sorted once a day for each base."""
    for known, hashes, on, order in _recent:
        if known is base and hashes is shelf.hashes and on == day:
            return order
    products = np.flatnonzero(np.isfinite(base))
    order = products[np.lexsort((shelf.ties(products, day), -base[products]))]
    _recent[:] = [(base, shelf.hashes, day, order), *_recent[: _REMEMBERED - 1]]
    return order


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


def _stack(
    layers: Sequence[Callable[[], Layer]], allowed: Bool, shelf: Shelf, count: int, day: int
) -> list[tuple[Int64, Float32]]:
    """The best of the first layer, then of the next among the rest, … until there are ``count``; with their scores."""
    groups: list[tuple[Int64, Float32]] = []
    left = allowed.copy()
    for layer in layers:
        group, scores = best(layer(), left, shelf, count=count, day=day)
        left[group] = False
        count -= len(group)
        groups.append((group, scores))
        if count <= 0:
            break
    return groups


def scaled(scores: Float64) -> Float64:
    """Best = 1, worst = 0; all 1 where they are equal."""
    if not len(scores):
        return scores
    low, high = scores.min(), scores.max()
    return (scores - low) / (high - low) if high > low else np.ones(len(scores))
