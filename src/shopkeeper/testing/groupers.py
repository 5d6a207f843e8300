"""The laws of every grouper: ``check(settings)`` holds one to all of them, so a new one needs no new test."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np

from shopkeeper.core.errors import DataError
from shopkeeper.core.ports import Grouper
from shopkeeper.learn.propensity.columns import Columns
from shopkeeper.learn.segment.assigning import assigned, numbers_for
from shopkeeper.learn.segment.portraits import NUMBERS, SHARES, Portraits

Law = Callable[[Any], None]
NAMES: Final = (*NUMBERS, *SHARES)


def portraits(people: int = 240, *, seed: int = 5) -> Portraits:
    """A made-up table of three kinds of customers that lie far apart, in any order."""
    dice = np.random.default_rng(seed)
    kind = dice.permutation(np.arange(people) % 3)
    middles = {
        "quiet_days": (3, 20, 90), "orders": (40, 12, 3), "spend": (200_000, 50_000, 6_000),
        "basket_spend": (5_000, 4_000, 2_000), "basket_lines": (12, 9, 4), "usual_price": (400, 300, 200),
        "discount_share": (0.05, 0.2, 0.4),
    }  # fmt: skip
    columns = [np.array(middles[name])[kind] * np.exp(dice.normal(0, 0.08, people)) for name in NUMBERS]
    columns += [np.clip(0.3 + dice.normal(0, 0.05, people), 0, 1) for _ in SHARES]
    return of(np.stack(columns, axis=1))


def of(values: Any) -> Portraits:
    """Portraits of these numbers (people, ``NAMES``)."""
    people = np.array([f"c{number:05}" for number in range(len(values))], object)
    columns = Columns(names=NAMES, values=np.asarray(values, np.float64).reshape(len(values), len(NAMES)))
    return Portraits(people=people, columns=columns, moment=datetime(2026, 1, 1, tzinfo=UTC), days=182)


def is_a_grouper(settings: Any) -> None:
    """A fitted model is a Grouper and answers int32 from -1 to groups - 1, at least one of them a group."""
    known = portraits()
    model = settings.fit(known, seed=3)
    found = assigned(model, known)
    assert isinstance(model, Grouper)
    assert found.dtype == np.int32
    assert found.shape == (len(known),)
    assert found.min() >= -1
    assert 0 <= found.max() < model.groups


def seed_decides_all(settings: Any) -> None:
    """Equal portraits, settings and seed give equal arrays, facts and groups."""
    known = portraits()
    first, second = settings.fit(known, seed=3), settings.fit(known, seed=3)
    assert first.facts() == second.facts()
    assert all(np.array_equal(first.arrays()[name], second.arrays()[name]) for name in first.arrays())
    assert np.array_equal(assigned(first, known), assigned(second, known))


def rows_are_independent(settings: Any) -> None:
    """A person's group is the same alone, in a block and in another order."""
    known = portraits()
    model = settings.fit(known, seed=3)
    together = assigned(model, known)
    for row in range(0, len(known), 17):
        assert assigned(model, known.rows(np.array([row])))[0] == together[row]
    assert np.array_equal(assigned(model, known.rows(np.arange(len(known))[::-1])), together[::-1])


def kept_and_restored(settings: Any) -> None:
    """arrays() and facts() are all of a model: no objects, plain JSON, equal groups after restoring."""
    known = portraits()
    model = settings.fit(known, seed=3)
    arrays, facts = dict(model.arrays()), json.loads(json.dumps(model.facts()))
    assert all(not part.dtype.hasobject for part in arrays.values())
    again = type(model).restore({name: part.copy() for name, part in arrays.items()}, facts)
    assert np.array_equal(assigned(model, known), assigned(again, known))
    assert (again.fields, again.groups) == (model.fields, model.groups)


def nothing_known_is_no_crash(settings: Any) -> None:
    """Nobody, one customer, and customers who are all alike are fitted or refused with a DataError that has a key;
    somebody of whom nothing is known is in no group."""
    whole = portraits()
    for known in (whole.rows(np.zeros(0, np.int64)), whole.rows(np.zeros(1, np.int64)),
                  of(np.tile(whole.columns.values[:1], (200, 1)))):  # fmt: skip
        try:
            settings.fit(known, seed=0)
        except DataError:
            continue  # it cannot be made without a key
    model = settings.fit(whole, seed=0)
    assert model.assign(np.full((2, len(model.fields)), np.nan)).tolist() == [-1, -1]
    assert model.assign(numbers_for(model.fields, whole.rows(np.zeros(0, np.int64)))).shape == (0,)


def odd_numbers_are_no_crash(settings: Any) -> None:
    """Constant columns, unknown numbers, an extreme spender and losses are fitted, and everybody known has a group."""
    values = portraits().columns.values.copy()
    values[:, NAMES.index("discount_share")] = 0.0
    values[::7, NAMES.index("quiet_days")] = np.nan
    values[0, NAMES.index("spend")] = 1e13
    values[1, NAMES.index("spend")] = -5_000.0
    known = of(values)
    model = settings.fit(known, seed=0)
    told = np.isfinite(numbers_for(model.fields, known)).all(axis=1)
    assert (assigned(model, known)[told] >= 0).all()


LAWS: Final[tuple[Law, ...]] = (
    is_a_grouper, seed_decides_all, rows_are_independent, kept_and_restored, nothing_known_is_no_crash,
    odd_numbers_are_no_crash,
)  # fmt: skip


def check(settings: Any) -> None:
    """Hold a grouper to every law."""
    for law in LAWS:
        law(settings)
