"""Sequences of products: what counts, windows, padding, batches."""

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shopkeeper.core.action import Action
from shopkeeper.core.histories import Histories
from shopkeeper.learn.recommend.sequence.attributes import Attributes
from shopkeeper.learn.recommend.sequence.sequences import Sequences
from shopkeeper.testing.estimators import small_catalogue

people = st.lists(st.lists(st.integers(0, 9), max_size=14), min_size=1, max_size=6)
slow_machine = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""No test depends on how fast the machine is."""


def sequences(rows: list[list[int]], products: int = 10) -> Sequences:
    return Sequences.of(Histories.of_sequences(rows), products)


def test_what_nobody_wants_is_left_out() -> None:
    """Law: direct repeats count once at their newest event; products outside the catalogue and returns do not."""
    found = sequences([[1, 1, 2, 12, 2, 3], [], [1]])
    assert found.item.tolist() == [1, 2, 3, 1]
    assert found.event.tolist() == [1, 4, 5, 6]
    assert found.offsets.tolist() == [0, 3, 3, 4]
    returned = Histories.of_sequences([[4, 5]], action=Action.ORDER_RETURN)
    assert len(Sequences.of(returned, 10).item) == 0


@slow_machine
@given(people, st.integers(1, 6))
def test_windows_cover_every_step_once(rows: list[list[int]], length: int) -> None:
    """Law: every two neighbours of a sequence stand in exactly one window, and no window is longer than length + 1."""
    found = sequences(rows)
    windows = found.windows(length)
    steps = [(start + at, start + at + 1) for start, size in zip(windows.start, windows.size, strict=True)
             for at in range(size - 1)]  # fmt: skip
    ends = [(at, at + 1) for low, high in zip(found.offsets[:-1], found.offsets[1:], strict=True)
            for at in range(low, high - 1)]  # fmt: skip
    assert sorted(steps) == sorted(ends)
    assert (windows.size <= length + 1).all()


@slow_machine
@given(people, st.integers(1, 30))
def test_batches_hold_every_window_once(rows: list[list[int]], tokens: int) -> None:
    """Law: the batches are the windows, each once; none is larger than asked for unless it is a single window."""
    windows = sequences(rows).windows(5)
    groups = windows.batches(tokens, np.random.default_rng(0))
    starts = [int(start) for group in groups for start in group.start]
    assert sorted(starts) == sorted(windows.start.tolist())
    assert all(len(group) == 1 or len(group) * group.size.max() <= tokens for group in groups)


def test_padding_is_behind_the_end() -> None:
    """Golden: the newest items of each person, in their order, filled up with 0."""
    found = sequences([[1, 2, 3, 4], [5]])
    newest = found.newest(3)
    assert found.padded(newest, 4).tolist() == [[2, 3, 4, 0], [5, 0, 0, 0]]
    assert [(width, rows.tolist()) for width, rows in newest.by_width(3)] == [(1, [1]), (3, [0])]


def test_attributes_of_a_catalogue() -> None:
    """Law: a product has its categories of every level and its brand, weighted to the length of one vector."""
    found = Attributes.of_catalogue(small_catalogue())
    assert found.sizes.tolist() == [3] * 30
    assert np.allclose(np.add.reduceat(found.weight() ** 2, found.offsets[:-1]), 1.0)


def test_an_attribute_of_one_product_says_nothing() -> None:
    """Law: only what two products share is an attribute; items without a number are ignored."""
    named = {"a": ["red", "only"], "b": ["red"], "c": [], "stranger": ["red"]}
    found = Attributes.of_names(named, {"a": 0, "b": 1, "c": 2})
    assert (found.sizes.tolist(), found.count) == ([1, 1, 0], 1)
