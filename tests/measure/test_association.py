"""Tests of many pairs, held to reference implementations and to what a correction promises."""

import numpy as np
import pytest
from scipy.stats import false_discovery_control, fisher_exact

from shopkeeper.measure.association import benjamini_hochberg, fisher_greater, holm


def test_the_exact_test_is_fishers() -> None:
    """For random tables the p-value is scipy's one-sided exact test."""
    dice = np.random.default_rng(0)
    for _ in range(50):
        left, right, total = int(dice.integers(1, 60)), int(dice.integers(1, 60)), 200
        both = int(dice.integers(0, min(left, right) + 1))
        table = [[both, left - both], [right - both, total - left - right + both]]
        found = fisher_greater(np.array([both]), np.array([left]), np.array([right]), total)[0]
        assert found == pytest.approx(fisher_exact(table, alternative="greater").pvalue, rel=1e-9)
    assert fisher_greater(*(np.zeros(0, np.int64),) * 3, 10).shape == (0,)


def test_corrections_are_the_published_ones() -> None:
    """Benjamini-Hochberg equals scipy's; Holm is worked out by hand; both never fall below p and keep its order."""
    p = np.array([0.01, 0.04, 0.03, 0.005, 0.5])
    assert np.allclose(benjamini_hochberg(p), false_discovery_control(p))
    assert np.allclose(holm(p), [0.04, 0.09, 0.09, 0.025, 0.5])
    drawn = np.random.default_rng(1).random(500)
    for corrected in (holm(drawn), benjamini_hochberg(drawn)):
        assert (corrected >= drawn).all()
        assert (np.diff(corrected[np.argsort(drawn)]) >= 0).all()


def test_chance_alone_finds_nothing() -> None:
    """Among 2,000 pairs of unrelated things none is significant at 5 % after Holm, where 100 are before."""
    dice = np.random.default_rng(2)
    left, right = dice.integers(50, 150, 2_000), dice.integers(50, 150, 2_000)
    both = dice.hypergeometric(left, 1_000 - left, right)
    p = fisher_greater(both, left, right, 1_000)
    assert (p < 0.05).sum() > 20
    assert (holm(p) < 0.05).sum() == 0
