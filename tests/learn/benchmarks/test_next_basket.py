"""The next basket."""

import numpy as np

from shopkeeper.learn.benchmarks.next_basket import NextBasket, next_basket

PEOPLE = {
    "milk": [["milk", "egg"], ["milk"], ["milk", "tea"], ["milk"]],
    "tea": [["tea", "tea"], ["tea", "cup"], ["tea"]],
    "new": [["egg"]],
} | {f"u{n}": [["milk", "egg"], ["egg", "milk"], ["milk"]] for n in range(6)}


def test_favourites_come_first() -> None:
    """Law: what a person buys in every basket leads the list; repeats are allowed."""
    found = next_basket(PEOPLE, NextBasket(count=4))
    lists = dict(zip(found.users, found.lists, strict=True))
    assert lists["milk"][0] == "milk"
    assert lists["tea"][0] == "tea"
    assert all(len(best) == len(set(best)) == 4 for best in found.lists)
    assert (found.items, found.baskets) == (4, 4 + 3 + 1 + 18)


def test_equal_seeds_agree_and_no_time_is_no_error() -> None:
    """Law: a budget of nothing keeps the first settings; equal seeds give equal lists."""
    first, second = (next_basket(PEOPLE, NextBasket(budget_seconds=0)) for _ in range(2))
    assert first.lists == second.lists
    assert first.tried == 1


def test_one_basket_each() -> None:
    """Law: where nothing can be validated there is an answer nevertheless."""
    found = next_basket({"a": [["x", "y"]], "b": [["y"]]}, NextBasket(count=2))
    assert found.tried == 0
    assert found.lists[1][0] == "y"
    assert np.isnan(found.validation["ndcg@10"].value)
