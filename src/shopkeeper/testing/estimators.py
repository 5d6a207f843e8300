"""The laws of every recommender: ``check(settings)`` holds one to all of them, so a new algorithm needs no new test.

Each law is a function of an estimator; its docstring states the law. Broken laws raise AssertionError.
"""

import json
from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from shopkeeper.core.action import Action
from shopkeeper.core.errors import DataError
from shopkeeper.core.histories import MICROSECONDS_PER_DAY, Catalogue, Float32, Histories
from shopkeeper.core.opinion import opinionated
from shopkeeper.core.ports import Scorer
from shopkeeper.learn.snapshot import ArraySnapshot, microseconds

Law = Callable[[Any], None]
PRODUCTS: Final = 30
KINDS: Final = np.array([Action.ORDER, Action.ORDER, Action.PRODUCT_VIEW, Action.CART_ADD], np.int8)


def small_shop(*, people: int = 40, seed: int = 7) -> ArraySnapshot:
    """A made-up shop: two tastes (the halves of the catalogue), baskets, views and repeats, half a year."""
    dice = np.random.default_rng(seed)
    sizes = dice.integers(1, 25, people)
    offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    row = np.repeat(np.arange(people), sizes)
    product = (row % 2) * (PRODUCTS // 2) + dice.integers(0, PRODUCTS // 2 - 1, len(row))
    day = np.arange(len(row)) - offsets[row] + 1
    action = dice.choice(KINDS, len(row))
    order = np.where(action == Action.ORDER, day // 3, -1).astype(np.int32)
    at = np.where(order >= 0, day // 3 * 3, day).astype(np.int64)
    at = np.maximum.accumulate(at + row * 1000) - row * 1000
    events = Histories(
        offsets=offsets, product=product.astype(np.int32), at=(at * 7 + 20_000) * MICROSECONDS_PER_DAY, action=action,
        quantity=np.ones(len(row), np.float32), price=np.full(len(row), 9.5, np.float32), order=order,
        people=np.array([f"person-{number}" for number in range(people)], object),
    )  # fmt: skip
    return ArraySnapshot.of(events, small_catalogue())


def small_catalogue(products: int = PRODUCTS) -> Catalogue:
    """Products with names, two levels of category, brands and prices."""
    half = ["garden" if index < PRODUCTS // 2 else "kitchen" for index in range(products)]
    return Catalogue(
        ids=np.array([f"p{index}" for index in range(products)], object),
        names=np.array([f"{word} thing {index % 5}" for index, word in enumerate(half)], object),
        brands=np.array([f"brand-{index % 3}" for index in range(products)], object),
        categories=(np.array(half, object), np.array([f"{word}-{i % 4}" for i, word in enumerate(half)], object)),
        price=(1.0 + np.arange(products)).astype(np.float32), cost=np.full(products, np.nan, np.float32),
        in_stock=np.ones(products, np.bool_),
    )  # fmt: skip


def one_item(product: int, *, action: Action = Action.ORDER, at: int = 20_100 * MICROSECONDS_PER_DAY) -> Histories:
    """The history of somebody who has touched one product: also what a product page asks with."""
    return Histories(
        offsets=np.array([0, 1]), product=np.array([product], np.int32), at=np.array([at]),
        action=np.array([action], np.int8), quantity=np.ones(1, np.float32), price=np.full(1, np.nan, np.float32),
        order=np.full(1, -1, np.int32), people=np.array(["somebody"], object),
    )  # fmt: skip


def nobody(rows: int = 1) -> Histories:
    """People of whom nothing is known."""
    return one_item(0).keep(np.zeros(1, np.bool_)).rows(np.zeros(rows, np.int64))


def _same(left: NDArray[Any], right: NDArray[Any]) -> bool:
    return left.dtype == right.dtype and np.array_equal(left, right, equal_nan=left.dtype.kind == "f")


def _fitted(settings: Any) -> tuple[Any, Histories, int]:
    shop = small_shop()
    return settings.fit(shop, seed=3), shop.histories(), microseconds(shop.moment)


def is_a_scorer(settings: Any) -> None:
    """A fitted model is a Scorer, answers float32 of shape (people, products), and scores somebody at all."""
    model, people, now = _fitted(settings)
    scores = model.score(people, now)
    assert isinstance(model, Scorer)
    assert scores.dtype == np.float32
    assert scores.shape == (len(people), PRODUCTS)
    assert np.isfinite(scores).any()


def seed_decides_all(settings: Any) -> None:
    """Equal snapshot, settings and seed give equal arrays, facts and scores."""
    (first, people, now), (second, _, _) = _fitted(settings), _fitted(settings)
    assert first.facts() == second.facts()
    assert all(_same(first.arrays()[name], second.arrays()[name]) for name in first.arrays())
    assert _same(first.score(people, now), second.score(people, now))


def rows_are_independent(settings: Any) -> None:
    """A person's scores are bit for bit the same alone, in a block and in another order."""
    model, people, now = _fitted(settings)
    together = model.score(people, now)
    for row in range(0, len(people), 7):
        assert _same(model.score(people.rows(np.array([row])), now)[0], together[row]), row
    backwards = np.arange(len(people))[::-1]
    assert _same(model.score(people.rows(backwards), now), together[backwards])


def never_infinite(settings: Any) -> None:
    """A score is a finite number or NaN."""
    model, people, now = _fitted(settings)
    for profiles in (people, nobody(), one_item(3)):
        assert not np.isinf(model.score(profiles, now)).any()


def the_result_is_the_callers(settings: Any) -> None:
    """Writing into an answer changes neither the model nor the next answer."""
    model, people, now = _fitted(settings)
    first = model.score(people, now)
    kept = first.copy()
    first[:] = -1.0
    assert _same(model.score(people, now), kept)


def nobody_is_no_error(settings: Any) -> None:
    """Without a history a model scores NaN, or the same for everybody without one; an empty batch is no error."""
    model, people, now = _fitted(settings)
    scores: Float32 = model.score(nobody(2), now)
    assert _same(scores[0], scores[1])
    assert model.score(people.rows(np.zeros(0, np.int64)), now).shape == (0, PRODUCTS)
    assert model.reason(nobody(), 0, now) is None or not np.isnan(scores).all()


def one_item_is_enough(settings: Any) -> None:
    """A history of one event, of any action, is scored without an error."""
    model, _, now = _fitted(settings)
    for action in (Action.ORDER, Action.PRODUCT_VIEW, Action.ORDER_RETURN, Action.CART_REMOVE):
        assert model.score(one_item(2, action=action), now).shape == (1, PRODUCTS)


def newer_products_are_ignored(settings: Any) -> None:
    """Events with products that came after fitting change nothing, and such products are no columns."""
    model, people, now = _fitted(settings)
    unknown = one_item(PRODUCTS + 5)
    assert _same(model.score(unknown, now), model.score(nobody(), now))
    assert model.reason(unknown, PRODUCTS + 5, now) is None
    assert model.reason(people.rows(np.array([0])), PRODUCTS + 5, now) is None


def nothing_known_is_no_crash(settings: Any) -> None:
    """A shop without events, or without products, is fitted or refused with a DataError that has a key."""
    for shop in (ArraySnapshot.of(nobody(3), small_catalogue()), ArraySnapshot.of(nobody(0), small_catalogue(0))):
        try:
            model = settings.fit(shop, seed=0)
        except DataError:
            continue  # it cannot be made without a key
        assert model.score(nobody(2), 0).shape == (2, len(shop.catalogue()))


def kept_and_restored(settings: Any) -> None:
    """arrays() and facts() are all of a model: no objects, plain JSON, equal scores after restoring."""
    model, people, now = _fitted(settings)
    arrays, facts = dict(model.arrays()), json.loads(json.dumps(model.facts()))
    assert all(isinstance(part, np.ndarray) and not part.dtype.hasobject for part in arrays.values())
    again = type(model).restore({name: part.copy() for name, part in arrays.items()}, facts)
    assert _same(model.score(people, now), again.score(people, now))
    person = people.rows(np.array([1]))
    assert [model.reason(person, item, now) for item in range(PRODUCTS)] == [
        again.reason(person, item, now) for item in range(PRODUCTS)
    ]


def reasons_are_true(settings: Any) -> None:
    """A reason has a key and plain facts, and a product or time it names is in the history."""
    model, people, now = _fitted(settings)
    for row in range(8):
        person = people.rows(np.array([row]))
        for item in np.flatnonzero(np.isfinite(model.score(person, now)[0])):
            reason = model.reason(person, int(item), now)
            if reason is None:
                continue
            assert reason.key
            assert all(type(fact) in (str, int, float) for fact in reason.facts.values())
            if "product_index" in reason.facts and reason.key in ("because_bought", "because_viewed"):
                named = person.product == reason.facts["product_index"]
                assert (person.at[named] == reason.facts["at"]).any()
            if reason.key == "buy_again":
                assert (person.at[person.product == item] == reason.facts["at"]).any()


def an_opinion_is_the_score(settings: Any) -> None:
    """Where a model gives an opinion on one person, it says bit for bit what ``score`` and ``reason`` say, products
    that came after fitting are none of it, its base is one array for everybody, and what scores are made of is the same
    in columns as product by product."""
    model, people, now = _fitted(settings)
    able = opinionated(model)
    if able is None:
        return
    bases = []
    asked = [nobody(), one_item(3), one_item(PRODUCTS + 5), *(people.rows(np.array([row])) for row in range(0, 40, 3))]
    for person in asked:
        said = able.opinion(person, now)
        bases.append(said.base)
        assert (np.diff(said.own) > 0).all()
        assert np.isfinite(said.scores).all()
        assert _same(said.wide(PRODUCTS), model.score(person, now)[0])
        items = [*range(PRODUCTS), PRODUCTS + 5]
        assert _same(said.of(np.array(items)), np.append(model.score(person, now)[0], np.float32(np.nan)))
        told = said.explain(items)
        assert [why for why, _ in told] == [model.reason(person, item, now) for item in items]
        if said.parts is not None:
            columns = {name: column.tolist() for name, column in said.parts(np.array(items)).items()}
            assert all(
                parts in ({}, {name: columns[name][at] for name in columns}) for at, (_, parts) in enumerate(told)
            )
        else:
            assert not any(parts for _, parts in told)
    assert all(base is bases[0] for base in bases)


LAWS: Final[tuple[Law, ...]] = (
    is_a_scorer, seed_decides_all, rows_are_independent, never_infinite, the_result_is_the_callers,
    nobody_is_no_error, one_item_is_enough, newer_products_are_ignored, nothing_known_is_no_crash,
    kept_and_restored, reasons_are_true, an_opinion_is_the_score,
)  # fmt: skip


def check(settings: Any) -> None:
    """Hold an estimator to every law."""
    for law in LAWS:
        law(settings)
