"""Repurchase: which of the things bought before will be bought again."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier

from shopkeeper.core.action import Action
from shopkeeper.core.histories import MICROSECONDS_PER_DAY, Histories
from shopkeeper.learn.recommend.purchase_facts import bought_before, groups_of, orders_of, product_facts
from shopkeeper.learn.recommend.repurchase import Repurchase, RepurchaseModel
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


def test_equals_the_library_that_grew_the_trees() -> None:
    """The model's sum over its arrays is scikit-learn's own decision function."""
    snapshot = shop()
    how, now = Repurchase(periods=1), microseconds(snapshot.moment)
    model = how.fit(snapshot)
    bought = orders_of(snapshot.histories(), PRODUCTS)
    facts, again = how._look(bought, groups_of(snapshot.catalogue()), now - 28 * MICROSECONDS_PER_DAY, 0)
    grown = HistGradientBoostingClassifier(
        max_iter=how.trees, max_leaf_nodes=how.leaves, learning_rate=how.rate, max_depth=6, min_samples_leaf=100,
        early_stopping=False, random_state=0,
    ).fit(facts, again)  # fmt: skip
    np.testing.assert_allclose(model._odds(facts), grown.decision_function(facts), rtol=1e-4, atol=1e-5)


def test_habits_stand_above_chance_purchases() -> None:
    """What was bought many times scores above what was bought once, for nearly everybody."""
    snapshot = shop()
    people, now = snapshot.histories(), microseconds(snapshot.moment)
    best = np.nanargmax(Repurchase().fit(snapshot).score(people, now), axis=1)
    assert (best < 10).mean() > 0.95


def test_facts_by_hand() -> None:
    """Bought 30 and 10 days ago in two orders: 2 times, 20 days between, 10 since, half an interval late."""
    day = MICROSECONDS_PER_DAY
    people = replace(Histories.of_sequences([[4, 4, 4]]), at=np.array([10, 30, 30]) * day, order=np.array([0, 1, 1]))
    group = groups_of(nameless(6))
    pairs = bought_before(people, product_facts(people, group, 40 * day), 40 * day)
    assert (pairs.product.tolist(), pairs.times.tolist(), pairs.newest.tolist()) == ([4], [2], [30 * day])
    assert pairs.facts[0, [0, 6, 7, 8]].tolist() == [2, 10, 20, 0.5]


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
