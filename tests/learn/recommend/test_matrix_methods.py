"""EASE, ALS, BPR and TIFU-kNN against the libraries and formulas they come from."""

import sys

import numpy as np
import pytest
from implicit.cpu.als import AlternatingLeastSquares
from scipy import sparse
from threadpoolctl import threadpool_limits

from shopkeeper.core.errors import Unavailable
from shopkeeper.core.histories import Histories
from shopkeeper.learn.recommend.als import ALS
from shopkeeper.learn.recommend.bpr import BPR
from shopkeeper.learn.recommend.ease import EASE
from shopkeeper.learn.recommend.tifu_knn import TIFUKNN
from shopkeeper.learn.snapshot import ArraySnapshot

FOREVER = 1e9


def sequences(people: int = 60, products: int = 25, seed: int = 2) -> list[list[int]]:
    """People with one of three tastes, each a third of the catalogue."""
    dice = np.random.default_rng(seed)
    third = products // 3
    return [
        [int(item) + third * (row % 3) for item in dice.permutation(third + 1)[: dice.integers(3, third + 1)]]
        for row in range(people)
    ]


def table(lines: list[list[int]], products: int) -> np.ndarray:
    wide = np.zeros((len(lines), products))
    for row, line in enumerate(lines):
        wide[row, line] = 1
    return wide


def checkerboard(size: int) -> list[list[int]]:
    """Person n has the products of n's parity, but not product n."""
    return [[item for item in range(size) if item % 2 == row % 2 and item != row] for row in range(size)]


def test_ease_is_its_closed_form() -> None:
    """Golden: with all products in one group the scores are those of B = -P / diag(P), P = inv(X'X + ridge)."""
    lines, products = sequences(), 25
    wide = table(lines, products)
    inverse = np.linalg.inv(wide.T @ wide + 7.0 * np.eye(products))
    weights = -inverse / np.diag(inverse)
    np.fill_diagonal(weights, 0)
    exact = EASE(ridge=7.0, half_life_days=FOREVER, asked_half_life_days=FOREVER, least_buyers=1)
    known = ArraySnapshot.of_sequences(lines, products)
    scores = exact.fit(known).score(known.histories(), 0)
    assert np.nan_to_num(scores) == pytest.approx(wide @ weights, abs=1e-5)


def test_ease_by_groups_is_nearly_the_whole() -> None:
    """Law: solved by groups of products bought together, every product has a column, near the exact one's."""
    lines, products = sequences(people=400, products=60), 60
    known = ArraySnapshot.of_sequences(lines, products)
    whole = EASE(least_buyers=1).fit(known).score(known.histories(), 0)
    parts = EASE(least_buyers=1, block=30).fit(known).score(known.histories(), 0)
    both = np.isfinite(whole) & np.isfinite(parts)
    assert both[:, :57].mean() > 0.3
    assert np.corrcoef(whole[both], parts[both])[0, 1] > 0.95


def test_newer_purchases_count_more_in_ease() -> None:
    """Law: of two products with the same company, the one bought last decides."""
    lines = [[0, 1], [2, 3]] * 20
    model = EASE(asked_half_life_days=2.0, half_life_days=FOREVER, ridge=1.0).fit(ArraySnapshot.of_sequences(lines))
    scores = model.score(Histories.of_sequences([[0, 2], [2, 0]]), 0)
    assert scores[0, 3] > scores[0, 1]
    assert scores[1, 1] > scores[1, 3]


def test_als_folds_in_as_the_library_does() -> None:
    """Golden: a person's scores are those of implicit's own exact answer to the same history."""
    lines, products = sequences(), 25
    settings = ALS(factors=8, ridge=0.5, confidence=3.0, half_life_days=FOREVER)
    known = ArraySnapshot.of_sequences(lines, products)
    model = settings.fit(known, seed=4)
    with threadpool_limits(1, user_api="blas"):
        theirs = AlternatingLeastSquares(factors=8, regularization=0.5, iterations=15, random_state=4)
        theirs.fit(sparse.csr_matrix(4.0 * table(lines, products), dtype=np.float32), show_progress=False)
        person = theirs.recalculate_user(0, sparse.csr_matrix(4.0 * table(lines[:1], products), dtype=np.float32))
    expected = np.asarray(person).ravel() @ theirs.item_factors.T
    scores = model.score(known.histories().rows(np.array([0])), 0)[0]
    seen = np.isfinite(scores)
    assert scores[seen] == pytest.approx(expected[seen], abs=1e-4)


@pytest.mark.parametrize(
    "settings",
    [
        ALS(factors=10, ridge=0.01, confidence=1.0, half_life_days=FOREVER),
        BPR(factors=8, ridge=0.001, half_life_days=FOREVER),
        EASE(ridge=1.0, half_life_days=FOREVER, asked_half_life_days=FOREVER),
    ],
    ids=lambda settings: type(settings).__name__,
)
def test_the_checkerboard_is_filled_in(settings: ALS | BPR | EASE) -> None:
    """Known answer: on a checkerboard with its diagonal left out, each person's best unseen product is that one."""
    size = 20
    known = ArraySnapshot.of_sequences(checkerboard(size), size)
    scores = np.nan_to_num(settings.fit(known, seed=1).score(known.histories(), 0), nan=-np.inf)
    scores[known.histories().row_of_event(), known.histories().product] = -np.inf
    assert (scores.argmax(axis=1) == np.arange(size)).mean() >= 0.95


def test_tifu_is_its_formula() -> None:
    """Golden, by hand: five baskets in groups of two, newest first; then the mean of the nearest person's."""
    baskets = [0, 1, 0, 2, 0]  # ages 4, 3, 2, 1, 0; groups {0, 1}, {2, 3}, {4}
    near, far = [0, 3], [2, 2, 2]
    settings = TIFUKNN(neighbours=1, group=2, basket_decay=0.5, group_decay=0.8, own=0.6)
    shop = ArraySnapshot.of_sequences([baskets, near, far], 4)
    scores = settings.fit(shop).score(shop.histories().rows(np.array([0])), 0)[0]
    mine = np.array([1 / 2 + 0.8 / 2 + 0.8**2, 0.8 * 0.5 / 2, 0.5 / 2, 0.0]) / 3
    theirs = np.array([0.5 / 2, 0, 0, 1 / 2])  # newest is product 3, both in one group
    expected = 0.6 * mine + 0.4 * theirs
    assert scores == pytest.approx(expected, abs=1e-6)


def test_tifu_never_takes_the_asking_person_for_a_neighbour() -> None:
    """Law: a person whose vector is the same is their own past; with nobody else only their own baskets speak."""
    shop = ArraySnapshot.of_sequences([[0, 1, 0]], 3)
    scores = TIFUKNN().fit(shop).score(shop.histories(), 0)[0]
    own = Histories.of_sequences([[0, 1, 0]])
    assert np.isnan(scores[2])
    assert scores[0] == pytest.approx(0.7 * (1 + 0.81) / 3)
    assert own.events == 3


def test_learning_without_the_library_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Law: where implicit is not installed, learning says which extra brings it."""
    monkeypatch.setitem(sys.modules, "implicit.cpu.als", None)
    monkeypatch.setitem(sys.modules, "implicit.cpu.bpr", None)
    for settings in (ALS(), BPR()):
        with pytest.raises(Unavailable) as refused:
            settings.fit(ArraySnapshot.of_sequences([[0, 1]]))
        assert refused.value.facts["extra"] == "matrix"
