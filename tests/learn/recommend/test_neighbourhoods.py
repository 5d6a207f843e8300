"""The three neighbourhood models: formulas by hand, planted tastes, baskets, ties."""

from dataclasses import replace
from math import log, sqrt
from typing import Any

import numpy as np
import pytest

from shopkeeper.core.action import Action
from shopkeeper.core.histories import Histories
from shopkeeper.learn.recommend.item_knn import ItemKNN
from shopkeeper.learn.recommend.sequential_knn import SequentialItemKNN
from shopkeeper.learn.recommend.user_knn import UserKNN
from shopkeeper.learn.snapshot import ArraySnapshot
from shopkeeper.testing.estimators import one_item

FOR_EVER = 1e12
MODELS = [ItemKNN(shrink=1.0), SequentialItemKNN(window=40), UserKNN(shrink=1.0)]


def checkerboard(size: int) -> list[list[int]]:
    """Person u has every product of u's parity but product u, in an order of their own."""
    dice = np.random.default_rng(5)
    return [dice.permutation([i for i in range(u % 2, size, 2) if i != u]).tolist() for u in range(size)]


@pytest.mark.parametrize("settings", MODELS, ids=lambda settings: type(settings).__name__)
def test_the_missing_square_is_found(settings: Any) -> None:
    """On a checkerboard with one hole a row, the best new product for each person is the hole."""
    shop = ArraySnapshot.of_sequences(checkerboard(40), 40)
    people = shop.histories()
    scores = np.nan_to_num(settings.fit(shop).score(people, 0), nan=-1.0)
    scores[people.row_of_event(), people.product] = -1.0
    assert scores.argmax(axis=1).tolist() == list(range(40))


def test_item_cosine_by_hand() -> None:
    """With alpha 0.5 the similarity is the shrunk cosine of the columns, with alpha 1 the conditional probability."""
    shop = ArraySnapshot.of_sequences([[0, 1], [0, 1], [0, 2]], 4)
    cosine = ItemKNN(shrink=3.0, half_life_days=FOR_EVER).fit(shop).score(one_item(0), 0)[0]
    assert cosine == pytest.approx([np.nan, 2 / (sqrt(6) + 3), 1 / (sqrt(3) + 3), np.nan], nan_ok=True)
    given = ItemKNN(shrink=0.0, alpha=1.0, half_life_days=FOR_EVER).fit(shop).score(one_item(0), 0)[0]
    assert given[1:3] == pytest.approx([2 / 3, 1 / 3])


def test_sequential_pairs_by_hand() -> None:
    """A gap of one adds 1, of two ``decay``; the way back ``backward`` times that; all over the normaliser."""
    settings = SequentialItemKNN(decay=0.5, backward=0.25, alpha=1.0, beta=0.0, shrink=1.0)
    model = settings.fit(ArraySnapshot.of_sequences([[0, 1, 2], [0, 1]], 3))
    assert model.score(one_item(0), 0)[0] == pytest.approx([np.nan, 2 / 3, 0.5 / 3], nan_ok=True)
    assert model.score(one_item(2), 0)[0] == pytest.approx([0.125 / 2, 0.25 / 2, np.nan], nan_ok=True)
    both = model.score(Histories.of_sequences([[0, 1]]), 0)[0]  # product 0 is one step older
    assert both[2] == pytest.approx((0.5 / 3) * settings.query_decay + 1 / 3)


def test_the_window_ends() -> None:
    """Products further apart than the window are no pair."""
    model = SequentialItemKNN(window=2).fit(ArraySnapshot.of_sequences([[0, 1, 2, 3]], 4))
    assert np.isnan(model.score(one_item(0), 0)[0]).tolist() == [True, False, False, True]


