"""Popularity counts people, not purchases, and forgets."""

from dataclasses import replace

import numpy as np
import pytest

from shopkeeper.core.action import Action
from shopkeeper.core.histories import MICROSECONDS_PER_DAY, Histories
from shopkeeper.learn.recommend.popularity import Popularity
from shopkeeper.learn.snapshot import ArraySnapshot
from shopkeeper.testing.estimators import nobody


def test_people_count_once_by_their_newest_purchase() -> None:
    """One person's five purchases count as much as one; each person is halved by the half-life of the newest one."""
    shop = ArraySnapshot.of_sequences([[0, 0, 0, 0, 0], [1, 1, 0, 1, 2]], 4)  # days 0 to 4; the moment is day 5
    scores = Popularity(half_life_days=1.0).fit(shop).score(nobody(), 0)[0]
    assert scores == pytest.approx([2**-1 + 2**-3, 2**-2, 2**-1, np.nan], nan_ok=True)


def test_a_view_counts_less_than_an_order_and_is_no_buyer() -> None:
    """Views add their weight to the score, but the reason tells only buyers of the last days."""
    events = Histories.of_sequences([[0, 1], [0, 1], [0, 1]])
    events = replace(events, action=np.where(events.product == 1, Action.PRODUCT_VIEW, Action.ORDER).astype(np.int8))
    model = Popularity(half_life_days=1e9).fit(ArraySnapshot.of(events, 2))
    assert model.score(nobody(), 0)[0] == pytest.approx([3.0, 0.6])
    reason = model.reason(nobody(), 0, 0)
    assert reason is not None
    assert (reason.key, reason.facts) == ("popular", {"buyers": 3, "days": 90})
    assert model.reason(nobody(), 1, 0) is None


def test_old_buyers_are_not_told() -> None:
    """Buyers from before the last ``days`` are no reason."""
    events = Histories.of_sequences([[0, 1]])
    events = replace(events, at=np.array([0, 200]) * MICROSECONDS_PER_DAY)
    model = Popularity(days=90).fit(ArraySnapshot.of(events, 2))
    assert model.reason(nobody(), 0, 0) is None
    assert model.reason(nobody(), 1, 0) is not None
