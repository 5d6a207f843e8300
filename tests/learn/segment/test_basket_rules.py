"""Planted pairs are the rules that are found; the few and the accidental are not."""

import json

import numpy as np
import pytest

from shopkeeper.core.action import Action
from shopkeeper.core.errors import DataError
from shopkeeper.core.histories import Histories
from shopkeeper.learn.segment.basket_rules import BasketRules, FoundRules
from shopkeeper.learn.snapshot import ArraySnapshot
from shopkeeper.testing.estimators import nobody, small_catalogue

PEOPLE, ORDERS, PRODUCTS = 60, 20, 30


def shop(planted: float = 0.5, *, owner: int | None = None) -> ArraySnapshot:
    """Orders of two products by lot; product 1 is followed by 7 (``owner``: of that person's alone)."""
    dice = np.random.default_rng(3)
    rows: list[tuple[int, int, int]] = []
    for person in range(PEOPLE):
        for order in range(ORDERS):
            basket = {int(dice.integers(0, PRODUCTS)), int(dice.integers(0, PRODUCTS))}
            if owner is None and 1 in basket and dice.random() < planted:
                basket.add(7)
            if owner == person:
                basket |= {20, 21}
            rows += [(person, order, product) for product in sorted(basket)]
    person, order, product = (np.array(part) for part in zip(*rows, strict=True))
    offsets = np.concatenate([[0], np.cumsum(np.bincount(person, minlength=PEOPLE))])
    events = Histories(
        offsets=offsets.astype(np.int64), product=product.astype(np.int32),
        at=(order * 86_400_000_000).astype(np.int64),
        action=np.full(len(order), Action.ORDER, np.int8), quantity=np.ones(len(order), np.float32),
        price=np.ones(len(order), np.float32), order=order.astype(np.int32),
        people=np.array([f"c{number}" for number in range(PEOPLE)], object),
    )  # fmt: skip
    return ArraySnapshot.of(events, small_catalogue(PRODUCTS))


def test_a_planted_pair_is_the_first_rule_with_its_exact_numbers() -> None:
    """1 -> 7 comes first and is significant after Holm; support, confidence, lift and conviction are those counted by
    hand; without planting no rule of products is significant."""
    known = shop()
    table = BasketRules(min_orders=10).fit(known).tables["product"]
    assert {int(table.antecedent[0, 0]), int(table.consequent[0])} == {1, 7}
    assert table.holm[0] < 0.001
    row = next(n for n in range(len(table)) if table.antecedent[n, 0] == 1)
    events = known.histories()
    basket = events.row_of_event() * ORDERS + events.order
    has = [set(basket[events.product == product].tolist()) for product in (1, 7)]
    both, total = len(has[0] & has[1]), PEOPLE * ORDERS
    assert table.orders[row] == both
    assert table.support[row] == pytest.approx(both / total)
    assert table.confidence[row] == pytest.approx(both / len(has[0]))
    assert table.lift[row] == pytest.approx(both * total / len(has[0]) / len(has[1]))
    share = len(has[1]) / total
    assert table.conviction[row] == pytest.approx((1 - share) / (1 - table.confidence[row]))
    assert (BasketRules(min_orders=2, floor=1).fit(shop(0.0)).tables["product"].holm > 0.01).all()


def test_one_persons_habit_is_no_rule() -> None:
    """A pair in twenty orders of one customer is significant, but shown only where 20 customers made it."""
    known = shop(owner=5)
    alone = BasketRules(min_orders=5, floor=1).fit(known).tables["product"]
    pairs = [{int(left), int(right)} for left, right in zip(alone.antecedent[:, 0], alone.consequent, strict=True)]
    assert {20, 21} in pairs
    shown = BasketRules(min_orders=5).fit(known).tables["product"]
    assert all({int(a), int(b)} != {20, 21} for a, b in zip(shown.antecedent[:, 0], shown.consequent, strict=True))
    assert (shown.people >= 20).all()


def test_groups_have_rules_of_their_own_and_all_is_kept() -> None:
    """Each group's table counts its own orders; arrays and facts are all of the rules."""
    groups = {f"c{number}": "A" if number < 40 else "B" for number in range(PEOPLE)}
    found = BasketRules(min_orders=10, floor=5).fit(shop(), groups=groups)
    assert set(found.tables) == {"product", "category", "category:A", "category:B"}
    assert (found.counted["category:A"][0], found.counted["category:B"][0]) == (40 * ORDERS, 20 * ORDERS)
    again = FoundRules.restore({k: v.copy() for k, v in found.arrays().items()}, json.loads(json.dumps(found.facts())))
    assert all(np.array_equal(again.tables[key].lift, table.lift) for key, table in found.tables.items())
    assert again.categories == found.categories


def test_a_shop_without_orders_is_refused() -> None:
    """No orders: an error that says so."""
    with pytest.raises(DataError, match="no_orders_known"):
        BasketRules().fit(ArraySnapshot.of(nobody(3), small_catalogue()))
