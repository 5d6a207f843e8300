"""What lists are like: values worked out by hand from the formulas of the sources."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from shopkeeper.measure.lists import category_diversity, coverage, exposure, gini, novelty, vector_diversity

LISTS = np.array([[0, 1, 2], [0, 1, -1]])


def test_coverage_is_the_share_of_products_shown() -> None:
    """Golden: 3 of 4 products are shown; an empty catalogue has none."""
    assert coverage(LISTS, 4) == 0.75
    assert coverage(np.empty((0, 3), int), 0) == 0
    assert exposure(LISTS, 4).tolist() == [2, 2, 1, 0]


def test_gini_by_hand() -> None:
    """Golden: exposures 0 1 2 2: (-3*0 - 1*1 + 1*2 + 3*2) / (4*5) = 0.35; equal exposure 0; one of n: 1 - 1/n."""
    assert gini(LISTS, 4) == pytest.approx(0.35)
    assert gini(np.array([[0], [1], [2]]), 3) == pytest.approx(0)
    assert gini(np.array([[2], [2]]), 5) == pytest.approx(0.8)
    assert np.isnan(gini(np.array([[-1]]), 5))


@given(arrays(np.int64, (5, 4), elements=st.integers(0, 9)))
def test_gini_equals_half_the_relative_mean_difference(ranked: np.ndarray) -> None:
    """Law: the Gini index is sum |x_i - x_j| / (2 n^2 mean), its definition."""
    shown = exposure(ranked, 10)
    definition = np.abs(shown[:, None] - shown[None, :]).sum() / (2 * 100 * shown.mean())
    assert gini(ranked, 10) == pytest.approx(definition)


def test_novelty_in_bits() -> None:
    """Golden: of 8 people 8, 4, 0 have the products: 0, 1 and (as one buyer) 3 bits."""
    buyers = np.array([8, 4, 0, 1])
    np.testing.assert_allclose(novelty(LISTS, buyers, 8), [4 / 3, 1 / 2])
    assert np.isnan(novelty(np.array([[-1]]), buyers, 8)[0])


def test_category_diversity_by_hand() -> None:
    """Golden: of pairs (0,1) same, (0,2) and (1,2) different: 2/3; unknown categories are never the same."""
    assert category_diversity(LISTS, np.array([5, 5, 6])).tolist() == pytest.approx([2 / 3, 0])
    assert category_diversity(LISTS, np.array([-1, -1, 6])).tolist() == [1, 1]
    assert np.isnan(category_diversity(np.array([[1, -1]]), np.array([0, 1]))[0])


@given(arrays(np.float64, (6, 3), elements=st.floats(-3, 3).map(lambda x: round(x, 3))))
def test_vector_diversity_equals_the_mean_over_pairs(vectors: np.ndarray) -> None:
    """Law: the closed form equals the mean of 1 - cosine over all pairs, zero vectors being like nothing."""
    row = [4, 0, 2, 5]
    length = np.linalg.norm(vectors, axis=1)
    pairs = [
        1 - (vectors[a] @ vectors[b] / (length[a] * length[b]) if length[a] * length[b] else 0)
        for n, a in enumerate(row)
        for b in row[:n]
    ]
    assert vector_diversity(np.array([row]), vectors)[0] == pytest.approx(np.mean(pairs), abs=1e-9)
