"""Splits: nothing of the future is known, and everything wanted lies in it."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from shopkeeper.core.action import Action
from shopkeeper.core.histories import MICROSECONDS_PER_DAY, Histories
from shopkeeper.measure.protocol import bought_before, leave_last_basket_out, leave_one_out, time_split

sequences = st.lists(st.lists(st.integers(0, 5), max_size=6), min_size=1, max_size=6)


@given(sequences, st.integers(0, 6), st.integers(1, 4))
def test_time_split_never_leaks(people: list[list[int]], day: int, days: int) -> None:
    """Law: known lies before the cut, wanted are exactly the distinct products of the window after it."""
    moment = day * MICROSECONDS_PER_DAY
    split = time_split(Histories.of_sequences(people), moment, days)
    assert (split.known.at < moment).all()
    for row, items in enumerate(people):
        got = split.wanted.items[split.wanted.offsets[row] : split.wanted.offsets[row + 1]]
        assert got.tolist() == sorted(set(items[day : day + days]))


@given(sequences)
def test_leave_one_out_takes_the_newest(people: list[list[int]]) -> None:
    """Law: the newest item is wanted and the rest known; a person with one item keeps it and is not judged."""
    split = leave_one_out(Histories.of_sequences(people))
    for row, items in enumerate(people):
        known = split.known.rows(np.array([row])).product.tolist()
        assert known == (items[:-1] if len(items) > 1 else items)
    assert split.wanted.sizes.tolist() == [int(len(items) > 1) for items in people]


def test_only_orders_are_wanted() -> None:
    """Law: views after the cut are not what a person wanted, orders are."""
    split = time_split(Histories.of_sequences([[1, 2]], action=Action.PRODUCT_VIEW), 0, 9)
    assert split.wanted.unjudged == 1


def test_last_basket_goes_as_a_whole() -> None:
    """Law: all lines of the newest basket are wanted, once each; a person with one basket keeps it."""
    histories = Histories.of_sequences([[1, 2, 3, 3], [4, 5]])
    baskets = Histories(
        offsets=histories.offsets, product=histories.product, at=histories.at, action=histories.action,
        quantity=histories.quantity, price=histories.price, people=histories.people,
        order=np.array([0, 1, 1, 1, 0, 0], np.int32),
    )  # fmt: skip
    split = leave_last_basket_out(baskets)
    assert split.known.product.tolist() == [1, 4, 5]
    assert split.wanted.items.tolist() == [2, 3]
    assert split.wanted.sizes.tolist() == [2, 0]


def test_repeats_are_told_from_discoveries() -> None:
    """Law: a wanted item is a repeat exactly when its person ordered it before."""
    split = leave_one_out(Histories.of_sequences([[1, 2, 1], [1, 3]]))
    assert bought_before(split.known, split.wanted, 5).tolist() == [True, False]
