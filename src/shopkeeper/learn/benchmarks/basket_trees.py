"""Trees that say how likely an item is in the next basket, learned from baskets that people had last.

Two kinds, whose logarithms are added: the probability of each item by itself, and LambdaMART's share among the person's
candidates.

Source: gradient boosting on binomial deviance, Friedman (2001), Greedy function approximation: a gradient boosting
machine; Burges (2010) as in ``learn.rank.trees``. Library: LightGBM.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from shopkeeper.core.histories import Float32, Histories, Int32, Int64
from shopkeeper.learn.benchmarks.basket_facts import ItemFacts, candidates, features
from shopkeeper.learn.rank.candidates import Candidates
from shopkeeper.learn.rank.trees import LambdaMART, LambdaMARTModel
from shopkeeper.measure.ranking import Relevant, contains

MOST_PEOPLE: Final = 3_000
"""Trees are learned from the baskets of so many people, at most."""
LEAST_PEOPLE: Final = 40
_TREES: Final = 150
_SETTINGS: Final[Mapping[str, Any]] = {
    "objective": "binary", "learning_rate": 0.06, "num_leaves": 31, "min_data_in_leaf": 200, "feature_fraction": 0.6,
    "bagging_fraction": 0.8, "bagging_freq": 1, "lambda_l2": 5.0, "verbose": -1, "deterministic": True,
    "force_row_wise": True,
}  # fmt: skip

Opinions = Callable[[Histories], Mapping[str, Float32]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """Candidates of people and what is known of each; ``came``: which were in the basket that followed."""

    pairs: Candidates
    facts: Float32
    came: Any

    @classmethod
    def of(
        cls, people: Histories, opinions: Opinions, popular: Float32, items: ItemFacts, block: int, seed: int,
        wanted: Relevant | None = None,
    ) -> "Told":  # fmt: skip
        """In blocks of so many people, since each opinion is a (people, items) table."""
        pairs, facts = [], []
        for some in people.blocks(block):
            said = opinions(some)
            pairs.append(candidates(some, said, popular, seed))
            facts.append(features(some, pairs[-1], said, items))
        whole = Candidates.joined(pairs)
        came = None
        if wanted is not None:
            width = len(popular)
            came = contains(wanted.row_of_item * width + wanted.items, whole.row * width + whole.item)
        return cls(pairs=whole, facts=np.concatenate(facts), came=came)

    def with_more(self, more: "Told") -> "Told":
        """Both, as if of other people."""
        return Told(
            pairs=Candidates.joined([self.pairs, more.pairs]), facts=np.concatenate([self.facts, more.facts]),
            came=np.concatenate([self.came, more.came]),
        )  # fmt: skip

    def best(self, score: Float32, count: int) -> Int32:
        """(people, count) each person's best candidates by a score of the pairs."""
        place, found = self.pairs.places(score), np.full((len(self.pairs), count), -1, np.int32)
        first = place < count
        found[self.pairs.row[first], place[first]] = self.pairs.item[first]
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class BasketTrees:
    """Both kinds."""

    chance: Any
    order: LambdaMARTModel | None
    """None where no candidate ever came."""

    def score(self, told: Told) -> Float32:
        """(pairs,) comparable within a person."""
        chance: Float32 = np.log(self.chance.predict(told.facts) + 1e-9).astype(np.float32)
        return chance if self.order is None else chance + self.order.score(told.pairs, told.facts)


def fit_trees(told: Told, seed: int) -> BasketTrees:
    """Learned from candidates of which it is known whether they came."""
    import lightgbm  # here: only learning needs it

    data = lightgbm.Dataset(told.facts, label=told.came.astype(np.int32), params={"verbose": -1})
    return BasketTrees(
        chance=lightgbm.train({**_SETTINGS, "seed": seed}, data, _TREES),
        order=LambdaMART().fit_pairs(told.pairs, told.facts, told.came, seed=seed),
    )


def drawn(people: Int64, seed: int) -> Int64:
    """At most ``MOST_PEOPLE`` of some rows, ascending."""
    if len(people) <= MOST_PEOPLE:
        return people
    return np.sort(np.random.default_rng(seed).choice(people, MOST_PEOPLE, replace=False))
