"""Learners compared on rows they have not seen: splits do not overlap, leaks are refused, the truth is found."""

import numpy as np
import pytest

from shopkeeper.core.errors import DataError
from shopkeeper.learn.propensity.columns import Columns
from shopkeeper.learn.propensity.comparing import by_folds, by_time, compare
from shopkeeper.learn.propensity.encoding import encoded, moments_of_texts, outcome_of_texts
from shopkeeper.learn.propensity.reading import drawn
from shopkeeper.learn.propensity.trees import DecisionTree


def planted(rows: int, seed: int = 0) -> tuple[Columns, np.ndarray]:
    """The outcome follows the first of two columns."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(rows, 2))
    came = rng.random(rows) < 1 / (1 + np.exp(-2 * values[:, 0]))
    return Columns(names=("useful", "noise"), values=values), came.astype(float)


def test_every_row_is_judged_once_by_folds_that_keep_the_share() -> None:
    """Law: the judged parts partition the rows, no row is in two parts of a split, every fold has rare outcomes."""
    came = (np.arange(1003) % 20 == 0).astype(float)
    splits = by_folds(came, 10)
    assert np.array_equal(np.sort(np.concatenate([split.judge for split in splits])), np.arange(1003))
    for split in splits:
        parts = np.concatenate([split.teach, split.calibrate, split.judge])
        assert np.array_equal(np.sort(parts), np.arange(1003))
        assert came[split.judge].sum() in (5, 6)


def test_by_time_the_newest_rows_judge_and_a_moment_is_never_cut() -> None:
    """Law: every teaching moment is before every calibrating one, and that before every judging one."""
    moment = np.random.default_rng(0).integers(0, 40, 500).astype(float)
    (split,) = by_time(moment)
    assert moment[split.teach].max() < moment[split.calibrate].min()
    assert moment[split.calibrate].max() < moment[split.judge].min()
    assert 0.1 < len(split.judge) / 500 < 0.3
    with pytest.raises(DataError) as caught:
        by_time(np.repeat([1.0, 2.0], 50))
    assert caught.value.key == "benchmark_no_time"


def test_the_table_finds_what_was_planted_and_repeats_itself() -> None:
    """AUC near the truth's 0.86 with its interval round it; the same seed gives the same figures."""
    columns, came = planted(2500)
    splits = by_folds(came, 5)
    names = ("logistic_regression", "gradient_boosting")
    first, second = (list(compare(columns, came, splits, learners=names)) for _ in range(2))
    assert [one.learner for one in first] == list(names)
    for one, again in zip(first, second, strict=True):
        assert one.figures["auc"].value > 0.83
        assert one.figures["auc"].low < one.figures["auc"].value < one.figures["auc"].high
        assert one.figures["calibration_error"].value < 0.05
        assert np.array_equal(one.rows, np.arange(2500))
        assert sum(each.rows for each in one.bins) == 2500
        assert np.array_equal(one.said, again.said)


def test_a_planted_leak_is_caught() -> None:
    """A column that is the outcome in disguise is refused by name; so is an outcome that hardly ever came."""
    columns, came = planted(600)
    leaking = Columns(names=(*columns.names, "refund"), values=np.column_stack([columns.values, 3 - 2 * came]))
    with pytest.raises(DataError) as caught:
        list(compare(leaking, came, by_folds(came, 5)))
    assert (caught.value.key, caught.value.facts["feature"]) == ("feature_leaks", "refund")
    rare = np.zeros(600)
    rare[:5] = 1
    with pytest.raises(DataError) as caught:
        list(compare(columns, rare, by_folds(rare, 5)))
    assert caught.value.key == "too_few_outcomes"


def test_text_becomes_numbers() -> None:
    """Numbers, yes/no and frequent words become columns; an empty number is unknown, a rare word is none of them."""
    words = ["red"] * 12 + ["blue"] * 10 + ["odd"]
    cells = {"n": ["1.5", "", *["2"] * 21], "flag": ["TRUE", *["false"] * 22], "word": words, "inf": ["inf"] * 23}
    found = encoded(cells)
    assert found.names == ("n", "flag", "word=red", "word=blue", "inf")
    assert found.values[0, 0] == 1.5
    assert np.isnan(found.values[1, 0])
    assert np.isnan(found.values[:, 4]).all()
    assert found.values[:, 1].sum() == 1
    assert found.values[:, 2:4].sum(axis=0).tolist() == [12, 10]
    assert outcome_of_texts(["TRUE", "no", " 1 ", "是"], "x").tolist() == [1, 0, 1, 1]
    assert np.diff(moments_of_texts(["2026-06-29", "2026-06-30"], "day")).tolist() == [86_400.0]
    for bad, key in ((lambda: outcome_of_texts(["1", "maybe"], "x"), "benchmark_not_yes_no"),
                     (lambda: moments_of_texts(["2026-06-30", "soon"], "x"), "benchmark_not_a_moment")):  # fmt: skip
        with pytest.raises(DataError) as caught:
            bad()
        assert caught.value.key == key
        assert caught.value.facts["row"] == 2


def test_a_drawn_tree_says_what_the_tree_says() -> None:
    """Walking the drawn lines by hand gives the scores; the leaves' rows add up to all."""
    columns, came = planted(400)
    tree = DecisionTree(depth=1).fit(columns, came)
    question, low, high = drawn(tree, yes="yes", no="no", rows="rows")
    assert question.startswith("useful ≤ ")
    below = columns.values[:, 0] <= tree.threshold[0]
    assert low == f"├─ yes: {came[below].mean():.1%} ({below.sum():,} rows)"
    assert high == f"└─ no: {came[~below].mean():.1%} ({(~below).sum():,} rows)"
