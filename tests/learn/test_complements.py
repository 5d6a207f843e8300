"""Complements and substitutes: what came along in a basket or a visit, and of which kind."""

from dataclasses import replace

import numpy as np
import pytest

from shopkeeper.core.action import Action
from shopkeeper.core.histories import MICROSECONDS_PER_DAY, Histories
from shopkeeper.learn.complements import goes_with, in_baskets, in_visits, kinds_of
from shopkeeper.learn.recommend.association_rules import AssociationRules
from shopkeeper.learn.recommend.content import ContentBased
from shopkeeper.learn.snapshot import ArraySnapshot, nameless

PHONES, CASES = (0, 1, 2, 3), (4, 5, 6, 7)
GOODS = replace(
    nameless(9),
    categories=(np.array(["goods"] * 8 + [""], object), np.array(["phone"] * 4 + ["case"] * 4 + [""], object)),
)
KINDS = kinds_of(GOODS, 2)


def _shop() -> Histories:
    """Thirty people look at two phones in a visit and buy one with its case."""
    looked = Histories.of_sequences([[n % 4, (n + 1) % 4] for n in range(30)], action=Action.PRODUCT_VIEW)
    looked = replace(looked, at=np.tile(np.array([0, 60_000_000]), 30), order=np.full(60, -1, np.int32))
    bought = Histories.of_sequences([[n % 4, 4 + n % 4] for n in range(30)])
    later = replace(bought, at=np.full(60, MICROSECONDS_PER_DAY), order=np.zeros(60, np.int32))
    turn = np.argsort(np.concatenate([np.arange(60) // 2 * 4, np.arange(60) // 2 * 4 + 2]), kind="stable")
    columns = ("product", "at", "action", "quantity", "price", "order")
    both = {name: np.concatenate([getattr(looked, name), getattr(later, name)])[turn] for name in columns}
    return replace(looked, offsets=looked.offsets * 2, **both)


def test_kinds_are_whole_paths() -> None:
    """Golden: phones are of one kind and cases of another; what lacks the level has none; deeper means the deepest."""
    assert len(set(KINDS[:4])) == len(set(KINDS[4:8])) == 1
    assert KINDS[0] != KINDS[4]
    assert KINDS[8] == -1
    assert (kinds_of(GOODS, 5) == KINDS).all()
    assert len(set(kinds_of(GOODS, 1)[:8])) == 1


def test_what_came_along() -> None:
    """Golden: in visits all that came along is of the product's kind, in baskets nothing; nobody alone is asked."""
    people = _shop()
    baskets, visits = in_baskets(people, KINDS, 10**6), in_visits(people, KINDS, 10**6)
    assert (baskets.same_kind, visits.same_kind) == (0.0, 1.0)
    assert len(baskets.asked) == len(visits.asked) == 60
    assert (np.sort(np.abs(baskets.wanted.items - baskets.asked)) == 4).all()
    assert len(visits.wanted.items) == 0
    assert len(in_baskets(people, KINDS, 7).asked) == 7
    assert np.isnan(in_baskets(people.last(0), KINDS, 7).same_kind)


def test_rules_list_complements_and_likeness_substitutes() -> None:
    """Planted truth: what is bought together is found by rules and not by likeness, whose lists are of one kind; with
    nothing of its own kind no list has any."""
    known = ArraySnapshot.of(_shop(), GOODS)
    models = {"rules": AssociationRules(min_orders=1).fit(known), "like": ContentBased().fit(known)}
    baskets, visits = in_baskets(_shop(), KINDS, 10**6), in_visits(_shop(), KINDS, 10**6)
    rules, like = goes_with(models, baskets, visits, KINDS, now=2 * MICROSECONDS_PER_DAY, k=3)
    assert (rules.bought.value, rules.own_kind) == (1.0, 0.0)
    assert (like.bought.value, like.own_kind) == pytest.approx((0.0, 1.0))
    assert np.isnan(rules.viewed.value)
    for row in goes_with(models, baskets, visits, KINDS, now=2 * MICROSECONDS_PER_DAY, k=3, other_kind=True):
        assert row.own_kind == 0.0 or np.isnan(row.own_kind)
