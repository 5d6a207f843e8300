"""Candidates, the weights between opinions, and trees."""

from itertools import pairwise

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shopkeeper.learn.rank.candidates import Candidates
from shopkeeper.learn.rank.fusion import checked_weights_of, fused, ndcg_at_10, weights_of
from shopkeeper.learn.rank.trees import LambdaMART, LambdaMARTModel

NAN = np.nan


def test_candidates_are_everybodys_best_once() -> None:
    """Golden: the two best of each table, joined without repeats; what has no score is none."""
    one = np.array([[5, 4, 1, NAN], [NAN, NAN, NAN, 1]], np.float32)
    other = np.array([[1, 9, 8, NAN], [NAN, NAN, NAN, NAN]], np.float32)
    found = Candidates.best_of([one, other], 2)
    assert found.offsets.tolist() == [0, 3, 4]
    assert found.item.tolist() == [0, 1, 2, 3]
    assert found.of(one).tolist() == [5, 4, 1, 1]


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # no test depends on the machine's speed
@given(st.lists(st.lists(st.integers(0, 5), min_size=1, max_size=6), min_size=1, max_size=5))
def test_places_are_a_ranking(rows: list[list[int]]) -> None:
    """Law: places of a person are 0, 1, 2, … and follow the scores; joined groups keep theirs."""
    offsets = np.concatenate([[0], np.cumsum([len(row) for row in rows])])
    score = np.array([value for row in rows for value in row], np.float32)
    pairs = Candidates(offsets=offsets, item=np.arange(len(score), dtype=np.int32))
    place = pairs.places(score)
    for first, end in pairwise(offsets):
        order = np.argsort(place[first:end])
        assert sorted(place[first:end]) == list(range(end - first))
        assert (np.diff(score[first:end][order]) <= 0).all()
    assert Candidates.joined([pairs, pairs]).sizes.tolist() == [*pairs.sizes, *pairs.sizes]


def test_the_place_of_a_wanted_product() -> None:
    """Golden: how many score better, ties by half, and never where it is no candidate."""
    pairs = Candidates(offsets=np.array([0, 3, 6]), item=np.array([4, 5, 6, 4, 5, 6], np.int32))
    score = np.array([1, 3, 2, 7, 7, 7], np.float32)
    assert pairs.place_of(score, np.array([6, 5], np.int32)).tolist() == [1.0, 1.0]
    assert np.isinf(pairs.place_of(score, np.array([9, 9], np.int32))).all()


def _planted(people: int = 300, products: int = 30) -> tuple[Candidates, dict[str, np.ndarray], np.ndarray]:
    """People whose choice has the highest sum of two signals, each half the truth, beside a useless one."""
    dice = np.random.default_rng(3)
    offsets = np.arange(people + 1) * products
    pairs = Candidates(offsets=offsets, item=np.tile(np.arange(products, dtype=np.int32), people))
    said = {name: dice.standard_normal(people * products).astype(np.float32) for name in ("a", "b", "noise")}
    truth = (said["a"] + said["b"]).reshape(people, products)
    return pairs, said, truth.argmax(axis=1).astype(np.int32)


def test_weights_find_who_is_right() -> None:
    """Planted truth: two halves get equal weights about, what is useless gets little, and all is better than one."""
    pairs, said, wanted = _planted()
    weights = weights_of(pairs, said, wanted, {"a": 1.0, "b": 0.2, "noise": 1.0}, ["a", "b", "noise"])
    assert weights["noise"] < 0.3 * weights["a"]
    assert 0.4 < weights["a"] / weights["b"] < 2.5
    assert ndcg_at_10(pairs, fused(said, weights), wanted) > ndcg_at_10(pairs, said["a"], wanted) + 0.2


def test_weights_beside_one_who_knows_all_are_not_learned_by_heart() -> None:
    """Law: where nothing helps the first opinion it stays alone; where another does, both count."""
    pairs, said, wanted = _planted()
    knows = {"all": said["a"] + said["b"], "noise": said["noise"]}
    assert checked_weights_of(pairs, knows, wanted, {"all": 1.0}, ["all", "noise"]) == {"all": 1.0, "noise": 0.0}
    weights = checked_weights_of(pairs, said, wanted, {"a": 1.0}, ["a", "b", "noise"])
    assert ndcg_at_10(pairs, fused(said, weights), wanted) > ndcg_at_10(pairs, said["a"], wanted) + 0.1


def test_trees_learn_the_order_and_are_kept() -> None:
    """Planted truth: trees rank the choice high on people they have not seen; restored ones say the same."""
    pairs, said, wanted = _planted()
    features = np.stack([said["a"], said["b"], said["noise"]], axis=1)
    known, place = pairs.rows(np.arange(200))
    trees = LambdaMART(trees=60, least_pairs=20)
    model = trees.fit_pairs(known, features[place], known.item == wanted[known.row], seed=1)
    assert model is not None
    fresh, place = pairs.rows(np.arange(200, 300))
    score = model.score(fresh, features[place])
    assert ndcg_at_10(fresh, score, wanted[200:]) > 0.6
    again = LambdaMARTModel.restore({"trees": model.arrays()["trees"].copy()}, {})
    assert np.array_equal(again.score(fresh, features[place]), score)
    shares = np.bincount(fresh.row, np.exp(score), len(fresh))
    assert np.allclose(shares, 1.0, atol=1e-3)


def test_where_nobodys_choice_was_found_there_are_no_trees() -> None:
    """Law: without a single right candidate nothing is learned."""
    pairs, said, _ = _planted(20)
    assert LambdaMART().fit_pairs(pairs, said["a"][:, None], np.zeros(len(pairs.item), np.bool_)) is None
