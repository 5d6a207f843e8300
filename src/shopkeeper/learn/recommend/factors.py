"""What factor models share: products and people as vectors whose product is the score."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from shopkeeper.core.errors import Unavailable
from shopkeeper.core.histories import Bool, Float32, Int64
from shopkeeper.learn.recommend.sparse import row_blocks


def dots(points: Float32, rows: Int64, table: Float32, people: int) -> Float32:
    """(people, products): ``points[n] . table[product]`` in row ``rows[n]``, NaN in all other rows.

    One matrix product a person, so that nobody's scores depend on who else is asked for.
    """
    scores = np.full((people, len(table)), np.nan, np.float32)
    for first, end in row_blocks(len(points), len(table)):
        scores[rows[first:end]] = np.matmul(points[first:end, None], table.T)[:, 0]
    return scores


def learned_by(matrix: Any, learner: Any) -> tuple[Float32, Float32, Bool]:
    """(people, factors), (products, factors) and which products anybody has, from a CSR table by a learner of the
    library ``implicit``."""
    people, products = matrix.shape
    known = np.bincount(matrix.indices, minlength=products) > 0
    if not matrix.nnz:
        width = learner.factors
        return np.zeros((people, width), np.float32), np.zeros((products, width), np.float32), known
    learner.fit(matrix, show_progress=False)
    return np.asarray(learner.user_factors, np.float32), np.asarray(learner.item_factors, np.float32), known


@contextmanager
def library() -> Iterator[None]:
    """Where ``implicit`` is imported and learns: it has threads of its own, so those of the linear algebra are off.

    Raises:
        Unavailable: it is not installed (``extra_missing``).
    """
    try:
        import_module("implicit.cpu.als")  # loads a linear algebra of its own: only what is there can be told to be off
    except ModuleNotFoundError as error:
        raise Unavailable("extra_missing", extra="matrix", package="implicit") from error
    with threadpool_limits(1, user_api="blas"):
        yield
