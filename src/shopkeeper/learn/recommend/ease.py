"""Which products foretell which, all others considered: a linear model with a closed form."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import numpy as np
from scipy import linalg, sparse
from threadpoolctl import threadpool_limits

from shopkeeper.core.histories import Float32, Int64
from shopkeeper.core.ports import Snapshot
from shopkeeper.learn.recommend.product_sums import ProductSums
from shopkeeper.learn.recommend.sparse import Neighbours, tastes

_COLUMNS: Final = 500
_DENSE_CELLS: Final = 20_000_000
_NARROW: Final = 4000
"""Groups up to this size are solved in double precision."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EASE:
    """``score(b) = sum of x_ua B_ab`` with the B that minimises ``|X - X B|^2 + ridge |B|^2`` and has a zero diagonal:
    ``B_ab = -P_ab / P_bb``, ``P = (X'X + ridge)^-1``.

    Unlike a similarity, B_ab says what a adds when everything else in the history is known too, and may be negative.
    A catalogue of more than ``block`` products is solved by groups of products that are bought together: of each group
    only those in its middle (the ``middle`` share nearest to its seed) get their columns from it. With all products in
    one group it is exact.
    Source: Steck (2019), Embarrassingly shallow autoencoders for sparse data; groups: Steck (2019), Markov random
    fields for collaborative filtering.
    """

    ridge: float = 100.0
    half_life_days: float = 365.0
    """How fast a purchase loses weight in learning,"""
    asked_half_life_days: float = 90.0
    """and in the history that asks."""
    newest: int = 200
    """Only so many of a person's products, newest first, are counted."""
    neighbours: int = 100
    """For each product so many others, those with the largest weights of either sign, are kept."""
    block: int = 1000
    middle: float = 0.4
    least_buyers: int = 3
    """A product that fewer people have is left to others."""

    def fit(self, known: Snapshot, *, seed: int = 0) -> "EASEModel":
        """Solve group by group, most bought products first."""
        products = len(known.catalogue())
        people = tastes(known.histories(), products, half_life_days=self.half_life_days, newest=self.newest)
        matrix = people.matrix().tocsc()
        able = np.flatnonzero(np.diff(matrix.indptr) >= self.least_buyers)
        with threadpool_limits(1, user_api="blas"):  # groups are small: threads would only wait for one another
            parts = [(able[a], able[b], weight) for a, b, weight in self._groups(matrix[:, able], seed)]
        blank = np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.float32)
        a, b, weight = (np.concatenate(column) for column in zip(blank, *parts, strict=True))
        table = sparse.csr_matrix((weight, (a, b)), (products, products))
        return EASEModel(
            table=Neighbours.of_matrix(table), half_life_days=self.asked_half_life_days, newest=self.newest
        )

    def _groups(self, matrix: Any, seed: int) -> Iterator[tuple[Int64, Int64, Float32]]:
        """(from, to, weight) of each group's middle."""
        rows, length = matrix.tocsr(), np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=0), np.float64).ravel())
        dice = np.random.default_rng(seed).random(len(length))
        done = np.zeros(len(length), np.bool_)
        for first in np.lexsort((dice, -np.diff(matrix.indptr))):
            if done[first]:
                continue
            group, middle = self._group(matrix, rows, length, first)
            mine = np.flatnonzero(~done[group[:middle]])
            done[group[mine]] = True
            a, b, weight = _strongest(_solved(matrix[:, group], self.ridge), mine, self.neighbours)
            yield group[a], group[b], weight

    def _group(self, matrix: Any, rows: Any, length: Any, first: int) -> tuple[Int64, int]:
        """A product and those most like it, nearest first; and how many of them are its middle."""
        if len(length) <= self.block:
            return np.arange(len(length)), len(length)
        near = np.asarray((matrix[:, [first]].T @ rows).toarray(), np.float64).ravel() / length
        near[first] = np.inf
        found = np.flatnonzero(near > 0)
        group = found[np.argsort(-near[found], kind="stable")][: self.block]
        return group, max(1, int(self.middle * len(group)))


def _solved(columns: Any, ridge: float) -> Any:
    """(group, group) B of these products alone."""
    kind = np.float64 if columns.shape[1] <= _NARROW else np.float32
    gram = _gram(columns).astype(kind)
    gram[np.diag_indices_from(gram)] += ridge
    factor, flaw = linalg.lapack.get_lapack_funcs("potrf", (gram,))(gram, lower=False, overwrite_a=True)
    inverse, _ = linalg.lapack.get_lapack_funcs("potri", (gram,))(factor, lower=False, overwrite_c=True)
    if flaw:
        raise np.linalg.LinAlgError("a table plus a ridge is positive definite")
    inverse = np.triu(inverse)
    scale = -1 / np.diag(inverse)
    inverse += np.triu(inverse, 1).T
    inverse *= scale
    inverse[np.diag_indices_from(inverse)] = 0
    return inverse


def _gram(columns: Any) -> Any:
    """X'X; by a dense product where the table is small, which is much faster where many have many of these products."""
    kept = columns.tocsr()
    kept = kept[np.diff(kept.indptr) > 0]
    if kept.shape[0] * kept.shape[1] > _DENSE_CELLS:
        return (kept.T @ kept).toarray()
    wide = kept.toarray()
    return wide.T @ wide


def _strongest(table: Any, columns: Int64, count: int) -> tuple[Int64, Int64, Float32]:
    """(row, column, weight) of the ``count`` largest cells, whatever their sign, of some columns."""
    rows, cells = [], []
    for start in range(0, len(columns), _COLUMNS):
        part = table[:, columns[start : start + _COLUMNS]].T
        size = min(count, part.shape[1])
        best = np.argpartition(-np.abs(part), size - 1, axis=1)[:, :size]
        rows.append(best)
        cells.append(np.take_along_axis(part, best, 1))
    row, weight = np.concatenate(rows), np.concatenate(cells).astype(np.float32)
    column = np.broadcast_to(columns[:, None], row.shape)
    real = weight != 0
    return row[real], column[real], weight[real]


@dataclass(frozen=True, slots=True, kw_only=True)
class EASEModel(ProductSums):
    """What each product of a history adds to others."""

    scorer: ClassVar[str] = "ease"
