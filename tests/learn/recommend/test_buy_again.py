"""Buy-it-again knows habits, intervals and returns."""

from dataclasses import replace
from math import exp, sqrt

import numpy as np
import pytest

from shopkeeper.core.action import Action
from shopkeeper.core.histories import MICROSECONDS_PER_DAY, Histories
from shopkeeper.learn.recommend.buy_again import BuyAgain
from shopkeeper.learn.snapshot import ArraySnapshot


def bought(days: list[int], products: list[int], actions: list[Action] | None = None) -> Histories:
    events = Histories.of_sequences([products])
    action = events.action if actions is None else np.array(actions, np.int8)
    return replace(events, at=np.array(days) * MICROSECONDS_PER_DAY, action=action)


def test_the_formula_by_hand() -> None:
    """habit * sqrt(repeat) * exp(-(since / interval) / patience), each part shrunk as documented."""
    events = bought([0, 10, 20], [0, 0, 1])
    model = BuyAgain(half_life_days=10.0, patience=2.0, shrink=2.0).fit(ArraySnapshot.of(events, 3))
    overall = (1 + 1) / (2 + 2)  # one of two (person, product) pairs came back
    usual = (10 + 30) / (1 + 1)  # one gap of ten days
    repeat = (np.array([1, 0]) + 2 * overall) / (1 + 2)
    interval = (np.array([10, 0]) + usual) / (np.array([1, 0]) + 1)
    assert model.repeat[:2] == pytest.approx(repeat)
    assert model.interval_days[:2] == pytest.approx(interval)
    own = [(10 + 2 * interval[0]) / 3, interval[1]]
    habit = [2**-2 + 2**-3, 2**-1]
    wanted = [habit[i] * sqrt(repeat[i]) * exp(-([20, 10][i] / own[i]) / 2) for i in range(2)]
    scores = model.score(events, 30 * MICROSECONDS_PER_DAY)[0]
    assert scores == pytest.approx([*wanted, np.nan], nan_ok=True)


def test_what_came_back_is_left_out() -> None:
    """A product that was returned as often as bought scores NaN and has no reason; one bought once more stays."""
    kinds = [Action.ORDER, Action.ORDER, Action.ORDER_RETURN, Action.ORDER_RETURN, Action.ORDER]
    events = bought([0, 1, 2, 3, 4], [0, 1, 0, 1, 1], kinds)
    model = BuyAgain().fit(ArraySnapshot.of(events, 2))
    now = 9 * MICROSECONDS_PER_DAY
    assert np.isnan(model.score(events, now)[0]).tolist() == [True, False]
    assert model.reason(events, 0, now) is None


def test_views_are_no_habit() -> None:
    """Somebody who only looked at a product has not bought it."""
    events = bought([0, 1], [0, 1], [Action.PRODUCT_VIEW, Action.ORDER])
    model = BuyAgain().fit(ArraySnapshot.of(events, 2))
    assert np.isnan(model.score(events, 0)[0]).tolist() == [True, False]


def test_the_reason_counts_days_and_names_the_last() -> None:
    """Two lines on one day are one time; the date is that of the newest purchase."""
    events = bought([0, 0, 5, 6], [0, 0, 0, 1])
    reason = BuyAgain().fit(ArraySnapshot.of(events, 2)).reason(events, 0, 0)
    assert reason is not None
    assert (reason.key, reason.facts) == ("buy_again", {"times": 2, "at": 5 * MICROSECONDS_PER_DAY})


def test_the_overdue_falls_behind() -> None:
    """Of two products bought equally often and lately, the one with the shorter rhythm is the staler habit."""
    weekly = [0, 7, 14, 21]
    rare = [-60, -30, 0, 21]
    days = sorted((day, product) for product, all_days in enumerate([weekly, rare]) for day in all_days)
    events = bought([day + 100 for day, _ in days], [product for _, product in days])
    model = BuyAgain(half_life_days=1e9).fit(ArraySnapshot.of(events, 2))
    late = model.score(events, 300 * MICROSECONDS_PER_DAY)[0]
    assert late[0] < late[1]
