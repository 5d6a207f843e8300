"""What actions say: the shop's weights, ratings by their stars, views by their length; one event as many."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shopkeeper.core.action import Action
from shopkeeper.core.histories import Histories
from shopkeeper.core.weights import USUAL, ActionWeights

ACTIONS = list(Action)


@given(
    st.lists(st.tuples(st.sampled_from(ACTIONS), st.floats(-1, 2, width=32)), max_size=20),
    st.floats(0, 1, width=32),
)
def test_one_event_says_what_it_says_among_many(events: list[tuple[Action, float]], dwell: float) -> None:
    """Law: the weight of each of many events is that of the event alone, whatever views' lengths count."""
    weights = ActionWeights(dwell=dwell).table()
    action = np.array([action for action, _ in events], np.int8)
    quantity = np.array([quantity for _, quantity in events], np.float32)
    alone = [weights.of_one(action, quantity) for action, quantity in events]
    assert weights.of(action, quantity).tolist() == pytest.approx(alone, abs=1e-6)


def test_the_usual_weights() -> None:
    """Golden: a 1-star rating takes away what a 5-star one gives; a short look counts a quarter, or all with no dwell;
    an impression says nothing."""
    assert USUAL.of_one(Action.RATING, -1.0) == pytest.approx(-0.3)
    assert USUAL.of_one(Action.PRODUCT_VIEW, 0.25) == pytest.approx(0.05)
    assert ActionWeights(dwell=0.0).table().of_one(Action.PRODUCT_VIEW, 0.25) == pytest.approx(0.2)
    assert ActionWeights(dwell=0.5).table().of_one(Action.PRODUCT_VIEW, 2.0) == pytest.approx(0.3)
    assert USUAL.of_one(Action.IMPRESSION, 1.0) == 0
    assert USUAL.of_one(Action.ORDER, 7.0) == 1


def test_histories_keep_their_weights() -> None:
    """Law: whatever is cut out of histories is weighed as they are."""
    own = ActionWeights(order=3.0).table()
    whole = replace(Histories.of_sequences([[1, 2], [3]]), weights=own)
    parts = [whole.rows(np.array([1])), whole.last(1), whole.of(Action.ORDER), *whole.blocks(1)]
    assert all(part.weights is own for part in parts)
