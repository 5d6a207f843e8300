"""New products, which no behaviour speaks of yet: how well what they are like sells, and whether it is the person's."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shopkeeper.core.decision import Reason
from shopkeeper.core.histories import MICROSECONDS_PER_DAY, Bool, Catalogue, Float32, Histories, Int32, Int64
from shopkeeper.core.opinion import Opinion, Why
from shopkeeper.core.ports import Arrays, Snapshot
from shopkeeper.learn.recommend.popularity import newest_per_pair
from shopkeeper.learn.recommend.product_likeness import coded
from shopkeeper.learn.recommend.sparse import meanings
from shopkeeper.learn.snapshot import microseconds

Float64 = NDArray[np.float64]
_ROUNDS = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class NewArrivals:
    """Scores only products that nobody had to do with before the last ``days`` days, and those that nobody ever had.

    Products stand in groups within groups: the category levels, widest first, and at last the brand within its
    category. How many people take a new product of a group is its new products' mean, pulled towards the group around
    it. What a new product can expect is a sum of its own takers, those of the last quarter of ``days``, its group's
    mean and a constant, with the weights that would have foretold the newest ``days`` days best, as Poisson counts. A
    person's share of each group against everybody's, pulled the same way, says how much more than others they want it.
    The score is the product of both: how many such people would take it.

    Source: Gamma-Poisson shrinkage: Gelman et al. (2013), Bayesian data analysis, chapter 2; sums that foretell counts:
    Lee, Seung (2001), Algorithms for non-negative matrix factorization; attributes for new items: Schein, Popescul,
    Ungar, Pennock (2002), Methods and metrics for cold-start recommendations.
    """

    days: float = 28.0
    """How long a product is new."""
    pull: float = 10.0
    """So many new products of a group outweigh the group around it."""
    own_pull: float = 1.0
    """And so many of a person's products outweigh what is true of everybody."""
    half_life_days: float = 180.0
    """How fast what a person did loses weight."""
    most: int = 5000
    """Of more new products those that sell best are kept, half of them of what nobody has had yet."""

    def fit(self, known: Snapshot, *, seed: int = 0) -> "NewArrivalsModel":  # noqa: ARG002 - nothing is random
        catalogue, events, now = known.catalogue(), known.histories(), microseconds(known.moment)
        groups, names = _groups(catalogue)
        wanted = events.keep((meanings(events) > 0) & (events.product >= 0) & (events.product < len(catalogue)))
        span = int(self.days * MICROSECONDS_PER_DAY)
        fresh, facts = _facts(wanted, groups, now, span, self.pull)
        before, then = _facts(wanted.keep(wanted.at < now - span), groups, now - span, span, self.pull)
        rate = facts @ _weights(then[before], _takers(wanted.keep(wanted.at >= now - span), len(catalogue))[before])
        kept = _best(rate, fresh, facts[:, 0] > 0, self.most)
        return NewArrivalsModel(
            new=kept, rate=rate[kept].astype(np.float32), groups=groups, names=names,
            shares=_shares(wanted, groups), pull=self.own_pull, half_life_days=self.half_life_days,
        )  # fmt: skip


def _groups(catalogue: Catalogue) -> tuple[Int32, NDArray[np.str_]]:
    """(levels, products) each product's group at each level, -1 = unknown, numbered through all levels; and what a
    group is called ("" for a brand within a category)."""
    whole = np.zeros(len(catalogue), np.int64)
    rows, names, known = [], [], 0
    for place, texts in enumerate((*catalogue.categories, catalogue.brands)):
        labels, code = coded(texts)
        here = code >= 0 if place == len(catalogue.categories) else (code >= 0) & (whole >= 0)
        pair = np.where(here, np.maximum(whole, 0) * max(len(labels), 1) + code, -1)
        distinct, number = np.unique(pair, return_inverse=True)
        first = 1 if len(distinct) and distinct[0] < 0 else 0
        rows.append(np.where(here, number - first + known, -1).astype(np.int32))
        brand = place == len(catalogue.categories)
        names.append(np.array(["" if brand else str(labels[at % len(labels)]) for at in distinct[first:]], np.str_))
        known += len(distinct) - first
        whole = np.where(here, number - first, whole if brand or place else -1).astype(np.int64)
    return np.stack(rows), np.concatenate([each for each in names if len(each)] or [np.zeros(0, np.str_)])


def _takers(wanted: Histories, products: int) -> Float64:
    """(products,) how many people took it."""
    pairs = newest_per_pair(wanted, products)
    return np.bincount(wanted.product[pairs], minlength=products).astype(np.float64)


