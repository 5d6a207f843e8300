"""The best products of many people's scores."""

import numpy as np

from shopkeeper.core.histories import Bool, Float32, Int32, Int64

_BLOCK_BYTES = 128 * 2**20
_CHUNK = 16


def block_size(products: int) -> int:
    """How many people to score at once so that a block of float32 scores takes at most 128 MiB."""
    return max(1, min(4096, _BLOCK_BYTES // (4 * max(products, 1))))


def top(scores: Float32, k: int, seed: int = 0) -> Int32:
    """(people, k) the ``k`` best products of each row, best first, -1 where fewer have a score.

    NaN and -inf are never chosen. Ties go by a seeded shuffle of the products, the same for every row, never by their
    index: a catalogue's order says nothing about what is good.
    """
    people, products = scores.shape
    turn = np.random.default_rng(seed).permutation(products)
    best = np.full((people, k), -1, np.int32)
    if not people or not products:
        return best
    mask = scores >= _floor(scores, k)[:, None]
    many = np.flatnonzero(np.count_nonzero(mask, axis=1) > _CHUNK * k + 64)
    if len(many):
        mask[many] = _thinned(scores[many], mask[many], k, turn)
    row, item = np.divmod(np.flatnonzero(mask), products)
    order = np.lexsort((turn[item], -scores[row, item], row))
    row, item = row[order], item[order]
    place = np.arange(len(row)) - np.searchsorted(row, row)
    kept = place < k
    best[row[kept], place[kept]] = item[kept]
    return best


def _floor(scores: Float32, k: int) -> Float32:
    """(people,) a finite value that at least ``k`` of a row's scores reach, where it has so many.

    Columns are folded into some groups. The k-th best of the groups' best is such a value, and few
    scores are above it; much faster than a partition of whole rows.
    """
    lowest = float(np.finfo(np.float32).min)
    people, products = scores.shape
    groups = min(products // _CHUNK, max(512, _CHUNK * k))
    if groups < k:
        return np.full(people, lowest, np.float32)
    best = scores[:, :groups].copy()
    for start in range(groups, products, groups):
        part = scores[:, start : start + groups]
        np.fmax(best[:, : part.shape[1]], part, out=best[:, : part.shape[1]])
    best[~(best > lowest)] = lowest
    floor: Float32 = np.partition(best, groups - k, axis=1)[:, groups - k]
    return floor


def _thinned(scores: Float32, mask: Bool, k: int, turn: Int64) -> Bool:
    """Of rows with very many equal scores at the floor, only the ``k`` of those that the shuffle puts first."""
    floor = np.where(mask, scores, np.inf).min(axis=1, keepdims=True)
    tied = (scores == floor)[:, np.argsort(turn)]
    tied &= np.cumsum(tied, axis=1, dtype=np.int32) <= k
    thinned: Bool = (mask & (scores > floor)) | tied[:, turn]
    return thinned
