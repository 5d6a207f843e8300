"""What a person will buy again within weeks: small decision trees over what they bought, how often and how lately."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier

from shopkeeper.core.decision import Reason
from shopkeeper.core.histories import MICROSECONDS_PER_DAY, Bool, Float32, Histories, Int32
from shopkeeper.core.ports import Arrays, Snapshot
from shopkeeper.learn.recommend.purchase_facts import (
    Bought,
    ProductFacts,
    bought_before,
    groups_of,
    orders_of,
    product_facts,
)
from shopkeeper.learn.snapshot import microseconds

_PAIRS = 4096
_PLAIN = ("start", "depth", "most_products")


@dataclass(frozen=True, slots=True, kw_only=True)
class Repurchase:
    """The log-odds that a person buys a product again within ``horizon_days``; NaN for what they never bought.

    Learned from the past itself: standing ``horizon_days`` (twice, three times that, …) before the snapshot's moment,
    which of the things bought until then were bought again? Gradient-boosted trees then combine rhythm, habit,
    category and the product's own season, which no single decay of old orders does. Where the past is too short or
    shows no repeats, every score is NaN.

    Source: J. Friedman, "Greedy function approximation: a gradient boosting machine", Annals of Statistics 2001;
    facts in the spirit of R. Bhagat et al., "Buy it again: modeling repeat purchase recommendations", KDD 2018.
    """

    horizon_days: int = 28
    periods: int = 2
    """How many such looks into the past."""
    trees: int = 60
    leaves: int = 16
    rate: float = 0.1
    most_products: int = 80
    """Only a person's most bought products are scored."""
    most_people: int = 10_000
    """A sample of so many people is enough to learn from."""

    def fit(self, known: Snapshot, *, seed: int = 0) -> "RepurchaseModel":
        group, now = groups_of(known.catalogue()), microseconds(known.moment)
        bought = orders_of(known.histories(), len(group))
        looks = [self._look(bought, group, now - back * self._horizon, seed) for back in range(1, self.periods + 1)]
        facts, again = (np.concatenate(part) for part in zip(*looks, strict=True))
        trees = _grow(self, facts, again, seed)
        products = product_facts(bought, group, now)
        return RepurchaseModel(
            **{f.name: getattr(products, f.name) for f in fields(products)}, **trees, most_products=self.most_products
        )

    @property
    def _horizon(self) -> int:
        return self.horizon_days * MICROSECONDS_PER_DAY

    def _look(self, bought: Histories, group: Int32, now: int, seed: int) -> tuple[Float32, Bool]:
        past = bought.keep(bought.at < now)
        products = product_facts(past, group, now)
        chosen = np.arange(len(bought))
        if len(chosen) > self.most_people:
            chosen = np.sort(np.random.default_rng(seed).choice(chosen, self.most_people, replace=False))
        pairs = bought_before(past.rows(chosen), products, now).foremost(self.most_products)
        later = bought.rows(chosen)
        later = later.keep((later.at >= now) & (later.at < now + self._horizon))
        width = len(group)
        came = np.isin(
            pairs.row.astype(np.int64) * width + pairs.product,
            later.row_of_event().astype(np.int64) * width + later.product,
        )
        return pairs.facts, came


