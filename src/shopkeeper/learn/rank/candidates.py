"""What several recommenders found for people, as (person, product) pairs, and what each of them said of each pair."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shopkeeper.core.histories import Float32, Int32, Int64
from shopkeeper.learn.top import top

Float64 = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidates:
    """Pairs grouped by person: person ``p`` owns ``item[offsets[p]:offsets[p + 1]]``."""

    offsets: Int64
    item: Int32

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def sizes(self) -> Int64:
        return np.diff(self.offsets)

    @property
    def row(self) -> Int64:
        """(pairs,) whose pair it is."""
        return np.repeat(np.arange(len(self)), self.sizes)

    def of(self, scores: Float32) -> Float32:
        """(pairs,) the pairs' cells of a (people, products) table."""
        return scores[self.row, self.item]

    @classmethod
    def best_of(cls, tables: Sequence[Float32], count: int, seed: int = 0) -> "Candidates":
        """The ``count`` best products of each (people, products) table, each product once a person."""
        people, products = tables[0].shape
        found = np.concatenate([top(table, count, seed) for table in tables], axis=1)
        row, place = np.nonzero(found >= 0)
        key = np.unique(row * np.int64(products) + found[row, place])
        sizes = np.bincount(key // max(products, 1), minlength=people)
        return cls(offsets=np.concatenate([[0], np.cumsum(sizes)]), item=(key % max(products, 1)).astype(np.int32))

    @classmethod
    def joined(cls, parts: Sequence["Candidates"]) -> "Candidates":
        """Of consecutive groups of people, those of all."""
        sizes = np.concatenate([part.sizes for part in parts])
        return cls(offsets=np.concatenate([[0], np.cumsum(sizes)]), item=np.concatenate([part.item for part in parts]))

    def rows(self, which: Int64) -> tuple["Candidates", Int64]:
        """Only some people's pairs, and where those were."""
        sizes = self.sizes[which]
        offsets = np.concatenate([[0], np.cumsum(sizes)])
        take = np.repeat(self.offsets[:-1][which] - offsets[:-1], sizes) + np.arange(offsets[-1])
        return Candidates(offsets=offsets, item=self.item[take]), take

    def best(self, score: Float32) -> Float32:
        """(people,) each person's highest score; -inf without candidates."""
        out = np.full(len(self), -np.inf, np.float32)
        np.maximum.at(out, self.row, score)
        return out

    def places(self, score: Float32) -> Int64:
        """(pairs,) 0 for a person's best pair, 1 for the next, …; NaN last, ties in the order of the pairs."""
        order = np.lexsort((-np.nan_to_num(score, nan=-np.inf), self.row))
        place = np.empty(len(order), np.int64)
        place[order] = np.arange(len(order)) - np.repeat(self.offsets[:-1], self.sizes)
        return place

    def place_of(self, score: Float32, wanted: Int32) -> Float64:
        """(people,) how many pairs of a person score better than the wanted product (ties: half); huge if not found."""
        row, hit = self.row, self.item == wanted[self.row]
        own = np.full(len(self), np.inf, np.float32)
        own[row[hit]] = score[hit]
        better = np.bincount(row[score > own[row]], minlength=len(self))
        equal = np.bincount(row[score == own[row]], minlength=len(self))
        return np.where(np.isfinite(own), better + (equal - 1) / 2, np.inf)
