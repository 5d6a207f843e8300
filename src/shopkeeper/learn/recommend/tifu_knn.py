"""What the next basket holds: how often and how lately a person bought each product, and what people like them buy."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from shopkeeper.core.action import Action
from shopkeeper.core.decision import Reason
from shopkeeper.core.histories import Bool, Float32, Histories, Int64
from shopkeeper.core.opinion import Opinion, Why
from shopkeeper.core.ports import Arrays, Snapshot
from shopkeeper.learn.recommend.sparse import Float64, Neighbours, best_of, dice_of, row_blocks, weigh

PARTS = ("offsets", "item", "weight")
_SAME = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class TIFUKNN:
    """``score = own v_u + (1 - own) mean of v over the k nearest people``, where ``v_u`` says how often each product
    was in the person's baskets, newer ones counting more.

    Baskets stand in groups of ``group``, newest first. A basket counts ``basket_decay`` to the power of its place in
    its group, divided by the group's size; a group ``group_decay`` to the power of its place, divided by the number of
    groups. Nearest is by Euclidean distance, among people with a product in common; one who has exactly the same is the
    asking person's own past and is left out.
    Source: Hu, He, Gao, Zhang (2020), Modeling personalized item frequency information for next-basket recommendation.
    """

    neighbours: int = 300
    group: int = 7
    basket_decay: float = 0.9
    group_decay: float = 0.7
    own: float = 0.7
    most_people: int = 10_000
    """Neighbours are looked for among so many people, drawn at random where there are more."""

    def fit(self, known: Snapshot, *, seed: int = 0) -> "TIFUKNNModel":
        """Keep people's vectors, without names and shuffled."""
        histories, products = known.histories(), len(known.catalogue())
        rows = np.random.default_rng(seed).permutation(len(histories))[: self.most_people]
        often = self._often(histories.rows(rows), products)
        return TIFUKNNModel(
            people=often.table(), buyers=often.turned(), dice=dice_of(len(rows), seed), **self._settings()
        )

    def _often(self, histories: Histories, products: int) -> "Often":
        return Often.of(histories, products, self.group, self.basket_decay, self.group_decay)

    def _settings(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("neighbours", "group", "basket_decay", "group_decay", "own")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Often:
    """``v_u`` of each person, flat: one entry a (person, product), in that order."""

    row: Int64
    item: Int64
    share: Float64
    """0..1: 1 for what is in every basket of a person with one group of one basket."""
    people: int
    products: int

    @classmethod
    def of(cls, histories: Histories, products: int, group: int, basket_decay: float, group_decay: float) -> "Often":
        """From orders only; lines without an order number are a basket each."""
        item = histories.product
        use = np.flatnonzero((item >= 0) & (item < products) & (histories.action == Action.ORDER))
        row, basket = histories.row_of_event()[use].astype(np.int64), histories.order[use]
        fresh = np.ones(len(use), np.bool_)
        fresh[1:] = (row[1:] != row[:-1]) | (basket[1:] != basket[:-1]) | (basket[1:] < 0)
        number = np.cumsum(fresh) - 1
        owner = row[fresh]
        weight = _weights(owner, len(histories), group, basket_decay, group_decay)
        width = max(products, 1)
        once = np.unique(number * width + item[use])  # a product counts once in a basket
        pair, place = np.unique(owner[once // width] * width + once % width, return_inverse=True)
        share = np.bincount(place, weight[once // width], len(pair)).astype(np.float64)
        return cls(row=pair // width, item=pair % width, share=share, people=len(histories), products=products)

    def table(self) -> Neighbours:
        """person -> products"""
        return _ragged(self.row, self.item, self.share, self.people)

    def turned(self) -> Neighbours:
        """product -> people"""
        order = np.argsort(self.item, kind="stable")
        return _ragged(self.item[order], self.row[order], self.share[order], self.products)

    def squares(self) -> Float64:
        """(people,) squared lengths."""
        return np.bincount(self.row, self.share**2, self.people).astype(np.float64)


def _weights(owner: Int64, people: int, group: int, basket_decay: float, group_decay: float) -> Float64:
    """(baskets,) what a product in it adds, given whose each basket is, oldest first."""
    count = np.bincount(owner, minlength=people)
    age = np.cumsum(count)[owner] - 1 - np.arange(len(owner))
    groups = -(-count // group)[owner]
    size = np.minimum(group, count[owner] - age // group * group)
    weight: Float64 = basket_decay ** (age % group) / size * group_decay ** np.minimum(age // group, 200) / groups
    return weight


def _ragged(row: Int64, item: Int64, weight: Float64, rows: int) -> Neighbours:
    offsets = np.concatenate([[0], np.cumsum(np.bincount(row, minlength=rows))]).astype(np.int64)
    return Neighbours(offsets=offsets, item=item.astype(np.int32), weight=weight.astype(np.float32))


@dataclass(frozen=True, slots=True, kw_only=True)
class TIFUKNNModel:
    """People as rows of how often they buy what (no names or ids), and the same by product."""

    people: Neighbours
    buyers: Neighbours
    dice: Any
    """(people,) by which equal distances are ordered."""
    neighbours: int
    group: int
    basket_decay: float
    group_decay: float
    own: float

    def score(self, profiles: Histories, now: int) -> Float32:  # noqa: ARG002
        """(people, products) 0..1; NaN where neither the person nor a neighbour has it."""
        often = self._often(profiles)
        row, person, share = self._nearest(often)
        scores = weigh(row, person, share, self.people, len(profiles), len(self.buyers))
        own = np.zeros(scores.shape, np.float32)
        own[often.row, often.item] = np.float32(self.own) * often.share.astype(np.float32)
        had = own > 0
        scores[had] = np.nan_to_num(scores[had]) + own[had]
        return scores

    def opinion(self, profile: Histories, now: int) -> Opinion:
        """``score`` and ``reason`` in a few numbers, with the neighbours found once."""
        scores = self.score(profile, now)[0]
        own = np.flatnonzero(np.isfinite(scores))

        def explain(products: Sequence[int]) -> list[Why]:
            return [(reason, {}) for reason in self.reasons(profile, products)]

        return Opinion(own=own, scores=scores[own], explain=explain)

    def reason(self, profile: Histories, product: int, now: int) -> Reason | None:  # noqa: ARG002
        return self.reasons(profile, [product])[0]

    def reasons(self, profile: Histories, products: Sequence[int]) -> list[Reason | None]:
        """That the person buys it, or how many of the most similar people do."""
        bought = np.flatnonzero(profile.action == Action.ORDER)
        newest = dict(zip(profile.product[bought].tolist(), profile.at[bought].tolist(), strict=True))
        often = self._often(profile)
        own = set(often.item.tolist())
        days = {product: _baskets(profile, product) for product in set(products) & own}
        _, person, _ = self._nearest(often)
        position, _ = self.people.gather(person)
        having = (self.people.item[position][:, None] == np.array(products, np.int64)).sum(axis=0).tolist()
        return [
            Reason(key="buy_again", facts={"times": days[product], "at": newest[product]}, scorer="tifu_knn")
            if product in days
            else Reason(key="like_you", facts={"people": many}, scorer="tifu_knn") if many else None
            for product, many in zip(products, having, strict=True)
        ]  # fmt: skip

    def _often(self, profiles: Histories) -> Often:
        return Often.of(profiles, len(self.buyers), self.group, self.basket_decay, self.group_decay)

    def _nearest(self, often: Often) -> tuple[Int64, Int64, Float64]:
        """(row, person, what that person's products count) of each row's nearest people."""
        lengths, others = often.squares(), self._squares()
        blocks = [self._block(often, lengths, others, *ends) for ends in row_blocks(often.people, len(self.people))]
        blank = np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0)
        row, person, share = (np.concatenate(parts) for parts in zip(blank, *blocks, strict=True))
        return row, person, share

    def _squares(self) -> Float64:
        owner = np.repeat(np.arange(len(self.people)), np.diff(self.people.offsets))
        return np.bincount(owner, self.people.weight.astype(np.float64) ** 2, len(self.people)).astype(np.float64)

    def _block(
        self, often: Often, lengths: Float64, others: Float64, first: int, end: int
    ) -> tuple[Int64, Int64, Float64]:
        width = max(len(self.people), 1)
        begin, stop = np.searchsorted(often.row, [first, end])
        position, source = self.buyers.gather(often.item[begin:stop])
        cell = (often.row[begin:stop][source] - first) * width + self.buyers.item[position]
        common = np.bincount(
            cell, often.share[begin:stop][source] * self.buyers.weight[position], (end - first) * width
        )
        met = np.flatnonzero(common)
        row, person = met // width, met % width
        apart = np.maximum(lengths[first + row] + others[person] - 2 * common[met], 0.0)
        near: Bool = apart > _SAME
        row, person = row[near], person[near]
        best = best_of(row, (1 / apart[near]).astype(np.float32), end - first, self.neighbours, self.dice[person])
        row, person = row[best], person[best]
        found = np.bincount(row, minlength=end - first)
        return row + first, person, (1 - self.own) / found[row]

    def arrays(self) -> Arrays:
        tables = {"people": self.people, "buyers": self.buyers}
        parts = {f"{name}_{part}": getattr(table, part) for name, table in tables.items() for part in PARTS}
        return {**parts, "dice": self.dice}

    def facts(self) -> Mapping[str, Any]:
        return {name: getattr(self, name) for name in ("neighbours", "group", "basket_decay", "group_decay", "own")}

    @classmethod
    def restore(cls, arrays: Arrays, facts: Mapping[str, Any]) -> "TIFUKNNModel":
        people, buyers = (
            Neighbours(**{part: arrays[f"{name}_{part}"] for part in PARTS}) for name in ("people", "buyers")
        )
        return cls(people=people, buyers=buyers, dice=arrays["dice"], **facts)


def _baskets(profile: Histories, product: int) -> int:
    """In how many orders a product was."""
    lines = profile.order[(profile.product == product) & (profile.action == Action.ORDER)]
    return int(np.count_nonzero(lines < 0) + len(np.unique(lines[lines >= 0])))
