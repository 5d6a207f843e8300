"""Accuracy of ranked lists: laws, and golden values against ranx."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shopkeeper.measure.ranking import ACCURACY, Relevant, accuracy, hits

lists = st.lists(st.permutations(range(8)), min_size=1, max_size=6)
wanted = st.lists(st.integers(0, 9), max_size=5)


def judged(ranked: list[list[int]], sets: list[list[int]], k: int) -> dict[str, np.ndarray]:
    return accuracy(np.array(ranked), Relevant.of(sets), k)


@given(lists, st.data())
def test_every_measure_lies_between_0_and_1(ranked: list[list[int]], data: st.DataObject) -> None:
    """Law: each measure is in [0, 1] for people with a relevant item and NaN for the others."""
    sets = [data.draw(wanted) for _ in ranked]
    for values in judged(ranked, sets, 5).values():
        judgeable = np.array([bool(items) for items in sets])
        assert np.isnan(values[~judgeable]).all()
        assert ((values[judgeable] >= 0) & (values[judgeable] <= 1)).all()


@given(st.permutations(range(8)), st.integers(1, 8))
def test_a_perfect_list_gets_1(items: list[int], k: int) -> None:
    """Law: a list that starts with all relevant items has NDCG, MRR and hit rate 1, at any depth."""
    values = judged([list(items)], [list(items[:3])], k)
    assert values["ndcg"][0] == pytest.approx(1)
    assert values["mrr"][0] == values["hit_rate"][0] == 1


@given(lists, st.data())
def test_the_order_of_people_does_not_matter(ranked: list[list[int]], data: st.DataObject) -> None:
    """Law: permuting people permutes their results."""
    sets = [data.draw(wanted) for _ in ranked]
    turn = data.draw(st.permutations(range(len(ranked))))
    before = judged(ranked, sets, 4)
    after = judged([ranked[row] for row in turn], [sets[row] for row in turn], 4)
    for name in ACCURACY:
        np.testing.assert_array_equal(after[name], before[name][list(turn)])


def test_an_item_named_twice_counts_once() -> None:
    """Law: a repeat in a list is no second hit, and -1 is never one."""
    hit = hits(np.array([[3, 3, -1, 1], [-1, -1, -1, -1]]), Relevant.of([[3, 1], [3]]))
    assert hit.tolist() == [[True, False, False, True], [False] * 4]


def test_a_short_list_does_not_disturb_its_neighbour() -> None:
    """Law: -1 in one row never hides an item of another row."""
    hit = hits(np.array([[9, -1], [9, 0], [0, -1]]), Relevant.of([[9], [9, 0], [0]]))
    assert hit.tolist() == [[True, False], [True, True], [True, False]]


def test_unjudged_people_are_counted() -> None:
    """Law: people without a relevant item are counted, and repeated relevant items count once."""
    relevant = Relevant.of([[1, 1, 2], [], [5]])
    assert relevant.unjudged == 1
    assert relevant.sizes.tolist() == [2, 0, 1]


def test_rows_and_keep_follow_the_people() -> None:
    """Law: taking rows keeps each person's items; keeping items keeps the people."""
    relevant = Relevant.of([[1, 2], [], [5]])
    turned = relevant.rows(np.array([2, 0]))
    assert turned.sizes.tolist() == [1, 2]
    assert turned.items.tolist() == [5, 1, 2]
    assert relevant.keep(relevant.items > 1).sizes.tolist() == [1, 0, 1]


@pytest.mark.parametrize("k", [1, 3, 10])
def test_equal_to_ranx(k: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Golden: hit rate, precision, recall, NDCG, MRR and MAP equal ranx 0.3 for every person."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import numba

        # ranx's own lines, run as Python: compiling them takes a minute, and they are asked of 60 people
        monkeypatch.setattr(numba.config, "DISABLE_JIT", True)
        import ranx

        rng = np.random.default_rng(7)
        ranked = np.array([rng.permutation(30)[:12] for _ in range(60)])
        sets = [sorted({int(item) for item in rng.integers(0, 30, rng.integers(1, 9))}) for _ in range(60)]
        qrels = ranx.Qrels({f"u{u:03}": {f"i{item}": 1 for item in items} for u, items in enumerate(sets)})
        run = ranx.Run(
            {f"u{u:03}": {f"i{item}": 100.0 - n for n, item in enumerate(row)} for u, row in enumerate(ranked)}
        )
        names = [f"{name}@{k}" for name in ACCURACY]
        reference = ranx.evaluate(qrels, run, names, return_mean=False)
    ours = accuracy(ranked, Relevant.of(sets), k)
    for name in ACCURACY:
        np.testing.assert_allclose(ours[name], reference[f"{name}@{k}"], rtol=0, atol=1e-12)


@settings(max_examples=25)
@given(st.integers(1, 12))
def test_a_list_shorter_than_k_is_judged_at_k(k: int) -> None:
    """Law: two listed items against k: precision divides by k, recall by what was wanted."""
    values = judged([[0, 1]], [[0, 1]], k)
    assert values["precision"][0] == pytest.approx(min(k, 2) / k)
    assert values["recall"][0] == min(k, 2) / 2