def _facts(wanted: Histories, groups: Int32, now: int, span: int, pull: float) -> tuple[Bool, Float64]:
    """(products,) whether it is new at a moment, and (products, 4) what its expectation is a sum of."""
    products = groups.shape[1]
    first = np.full(products, np.iinfo(np.int64).max)
    np.minimum.at(first, wanted.product, wanted.at)
    fresh, taken = first >= now - span, _takers(wanted, products)
    lately = _takers(wanted.keep(wanted.at >= now - span // 4), products)
    return fresh, np.stack([taken, lately, _means(fresh, taken, groups, pull), np.ones(products)], axis=1)


def _means(fresh: Bool, taken: Float64, groups: Int32, pull: float) -> Float64:
    """(products,) how many people have taken a new product of its groups, on average."""
    new = fresh.astype(np.float64)
    mean = np.full(len(fresh), (taken[fresh].sum() + 0.5) / (new.sum() + 1.0))
    for group in groups:
        here = np.flatnonzero(group >= 0)
        mine = group[here]
        count, total = np.bincount(mine, new[here]), np.bincount(mine, (taken * new)[here])
        mean[here] = (total[mine] + pull * mean[here]) / (count[mine] + pull)
    return mean


def _weights(facts: Float64, later: Float64) -> Float64:
    """(4,) none negative: with them the sum is the likeliest mean of what was taken later, as a Poisson count. Equal
    where nothing was."""
    if not later.sum():
        return np.full(facts.shape[1], 1.0)
    weights, total = np.full(facts.shape[1], later.sum() / facts.sum()), np.maximum(facts.sum(axis=0), 1e-9)
    for _ in range(_ROUNDS):
        weights *= (later / np.maximum(facts @ weights, 1e-12)) @ facts / total
    floored: Float64 = np.maximum(weights, 1e-6)
    return floored


def _best(rate: Float64, fresh: Bool, taken: Bool, most: int) -> Int64:
    """The new products with the highest rates, ascending; of those that nobody has taken half as many as there may be,
    or what the others leave free."""
    kinds = [np.flatnonzero(fresh & mask) for mask in (taken, ~taken)]
    ordered = [kind[np.argsort(-rate[kind], kind="stable")] for kind in kinds]
    sold = max(most - most // 2, most - len(ordered[1]))
    first = ordered[0][:sold]
    return np.sort(np.concatenate([first, ordered[1][: most - len(first)]]))


def _shares(wanted: Histories, groups: Int32) -> Float32:
    """(groups,) each group's share of all that was wanted, of the events whose group is known."""
    found = [np.bincount(of[of >= 0], minlength=0) for of in groups[:, wanted.product]]
    shares = np.zeros(int(groups.max(initial=-1)) + 1, np.float64)
    for counts in found:
        shares[: len(counts)] += counts / max(wanted.events, 1)
    return shares.astype(np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewArrivalsModel:
    """What new products can expect, and each group's share of what everybody wants."""

    new: Int64
    """The new products, ascending."""
    rate: Float32
    """(new,) how many people it can expect."""
    groups: Int32
    """(levels, products)"""
    names: NDArray[np.str_]
    """(groups,)"""
    shares: Float32
    """(groups,)"""
    pull: float
    half_life_days: float

    def score(self, profiles: Histories, now: int) -> Float32:
        """(people, products): NaN for what is not new."""
        scores = np.full((len(profiles), self.groups.shape[1]), np.nan, np.float32)
        scores[:, self.new] = self.rate * self._lift(len(profiles), *self._wanted(profiles, now))
        return scores

    def opinion(self, profile: Histories, now: int) -> Opinion:
        row, product, weight = self._wanted(profile, now)
        scores = self.rate * self._lift(1, row, product, weight)[0]

        def explain(products: Sequence[int]) -> list[Why]:
            return [(self._reason(item, product), {}) for item in products]

        return Opinion(own=self.new, scores=scores, explain=explain)

    def reason(self, profile: Histories, product: int, now: int) -> Reason | None:
        """The narrowest category of it that the person has had to do with."""
        return self._reason(product, self._wanted(profile, now)[1])

    def _wanted(self, profiles: Histories, now: int) -> tuple[Int64, Int32, Float64]:
        """(row, product, weight) of what people wanted, grouped by person."""
        meaning = meanings(profiles)
        use = np.flatnonzero((meaning > 0) & (profiles.product >= 0) & (profiles.product < self.groups.shape[1]))
        age = np.maximum(now - profiles.at[use], 0) / MICROSECONDS_PER_DAY
        weight = meaning[use].astype(np.float64) * np.exp2(-np.minimum(age / self.half_life_days, 60.0))
        return profiles.row_of_event()[use].astype(np.int64), profiles.product[use], weight

    def _lift(self, people: int, row: Int64, product: Int32, weight: Float64) -> Float32:
        """(people, new) how many times as much of its groups each person takes as everybody does."""
        lift, width = np.ones((people, len(self.new))), len(self.shares)
        whole = np.bincount(row, weight, people)[:, None]
        for of in self.groups:
            mine, group = of[product], of[self.new]
            known, here = mine >= 0, np.flatnonzero(group >= 0)
            own = np.bincount(row[known] * width + mine[known], weight[known], people * width).reshape(people, width)
            expected = whole * self.shares[group[here]] * lift[:, here]
            lift[:, here] *= (own[:, group[here]] + self.pull) / (expected + self.pull)
        return lift.astype(np.float32)

    def _reason(self, item: int, wanted: Int32) -> Reason | None:
        place = int(np.searchsorted(self.new, item))
        if place == len(self.new) or self.new[place] != item:
            return None
        shared = [int(of[item]) for of in self.groups if of[item] >= 0 and (of[wanted] == of[item]).any()]
        named = [str(self.names[group]) for group in shared if self.names[group]]
        facts: dict[str, str | int | float] = {"category": named[-1]} if named else {}
        return Reason(key="new_arrival", facts=facts, scorer="new_arrivals")

    def arrays(self) -> Arrays:
        return {name: getattr(self, name) for name in ("new", "rate", "groups", "names", "shares")}

    def facts(self) -> Mapping[str, Any]:
        return {"pull": self.pull, "half_life_days": self.half_life_days}

    @classmethod
    def restore(cls, arrays: Arrays, facts: Mapping[str, Any]) -> "NewArrivalsModel":
        return cls(**dict(arrays), pull=float(facts["pull"]), half_life_days=float(facts["half_life_days"]))
