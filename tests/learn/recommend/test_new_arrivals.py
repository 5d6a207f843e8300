"""New products: only they are scored; a group that sells, and the person's own groups, come first."""

from datetime import UTC, datetime

import numpy as np
import pytest

from shopkeeper.core.action import Action
from shopkeeper.core.histories import MICROSECONDS_PER_DAY, Catalogue, Histories
from shopkeeper.learn.recommend.new_arrivals import NewArrivals, NewArrivalsModel, _best
from shopkeeper.learn.snapshot import ArraySnapshot, microseconds

NOW = datetime(2026, 3, 1, tzinfo=UTC)
TEA, COFFEE = 0, 1
PRODUCTS = 24
"""0..11 tea, 12..23 coffee; of each the last two were never seen, the four before them came in the last days."""


def _goods() -> Catalogue:
    kinds = np.array(["tea"] * 12 + ["coffee"] * 12, object)
    blank, unknown = np.full(PRODUCTS, "", object), np.full(PRODUCTS, np.nan, np.float32)
    return Catalogue(
        ids=np.array([f"p{item}" for item in range(PRODUCTS)], object), names=blank, brands=blank, categories=(kinds,),
        price=unknown, cost=unknown, in_stock=np.ones(PRODUCTS, np.bool_),
    )  # fmt: skip


def _rows(histories: list[list[tuple[int, float]]]) -> Histories:
    """People's orders: (product, days before NOW), oldest first."""
    flat = [touch for row in histories for touch in row]
    at = [microseconds(NOW) - int(days * MICROSECONDS_PER_DAY) for _, days in flat]
    return Histories(
        offsets=np.cumsum([0, *map(len, histories)]), product=np.array([item for item, _ in flat], np.int32),
        at=np.array(at, np.int64), action=np.full(len(flat), Action.ORDER, np.int8),
        quantity=np.ones(len(flat), np.float32), price=np.full(len(flat), np.nan, np.float32),
        order=np.arange(len(flat), dtype=np.int32),
        people=np.array([str(row) for row in range(len(histories))], object),
    )  # fmt: skip


def _model(tea_takers: int = 9, coffee_takers: int = 3) -> NewArrivalsModel:
    """Half of the people drink tea and half coffee; new tea was taken more often."""
    old = [[(item, 90.0 - item % 12) for item in range(6)], [(item, 90.0 - item % 12) for item in range(12, 18)]]
    rows = [list(old[person % 2]) for person in range(40)]
    for item in (6, 7, 8, 9):
        for person in range(tea_takers):
            rows[2 * person].append((item, 20.0 - item))
    for item in (18, 19, 20, 21):
        for person in range(coffee_takers):
            rows[2 * person + 1].append((item, 20.0 - item % 12))
    return NewArrivals().fit(ArraySnapshot.of(_rows(rows), _goods(), NOW))


def _scores(model: NewArrivalsModel, *touches: tuple[int, float]) -> np.ndarray:
    return model.score(_rows([list(touches)]), microseconds(NOW))[0]


def test_only_new_products_are_scored() -> None:
    """Law: what people had to do with before the last days is not scored; what nobody ever had is."""
    known = np.flatnonzero(np.isfinite(_scores(_model())))
    assert known.tolist() == [6, 7, 8, 9, 10, 11, 18, 19, 20, 21, 22, 23]


def test_a_group_whose_new_products_sell_comes_first() -> None:
    """Law: of products that nobody has had, those of the group whose new products were taken more come first."""
    model, more_coffee = _model(), _model(tea_takers=2, coffee_takers=12)
    assert _scores(model)[10] > _scores(model)[22]
    assert _scores(more_coffee)[10] < _scores(more_coffee)[22]


def test_a_person_is_shown_their_own_kind() -> None:
    """Law: who only ever bought coffee has the new coffee nobody tried before the new tea that sells; the score of
    strangers is what products can expect."""
    model = _model()
    drinker = _scores(model, *[(item, 80.0 - item) for item in range(12, 18)])
    assert drinker[22] > drinker[10]
    assert _scores(model)[model.new] == pytest.approx(model.rate)


def test_the_reason_names_what_both_share() -> None:
    """The narrowest category of the product that the person has had to do with; none for a stranger; nothing is said
    of an old product."""
    model, now = _model(), microseconds(NOW)
    tea = _rows([[(0, 5.0)]])
    said = model.reason(tea, 10, now)
    assert said is not None
    assert (said.key, dict(said.facts)) == ("new_arrival", {"category": "tea"})
    plain = model.reason(tea, 22, now)
    assert plain is not None
    assert not plain.facts
    assert model.reason(tea, 3, now) is None


def test_those_that_nobody_has_had_keep_their_half() -> None:
    """Law: of too many new products half of the kept are ones that nobody has had, or all there are."""
    rate, fresh = np.arange(10, 0, -1.0), np.ones(10, np.bool_)
    taken = np.arange(10) < 6
    assert _best(rate, fresh, taken, 4).tolist() == [0, 1, 6, 7]
    assert _best(rate, fresh, taken, 9).tolist() == [0, 1, 2, 3, 4, 6, 7, 8, 9]
    assert _best(rate, fresh, np.zeros(10, np.bool_), 3).tolist() == [0, 1, 2]
    assert _best(rate, fresh, fresh, 3).tolist() == [0, 1, 2]
    assert _best(rate, fresh, taken, 50).tolist() == list(range(10))
