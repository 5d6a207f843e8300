"""What a person will buy again within weeks: log-odds that add up over how often, how lately and what they bought."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from shopkeeper.core.decision import Reason
from shopkeeper.core.histories import MICROSECONDS_PER_DAY, Bool, Float32, Histories, Int32
from shopkeeper.core.opinion import Opinion, Why
from shopkeeper.core.ports import Arrays, Snapshot
from shopkeeper.learn.recommend.purchase_facts import (
    Bought,
    Float64,
    ProductFacts,
    bought_before,
    groups_of,
    orders_of,
    product_facts,
)
from shopkeeper.learn.snapshot import microseconds

_BLOCK = 256
_STEPS = 12
_PRODUCT_FACTS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Repurchase:
    """The log-odds that a person buys a product again within ``horizon_days``; NaN for what they never bought.

    Learned from the past itself: standing ``horizon_days`` (twice, three times that, …) before the snapshot's moment,
    which of the things bought until then were bought again? Each fact adds its own curve, straight between ``knots``
    quantiles of it, found by logistic regression; so a score is a few look-ups, and what is about the product alone
    (how it sells, its season, its repeat share) is one number kept for it. Where the past is too short or shows no
    repeats, every score is NaN.

    Source: generalized additive models, T. Hastie, R. Tibshirani, Statistical Science 1986; facts in the spirit of
    R. Bhagat et al., "Buy it again: modeling repeat purchase recommendations", KDD 2018.
    """

    horizon_days: int = 28
    periods: int = 2
    """How many such looks into the past."""
    knots: int = 8
    ridge: float = 1.0
    """How strongly curves are held flat, as a penalty on the log-likelihood."""
    most_products: int = 80
    """Of each person, their most bought products are learned from,"""
    most_people: int = 2_000
    """and so many people of each look."""

    def fit(self, known: Snapshot, *, seed: int = 0) -> "RepurchaseModel":
        group, now = groups_of(known.catalogue()), microseconds(known.moment)
        bought = orders_of(known.histories(), len(group))
        looks = [self._look(bought, group, now - back * self._horizon, seed) for back in range(1, self.periods + 1)]
        facts, again = (np.concatenate(part, axis=-1) for part in zip(*looks, strict=True))
        curves = self._curves(facts, again)
        products = product_facts(bought, group, now)
        return RepurchaseModel(
            group=group, interval_days=products.interval_days, product=_product_part(curves, products),
            knot=curves[0, :-_PRODUCT_FACTS], height=curves[1, :-_PRODUCT_FACTS],
        )  # fmt: skip

    @property
    def _horizon(self) -> int:
        return self.horizon_days * MICROSECONDS_PER_DAY

    def _look(self, bought: Histories, group: Int32, now: int, seed: int) -> tuple[Float64, Bool]:
        """(facts, pairs) as of an earlier moment, and whether each pair came again."""
        past = bought.keep(bought.at < now)
        products = product_facts(past, group, now)
        chosen = np.arange(len(bought))
        if len(chosen) > self.most_people:
            chosen = np.sort(np.random.default_rng(seed).choice(chosen, self.most_people, replace=False))
        later = bought.rows(chosen)
        later = later.keep((later.at >= now) & (later.at < now + self._horizon))
        zipped = zip(past.rows(chosen).blocks(_BLOCK), later.blocks(_BLOCK), strict=True)
        parts = [self._seen(before, after, products, now) for before, after in zipped]
        blank = np.zeros((7 + _PRODUCT_FACTS, 0)), np.zeros(0, np.bool_)
        facts, again = zip(blank, *parts, strict=True)
        return np.concatenate(facts, axis=1), np.concatenate(again)

    def _seen(self, before: Histories, after: Histories, products: ProductFacts, now: int) -> tuple[Float64, Bool]:
        pairs, width = bought_before(before, products.group, products.interval_days, now), len(products.group)
        place = np.lexsort((pairs.product, -pairs.facts[1], pairs.row))
        row = pairs.row[place]
        kept = place[np.arange(len(row)) - np.searchsorted(row, row) < self.most_products]
        wanted = after.row_of_event().astype(np.int64) * width + after.product
        again = np.isin(pairs.row[kept] * width + pairs.product[kept], wanted)
        return np.concatenate([pairs.facts[:, kept], products.columns[pairs.product[kept]].T]), again

    def _curves(self, facts: Float64, again: Bool) -> Float64:
        """(2, facts, knots): where each curve bends, and its height there."""
        if again.all() or not again.any():
            return np.stack(
                [np.tile(np.arange(float(self.knots)), (len(facts), 1)), np.full((len(facts), self.knots), np.nan)]
            )
        knot = np.stack([_distinct(line) for line in np.quantile(facts, np.linspace(0, 1, self.knots), axis=1).T])
        height = _logistic(_basis(facts, knot), again, self.ridge).reshape(knot.shape)
        last = (knot == knot[:, -1:]).argmax(axis=1)[:, None]
        beyond = np.arange(self.knots) > last
        return np.stack([knot, np.where(beyond, np.take_along_axis(height, last, 1), height)])


def _distinct(knot: Float64) -> Float64:
    """Each knot once, then the last one again until there are as many as before."""
    once: Float64 = np.unique(knot)
    return np.pad(once, (0, len(knot) - len(once)), mode="edge")


def _basis(facts: Float64, knot: Float64) -> Float32:
    """(pairs, facts * knots): how near each fact is to the knots on both sides of it; 1 in all for each fact."""
    count, pairs = knot.shape[1], facts.shape[1]
    table = np.zeros((pairs, knot.size), np.float32)
    line = np.arange(pairs)
    for number, (fact, knots) in enumerate(zip(facts, knot, strict=True)):
        right = np.clip(np.searchsorted(knots, fact, side="left"), 1, count - 1)
        width = knots[right] - knots[right - 1]
        part = np.divide(fact - knots[right - 1], width, out=np.zeros(pairs), where=width > 0)
        table[line, number * count + right] = part
        table[line, number * count + right - 1] = 1 - part
    return table


def _logistic(table: Float32, again: Bool, ridge: float) -> Float64:
    """(columns,) ridge logistic regression by Newton's method; the table's columns already hold the constant."""
    weight = np.zeros(table.shape[1])
    hold = ridge * np.eye(table.shape[1])
    for _ in range(_STEPS):
        chance = 1 / (1 + np.exp(-(table @ weight.astype(np.float32))))
        slope = table.T @ (again - chance).astype(np.float32) - ridge * weight
        bend = table.T @ (table * (chance * (1 - chance))[:, None]) + hold
        step = np.linalg.solve(bend.astype(np.float64), slope.astype(np.float64))
        weight += step
        if np.abs(step).max() < 1e-3:
            break
    return weight


def _product_part(curves: Float64, products: ProductFacts) -> Float32:
    knot, height = curves[:, -_PRODUCT_FACTS:]
    return _sum(products.columns.T.astype(np.float64), knot, height).astype(np.float32)


def _sum(facts: Float64, knot: Float64, height: Float64) -> Float64:
    total: Float64 = sum(
        (np.interp(fact, *curve) for fact, *curve in zip(facts, knot, height, strict=True)), np.zeros(facts.shape[1])
    )
    return total


@dataclass(frozen=True, slots=True, kw_only=True)
class RepurchaseModel:
    """Curves over a person's facts, and one number a product."""

    group: Int32
    """(products,) category of each."""
    interval_days: Float32
    """(products,)"""
    product: Float32
    """(products,) what its own facts add to the log-odds."""
    knot: Float64
    """(facts, knots)"""
    height: Float64
    """(facts, knots)"""

    def score(self, profiles: Histories, now: int) -> Float32:
        scores = np.full((len(profiles), len(self.group)), np.nan, np.float32)
        pairs = self._pairs(profiles, now)
        scores[pairs.row, pairs.product] = self._of(pairs)
        return scores

    def opinion(self, profile: Histories, now: int) -> Opinion:
        """``score`` and ``reason`` in a few numbers: only what the person has bought."""
        pairs = self._pairs(profile, now)
        scores = self._of(pairs)
        said = np.isfinite(scores)

        def explain(products: Sequence[int]) -> list[Why]:
            return [(reason, {}) for reason in _reasons(pairs, products)]

        return Opinion(own=pairs.product[said], scores=scores[said], explain=explain)

    def reason(self, profile: Histories, product: int, now: int) -> Reason | None:
        return _reasons(self._pairs(profile, now), [product])[0]

    def _of(self, pairs: Bought) -> Float32:
        scores: Float32 = (self.product[pairs.product] + _sum(pairs.facts, self.knot, self.height)).astype(np.float32)
        return scores

    def _pairs(self, profiles: Histories, now: int) -> Bought:
        return bought_before(orders_of(profiles, len(self.group)), self.group, self.interval_days, now)

    def arrays(self) -> Arrays:
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def facts(self) -> Mapping[str, Any]:
        return {}

    @classmethod
    def restore(cls, arrays: Arrays, facts: Mapping[str, Any]) -> "RepurchaseModel":  # noqa: ARG003  # it has no facts
        return cls(**dict(arrays))


def _reasons(pairs: Bought, products: Sequence[int]) -> list[Reason | None]:
    told = zip(pairs.product.tolist(), pairs.times.tolist(), pairs.newest.tolist(), strict=True)
    found = {product: {"times": times, "at": at} for product, times, at in told}
    return [
        Reason(key="buy_again", facts=found[product], scorer="repurchase") if product in found else None
        for product in products
    ]
