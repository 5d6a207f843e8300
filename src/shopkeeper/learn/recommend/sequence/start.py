"""Where products' vectors begin: near those that are bought soon after one another."""

import numpy as np
from scipy import sparse

from shopkeeper.core.histories import Float32
from shopkeeper.learn.recommend.sequence.forward import normalised
from shopkeeper.learn.recommend.sequence.sequences import Sequences

_WINDOW = 8
_DECAY = 0.8
_MORE, _ROUNDS = 16, 8
"""Directions more than are kept, and power iterations."""


def start_of(known: Sequences, products: int, dimensions: int, seed: int) -> Float32:
    """(products, dimensions) singular vectors of how often two products stand near one another, scaled.

    A product that nobody touched starts at zero: nothing is known of it but its attributes.
    Source: Levy, Goldberg (2014), Neural word embedding as implicit matrix factorization; by random projection:
    Halko, Martinsson, Tropp (2011), Finding structure with randomness.
    """
    near = _near(known, products)
    degree = np.asarray(near.sum(axis=1)).ravel() + 1.0
    scale = sparse.diags(degree**-0.5)
    dice = np.random.default_rng(seed)
    vectors: Float32 = (dice.standard_normal((products, dimensions)) / np.sqrt(dimensions)).astype(np.float32)
    if products > dimensions + 1 and near.nnz:
        found = normalised(_strongest((scale @ near @ scale).tocsr(), dimensions, dice))
        connected = np.linalg.norm(found, axis=1) > 0.5
        vectors[connected] = found[connected]
    vectors[np.bincount(known.item, minlength=products) == 0] = 0.0
    return vectors


def _near(known: Sequences, products: int) -> sparse.csr_matrix:
    row = np.repeat(np.arange(len(known)), known.sizes)
    total = sparse.csr_matrix((products, products), dtype=np.float64)
    for gap in range(1, _WINDOW + 1):
        same = np.flatnonzero(row[gap:] == row[:-gap])
        pairs = (known.item[same], known.item[same + gap])
        total = total + sparse.csr_matrix((np.full(len(same), _DECAY ** (gap - 1)), pairs), (products, products))
    return (total + total.T).tocsr()


def _strongest(table: sparse.csr_matrix, count: int, dice: np.random.Generator) -> Float32:
    """Eigenvectors of a symmetric table by size of their eigenvalue, each times its root."""
    table = table.astype(np.float32)
    basis = dice.standard_normal((table.shape[0], min(count + _MORE, table.shape[0]))).astype(np.float32)
    for _ in range(_ROUNDS):
        basis = np.linalg.qr(table @ basis)[0]
    value, vector = np.linalg.eigh(basis.T @ (table @ basis))
    kept = np.argsort(-np.abs(value), kind="stable")[:count]
    found: Float32 = (basis @ vector[:, kept]) * np.sqrt(np.abs(value[kept]))
    return found
