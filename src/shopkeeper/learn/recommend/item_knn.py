"""Which products the same people bought: item-based collaborative filtering."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from shopkeeper.core.histories import Float32
from shopkeeper.core.ports import Heavy, Snapshot, heavy_of
from shopkeeper.learn.recommend.product_sums import ProductSums
from shopkeeper.learn.recommend.sparse import (
    Float64,
    Neighbours,
    Tastes,
    dice_of,
    row_groups,
    stack,
    strongest,
    tastes,
    wanted_by,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemKNN:
    """``sim(a, b) = x_a . x_b / (|x_a|^(2 alpha) |x_b|^(2 (1 - alpha)) + shrink)``.

    ``x_a`` is the column of how much each person wants product a. ``alpha`` 0.5 is the cosine, 1 the conditional
    probability of b given a.
    Source: Deshpande, Karypis (2004), Item-based top-N recommendation algorithms; shrinkage as in Koren (2008).
    """

    neighbours: int = 100
    shrink: float = 30.0
    alpha: float = 0.5
    half_life_days: float = 90.0
    """How fast a purchase loses weight, in training and in the history that asks."""
    newest: int = 100
    """Only so many of a person's products, newest first, are counted."""

    def fit(self, known: Snapshot, *, seed: int = 0) -> "ItemKNNModel":
        """Learn from everyone's weighted products."""
        products = len(known.catalogue())
        people = tastes(known.histories(), products, half_life_days=self.half_life_days, newest=self.newest)
        heavy = heavy_of(known)
        if heavy is not None:
            return self._model(self._counted_by(heavy, people))
        table = stack(list(self._blocks(people.matrix(), seed)))
        return self._model(table)

    def _model(self, table: Neighbours) -> "ItemKNNModel":
        return ItemKNNModel(table=table, half_life_days=self.half_life_days, newest=self.newest)

    def _counted_by(self, heavy: Heavy, people: Tastes) -> Neighbours:
        """The same table from an engine's SQL, for catalogues whose pairs do not fit here; ties go by number."""
        product, other, similarity = heavy.neighbours(
            wanted_by(people), most=self.neighbours, alpha=self.alpha, shrink=self.shrink
        )
        sizes = np.bincount(product, minlength=people.products)
        return Neighbours(
            offsets=np.concatenate([[0], np.cumsum(sizes)]), item=other.astype(np.int32),
            weight=similarity.astype(np.float32),
        )  # fmt: skip

    def _blocks(self, matrix: Any, seed: int) -> Iterator[Any]:
        columns = matrix.T.tocsr()
        length = np.asarray(matrix.multiply(matrix).sum(axis=0), np.float64).ravel()
        dice = dice_of(len(length), seed)
        for rows in row_groups(columns, columns @ np.diff(matrix.indptr).astype(np.float64)):
            block = (columns[rows] @ matrix).tocsr()
            block.data = self._similar(block, length, rows.start)
            yield strongest(block, self.neighbours, dice)

    def _similar(self, block: Any, length: Float64, first: int) -> Float32:
        a = np.repeat(np.arange(block.shape[0]) + first, np.diff(block.indptr))
        b = block.indices
        similar = block.data / (length[a] ** self.alpha * length[b] ** (1.0 - self.alpha) + self.shrink)
        similar[a == b] = 0.0
        answer: Float32 = similar.astype(np.float32)
        return answer


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemKNNModel(ProductSums):
    """Each product's most similar ones."""

    scorer: ClassVar[str] = "item_knn"
