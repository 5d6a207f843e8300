"""The best of each row."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from shopkeeper.learn.top import block_size, top

values = st.sampled_from([0.0, 1.0, 2.0, float("nan"), -1.0, float("-inf")])
tables = arrays(np.float32, array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=9), elements=values)


@given(tables, st.integers(1, 12), st.integers(0, 5))
def test_equal_to_a_full_sort(scores: np.ndarray, k: int, seed: int) -> None:
    """Law: the values are those of a full sort, each product stands once, NaN and -inf never."""
    best = top(scores, k, seed)
    for row, chosen in zip(scores, best, strict=True):
        real = chosen[chosen >= 0]
        assert len(set(real.tolist())) == len(real)
        expected = np.sort(row[np.isfinite(row)])[::-1][:k]
        np.testing.assert_array_equal(row[real], expected)
        assert (chosen[len(real) :] == -1).all()


def test_ties_are_shuffled_by_seed_not_by_index() -> None:
    """Law: among equals the seed decides: equal seeds agree, and over seeds each product leads about as often."""
    scores = np.zeros((1, 5), np.float32)
    assert top(scores, 3, 4).tolist() == top(scores, 3, 4).tolist()
    leaders = np.bincount([int(top(scores, 1, seed)[0, 0]) for seed in range(500)], minlength=5)
    assert leaders.min() > 60


def test_rows_do_not_see_each_other() -> None:
    """Law: a row's list is the same alone and in a batch."""
    scores = np.random.default_rng(0).integers(0, 3, (7, 20)).astype(np.float32)
    np.testing.assert_array_equal(top(scores, 6), np.concatenate([top(row[None], 6) for row in scores]))


@pytest.mark.parametrize("products", [1, 10_000, 92_331, 10**9])
def test_a_block_fits_the_bound(products: int) -> None:
    """Law: a block's scores take at most 128 MiB, or are one person's."""
    people = block_size(products)
    assert people == 1 or people * products * 4 <= 128 * 2**20


@pytest.mark.parametrize("levels", [1, 3, 50, 10**6])
def test_long_rows_equal_a_full_sort(levels: int) -> None:
    """Law: also where the rows are long, full of ties or of NaN, the list is the full sort by (score, shuffle)."""
    rng = np.random.default_rng(levels)
    scores = rng.integers(0, levels, (40, 3000)).astype(np.float32)
    scores[rng.random(scores.shape) < np.linspace(0, 1, 40)[:, None]] = np.nan
    scores[3] = -np.inf
    turn = top(np.zeros((1, 3000), np.float32), 3000, 9)[0].argsort()
    for row, chosen in zip(scores, top(scores, 12, 9), strict=True):
        order = np.lexsort((turn, -np.nan_to_num(row, nan=-np.inf)))[:12]
        assert chosen.tolist() == [item if np.isfinite(row[item]) else -1 for item in order]
