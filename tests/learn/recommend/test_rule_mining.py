"""Association rules: the counts are the definition's."""

import csv
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shopkeeper.learn.recommend.rule_mining import Rules, basket_table, frequent, mine

GROCERIES = Path(__file__).parents[4] / "shared/data/groceries_baskets/groceries.csv"
BASKETS = st.lists(st.lists(st.integers(0, 6), max_size=7), min_size=1, max_size=14)


def as_dict(rules: Rules) -> dict[tuple[frozenset[int], frozenset[int]], tuple[float, float, float]]:
    """Rules by their two sides."""
    sides = (map(frozenset, (side.tolist())) for side in (rules.antecedents, rules.consequents))
    numbers = zip(rules.support.tolist(), rules.confidence.tolist(), rules.lift.tolist(), strict=True)
    return {(a - {-1}, c - {-1}): n for a, c, n in zip(*sides, numbers, strict=True)}


def brute(baskets: list[list[int]], floor: float) -> dict[tuple[frozenset[int], frozenset[int]], tuple[float, ...]]:
    """The definition, set by set."""
    sets = [frozenset(basket) for basket in baskets]
    items = sorted(frozenset().union(*sets))
    share = {
        frozenset(chosen): sum(set(chosen) <= basket for basket in sets) / len(sets)
        for size in range(1, len(items) + 1)
        for chosen in combinations(items, size)
    }
    rules = {}
    for whole, support in share.items():
        for size in range(1, len(whole)) if support >= floor and support > 0 else ():
            for side in map(frozenset, combinations(sorted(whole), size)):
                confidence = support / share[side]
                rules[side, whole - side] = (support, confidence, confidence / share[whole - side])
    return rules


def assert_same(found: dict, expected: dict) -> None:
    assert found.keys() == expected.keys()
    keys = list(expected)
    if keys:
        np.testing.assert_allclose([found[k] for k in keys], [expected[k] for k in keys], rtol=1e-12, atol=1e-12)


def test_hand_computed() -> None:
    """Bread in 3 of 4 baskets, butter in 2, both in 2: confidence 2/3 and 1, lift 4/3."""
    rules = as_dict(mine(basket_table([[0, 1], [0, 1, 2], [0], [2]]), min_support=0.5))
    assert_same(rules, {
        (frozenset({0}), frozenset({1})): (0.5, 2 / 3, 4 / 3),
        (frozenset({1}), frozenset({0})): (0.5, 1.0, 4 / 3),
    })  # fmt: skip


def test_leverage_and_conviction() -> None:
    """Leverage is support above independence; conviction is infinite for a rule that never fails."""
    rules = mine(basket_table([[0, 1], [0, 1, 2], [0], [2]]), min_support=2)
    by_side = dict(zip(rules.antecedents[:, 0].tolist(), range(2), strict=True))
    assert rules.leverage == pytest.approx([0.125, 0.125])
    assert rules.conviction[by_side[1]] == np.inf
    assert rules.conviction[by_side[0]] == pytest.approx((1 - 0.5) / (1 - 2 / 3))


@settings(max_examples=60, deadline=None)
@given(BASKETS, st.sampled_from([0.05, 0.2, 0.5, 1.0]))
def test_equals_brute_force(baskets: list[list[int]], floor: float) -> None:
    """Any baskets, any floor: the same rules with the same numbers as counting by the definition."""
    assert_same(as_dict(mine(basket_table(baskets, 7), min_support=floor)), brute(baskets, floor))


@settings(max_examples=20, deadline=None)
@given(BASKETS, st.integers(1, 3), st.sampled_from([0.3, 0.7]))
def test_bounds_only_leave_out(baskets: list[list[int]], longest: int, confidence: float) -> None:
    """A bound on length or confidence leaves out exactly the rules beyond it."""
    table = basket_table(baskets, 7)
    whole = as_dict(mine(table, min_support=1))
    bounded = as_dict(mine(table, min_support=1, max_length=longest, min_confidence=confidence))
    assert_same(bounded, {
        sides: n for sides, n in whole.items() if len(sides[0] | sides[1]) <= longest and n[1] >= confidence
    })  # fmt: skip


def test_no_baskets_and_no_pairs() -> None:
    """Nothing bought together gives no rules, not an error."""
    assert len(mine(basket_table([[], [3]]), min_support=0.1)) == 0
    assert len(mine(basket_table([[]], 4), min_support=0.1)) == 0


def mlxtend_rules(table: np.ndarray, floor: float) -> dict:
    """The reference library's rules."""
    pd = pytest.importorskip("pandas")
    patterns = pytest.importorskip("mlxtend.frequent_patterns")
    sets = patterns.fpgrowth(pd.DataFrame(table), min_support=floor)
    frame = patterns.association_rules(sets, metric="confidence", min_threshold=0.0)
    columns = [frame[name] for name in ("antecedents", "consequents", "support", "confidence", "lift")]
    return {(a, c): numbers for a, c, *numbers in zip(*columns, strict=True)}


def test_equals_mlxtend_on_generated_baskets() -> None:
    """300 baskets over 12 products: the same rules and numbers as mlxtend."""
    table = np.random.default_rng(0).random((300, 12)) < np.linspace(0.05, 0.6, 12)
    baskets = basket_table([np.flatnonzero(row).tolist() for row in table], 12)
    assert_same(as_dict(mine(baskets, min_support=0.02)), mlxtend_rules(table, 0.02))


def test_equals_mlxtend_on_groceries() -> None:
    """9,835 real baskets, 169 products, support 0.001, all lengths: the same rules and numbers as mlxtend."""
    if not GROCERIES.exists():
        pytest.skip(f"no {GROCERIES}")
    with GROCERIES.open(encoding="utf-8") as file:
        lines = [sorted({name.strip() for name in row}) for row in csv.reader(file) if row]
    names = sorted({name for line in lines for name in line})
    index = {name: at for at, name in enumerate(names)}
    baskets = basket_table([[index[name] for name in line] for line in lines], len(names))
    assert baskets.shape == (9835, 169)
    assert frequent(baskets, 0.001, 1)[0].count.max() == 2513  # whole milk
    assert_same(as_dict(mine(baskets, min_support=0.001)), mlxtend_rules(baskets.toarray().astype(bool), 0.001))
