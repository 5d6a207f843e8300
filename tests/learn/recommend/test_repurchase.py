"""Repurchase: which of the things bought before will be bought again."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from shopkeeper.core.action import Action
from shopkeeper.core.histories import MICROSECONDS_PER_DAY, Histories
from shopkeeper.learn.recommend.purchase_facts import bought_before, groups_of, orders_of
from shopkeeper.learn.recommend.repurchase import Repurchase, RepurchaseModel, _basis, _sum
from shopkeeper.learn.snapshot import ArraySnapshot, microseconds, nameless

PRODUCTS, PEOPLE, DAYS = 30, 80, 200


def shop() -> ArraySnapshot:
    """Products 0–9 are bought again and again by who likes them, the others once."""
    dice = np.random.default_rng(1)
    rows = []
    for _ in range(PEOPLE):
        habit, once = dice.choice(10, 3, replace=False), 10 + dice.integers(0, 20, DAYS)
        rows.append(np.where(dice.random(DAYS) < 0.5, dice.choice(habit, DAYS), once))
    return ArraySnapshot.of_sequences([row.tolist() for row in rows], PRODUCTS)


def test_equals_the_library_that_fits_log_odds() -> None:
    """The curves' sum is scikit-learn's ridge logistic regression on the same straight pieces."""
    snapshot = shop()
    how, now = Repurchase(periods=1), microseconds(snapshot.moment)
    bought = orders_of(snapshot.histories(), PRODUCTS)
    facts, again = how._look(bought, groups_of(snapshot.catalogue()), now - 28 * MICROSECONDS_PER_DAY, 0)
    knot, height = how._curves(facts, again)
    table = _basis(facts, knot).astype(np.float64)
    library = LogisticRegression(C=1.0, fit_intercept=False, solver="newton-cholesky", tol=1e-8).fit(table, again)
    np.testing.assert_allclose(_sum(facts, knot, height), library.decision_function(table), atol=5e-3)
    np.testing.assert_allclose(table @ height.ravel(), _sum(facts, knot, height), atol=1e-4)


def test_habits_stand_above_chance_purchases() -> None:
    """What was bought many times scores above what was bought once, for nearly everybody."""
    snapshot = shop()
    people, now = snapshot.histories(), microseconds(snapshot.moment)
    best = np.nanargmax(Repurchase().fit(snapshot).score(people, now), axis=1)
    assert (best < 10).mean() > 0.95


def test_facts_by_hand() -> None:
    """Bought 30 and 10 days ago in two orders: 2 times, halved by age and by order, 10 days since the last."""
    day = MICROSECONDS_PER_DAY
    people = replace(Histories.of_sequences([[4, 4, 4]]), at=np.array([10, 30, 30]) * day, order=np.array([0, 1, 1]))
    group = groups_of(nameless(6))
    pairs = bought_before(people, group, np.full(6, 20, np.float32), 40 * day)
    assert (pairs.product.tolist(), pairs.times.tolist(), pairs.newest.tolist()) == ([4], [2], [30 * day])
    season = 2 ** (-30 / 120) + 2 ** (-10 / 120)
    expected = [
        np.log(2 ** (-30 / 30) + 2 ** (-10 / 30)), np.log(season), np.log(2 ** (-1 / 13.5) + 1),
        np.log1p(10), np.log1p(0.5), season / (season + 0.3), np.log(season),
    ]  # fmt: skip
    assert pairs.facts[:, 0] == pytest.approx(expected)


def test_says_nothing_of_what_was_never_bought() -> None:
    """Only bought products have a score and a reason; views and strangers have none."""
    model = Repurchase().fit(shop())
    me, views = Histories.of_sequences([[3, 3]]), Histories.of_sequences([[3]], action=Action.PRODUCT_VIEW)
    assert np.flatnonzero(np.isfinite(model.score(me, DAYS * MICROSECONDS_PER_DAY)[0])).tolist() == [3]
    assert np.isnan(model.score(views, 0)).all()
    reason = model.reason(me, 3, 0)
    assert reason is not None
    assert (reason.key, reason.facts) == ("buy_again", {"times": 2, "at": MICROSECONDS_PER_DAY})
    assert model.reason(me, 4, 0) is None


def test_too_short_a_past_says_nothing() -> None:
    """Without a past to learn from, every score is NaN; restored, it still is."""
    snapshot = ArraySnapshot.of_sequences([[0, 1]] * 3)
    model = Repurchase().fit(snapshot)
    again = RepurchaseModel.restore(model.arrays(), model.facts())
    for either in (model, again):
        assert np.isnan(either.score(snapshot.histories(), 0)).all()


def test_restored_is_the_same_and_the_seed_decides() -> None:
    """Kept as arrays and facts, it scores the same; so does a second fit."""
    snapshot = shop()
    model, now = Repurchase().fit(snapshot), microseconds(snapshot.moment + timedelta(days=1))
    expected = model.score(snapshot.histories(), now)
    restored = RepurchaseModel.restore(model.arrays(), model.facts())
    for other in (restored, Repurchase().fit(snapshot)):
        np.testing.assert_array_equal(other.score(snapshot.histories(), now), expected)
