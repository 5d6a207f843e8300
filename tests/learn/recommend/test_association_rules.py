"""The recommender made of association rules."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np
import pytest

from shopkeeper.core.action import Action
from shopkeeper.core.histories import Catalogue, Histories
from shopkeeper.learn.recommend.association_rules import AssociationRules, AssociationRulesModel

BREAD, BUTTER, MILK, CAVIAR, BLINI = range(5)


@dataclass
class Shop:
    """A snapshot of given histories."""

    histories_: Histories
    products: int = 5
    moment: datetime = datetime(2024, 1, 1, tzinfo=UTC)

    def histories(self) -> Histories:
        return self.histories_

    def catalogue(self) -> Catalogue:
        text = np.array([f"p{at}" for at in range(self.products)], object)
        number = np.ones(self.products, np.float32)
        return Catalogue(
            ids=text, names=text, brands=text, categories=(text,), price=number, cost=number, in_stock=number > 0
        )

    def as_of(self, moment: datetime) -> "Shop":
        return self


def orders(baskets: list[list[int]]) -> Histories:
    """One person a basket."""
    return replace(Histories.of_sequences(baskets), order=np.zeros(sum(map(len, baskets)), np.int32))


BASKETS = [[BREAD, BUTTER, MILK]] * 6 + [[BREAD, MILK]] * 6 + [[CAVIAR, BLINI, MILK]] * 4 + [[MILK]] * 8


@pytest.fixture(scope="module")
def model() -> AssociationRulesModel:
    return AssociationRules(min_orders=3).fit(Shop(orders(BASKETS)))


def test_a_product_page_shows_what_belongs_to_it(model: AssociationRulesModel) -> None:
    """Beside caviar stand blini; milk, which is in every order, has lift 1 and is beside nothing."""
    scores = model.score(Histories.of_sequences([[CAVIAR]]), 0)[0]
    assert np.nanargmax(scores) == BLINI
    assert np.isnan(scores[[BREAD, BUTTER, MILK, CAVIAR]]).all()


def test_the_reason_is_the_rule(model: AssociationRulesModel) -> None:
    """6 of 12 bread orders have butter, 6 of 24 orders have butter: confidence 1/2, lift 2."""
    reason = model.reason(Histories.of_sequences([[CAVIAR, BREAD]]), BUTTER, 0)
    assert reason is not None
    assert (reason.key, reason.scorer) == ("often_bought_with", "association_rules")
    assert reason.facts == {"product_index": BREAD, "confidence": 0.5, "lift": 2.0, "orders": 6}
    assert model.reason(Histories.of_sequences([[CAVIAR]]), BUTTER, 0) is None


def test_strength_by_hand(model: AssociationRulesModel) -> None:
    """Bread → butter: Wilson's lower end of 6 of 12 (0.2538) over the root of butter's share 6 / 24."""
    score = model.score(Histories.of_sequences([[BREAD]]), 0)[0, BUTTER]
    assert score == pytest.approx(0.2538 / 0.5, abs=1e-4)


def test_nobody_and_the_unknown_have_no_scores(model: AssociationRulesModel) -> None:
    """No history, a product newer than the model, or a removal from the cart: all NaN."""
    removed = Histories.of_sequences([[BREAD]], action=Action.CART_REMOVE)
    for profile in (Histories.of_sequences([[]]), Histories.of_sequences([[99]]), removed):
        assert np.isnan(model.score(profile, 0)).all()


def test_long_rules_need_their_whole_antecedent() -> None:
    """{a, b} → c fires for who has a and b and not for who has only one of them."""
    baskets = [[0, 1, 2]] * 6 + [[0], [1], [2]] * 20 + [[0, 3], [1, 3]] * 5 + [[3]] * 60
    model = AssociationRules(min_orders=4, max_length=3).fit(Shop(orders(baskets)))
    both, single = model.score(Histories.of_sequences([[0, 1], [0, 3]]), 0)[:, 2]
    alone = AssociationRules(min_orders=4).fit(Shop(orders(baskets))).score(Histories.of_sequences([[0]]), 0)[0, 2]
    assert both > single == alone


def test_giant_baskets_are_cut() -> None:
    """Only the first ``max_basket`` products of an order make pairs."""
    model = AssociationRules(min_orders=1, max_basket=2).fit(Shop(orders([[4, 3, 2, 1, 0], [4]])))
    assert list(zip(model.confidence.tolist(), model.consequent.tolist(), strict=True)) == [(1.0, 1), (1.0, 0)]


def test_a_shop_without_orders_has_no_rules() -> None:
    """Views alone make no rules and no error."""
    model = AssociationRules().fit(Shop(Histories.of_sequences([[0, 1]], action=Action.PRODUCT_VIEW)))
    assert np.isnan(model.score(Histories.of_sequences([[0]]), 0)).all()


def test_restored_is_the_same(model: AssociationRulesModel) -> None:
    """Kept as arrays and facts, it scores the same."""
    again = AssociationRulesModel.restore(model.arrays(), model.facts())
    people = Histories.of_sequences([[0, 3], [], [1]])
    np.testing.assert_array_equal(again.score(people, 0), model.score(people, 0))
