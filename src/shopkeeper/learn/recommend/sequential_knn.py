"""Which product comes next: item-based collaborative filtering that knows the order of purchases."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from shopkeeper.core.decision import Reason
from shopkeeper.core.histories import Bool, Float32, Histories, Int32, Int64
from shopkeeper.core.ports import Arrays, Snapshot
from shopkeeper.learn.recommend.because import because
from shopkeeper.learn.recommend.sparse import (
    Float64,
    Neighbours,
    dice_of,
    meanings,
    row_groups,
    stack,
    strongest,
    weigh,
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class SequentialItemKNN:
    """``sim(a, b) = pairs(a, b) / (n_a^alpha n_b^beta + shrink)``, learned from the order of each person's products.

    Where a person touched b ``gap`` steps after a, ``pairs(a, b)`` grows by ``decay^(gap - 1)`` and ``pairs(b, a)`` by
    ``backward`` times that.

    A step is a whole basket, or one other event (with its direct repeats); products of one basket have no order and add
    1 to each other. Scores weigh the history by ``query_decay^age`` in steps.
    Source: sequential rules and weighted session neighbours in Ludewig, Jannach (2018), Evaluation of session-based
    recommendation algorithms; normalisation as in Deshpande, Karypis (2004).
    """

    neighbours: int = 300
    window: int = 10
    decay: float = 0.8
    backward: float = 0.3
    alpha: float = 0.5
    beta: float = 0.2
    shrink: float = 3.0
    query_decay: float = 0.6
    newest: int = 100
    """Only so many of a person's events, newest first, are counted."""

    def fit(self, known: Snapshot, *, seed: int = 0) -> "SequentialItemKNNModel":
        """Count pairs people block by block, then keep each product's strongest successors."""
        products = len(known.catalogue())
        pairs = sparse.csr_matrix((products, products), dtype=np.float32)
        count = np.zeros(products)
        for people in _groups(known.histories()):
            walk = Walk.of(people, products, self.newest)
            table = walk.matrix()
            count += np.asarray(table.sum(axis=0), np.float64).ravel()
            pairs = pairs + table.T.tocsr() @ (self._ahead(walk) @ table)
        table = stack(list(self._blocks(pairs.tocsr(), count, seed)))
        return SequentialItemKNNModel(neighbours=table, query_decay=self.query_decay, newest=self.newest)

    def _ahead(self, walk: "Walk") -> Any:
        """(steps, steps) what a later step of the same person counts for an earlier one."""
        steps = len(walk.person)
        bands = [np.full(steps, 1.0 / (1.0 + self.backward), np.float32)]
        for gap in range(1, min(self.window, max(steps - 1, 0)) + 1):
            same = walk.person[gap:] == walk.person[:-gap]
            bands.append(np.r_[np.zeros(gap, np.float32), same * np.float32(self.decay ** (gap - 1))])
        table = sparse.dia_matrix((np.array(bands), np.arange(len(bands))), shape=(steps, steps)).tocsr()
        table.eliminate_zeros()
        return table

    def _blocks(self, pairs: Any, count: Float64, seed: int) -> Iterator[Any]:
        back, dice = pairs.T.tocsr(), dice_of(len(count), seed)
        cost = np.diff(pairs.indptr) + np.diff(back.indptr)
        for rows in row_groups(pairs, cost.astype(np.float64), limit=5e6):
            block = (pairs[rows] + back[rows] * np.float32(self.backward)).tocsr()
            a = np.repeat(np.arange(rows.start, rows.stop), np.diff(block.indptr))
            block.data = block.data / (count[a] ** self.alpha * count[block.indices] ** self.beta + self.shrink)
            block.data[a == block.indices] = 0.0
            yield strongest(block, self.neighbours, dice)


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """People's histories as steps: entry ``i`` says that step ``step[i]`` touched ``item[i]``."""

    step: Int64
    item: Int64
    weight: Float32
    event: Int64
    """Index of the entry's event in the histories it came from."""
    person: Int64
    """(steps,) whose step it is."""
    products: int

    def matrix(self) -> Any:
        """(steps, products) CSR; a product counts at most 1 in a step."""
        shape = (len(self.person), self.products)
        table = sparse.csr_matrix((self.weight, (self.step, self.item)), shape=shape, dtype=np.float32)
        table.data = np.minimum(table.data, np.float32(1.0))
        return table

    def age(self) -> Int64:
        """(entries,) how many steps of the same person came later."""
        last = np.searchsorted(self.person, self.person[self.step], side="right") - 1
        return last - self.step

    @classmethod
    def of(cls, histories: Histories, products: int, newest: int) -> "Walk":
        """Events that want a product, cut to each person's ``newest`` and numbered by step."""
        meaning, item = meanings(histories), histories.product
        wanted = (item >= 0) & (item < products) & (meaning > 0)
        row = histories.row_of_event()
        event = np.flatnonzero(wanted)
        event = event[_newest(row[event], len(histories), newest)]
        whose, what, basket = row[event], item[event], histories.order[event]
        fresh = np.ones(len(event), bool)
        fresh[1:] = (whose[1:] != whose[:-1]) | ~(_same(basket) | (what[1:] == what[:-1]))
        return cls(
            step=np.cumsum(fresh) - 1, item=what.astype(np.int64), weight=meaning[event],
            event=event, person=whose[fresh].astype(np.int64), products=products,
        )  # fmt: skip


def _same(basket: Int32) -> Bool:
    same: Bool = (basket[1:] == basket[:-1]) & (basket[1:] >= 0)
    return same


def _newest(row: Int32, people: int, count: int) -> Bool:
    ends = np.cumsum(np.bincount(row, minlength=people))
    kept: Bool = ends[row] - 1 - np.arange(len(row)) < count
    return kept


def _groups(histories: Histories, events: int = 1_000_000) -> Iterator[Histories]:
    """Consecutive people with about ``events`` events together."""
    size = max(1, len(histories) * events // max(histories.events, 1))
    yield from histories.blocks(size)


@dataclass(frozen=True, slots=True, kw_only=True)
class SequentialItemKNNModel:
    """Each product's successors. Score: the sum of their weights over the history, newer steps first."""

    neighbours: Neighbours
    query_decay: float
    newest: int

    def _history(self, profiles: Histories) -> tuple[Walk, Float64]:
        walk = Walk.of(profiles, len(self.neighbours), self.newest)
        return walk, walk.weight * self.query_decay ** np.minimum(walk.age(), 60).astype(np.float64)

    def score(self, profiles: Histories, now: int) -> Float32:  # noqa: ARG002
        """(people, products); NaN where nothing of the history leads to it."""
        walk, weight = self._history(profiles)
        row, width = walk.person[walk.step], len(self.neighbours)
        return weigh(row, walk.item, weight, self.neighbours, len(profiles), width)

    def reason(self, profile: Histories, product: int, now: int) -> Reason | None:  # noqa: ARG002
        """The product of the history that adds most to the score."""
        walk, weight = self._history(profile)
        share = weight * self.neighbours.weights_of(walk.item, [product])[0]
        return because(profile, walk.event, share, scorer="sequential_knn")

    def arrays(self) -> Arrays:
        return {name: getattr(self.neighbours, name) for name in ("offsets", "item", "weight")}

    def facts(self) -> Mapping[str, Any]:
        return {"query_decay": self.query_decay, "newest": self.newest}

    @classmethod
    def restore(cls, arrays: Arrays, facts: Mapping[str, Any]) -> "SequentialItemKNNModel":
        return cls(neighbours=Neighbours(**arrays), **facts)
