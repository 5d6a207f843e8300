"""How good ranked lists are, person by person.

``ranked`` has shape (people, k): item numbers, best first, -1 where a list is shorter. An item that a list names twice
counts at its first place only. Accuracy functions answer (people,) float64 with NaN for a person who has no relevant
item: such people can't be judged, are left out of every mean and are counted by ``Relevant.unjudged``.
Lists have no ties: whoever made them broke them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from shopkeeper.core.histories import Bool, Int64, taken

Float64 = NDArray[np.float64]
Ranked = NDArray[np.integer]


@dataclass(frozen=True, slots=True, kw_only=True)
class Relevant:
    """What each person really wanted: row ``u`` owns ``items[offsets[u]:offsets[u + 1]]``, distinct and sorted."""

    offsets: Int64
    items: Int64

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def sizes(self) -> Int64:
        """(people,) how many relevant items each has."""
        return np.diff(self.offsets)

    @property
    def unjudged(self) -> int:
        """How many people have no relevant item and are left out."""
        return int(np.count_nonzero(self.sizes == 0))

    @property
    def row_of_item(self) -> Int64:
        return np.repeat(np.arange(len(self), dtype=np.int64), self.sizes)

    def rows(self, which: Int64) -> "Relevant":
        """Some people, by row, in the given order."""
        offsets, take = taken(self.offsets, which)
        return Relevant(offsets=offsets, items=self.items[take])

    def keep(self, mask: Bool) -> "Relevant":
        """The same people with only the marked items."""
        return Relevant.of_pairs(self.row_of_item[mask], self.items[mask], people=len(self))

    @classmethod
    def of_pairs(cls, rows: NDArray[np.integer], items: NDArray[np.integer], *, people: int) -> "Relevant":
        """From (row, item) pairs in any order; repeated pairs count once."""
        order = np.lexsort((items, rows))
        row, item = np.asarray(rows, np.int64)[order], np.asarray(items, np.int64)[order]
        first = np.ones(len(row), bool)
        first[1:] = (row[1:] != row[:-1]) | (item[1:] != item[:-1])
        offsets = np.concatenate([[0], np.cumsum(np.bincount(row[first], minlength=people))]).astype(np.int64)
        return cls(offsets=offsets, items=item[first])

    @classmethod
    def of(cls, sets: Sequence[Sequence[int]]) -> "Relevant":
        """From one collection of items a person."""
        rows = np.repeat(np.arange(len(sets)), [len(items) for items in sets])
        flat = np.fromiter((item for items in sets for item in items), np.int64, len(rows))
        return cls.of_pairs(rows, flat, people=len(sets))


def hits(ranked: Ranked, relevant: Relevant) -> Bool:
    """(people, k): whether the item at this place is relevant and was not named before in the list."""
    people, depth = ranked.shape
    span = 2 + max(int(ranked.max(initial=0)), int(relevant.items.max(initial=0)))
    keys = (np.arange(people, dtype=np.int64)[:, None] * span + ranked + 1).ravel()
    found = contains(relevant.row_of_item * span + relevant.items + 1, keys)
    first = np.zeros(people * depth, bool)
    first[np.unique(keys, return_index=True)[1]] = True
    return (found & first).reshape(people, depth)


def contains(ascending: Int64, keys: Int64) -> Bool:
    """(keys,) whether each key is one of the ascending numbers."""
    if not len(ascending):
        return np.zeros(len(keys), np.bool_)
    found: Bool = ascending[np.minimum(np.searchsorted(ascending, keys), len(ascending) - 1)] == keys
    return found


def _judged(values: ArrayLike, relevant: Relevant) -> Float64:
    return np.where(relevant.sizes > 0, values, np.nan).astype(np.float64)


def hit_rate(hit: Bool, relevant: Relevant, k: int) -> Float64:
    """1 where at least one of the first ``k`` is relevant, else 0. ``hit`` comes from ``hits``."""
    return _judged(hit[:, :k].any(axis=1), relevant)


def precision(hit: Bool, relevant: Relevant, k: int) -> Float64:
    """Relevant among the first ``k``, divided by ``k`` even where a list is shorter.

    Source: Manning, Raghavan, Schütze (2008), Introduction to Information Retrieval, chapter 8.
    """
    return _judged(hit[:, :k].sum(axis=1) / k, relevant)


def recall(hit: Bool, relevant: Relevant, k: int) -> Float64:
    """Relevant among the first ``k``, divided by all relevant.

    Source: Manning, Raghavan, Schütze (2008), chapter 8.
    """
    return _judged(hit[:, :k].sum(axis=1) / np.maximum(relevant.sizes, 1), relevant)


def ndcg(hit: Bool, relevant: Relevant, k: int) -> Float64:
    """Discounted gain ``sum 1 / log2(place + 1)`` of the hits, divided by that of a perfect list of length ``k``.

    Source: Järvelin, Kekäläinen (2002), Cumulated gain-based evaluation of IR techniques; gains are 0 or 1.
    """
    gain = 1.0 / np.log2(np.arange(k) + 2.0)
    best = np.concatenate([[0.0], np.cumsum(gain)])[np.minimum(relevant.sizes, k)]
    found = hit[:, :k] @ gain[: hit.shape[1]]
    return _judged(np.minimum(found / np.where(best > 0, best, 1.0), 1.0), relevant)


def mrr(hit: Bool, relevant: Relevant, k: int) -> Float64:
    """``1 / place`` of the first hit among the first ``k``, 0 without one.

    Source: Voorhees (1999), The TREC-8 question answering track report.
    """
    top = hit[:, :k]
    return _judged(np.where(top.any(axis=1), 1.0 / (top.argmax(axis=1) + 1.0), 0.0), relevant)


def average_precision(hit: Bool, relevant: Relevant, k: int) -> Float64:
    """Mean over all relevant items of the precision at their place, 0 for those not among the first ``k`` (MAP's term).

    Source: Buckley, Voorhees (2000), Evaluating evaluation measure stability; divided by all relevant, not min(k, all).
    """
    top = hit[:, :k]
    at_place = np.cumsum(top, axis=1) / np.arange(1, top.shape[1] + 1)
    return _judged((at_place * top).sum(axis=1) / np.maximum(relevant.sizes, 1), relevant)


ACCURACY = {
    "hit_rate": hit_rate, "precision": precision, "recall": recall, "ndcg": ndcg, "mrr": mrr, "map": average_precision,
}  # fmt: skip
"""Name in tables -> function."""


def accuracy(ranked: Ranked, relevant: Relevant, k: int) -> dict[str, Float64]:
    """Every accuracy measure at ``k``: name -> (people,)."""
    hit = hits(ranked[:, :k], relevant)
    return {name: measure(hit, relevant, k) for name, measure in ACCURACY.items()}
