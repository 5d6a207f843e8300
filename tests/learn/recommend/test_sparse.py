"""What neighbourhood models share."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from shopkeeper.core.action import Action
from shopkeeper.core.histories import Histories
from shopkeeper.learn.recommend.sparse import (
    Neighbours,
    best_of,
    dice_of,
    meanings,
    row_groups,
    strongest,
    tastes,
    weigh,
)


def test_tastes_are_damped_decayed_sums() -> None:
    """log2(1 + decayed weights), newest product last, products outside the catalogue left out."""
    events = Histories.of_sequences([[0, 9, 1, 0]])  # days 0, 1, 2, 3
    found = tastes(events, 2, half_life_days=1.0, newest=10)
    assert found.item.tolist() == [1, 0]
    assert found.weight == pytest.approx([np.log2(1 + 2**-1), np.log2(1 + 2**-3 + 1)])
    assert found.event.tolist() == [2, 3]


def test_only_the_newest_products_are_kept() -> None:
    """The cap counts distinct products by their last touch."""
    found = tastes(Histories.of_sequences([[0, 1, 2, 0], [3]]), 4, half_life_days=30.0, newest=2)
    assert (found.row.tolist(), found.item.tolist()) == ([0, 0, 1], [2, 0, 3])


def test_actions_have_their_weights() -> None:
    """A view is a fifth of an order; an event that says nothing about wanting is left out."""
    events = Histories.of_sequences([[0], [0]], action=Action.PRODUCT_VIEW)
    assert tastes(events, 1, half_life_days=1.0, newest=5).weight == pytest.approx([np.log2(1.2)] * 2)
    silent = Histories.of_sequences([[0]], action=Action.STOCK_CHANGE)
    assert len(tastes(silent, 1, half_life_days=1.0, newest=5).item) == 0


@given(st.integers(0, 10_000), st.integers(1, 9))
def test_the_strongest_are_the_largest(seed: int, count: int) -> None:
    """Each row keeps its ``count`` largest positive values, as a full sort would."""
    dice = np.random.default_rng(seed)
    dense = np.where(dice.random((6, 20)) < 0.5, dice.normal(size=(6, 20)), 0.0).astype(np.float32)
    kept = strongest(sparse.csr_matrix(dense), count, dice_of(20, seed)).toarray()
    for row, answer in zip(dense, kept, strict=True):
        wanted = sorted((value for value in row if value > 0), reverse=True)[:count]
        assert sorted((value for value in answer if value), reverse=True) == wanted


def test_ties_go_by_the_dice() -> None:
    """Of equal values the one with the smaller number on its die is kept."""
    rows, values = np.zeros(3, np.int64), np.ones(3, np.float32)
    assert best_of(rows, values, 1, 2, np.array([7, 3, 5], np.uint64)).tolist() == [1, 2]


@given(st.integers(0, 10_000))
def test_weighing_is_a_matrix_product(seed: int) -> None:
    """weigh() equals the dense product, with NaN where nothing is added."""
    dice = np.random.default_rng(seed)
    table = np.where(dice.random((5, 7)) < 0.4, dice.random((5, 7)), 0.0)
    weights = np.where(dice.random((4, 5)) < 0.5, dice.random((4, 5)), 0.0)
    row, entry = np.nonzero(weights)
    answer = weigh(row, entry, weights[row, entry], Neighbours.of_matrix(sparse.csr_matrix(table)), 4, 7)
    np.testing.assert_allclose(np.nan_to_num(answer), weights @ table, rtol=1e-5)
    assert (np.isnan(answer) == (weights @ table == 0)).all()


def test_groups_cover_every_row_once() -> None:
    """Groups are consecutive, none empty, and one row that is too large stands alone."""
    cost = np.array([1.0, 5.0, 100.0, 1.0, 1.0])
    groups = list(row_groups(np.zeros((5, 2)), cost, limit=6.0))
    assert [row for group in groups for row in range(group.start, group.stop)] == list(range(5))
    assert all(group.stop > group.start for group in groups)


def test_a_bad_rating_speaks_against_a_product() -> None:
    """One star takes away what five stars give; a long look says more than a short one; a no outweighs a view."""
    histories = Histories.of_sequences([[0, 1, 2, 3, 4, 4]])
    view = Action.PRODUCT_VIEW
    actions = [Action.RATING, Action.RATING, view, view, view, Action.DISMISS]
    said = replace(
        histories, action=np.array(actions, np.int8), quantity=np.array([1, -1, 2, 0.25, 1, 1], np.float32)
    )  # fmt: skip
    assert meanings(said) == pytest.approx([0.3, -0.3, 0.4, 0.05, 0.2, -1.0])
    liked = tastes(said, 5, half_life_days=1e9, newest=10)
    assert liked.item.tolist() == [0, 2, 3]
    assert liked.weight[1] > liked.weight[0] > liked.weight[2]
