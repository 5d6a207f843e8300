"""What is known of a person and a product together."""

from dataclasses import replace

import numpy as np
import pytest

from shopkeeper.core.action import Action
from shopkeeper.core.histories import MICROSECONDS_PER_DAY, Histories
from shopkeeper.features.candidates import Goods, fits, goods_of

NOW = 1_000 * MICROSECONDS_PER_DAY
NAN = float("nan")


def goods() -> Goods:
    """Two categories of three products each (1, 10, 100 and 5, 5, 5), then one without a category and a price."""
    return goods_of(
        np.array([1, 10, 100, 5, 5, 5, NAN], np.float32), np.array([0, 0, 0, 1, 1, 1, -1], np.int32),
        np.array([0, 1, -1, 0, 0, 1, -1], np.int32), np.linspace(0, 1, 7),
    )  # fmt: skip


def person(*acts: tuple[Action, int, float]) -> Histories:
    """(what, with which product, how many days ago), oldest first."""
    row = Histories.of_sequences([[product for _, product, _ in acts]])
    at = [NOW - int(days * MICROSECONDS_PER_DAY) for *_, days in acts]
    return replace(row, at=np.array(at, np.int64), action=np.array([action for action, *_ in acts], np.int8))


def test_known_values() -> None:
    """Worked out by hand: prices against their category, shares of doings (halved after 60 days), the last meeting."""
    past = person(
        (Action.ORDER, 1, 60.0), (Action.ORDER, 3, 0.0), (Action.ORDER, 1, 0.0), (Action.PRODUCT_VIEW, 0, 3.0)
    )
    found = fits(past, np.arange(7), goods(), NOW)
    dear = np.sqrt(1.5)  # ln 1, ln 10, ln 100: the outer ones are so many standard deviations away
    assert found["price_level"].tolist() == pytest.approx([-dear, 0, dear, 0, 0, 0, NAN], abs=1e-4, nan_ok=True)
    assert found["price_fit"].tolist() == pytest.approx([-dear, 0, -dear, 0, 0, 0, NAN], abs=1e-4, nan_ok=True)
    total = 0.5 + 1 + 1 + 0.2 * 0.5**0.05
    first, second = (1.5 + 0.2 * 0.5**0.05) / total, 1 / total
    assert found["category_fit"].tolist() == pytest.approx([first] * 3 + [second] * 3 + [0], abs=1e-4)
    mine, other = (1 + 0.2 * 0.5**0.05) / total, 1.5 / total
    assert found["brand_fit"].tolist() == pytest.approx([mine, other, 0, mine, mine, other, 0], abs=1e-4)
    assert found["own_days"].tolist() == pytest.approx([np.log(4), 0, NAN, 0, NAN, NAN, NAN], abs=1e-4, nan_ok=True)
    assert found["own_orders"].tolist() == [0, 2, 0, 1, 0, 0, 0]
    assert found["history"].tolist() == pytest.approx([np.log(5)] * 7, abs=1e-4)
    assert found["popularity"].tolist() == pytest.approx(np.linspace(0, 1, 7), abs=1e-4)


def test_what_a_person_pays_is_held_to_the_middle() -> None:
    """One dear order says a little, many say more; a person who ordered nothing says nothing."""
    dear = [fits(person(*[(Action.ORDER, 2, 0.0)] * times), np.array([2]), goods(), NOW) for times in (1, 10)]
    level = np.sqrt(1.5)
    assert [one["price_fit"][0] for one in dear] == pytest.approx([-level * 2 / 3, -level / 6], abs=1e-4)
    looked = fits(person((Action.PRODUCT_VIEW, 2, 0.0)), np.array([2]), goods(), NOW)
    assert np.isnan(looked["price_fit"]).all()


def test_rows_do_not_depend_on_each_other() -> None:
    """Law: a product's numbers are the same in any company and order, and products that the shop no longer has count
    for nothing."""
    past = person((Action.ORDER, 1, 9.0), (Action.CART_ADD, 5, 2.0), (Action.ORDER, 99, 1.0))
    some = np.array([5, 0, 6, 1])
    together = fits(past, some, goods(), NOW)
    for at, product in enumerate(some):
        alone = fits(past, np.array([product]), goods(), NOW)
        assert {name: column[at] for name, column in together.items()} == pytest.approx(
            {name: column[0] for name, column in alone.items()}, nan_ok=True, abs=0
        )
    without = fits(past.keep(past.product < 7), some, goods(), NOW)
    assert all(np.array_equal(together[name], without[name], equal_nan=True) for name in together)


def test_nobody_fits_nothing() -> None:
    """A person without any doing, and a shop without categories and prices, are no error."""
    empty = fits(person(), np.arange(7), goods(), NOW)
    assert (empty["category_fit"] == 0).all()
    assert np.isnan(empty["own_days"]).all()
    bare = goods_of(
        np.full(3, NAN, np.float32), np.full(3, -1, np.int32), np.full(3, -1, np.int32), np.zeros(3)
    )  # fmt: skip
    found = fits(person((Action.ORDER, 1, 1.0)), np.arange(3), bare, NOW)
    assert np.isnan(found["price_fit"]).all()
    assert (found["brand_fit"] == 0).all()
    assert found["own_orders"].tolist() == [0, 1, 0]
