"""The shelf: texts as numbers, ties without favour."""

from dataclasses import replace

import numpy as np
from tiny_shop import catalogue

from shopkeeper.decide.shelf import shelf_of


def test_paths_tell_equal_words_in_different_places_apart() -> None:
    """ "Other" of one aisle is not "other" of another, but asking for "other" finds both; absent texts are -1."""
    goods = replace(
        catalogue(4),
        categories=(
            np.array(["food", "food", "care", ""], object),
            np.array(["other", "other", "other", ""], object),
        ),
    )
    shelf = shelf_of(goods)
    assert shelf.paths[1][0] == shelf.paths[1][1] != shelf.paths[1][2]
    assert shelf.within(("other",)).tolist() == [True, True, True, False]
    assert (shelf.paths[0][3], shelf.paths[1][3]) == (-1, -1)


def test_a_shelf_is_kept_while_the_texts_are_the_same() -> None:
    """New stock and prices come through at once, without counting the texts anew."""
    goods = catalogue(4)
    sold = replace(goods, in_stock=np.zeros(4, np.bool_))
    assert shelf_of(sold).hashes is shelf_of(goods).hashes
    assert not shelf_of(sold).catalogue.in_stock.any()
    assert shelf_of(goods).catalogue.in_stock.all()


def test_ties_depend_on_id_and_day_only() -> None:
    """A product's place among equals is the same in every catalogue, and another one the next day."""
    small, large = shelf_of(catalogue(5)), shelf_of(catalogue(50))
    rows = np.arange(5)
    assert small.ties(rows, 7).tolist() == large.ties(rows, 7).tolist()
    orders = {tuple(np.argsort(small.ties(rows, day))) for day in range(20)}
    assert len(orders) > 5
