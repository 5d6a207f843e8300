"""Ratings as arrays: who gave which product how many stars and when, and what is said of each product in words."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shopkeeper.learn.propensity.columns import Float64

Int64 = NDArray[np.int64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What is said of each product (categories, brand, tags): product ``p`` has ``word[offsets[p]:offsets[p + 1]]``."""

    names: tuple[str, ...]
    offsets: Int64
    word: Int64

    @classmethod
    def of(cls, said: Sequence[Sequence[str]]) -> "Words":
        """From each product's own words; repeats count once."""
        each = [sorted({word for word in words if word}) for words in said]
        names, flat = np.unique(np.array([word for words in each for word in words], np.str_), return_inverse=True)
        offsets = np.zeros(len(each) + 1, np.int64)
        np.cumsum([len(words) for words in each], out=offsets[1:])
        return cls(names=tuple(names.tolist()), offsets=offsets, word=flat.astype(np.int64))

    def of_rows(self, product: Int64) -> tuple[Int64, Int64]:
        """(pairs,) the rows of these products, and each of their words: a pair a row and word. Product -1 has none."""
        sizes = np.where(product >= 0, np.diff(self.offsets)[product], 0) if len(self.offsets) > 1 else product * 0
        row = np.repeat(np.arange(len(product)), sizes)
        within = np.arange(len(row)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        return row, self.word[np.repeat(self.offsets[:-1][product] if len(row) else product, sizes) + within]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratings:
    """Rows sorted by customer, then time. ``product`` -1 is one that was not known when the model was made."""

    customer: Int64
    product: Int64
    stars: Float64
    """NaN: this is what is asked for."""
    at: Float64
    """Any clock that grows: seconds, or a moment's number."""

    def __len__(self) -> int:
        return len(self.customer)

    @classmethod
    def sorted(cls, customer: Int64, product: Int64, stars: Float64, at: Float64) -> tuple["Ratings", Int64]:
        """The rows in order, and where each stood."""
        order = np.lexsort((product, at, customer))
        return cls(customer=customer[order], product=product[order], stars=stars[order], at=at[order]), order

    def rows(self, which: NDArray[Any]) -> "Ratings":
        """Some of the rows, in order."""
        return Ratings(customer=self.customer[which], product=self.product[which], stars=self.stars[which],
                       at=self.at[which])  # fmt: skip


def before(group: Int64, at: Float64, *values: Float64) -> list[Float64]:
    """For each row the sums of the values over rows of its group that lie strictly before its moment.

    Rows are sorted by group, then ``at``.
    """
    if not len(group):
        return [value.copy() for value in values]
    first = np.flatnonzero(np.r_[True, group[1:] != group[:-1]])
    moment = np.flatnonzero(np.r_[True, (group[1:] != group[:-1]) | (at[1:] != at[:-1])])
    start = np.repeat(first, np.diff(np.r_[first, len(group)]))
    tie = np.repeat(moment, np.diff(np.r_[moment, len(group)]))
    found = []
    for value in values:
        whole = np.concatenate([np.zeros((1, *value.shape[1:])), np.cumsum(value, axis=0)])
        found.append(whole[tie] - whole[start])
    return found
