"""What people with the same taste bought: user-based collaborative filtering."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from shopkeeper.core.decision import Reason
from shopkeeper.core.histories import Float32, Histories, Int64
from shopkeeper.core.ports import Arrays, Snapshot
from shopkeeper.learn.recommend.sparse import Float64, Neighbours, Tastes, best_of, row_blocks, tastes, weigh

PARTS: Final = ("offsets", "item", "weight")
IDENTICAL: Final = 0.999
"""A person this similar has the same products: nothing to learn from, or it is the asking person's own past."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UserKNN:
    """``score(b) = sum over the k most similar people v of sim(u, v) x_vb``, cosine over products weighted by rarity.

    ``sim = u . v / (|u| |v|) * common / (common + shrink)`` with ``x`` times ``log(people / buyers)``. Of each product
    only the ``buyers`` newest buyers are looked at, so a request costs the same however large the shop.
    Source: Breese, Heckerman, Kadie (1998), Empirical analysis of predictive algorithms (inverse user frequency);
    significance weighting as in Herlocker et al. (1999).
    """

    neighbours: int = 50
    shrink: float = 5.0
    buyers: int = 100
    history: int = 20
    """Only so many of the asking person's products, newest first, are compared."""
    half_life_days: float = 180.0
    newest: int = 50
    """Only so many of a neighbour's products, newest first, are kept."""

    def fit(self, known: Snapshot, *, seed: int = 0) -> "UserKNNModel":
        """Keep everyone's weighted products and each product's newest buyers."""
        histories, products = known.histories(), len(known.catalogue())
        people = tastes(histories, products, half_life_days=self.half_life_days, newest=self.newest)
        rarity = _rarity(np.bincount(people.item, minlength=products), len(histories))
        shuffled = np.random.default_rng(seed).permutation(len(histories))  # so that no tie goes by people's order
        people = replace(people, row=shuffled[people.row])
        return UserKNNModel(
            likes=Neighbours.of_matrix(people.matrix()), buyers=self._buyers(people, histories, rarity), rarity=rarity,
            neighbours=self.neighbours, shrink=self.shrink, history=self.history, half_life_days=self.half_life_days,
        )  # fmt: skip

    def _buyers(self, people: Tastes, histories: Histories, rarity: Float64) -> Neighbours:
        """product -> its newest buyers and their part of the cosine, ``x rarity / |x rarity|``."""
        value = people.weight * rarity[people.item]
        length = np.sqrt(np.bincount(people.row, value**2, people.people))
        value = np.divide(value, length[people.row], out=np.zeros_like(value), where=length[people.row] > 0)
        order = np.lexsort((people.row, -histories.at[people.event], people.item))
        sizes = np.bincount(people.item, minlength=people.products)
        rank = np.arange(len(order)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        kept = order[rank < self.buyers]
        offsets = np.concatenate([[0], np.cumsum(np.minimum(sizes, self.buyers))]).astype(np.int64)
        return Neighbours(
            offsets=offsets, item=people.row[kept].astype(np.int32), weight=value[kept].astype(np.float32)
        )


def _rarity(buyers: Int64, people: int) -> Float64:
    return np.log((people + 1.0) / np.maximum(buyers, 1)) * (buyers > 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class UserKNNModel:
    """People as rows of weighted products (no names or ids), and who bought each product lately."""

    likes: Neighbours
    buyers: Neighbours
    rarity: Float64
    neighbours: int
    shrink: float
    history: int
    half_life_days: float

    def score(self, profiles: Histories, now: int) -> Float32:  # noqa: ARG002
        """(people, products); NaN where no similar person has it."""
        row, person, similar = self._similar(profiles)
        return weigh(row, person, similar, self.likes, len(profiles), len(self.buyers))

    def reason(self, profile: Histories, product: int, now: int) -> Reason | None:
        """How many of the most similar people have it."""
        return self.reasons(profile, [product], now)[0]

    def reasons(self, profile: Histories, products: Sequence[int], now: int) -> list[Reason | None]:  # noqa: ARG002
        """``reason`` of several products at once."""
        position, _ = self.likes.gather(self._similar(profile)[1])
        having = (self.likes.item[position][:, None] == np.array(products, np.int64)).sum(axis=0).tolist()
        return [Reason(key="like_you", facts={"people": many}, scorer="user_knn") if many else None for many in having]

    def _similar(self, profiles: Histories) -> tuple[Int64, Int64, Float64]:
        """(row, person, similarity) of each row's most similar people."""
        liked = tastes(profiles, len(self.buyers), half_life_days=self.half_life_days, newest=self.history)
        value = liked.weight * self.rarity[liked.item]
        length = np.sqrt(np.bincount(liked.row, value**2, len(profiles)))
        value = np.divide(value, length[liked.row], out=np.zeros_like(value), where=length[liked.row] > 0)
        blocks = [self._block(liked, value, *ends) for ends in row_blocks(len(profiles), len(self.likes))]
        if not blocks:
            return np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0)
        row, person, similar = (np.concatenate(parts) for parts in zip(*blocks, strict=True))
        return row, person, similar

    def _block(self, liked: Tastes, value: Float64, first: int, end: int) -> tuple[Int64, Int64, Float64]:
        width = max(len(self.likes), 1)
        begin, stop = np.searchsorted(liked.row, [first, end])
        position, source = self.buyers.gather(liked.item[begin:stop])
        cell = (liked.row[begin:stop][source] - first) * width + self.buyers.item[position]
        share = value[begin:stop][source] * self.buyers.weight[position]
        turn = np.argsort(cell, kind="stable")
        cell, share = cell[turn], share[turn]
        starts = np.flatnonzero(np.diff(cell, prepend=-1))
        met, common = cell[starts], np.diff(starts, append=len(cell))
        found = np.bincount(np.repeat(np.arange(len(met)), common), share, len(met))
        similar = np.where((found > 0) & (found < IDENTICAL), found * common / (common + self.shrink), 0.0)
        dice = (met % width).astype(np.uint64) & np.uint64(0xFFFFF)  # people were shuffled when fitting
        best = best_of(met // width, similar.astype(np.float32), end - first, self.neighbours, dice)
        return met[best] // width + first, met[best] % width, similar[best]

    def arrays(self) -> Arrays:
        tables = {"likes": self.likes, "buyers": self.buyers}
        parts = {f"{name}_{part}": getattr(table, part) for name, table in tables.items() for part in PARTS}
        return {**parts, "rarity": self.rarity}

    def facts(self) -> Mapping[str, Any]:
        names = ("neighbours", "shrink", "history", "half_life_days")
        return {name: getattr(self, name) for name in names}

    @classmethod
    def restore(cls, arrays: Arrays, facts: Mapping[str, Any]) -> "UserKNNModel":
        likes, buyers = (
            Neighbours(**{part: arrays[f"{name}_{part}"] for part in PARTS}) for name in ("likes", "buyers")
        )
        return cls(likes=likes, buyers=buyers, rarity=arrays["rarity"], **facts)
