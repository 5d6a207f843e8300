"""What is said of a person and a product: scores of several finders, and plain facts of both."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from shopkeeper.core.histories import MICROSECONDS_PER_DAY, Float32, Histories
from shopkeeper.learn.rank.candidates import Candidates
from shopkeeper.learn.rank.likeness import AttributeLikeness
from shopkeeper.learn.recommend.ease import EASE, EASEModel
from shopkeeper.learn.recommend.item_knn import ItemKNN, ItemKNNModel
from shopkeeper.learn.recommend.sequence.attributes import Attributes
from shopkeeper.learn.recommend.sequence.forward import normalised
from shopkeeper.learn.recommend.sequence.model import SequenceModel
from shopkeeper.learn.recommend.sequence.sequences import Sequences
from shopkeeper.learn.recommend.sequence.start import start_of
from shopkeeper.learn.recommend.sequential_knn import SequentialItemKNN, SequentialItemKNNModel
from shopkeeper.learn.recommend.user_knn import UserKNN, UserKNNModel
from shopkeeper.learn.snapshot import ArraySnapshot

_AFTER_ALL: Final = 10**6 * MICROSECONDS_PER_DAY
_LEAST: Final = np.float32(1e-5)
"""A share below this counts as this: what a finder did not find is unlikely, not impossible."""
_FACTORS: Final = 64
_TOGETHER: Final = ItemKNN(neighbours=200, shrink=3.0)
_PEOPLE: Final = UserKNN(half_life_days=5.0, buyers=300, neighbours=100)
_LINEAR: Final = EASE(
    ridge=20.0, half_life_days=1e6, asked_half_life_days=1.4, least_buyers=2, block=400, middle=0.6, neighbours=200
)
"""Sequences have a day an event: of a history the newest five count here, the newest two or three there."""
_NEWEST, _LONG = 0.25, 0.9
_DECAY = 0.7
FINDERS: Final = ("next", "next_newest", "together", "people", "linear", "factors", "likeness")


@dataclass(frozen=True, slots=True, kw_only=True)
class Signals:
    """Finders learned from the same past, and how products stand in it."""

    following: SequentialItemKNNModel
    together: ItemKNNModel
    people: UserKNNModel
    linear: EASEModel
    factors: Float32
    likeness: AttributeLikeness | None
    networks: Mapping[str, SequenceModel]
    of_product: Mapping[str, Float32]
    """(products,) each: facts of the product alone."""

    @classmethod
    def of(
        cls, past: Histories, products: int, attributes: Attributes | None, settings: SequentialItemKNN,
        networks: Mapping[str, SequenceModel], seed: int,
    ) -> "Signals":  # fmt: skip
        known, sequences = ArraySnapshot.of(past, products), Sequences.of(past, products)
        return cls(
            following=settings.fit(known, seed=seed), together=_TOGETHER.fit(known, seed=seed),
            people=_PEOPLE.fit(known, seed=seed), linear=_LINEAR.fit(known, seed=seed),
            factors=start_of(sequences, products, _FACTORS, seed), networks=networks,
            likeness=AttributeLikeness.of(attributes) if attributes else None, of_product=_standing(past, products),
        )  # fmt: skip

    @property
    def finders(self) -> tuple[str, ...]:
        """Who finds candidates; each has its share of a person's score as a feature, and its place."""
        own = FINDERS if self.likeness is not None else FINDERS[:-1]
        return (*own, *self.networks)

    def found(self, people: Histories, per_finder: int, seed: int) -> tuple[Candidates, dict[str, Float32]]:
        """Unseen candidates of each person, and every signal of each (person, candidate) pair."""
        tables = self._tables(people)
        row, item = people.row_of_event(), people.product
        for table in tables.values():
            table[row, item] = np.nan
        pairs = Candidates.best_of([tables[name] for name in self.finders], per_finder, seed)
        said = {name: self._said(name, table, pairs) for name, table in tables.items()}
        said["next_evidence"] = np.log(np.nan_to_num(pairs.of(tables["next"])) + _LEAST)
        said |= {f"{name}_place": pairs.places(said[name]).astype(np.float32) for name in self.finders}
        said |= {name: fact[pairs.item] for name, fact in self.of_product.items()}
        return pairs, said | self._of_person(people, pairs)

    def _tables(self, people: Histories) -> dict[str, Float32]:
        """(people, products) each."""
        newest = people.last(1)
        second = people.keep(people.age_rank() == 1)
        tables = {
            "next": self.following.score(people, _AFTER_ALL),
            "next_newest": replace(self.following, query_decay=_NEWEST).score(people, _AFTER_ALL),
            "next_long": replace(self.following, query_decay=_LONG).score(people, _AFTER_ALL),
            "next_second": replace(self.following, query_decay=_NEWEST).score(second, _AFTER_ALL),
            "together": self.together.score(people, _AFTER_ALL),
            "people": self.people.score(people, _AFTER_ALL),
            "linear": np.maximum(self.linear.score(people, _AFTER_ALL), np.float32(0)),
            "factors": _pointed(people.last(10), self.factors) @ self.factors.T,
            "factors_newest": _pointed(newest, self.factors) @ self.factors.T,
        }  # fmt: skip
        if self.likeness is not None:
            tables["likeness"] = self.likeness.score(people, _DECAY)
            tables["likeness_newest"] = self.likeness.score(newest, 1.0)
            tables["likeness_long"] = self.likeness.score(people, 1.0) / np.maximum(np.diff(people.offsets), 1)[:, None]
        for name, network in self.networks.items():
            tables[name] = network.score(people, _AFTER_ALL)
            vectors = network.weights["table"]
            tables[f"factors_{name}"] = _pointed(newest, vectors) @ vectors.T
        return tables

    def _said(self, name: str, table: Float32, pairs: Candidates) -> Float32:
        """Of counts and networks the logarithm of the person's share; of likenesses the score as it is."""
        score = pairs.of(table)
        if name in self.networks:
            best = np.nanmax(table, axis=1, initial=-np.inf)
            best = np.where(np.isfinite(best), best, np.float32(0))
            total = np.nansum(np.exp(table - best[:, None]), axis=1)
            share: Float32 = np.nan_to_num(
                score - best[pairs.row] - np.log(np.maximum(total, 1e-9))[pairs.row], nan=-16.0
            )
            return share
        if name.startswith("factors"):
            return score
        if name.startswith("likeness"):
            likeness: Float32 = np.log(score + np.float32(0.02))
            return likeness
        total = np.nansum(table, axis=1)
        counted: Float32 = np.log(np.nan_to_num(score) / np.maximum(total, np.float32(1e-9))[pairs.row] + _LEAST)
        return counted

    def _of_person(self, people: Histories, pairs: Candidates) -> dict[str, Float32]:
        sizes = np.diff(people.offsets)
        newest = np.zeros(len(people), np.float32)
        some = np.flatnonzero(sizes)
        newest[some] = self.of_product["buyers"][people.product[people.offsets[1:][some] - 1]]
        return {"history": sizes.astype(np.float32)[pairs.row], "newest_buyers": newest[pairs.row]}


def _pointed(people: Histories, vectors: Float32) -> Float32:
    """(people, dimensions) of length one: the sum of a history's vectors, newer ones more."""
    weight = (_DECAY ** people.age_rank()).astype(np.float32)
    total = np.zeros((len(people), vectors.shape[1]), np.float32)
    np.add.at(total, people.row_of_event(), weight[:, None] * vectors[people.product])
    return normalised(total)


def _standing(past: Histories, products: int) -> dict[str, Float32]:
    """How many bought a product, and how often it was the newest or the first of a person's history."""
    count = np.bincount(past.product, minlength=products)
    some = np.flatnonzero(np.diff(past.offsets))
    ends = np.bincount(past.product[past.offsets[1:][some] - 1], minlength=products)
    begins = np.bincount(past.product[past.offsets[:-1][some]], minlength=products)
    return {
        "buyers": np.log1p(count).astype(np.float32), "newly": ((ends + 0.2) / (count + 1)).astype(np.float32),
        "at_first": ((begins + 0.2) / (count + 1)).astype(np.float32),
    }  # fmt: skip


def features_of(said: Mapping[str, Float32], names: Sequence[str]) -> Float32:
    """(pairs, names)"""
    return np.stack([said[name] for name in names], axis=1)
