"""Means and tastes: stars = shop's mean + product's + customer's own shift + tastes of both, by alternating least
squares.

With no tastes (``size`` 0) it is the bias baseline. A customer's side is solved anew from the ratings they gave before,
so a new rating counts at once and somebody new has the product's mean.

Source: Koren, Bell, Volinsky (2009), Matrix factorization techniques for recommender systems; the penalty that grows
with the number of ratings: Zhou, Wilkinson, Schreiber, Pan (2008), Large-scale parallel collaborative filtering for the
Netflix prize.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from shopkeeper.learn.propensity.columns import Columns, Float64
from shopkeeper.learn.rating.rated import Int64, Mask, Ratings, before

NAMES: Final = ("product_stars", "own_shift", "taste")
_BLOCK: Final = 100_000
"""Ratings whose products of factors are in memory at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Factors:
    """The product's side: its mean above the shop's, and its (size,) factors. The score is in stars."""

    mean: float
    shift: Float64
    """(products,)"""
    vectors: Float64
    """(products, size)"""
    own_penalty: float
    penalty: float

    odds = False

    def columns(self, ratings: Ratings, taught: Mask | None = None) -> Columns:  # noqa: ARG002 - one form with ``Asking``
        """(rows, 3) each rating's parts: the product's, the customer's and their tastes', from what lies before it."""
        place = np.maximum(ratings.product, 0)
        known = (ratings.product >= 0)[:, None]
        size = self.vectors.shape[1]
        if not len(self.shift):
            return Columns(names=NAMES, values=np.zeros((len(ratings), 3)))
        own = np.concatenate([np.ones((len(ratings), 1)), np.where(known, self.vectors[place], 0.0)], axis=1)
        shift = np.where(known[:, 0], self.shift[place], 0.0)
        rest = np.where(np.isfinite(ratings.stars), ratings.stars - self.mean - shift, 0.0)
        gave = np.isfinite(ratings.stars).astype(np.float64)
        found = np.zeros((len(ratings), 3))
        found[:, 0] = shift
        for start, stop in _blocks(ratings.customer):
            cut = slice(start, stop)
            theirs = self._customers(ratings.customer[cut], ratings.at[cut], own[cut], rest[cut], gave[cut])
            found[cut, 1] = theirs[:, 0]
            found[cut, 2] = (theirs[:, 1:] * own[cut, 1:]).sum(axis=1) if size else 0.0
        return Columns(names=NAMES, values=found)

    def _customers(self, customer: Int64, at: Float64, own: Float64, rest: Float64, gave: Float64) -> Float64:
        """(rows, 1 + size) the customer's side as of each row's moment."""
        squares = own[:, :, None] * own[:, None, :] * gave[:, None, None]
        gram, right, times = before(customer, at, squares, own * rest[:, None], gave)
        wide = own.shape[1]
        ridge = np.eye(wide)[None] * self.penalty * np.maximum(times, 1.0)[:, None, None]
        ridge[:, 0, 0] = self.own_penalty
        return np.asarray(np.linalg.solve(gram + ridge, right[:, :, None])[:, :, 0], np.float64)

    def score(self, columns: Columns) -> Float64:
        """(rows,) stars."""
        return np.asarray(columns.values.sum(axis=1) + self.mean, np.float64)

    def parts(self, columns: Columns) -> tuple[Float64, Float64]:
        """Each part's stars, and the shop's mean; exact."""
        return columns.values, np.full(len(columns), self.mean)

    def arrays(self) -> Mapping[str, NDArray[Any]]:
        return {"shift": self.shift, "vectors": self.vectors}

    def facts(self) -> Mapping[str, Any]:
        return {"mean": self.mean, "own_penalty": self.own_penalty, "penalty": self.penalty}

    @classmethod
    def restore(cls, arrays: Mapping[str, NDArray[Any]], facts: Mapping[str, Any]) -> "Factors":
        return cls(shift=arrays["shift"], vectors=arrays["vectors"], **facts)


@dataclass(frozen=True, slots=True, kw_only=True)
class FitFactors:
    """``size`` tastes, or none: the bias baseline."""

    size: int = 8
    rounds: int = 12
    penalty: float = 0.15
    """Of each rating, against large tastes."""
    product_prior: float = 4.0
    """So many ratings of the shop's mean are added to each product's."""
    own_prior: float = 5.0

    def fit(self, taught: Ratings, products: int, *, seed: int = 0) -> Factors:
        """From the teaching ratings."""
        mean = float(taught.stars.mean())
        who, customer = np.unique(taught.customer, return_inverse=True)
        people, product, above = len(who), taught.product, taught.stars - mean
        dice = np.random.default_rng(seed)
        tastes = dice.normal(0, 0.1, (products, self.size))
        shift, own, lean = np.zeros(products), np.zeros(people), np.zeros((people, self.size))
        for _ in range(self.rounds):
            own, lean = self._side(customer, people, above - shift[product], tastes[product], self.own_prior)
            shift, tastes = self._side(product, products, above - own[customer], lean[customer], self.product_prior)
        return Factors(mean=mean, shift=shift, vectors=tastes, own_penalty=self.own_prior, penalty=self.penalty)

    def _side(self, of: Int64, many: int, rest: Float64, others: Float64, prior: float) -> tuple[Float64, Float64]:
        """The shift and the tastes of each customer (or product) that fit its ratings best, the other side held."""
        wide = self.size + 1
        gram, right = np.zeros((many, wide, wide)), np.zeros((many, wide))
        order = np.argsort(of, kind="stable")
        for start, stop in _blocks(of[order]):
            rows = order[start:stop]
            x = np.concatenate([np.ones((len(rows), 1)), others[rows]], axis=1)
            first = np.flatnonzero(np.r_[True, of[rows][1:] != of[rows][:-1]])
            place = of[rows][first]
            gram[place] = np.add.reduceat(x[:, :, None] * x[:, None, :], first, axis=0)
            right[place] = np.add.reduceat(x * rest[rows][:, None], first, axis=0)
        times = np.bincount(of, minlength=many)
        ridge = np.eye(wide)[None] * self.penalty * np.maximum(times, 1.0)[:, None, None]
        ridge[:, 0, 0] = prior
        solved: Float64 = np.linalg.solve(gram + ridge, right[:, :, None])[:, :, 0].astype(np.float64)
        return solved[:, 0], solved[:, 1:]


def _blocks(group: Int64) -> list[tuple[int, int]]:
    """Cuts of rows sorted by group that part no group, of about ``_BLOCK`` rows each."""
    if not len(group):
        return []
    starts = np.flatnonzero(np.r_[True, group[1:] != group[:-1]])
    wanted = np.arange(0, len(group), _BLOCK)
    cuts = np.unique(starts[np.searchsorted(starts, wanted, side="right") - 1])
    return list(zip(cuts.tolist(), [*cuts[1:].tolist(), len(group)], strict=True))