def test_a_basket_has_no_order() -> None:
    """Products of one order are pairs of weight 1 both ways, one step for all, however they are listed."""
    events = Histories.of_sequences([[0, 1, 2], [3, 2, 1, 0]])
    first = replace(events, order=np.array([0, 0, 1, 0, 1, 1, 1], np.int32))
    second = replace(first, product=np.array([1, 0, 2, 3, 0, 2, 1], np.int32))  # the same baskets, listed otherwise
    settings = SequentialItemKNN(decay=0.5, backward=0.25, alpha=0.0, beta=0.0, shrink=0.0)
    one, other = (settings.fit(ArraySnapshot.of(listed, 4)) for listed in (first, second))
    for item in range(4):
        answer = one.score(one_item(item), 0)
        np.testing.assert_array_equal(answer, other.score(one_item(item), 0))
    assert one.score(one_item(0), 0)[0] == pytest.approx([np.nan, 2.0, 2.0, 0.25], nan_ok=True)


def test_repeats_are_one_step() -> None:
    """Looking at a product three times in a row is one step and counts no more than one order."""
    kinds = [Action.PRODUCT_VIEW, Action.CART_ADD, Action.ORDER, Action.ORDER]
    events = replace(Histories.of_sequences([[0, 0, 0, 1]]), action=np.array(kinds, np.int8))
    settings = SequentialItemKNN(alpha=0.0, beta=0.0, shrink=0.0, window=1)
    model = settings.fit(ArraySnapshot.of(events, 2))
    assert model.score(one_item(0), 0)[0] == pytest.approx([np.nan, 1.0], nan_ok=True)


def test_user_cosine_by_hand() -> None:
    """Rarity-weighted cosine, shrunk by the number of common products, times what the neighbour has."""
    shop = ArraySnapshot.of_sequences([[0, 1], [0, 2]], 3)
    model = UserKNN(shrink=1.0, half_life_days=FOR_EVER).fit(shop)
    common, rare = log(3 / 2), log(3 / 1)
    similar = common / sqrt(common**2 + rare**2) * 1 / (1 + 1)
    assert model.score(one_item(0), 0)[0] == pytest.approx([2 * similar, similar, similar])
    reason = model.reason(one_item(0), 0, 0)
    assert reason is not None
    assert (reason.key, reason.facts) == ("like_you", {"people": 2})


def test_only_the_newest_buyers_are_looked_at() -> None:
    """With ``buyers=1`` the older buyer's other products cannot be found."""
    shop = ArraySnapshot.of_sequences([[0, 1], [3, 4, 0, 2]], 5)
    scores = UserKNN(buyers=1).fit(shop).score(one_item(0), 0)[0]
    assert np.isnan(scores[1])
    assert np.isfinite(scores[2])


def test_the_reason_names_what_adds_most() -> None:
    """Of the history's products the one with the largest share is named, as bought or as viewed."""
    shop = ArraySnapshot.of_sequences([[0, 2], [0, 2], [0, 2], [1, 2], [1, 3]], 4)
    history = replace(Histories.of_sequences([[0, 1]]), action=np.array([Action.PRODUCT_VIEW, Action.ORDER], np.int8))
    for settings in (ItemKNN(shrink=0.0), SequentialItemKNN()):
        bought = settings.fit(shop).reason(history, 3, 0)
        assert bought is not None
        assert bought.key == "because_bought"
        assert bought.facts["product_index"] == 1
        viewed = settings.fit(shop).reason(history.last(2).keep(history.product == 0), 2, 0)
        assert viewed is not None
        assert (viewed.key, viewed.facts) == ("because_viewed", {"product_index": 0, "at": 0})


@pytest.mark.parametrize("kind", [ItemKNN, SequentialItemKNN])
def test_ties_do_not_go_by_number(kind: Any) -> None:
    """Of equally good neighbours another one is kept under another seed: numbers of products mean nothing."""
    shop = ArraySnapshot.of_sequences([[0, other] for other in range(1, 30)], 30)
    kept = {int(np.nanargmax(kind(neighbours=1).fit(shop, seed=seed).score(one_item(0), 0))) for seed in range(8)}
    assert len(kept) > 3


def test_a_return_takes_its_order_back() -> None:
    """Who returned a product is nobody who wants it."""
    kinds = [Action.ORDER, Action.ORDER, Action.ORDER_RETURN]
    events = replace(Histories.of_sequences([[0, 1, 1]]), action=np.array(kinds, np.int8))
    model = ItemKNN(half_life_days=FOR_EVER).fit(ArraySnapshot.of(events, 2))
    assert np.isnan(model.score(one_item(0), 0)).all()
