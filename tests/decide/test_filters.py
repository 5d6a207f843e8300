"""Each filter refuses exactly what its name says."""

from dataclasses import replace

import numpy as np
import pytest
from tiny_shop import bought, catalogue, context, then

from shopkeeper.core.action import Action
from shopkeeper.core.histories import Histories
from shopkeeper.decide.rules import Filter, judge
from shopkeeper.decide.rules.asked import (
    AskedBrands,
    AskedCategories,
    AskedPrice,
    AskedTags,
    Excluded,
    NotOfItsKind,
    NotOnPage,
)
from shopkeeper.decide.rules.goods import Banned, HasPrice, InStock, MarginFloor
from shopkeeper.decide.rules.past import AlreadyBought, AlreadySeen, Dismissed, ShownEnough
from shopkeeper.decide.shelf import shelf_of

NAN = float("nan")
GOODS = replace(
    catalogue(4),
    price=np.array([10, 10, NAN, 0], np.float32),
    cost=np.array([9, NAN, 1, 1], np.float32),
    in_stock=np.array([True, False, True, True]),
    tags=np.array(['["Sale"]', "sale, new", '["sale", {"colour": ["red"]}, null]', ""], object),
)
OLD, NEW = bought(1, days_ago=40), bought(1, days_ago=3)


@pytest.mark.parametrize(
    ("rule", "past", "about", "allowed"),
    [
        (InStock(), None, {}, [1, 0, 1, 1]),
        (HasPrice(), None, {}, [1, 1, 0, 1]),
        (MarginFloor(least=0.1), None, {}, [1, 1, 1, 1]),
        (MarginFloor(least=0.2), None, {}, [0, 1, 1, 1]),
        (MarginFloor(least=0.1, strict=True), None, {}, [1, 0, 0, 0]),
        (Banned(products=("P0", "ghost")), None, {}, [0, 1, 1, 1]),
        (Banned(categories=("aisle 1", "ghost")), None, {}, [1, 0, 1, 1]),
        (AskedCategories(), None, {}, [1, 1, 1, 1]),
        (AskedCategories(), None, {"categories": ("aisle 0", "shelf 2")}, [1, 0, 1, 1]),
        (AskedCategories(), None, {"categories": ("ghost",)}, [0, 0, 0, 0]),
        (AskedBrands(), None, {}, [1, 1, 1, 1]),
        (AskedBrands(), None, {"brands": ("brand 1", "brand 3", "ghost")}, [0, 1, 0, 1]),
        (AskedBrands(), None, {"brands": ("ghost",)}, [0, 0, 0, 0]),
        (AskedTags(), None, {}, [1, 1, 1, 1]),
        (AskedTags(), None, {"tags": ("SALE",)}, [1, 1, 1, 0]),
        (AskedTags(), None, {"tags": ("sale", "colour:red")}, [0, 0, 1, 0]),
        (AskedTags(), None, {"tags": ("ghost",)}, [0, 0, 0, 0]),
        (AskedPrice(), None, {}, [1, 1, 1, 1]),
        (AskedPrice(), None, {"price_min": 0.01}, [1, 1, 0, 0]),
        (AskedPrice(), None, {"price_max": 10.0}, [1, 1, 0, 1]),
        (AskedPrice(), None, {"price_min": 2.0, "price_max": 1.0}, [0, 0, 0, 0]),
        (Excluded(), None, {"exclude": ("P3", "ghost")}, [1, 1, 1, 0]),
        (Dismissed(), None, {}, [1, 1, 1, 1]),
        (Dismissed(), bought(1, 99), {}, [1, 1, 1, 1]),
        (Dismissed(), bought(1, 99, action=Action.DISMISS), {}, [1, 0, 1, 1]),
        (Dismissed(days=0.5), bought(1, action=Action.DISMISS), {}, [1, 1, 1, 1]),
        (Dismissed(), then((Action.DISMISS, 1, 3), (Action.CART_ADD, 1, 2)), {}, [1, 1, 1, 1]),
        (Dismissed(), then((Action.CART_ADD, 1, 3), (Action.DISMISS, 1, 2)), {}, [1, 0, 1, 1]),
        (ShownEnough(times=2), None, {}, [1, 1, 1, 1]),
        (ShownEnough(times=2), bought(1, 1, 2, 99, action=Action.IMPRESSION), {}, [1, 0, 1, 1]),
        (ShownEnough(times=2), bought(1, 1, days_ago=8, action=Action.IMPRESSION), {}, [1, 1, 1, 1]),
        (
            ShownEnough(times=2),
            then((Action.IMPRESSION, 1, 3), (Action.CLICK, 1, 3), (Action.IMPRESSION, 1, 2)),
            {},
            [1, 1, 1, 1],
        ),
        (NotOfItsKind(level=1), None, {}, [1, 1, 1, 1]),
        (NotOfItsKind(level=1), None, {"product": "P0"}, [0, 1, 1, 0]),
        (NotOfItsKind(level=9), None, {"product": "P1", "cart": ("P3", "ghost")}, [1, 0, 1, 0]),
        (NotOfItsKind(level=2), None, {"product": "P0"}, [1, 1, 1, 1]),
        (NotOnPage(), None, {"product": "P1", "cart": ("P2", "ghost")}, [1, 0, 0, 1]),
        (AlreadyBought(), None, {}, [1, 1, 1, 1]),
        (AlreadyBought(), OLD, {}, [1, 0, 1, 1]),
        (AlreadyBought(days=30.0), OLD, {}, [1, 1, 1, 1]),
        (AlreadyBought(days=30.0), NEW, {}, [1, 0, 1, 1]),
        (AlreadyBought(), bought(1, action=Action.PRODUCT_VIEW), {}, [1, 1, 1, 1]),
        (AlreadySeen(days=2.0), bought(0, 3, action=Action.PRODUCT_VIEW), {}, [0, 1, 1, 0]),
        (AlreadyBought(), bought(99), {}, [1, 1, 1, 1]),
    ],
)
def test_allowed(rule: Filter, past: Histories | None, about: dict[str, object], allowed: list[int]) -> None:
    """(rule, history, request) -> which of four products it allows; None stands for all of them."""
    said = rule.allowed(context(GOODS, past, **about))
    assert (np.ones(4, np.bool_) if said is None else said).tolist() == [bool(one) for one in allowed]


def test_a_rule_about_goods_is_asked_once_a_catalogue() -> None:
    """What depends on the catalogue alone is kept with it; a change of stock makes it be asked again."""
    rule = InStock()
    goods = replace(GOODS, in_stock=np.array([True, False, True, True]))
    shelf = shelf_of(goods)
    first, again = judge((rule,), context(goods)), judge((rule,), context(goods, OLD))
    assert first.each[0] is again.each[0]
    assert shelf_of(goods) is shelf
    sold_out = replace(goods, in_stock=np.array([False, False, True, True]))
    assert judge((rule,), context(sold_out)).allowed.tolist() == [False, False, True, True]
    assert judge((rule,), context(goods)).allowed.tolist() == [True, False, True, True]


def test_the_first_refusal_counts() -> None:
    """A product refused by several rules is named with the first of them."""
    verdicts = judge((Banned(products=("P1",)), InStock(), Banned(products=("P3",), name="season")), context(GOODS))
    assert [verdicts.refusal(product) for product in range(4)] == ["", "banned", "", "season"]
    assert verdicts.allowed.tolist() == [True, False, True, False]
