"""Rules of named items."""

import warnings
from pathlib import Path

import pytest

from shopkeeper.apps.cli.benchmark_files import read_basket_lines
from shopkeeper.core.errors import DataError
from shopkeeper.learn.benchmarks.rules import mine_rules

GROCERIES = Path(__file__).parents[4] / "shared/data/groceries_baskets/groceries.csv"


def test_by_hand() -> None:
    """Golden: three of four baskets hold both: support 3/4, confidence 1 and 3/4, lift 1; a side is alphabetical."""
    rows = list(mine_rules([["b", "a"], ["a", "b"], ["a", "b", "c"], ["a"]], support=0.25).rows())
    found = {(left, right): numbers for left, right, *numbers in rows}
    assert found["b", "a"] == pytest.approx([0.75, 1, 1])
    assert found["a", "b"] == pytest.approx([0.75, 0.75, 1])
    assert found["c", "a|b"] == pytest.approx([0.25, 1, 4 / 3])
    assert [row[4] for row in rows] == sorted((row[4] for row in rows), reverse=True)


def test_a_name_with_the_separator_is_refused() -> None:
    """Law: a result that could not be read back is not written."""
    with pytest.raises(DataError, match="benchmark_separator"):
        mine_rules([["a|b", "c"]])
    assert mine_rules([["a|b", "c"]], separator=";").names == ("a|b", "c")


@pytest.mark.skipif(not GROCERIES.exists(), reason="the groceries baskets are not beside the checkout")
@pytest.mark.parametrize("confidence", [0.0, 0.8])
def test_equal_to_mlxtend_on_groceries(confidence: float) -> None:
    """Golden: at support 0.001 the rules and their numbers are exactly mlxtend's, bit by bit."""
    baskets, _ = read_basket_lines(GROCERIES)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pandas as pd
        from mlxtend.frequent_patterns import association_rules, fpgrowth
        from mlxtend.preprocessing import TransactionEncoder

        encoder = TransactionEncoder()
        table = pd.DataFrame(encoder.fit(baskets).transform(baskets), columns=encoder.columns_)
        frequent = fpgrowth(table, min_support=0.001, use_colnames=True)
        reference = association_rules(frequent, metric="confidence", min_threshold=confidence)
    columns = (reference[name] for name in ("antecedents", "consequents", "support", "confidence", "lift"))
    expected = {(frozenset(a), frozenset(c)): tuple(numbers) for a, c, *numbers in zip(*columns, strict=True)}
    rows = mine_rules(baskets, support=0.001, confidence=confidence).rows()
    found = {(frozenset(a.split("|")), frozenset(c.split("|"))): tuple(numbers) for a, c, *numbers in rows}
    assert found == expected
