"""Laws of every classical learner: learns, is calibrated, explains exactly, is kept, and bears bad columns."""

import json

import numpy as np
import pytest

from shopkeeper.core.errors import DataError, SettingsError
from shopkeeper.learn.propensity.calibration import calibrate
from shopkeeper.learn.propensity.columns import Columns
from shopkeeper.learn.propensity.learned import LEARNERS, Learned, learn, learner_of
from shopkeeper.learn.propensity.panel import check_leaks
from shopkeeper.learn.propensity.trees import RandomForest
from shopkeeper.measure.probability import auc, calibration_error

NAMES = ("useful", "noise", "constant", "unknown", "extreme")
QUICK = {**LEARNERS, "random_forest": RandomForest(trees=30)}


def planted(rows: int, seed: int) -> tuple[Columns, np.ndarray]:
    """The outcome follows the first column; one is constant, one wholly unknown, one has a spender of 10^12."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(rows, 5))
    values[:, 2], values[:, 3] = 7.0, np.nan
    values[:, 4] = rng.exponential(100, rows)
    values[0, 4] = 1e12
    values[1::7, 1] = np.nan
    came = rng.random(rows) < 1 / (1 + np.exp(-2 * values[:, 0]))
    return Columns(names=NAMES, values=values), came.astype(float)


@pytest.mark.parametrize("name", LEARNERS)
def test_a_learner_finds_what_was_planted(name: str) -> None:
    """AUC near the truth's 0.86 and calibrated on new rows, in spite of constant, unknown and extreme columns."""
    columns, came = planted(3000, 0)
    later, truth = planted(2000, 1)
    model = learn(QUICK[name], columns, came, later, truth)
    fresh, outcome = planted(3000, 2)
    said = model.probability(fresh)
    assert ((said >= 0) & (said <= 1)).all()
    assert auc(outcome, said) > 0.8
    assert calibration_error(outcome, said) < 0.06


@pytest.mark.parametrize("name", LEARNERS)
def test_a_kept_learner_is_the_same_and_its_reasons_add_up(name: str) -> None:
    """Arrays and JSON give the same answers back; parts plus base are the score, where there are parts."""
    columns, came = planted(800, 0)
    model = learn(QUICK[name], columns, came, columns, came)
    again = Learned.restore(model.arrays(), json.loads(json.dumps(model.facts())))
    assert np.allclose(again.probability(columns), model.probability(columns), atol=1e-12)
    why, base, exact = model.why(columns.rows(np.array([5])))
    score = float(model.model.score(columns.rows(np.array([5])))[0])
    assert exact == (name != "svm")
    if exact:
        assert base + sum(part.share for part in why) == pytest.approx(score, abs=1e-6)
        assert why[0].feature in NAMES
    low, high = model.interval(0.5)
    assert 0 <= low <= 0.5 <= high <= 1


def test_numbers_can_be_learned_too() -> None:
    """Ratings between 0 and 1: every learner's score follows the planted one."""
    columns, _ = planted(1500, 0)
    rating = np.clip(0.5 + 0.2 * columns.values[:, 0], 0, 1)
    for name, learner in QUICK.items():
        found = learner.fit(columns, rating, wanted="number", seed=0)
        assert np.corrcoef(found.score(columns), rating)[0, 1] > 0.8, name


def test_what_cannot_be_learned_says_why() -> None:
    """No customer who left, all features equal, an unknown learner: an error with its key."""
    columns, came = planted(200, 0)
    with pytest.raises(DataError) as caught:
        learn(LEARNERS["logistic_regression"], columns, came * 0, columns, came)
    assert caught.value.key == "too_few_outcomes"
    alike = Columns(names=("a",), values=np.ones((200, 1)))
    with pytest.raises(DataError) as caught:
        learn(LEARNERS["logistic_regression"], alike, came, alike, came)
    assert caught.value.key == "nothing_differs"
    with pytest.raises(SettingsError):
        learner_of("oracle")


def test_a_planted_leak_is_caught() -> None:
    """A column made of the outcome is refused by name; honest columns pass."""
    columns, came = planted(400, 0)
    check_leaks(columns, came)
    leaking = Columns(names=(*NAMES, "orders_next_month"), values=np.column_stack([columns.values, came * 3]))
    with pytest.raises(DataError) as caught:
        check_leaks(leaking, came)
    assert caught.value.key == "feature_leaks"
    assert caught.value.facts["feature"] == "orders_next_month"


def test_a_score_that_says_nothing_becomes_the_share_of_all() -> None:
    """Constant scores, and outcomes of one kind, are calibrated to about their share."""
    same = calibrate(np.zeros(100), np.repeat([1.0, 0.0], [30, 70]))
    assert same(np.array([0.0]))[0] == pytest.approx(0.3, abs=0.01)
    never = calibrate(np.arange(100.0), np.zeros(100))
    assert never(np.array([50.0]))[0] < 0.01
