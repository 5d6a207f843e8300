"""Weights learned from a log, on a simulated log whose truth is known: nothing here is a measurement of a real shop."""

from dataclasses import replace

import numpy as np
import pytest

from shopkeeper.learn.rank.logged import FromLog, Shown, importance

OLD = np.array([0.2, 1.0])
_SLOTS, _CANDIDATES = 5, 30


def _chance(said: np.ndarray) -> np.ndarray:
    """The truth: the first member is right; the second only warns of the worst."""
    return 1 / (1 + np.exp(-(3.0 * said[..., 0] + 1.5 * np.minimum(said[..., 1], 0.3) - 3.5)))


def simulated(decisions: int, *, seed: int = 0, temperature: float = 0.25) -> Shown:
    """What a blend that trusts the wrong member has shown by Plackett-Luce dice, and the clicks: fewer further down."""
    dice = np.random.default_rng(seed)
    said = dice.random((decisions, _CANDIDATES, 2))
    height = np.exp(said @ OLD / temperature)
    open_, rows = np.ones((decisions, _CANDIDATES), bool), np.arange(decisions)
    parts = []
    for slot in range(_SLOTS):
        chance = np.where(open_, height, 0.0)
        chance /= chance.sum(axis=1, keepdims=True)
        item = (chance.cumsum(axis=1) > dice.random((decisions, 1))).argmax(axis=1)
        open_[rows, item] = False
        seen = dice.random(decisions) < 1 / np.log2(slot + 2)
        clicked = seen & (dice.random(decisions) < _chance(said[rows, item]))
        parts.append((said[rows, item], np.full(decisions, slot), chance[rows, item], clicked))
    told, slot_, propensity, clicked = (np.concatenate(part) for part in zip(*parts, strict=True))
    return Shown(
        said=told.astype(np.float32), other=np.zeros(len(told), np.float32), slot=slot_, propensity=propensity,
        clicked=clicked, person=np.tile(rows, _SLOTS),
    )  # fmt: skip


def worth_of(weights: np.ndarray, *, people: int = 4000, seed: int = 99) -> float:
    """Clicks a shown item that the best five by these weights would get, if all were looked at."""
    said = np.random.default_rng(seed).random((people, _CANDIDATES, 2))
    best = np.argsort(-(said @ weights), axis=1)[:, :_SLOTS]
    return float(np.take_along_axis(_chance(said), best, axis=1).mean())


def test_a_log_corrects_a_blend() -> None:
    """Planted truth, simulated: of the clicks that the right blend would win over the old one, the learned one wins
    at least nine tenths; that it foretells better is certain."""
    found = FromLog().fit_shown(simulated(12_000), OLD)
    assert found.used
    assert found.gain is not None
    assert found.gain.low > 0
    old, new, right = worth_of(OLD), worth_of(found.weights), worth_of(np.array([1.0, 0.05]))
    assert right > old * 1.3
    assert new - old >= 0.9 * (right - old)
    assert found.weights.sum() == pytest.approx(OLD.sum())


def test_inverse_propensities_undo_what_was_shown_more() -> None:
    """Law: weighed by inverse propensities the shown items look like all candidates, unweighed they do not."""
    shown = simulated(6_000)
    first = shown.rows(shown.slot == 0)
    worth = importance(first.propensity, 1e9)
    assert np.average(first.said[:, 1], weights=worth) == pytest.approx(0.5, abs=0.03)
    assert first.said[:, 1].mean() > 0.6


def test_weights_are_clipped_and_of_mean_one() -> None:
    """Law: no item counts more than so many times the middle one; the mean is 1."""
    worth = importance(np.array([0.5] * 999 + [1e-6]), 20.0)
    assert worth.mean() == pytest.approx(1.0)
    assert worth.max() / np.median(worth) == pytest.approx(20.0)
    assert importance(np.array([0.5] * 999 + [1e-6]), 1e9).max() > 900


def test_too_little_changes_nothing() -> None:
    """Law: below the minimum, without dice, or where the old weights are right, they stay as they are."""
    few = FromLog().fit_shown(simulated(300), OLD)
    assert (few.used, few.gain, few.weights.tolist()) == (False, None, OLD.tolist())
    shown = simulated(6_000)
    fixed = FromLog().fit_shown(replace(shown, propensity=np.ones(len(shown))), OLD)
    assert (fixed.items, fixed.used) == (0, False)
    blind = replace(shown, clicked=np.random.default_rng(1).random(len(shown)) < 0.2)
    assert not FromLog().fit_shown(blind, OLD).used