def _grow(how: Repurchase, facts: Float32, again: Bool, seed: int) -> dict[str, Any]:
    """Trees as arrays (trees, nodes); a leaf points to itself."""
    if again.all() or not again.any():
        blank = np.zeros((0, 1), np.int32)
        return {"column": blank, "below": blank, "above": blank, "cut": blank.astype(np.float32),
                "value": blank.astype(np.float32), "start": float("nan"), "depth": 0}  # fmt: skip
    grown = HistGradientBoostingClassifier(
        max_iter=how.trees, max_leaf_nodes=how.leaves, learning_rate=how.rate, max_depth=6, min_samples_leaf=100,
        early_stopping=False, random_state=seed,
    ).fit(facts, again)  # fmt: skip
    tables = [stage[0].nodes for stage in grown._predictors]  # its trees have no public door; a test guards this one
    nodes = max(map(len, tables))

    def stack(name: str, dtype: Any) -> Any:
        return np.stack([np.pad(table[name].astype(dtype), (0, nodes - len(table))) for table in tables])

    leaf, itself = stack("is_leaf", np.bool_), np.arange(nodes, dtype=np.int32)
    return {
        "column": stack("feature_idx", np.int32), "cut": stack("num_threshold", np.float32),
        "below": np.where(leaf, itself, stack("left", np.int32)).astype(np.int32),
        "above": np.where(leaf, itself, stack("right", np.int32)).astype(np.int32),
        "value": stack("value", np.float32), "start": float(grown._baseline_prediction.item()),
        "depth": int(max(table["depth"].max() for table in tables)),
    }  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class RepurchaseModel:
    """Trees of shape (trees, nodes), and how products sold when they were grown, (products,)."""

    column: Int32
    below: Int32
    """The next node where the fact is at most ``cut``."""
    above: Int32
    cut: Float32
    value: Float32
    start: float
    depth: int
    most_products: int
    group: Int32
    sold: Float32
    trend: Float32
    rise: Float32
    season: Float32
    repeat: Float32
    usual: Float32

    def score(self, profiles: Histories, now: int) -> Float32:
        scores = np.full((len(profiles), len(self.group)), np.nan, np.float32)
        pairs = self._pairs(profiles, now)
        scores[pairs.row, pairs.product] = self._odds(pairs.facts)
        return scores

    def reason(self, profile: Histories, product: int, now: int) -> Reason | None:
        pairs = self._pairs(profile, now)
        found = np.flatnonzero(pairs.product == product)
        if not len(found):
            return None
        facts = {"times": int(pairs.times[found[0]]), "at": int(pairs.newest[found[0]])}
        return Reason(key="buy_again", facts=facts, scorer="repurchase")

    def _pairs(self, profiles: Histories, now: int) -> Bought:
        products = ProductFacts(**{f.name: getattr(self, f.name) for f in fields(ProductFacts)})
        return bought_before(orders_of(profiles, len(self.group)), products, now).foremost(self.most_products)

    def _odds(self, facts: Float32) -> Float32:
        """(pairs,) the trees' sum, in blocks that stay in the processor's cache."""
        blocks = [self._block(facts[at : at + _PAIRS]) for at in range(0, len(facts), _PAIRS)]
        return np.concatenate(blocks) if blocks else np.zeros(0, np.float32)

    def _block(self, facts: Float32) -> Float32:
        nodes, wide = self.column.shape[1], facts.shape[1]
        root = (np.arange(len(self.column), dtype=np.int32) * nodes)[:, None]
        line = (np.arange(len(facts), dtype=np.int32) * wide)[None, :]
        spot = np.broadcast_to(root, (len(root), len(facts)))
        below, above = (self.below + root).ravel(), (self.above + root).ravel()
        column, cut, flat = self.column.ravel(), self.cut.ravel(), facts.ravel()
        for _ in range(self.depth):
            spot = np.where(flat[line + column[spot]] <= cut[spot], below[spot], above[spot])
        total: Float32 = (self.value.ravel()[spot].sum(axis=0) + self.start).astype(np.float32)
        return total

    def arrays(self) -> Arrays:
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name not in _PLAIN}

    def facts(self) -> Mapping[str, Any]:
        return {"start": None if np.isnan(self.start) else self.start, "depth": self.depth,
                "most_products": self.most_products}  # fmt: skip

    @classmethod
    def restore(cls, arrays: Arrays, facts: Mapping[str, Any]) -> "RepurchaseModel":
        start = float("nan") if facts["start"] is None else float(facts["start"])
        return cls(**dict(arrays), start=start, depth=int(facts["depth"]), most_products=int(facts["most_products"]))
