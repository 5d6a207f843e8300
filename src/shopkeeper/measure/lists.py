"""What ranked lists are like beyond being right: how much of the shop they show, how known and how varied it is.

``ranked`` as in ``measure.ranking``: (people, k), -1 where a list is shorter.
"""

import numpy as np
from numpy.typing import NDArray

from shopkeeper.measure.ranking import Float64, Ranked


def exposure(ranked: Ranked, products: int) -> NDArray[np.int64]:
    """(products,) in how many places of all lists each product stands."""
    return np.bincount(ranked[ranked >= 0].ravel(), minlength=products).astype(np.int64)


def coverage(ranked: Ranked, products: int) -> float:
    """The share of the catalogue that at least one list shows; 0 for an empty catalogue.

    Source: Ge, Delgado-Battenfeld, Jannach (2010), Beyond accuracy: evaluating recommender systems by coverage.
    """
    return float(np.count_nonzero(exposure(ranked, products)) / products) if products else 0.0


def gini(ranked: Ranked, products: int) -> float:
    """How unequally places go to products: 0 = all alike, near 1 = one product has all; NaN when nothing is shown.

    ``G = sum((2 i - n - 1) x_i) / (n sum x)`` with ``x`` ascending, over all ``n`` products, unshown ones included.
    Source: Fleder, Hosanagar (2009), Blockbuster culture's next rise or fall; formula of Dixon et al. (1987).
    """
    shown = np.sort(exposure(ranked, products)).astype(np.float64)
    if not shown.sum():
        return float("nan")
    places = 2.0 * np.arange(1, products + 1) - products - 1.0
    return float(places @ shown / (products * shown.sum()))


def novelty(ranked: Ranked, buyers: NDArray[np.integer], people: int) -> Float64:
    """(lists,) mean self-information ``-log2(buyers / people)`` of a list's products in bits; NaN for an empty list.

    ``buyers`` (products,) counts the people who have each product; a product nobody has counts as one buyer's.
    Source: Zhou et al. (2010), Solving the apparent diversity-accuracy dilemma of recommender systems.
    """
    bits = np.log2(max(people, 1) / np.maximum(buyers, 1))
    shown = ranked >= 0
    total = np.where(shown, bits[np.where(shown, ranked, 0)], 0.0).sum(axis=1)
    return _mean(total, shown.sum(axis=1))


def category_diversity(ranked: Ranked, category: NDArray[np.integer]) -> Float64:
    """(lists,) the share of a list's pairs of products that are of different categories; NaN below two products.

    ``category`` (products,) numbers; a product of an unknown category (-1) is like no other.
    Source: Ziegler et al. (2005), Improving recommendation lists through topic diversification, with 0/1 similarity.
    """
    shown = ranked >= 0
    label = np.where(shown, category[np.where(shown, ranked, 0)], -1)
    same = (label[:, :, None] == label[:, None, :]) & (label >= 0)[:, :, None]
    diagonal = (label >= 0).sum(axis=1)
    pairs = _pairs(shown.sum(axis=1))
    return _mean(pairs - (same.sum(axis=(1, 2)) - diagonal) / 2.0, pairs)


def vector_diversity(ranked: Ranked, vectors: NDArray[np.floating]) -> Float64:
    """(lists,) mean of ``1 - cosine`` over a list's pairs of products; NaN below two products.

    ``vectors`` (products, d); a zero vector is like no other. Pairs are summed by
    ``(|sum v|^2 - sum |v|^2) / 2`` over unit vectors.
    Source: Ziegler et al. (2005), Improving recommendation lists through topic diversification.
    """
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit = np.divide(vectors, length, out=np.zeros(vectors.shape, np.float64), where=length > 0)
    shown = ranked >= 0
    placed = unit[np.where(shown, ranked, 0)] * shown[:, :, None]
    together = (placed.sum(axis=1) ** 2).sum(axis=1)
    alone = (placed**2).sum(axis=(1, 2))
    pairs = _pairs(shown.sum(axis=1))
    return _mean(pairs - (together - alone) / 2.0, pairs)


def _pairs(count: NDArray[np.integer]) -> Float64:
    return count * (count - 1) / 2.0


def _mean(total: Float64, count: NDArray[np.integer] | Float64) -> Float64:
    mean: Float64 = np.divide(total, count, out=np.full(len(total), np.nan), where=count > 0)
    return mean
