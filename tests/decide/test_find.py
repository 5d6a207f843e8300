"""Finding: the best of what is allowed, and honest words about what is not."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_shop import catalogue

from shopkeeper.core.opinion import opinion_of
from shopkeeper.decide.find import Found, Layer, best, find
from shopkeeper.decide.shelf import shelf_of

SHELF = shelf_of(catalogue(12))
SCORES = st.lists(st.sampled_from([np.nan, -np.inf, 0.0, 1.0, 2.5, 3.0]), min_size=12, max_size=12)
MASKS = st.lists(st.booleans(), min_size=12, max_size=12).map(np.array)


def layer(scores: list[float]) -> Layer:
    return opinion_of(np.array(scores, np.float32), lambda _: [])


def split(scores: list[float], own: np.ndarray) -> Layer:
    """The same scores as a few own ones over a base, whose values for those are nonsense."""
    row = np.array(scores, np.float32)
    mine = np.flatnonzero(own & np.isfinite(row))
    base = row.copy()
    base[mine] = 99.0
    return Layer(own=mine, scores=row[mine], base=base, explain=lambda _: [])


def run(first: list[float], second: list[float], allowed: np.ndarray, count: int, pins: list[int]) -> Found:
    layers = [lambda: layer(first), lambda: layer(second)]
    return find(layers, allowed, SHELF, count=count, day=3, pins=np.array(pins, np.int64))


def slowly(first: list[float], second: list[float], allowed: np.ndarray, count: int) -> list[int]:
    """The same by sorting everything."""
    tie = SHELF.ties(np.arange(12), 3)
    ranked = [
        (place, -scores[item], int(tie[item]), item)
        for place, scores in enumerate((first, second))
        for item in range(12)
        if allowed[item] and np.isfinite(scores[item]) and not (place and np.isfinite(first[item]))
    ]
    return [item for *_, item in sorted(ranked)][:count]


@given(
    first=SCORES, second=SCORES, allowed=MASKS, count=st.integers(1, 14), pins=st.lists(st.integers(0, 11), max_size=2)
)
@settings(max_examples=300, deadline=None)
def test_found_is_what_sorting_everything_finds(
    first: list[float], second: list[float], allowed: np.ndarray, count: int, pins: list[int]
) -> None:
    """Candidates are the allowed best, then allowed pins; removed is what would be there without rules, and refused."""
    found = run(first, second, allowed, count, pins)
    known = slowly(first, second, allowed, count)
    late = [pin for pin in dict.fromkeys(pins) if allowed[pin] and pin not in known]
    free = slowly(first, second, np.ones(12, np.bool_), count)
    assert found.products.tolist() == known + late
    assert set(found.removed) == {item for item in free + pins if not allowed[item]}
    assert (np.diff(found.utility) <= 0).all()
    assert len(found.products) == len(found.layer) == len(found.score) == len(found.utility)


@given(first=SCORES, second=SCORES, allowed=MASKS, own=MASKS, count=st.integers(1, 14), day=st.integers(0, 2))
@settings(max_examples=300, deadline=None)
def test_own_scores_over_a_base_are_found_like_a_whole_row(
    first: list[float], second: list[float], allowed: np.ndarray, own: np.ndarray, count: int, day: int
) -> None:
    """How a layer's scores are split into its own and the base does not change what is found."""
    pins = np.array([3], np.int64)
    whole = find([lambda: layer(first), lambda: layer(second)], allowed, SHELF, count=count, day=day, pins=pins)
    some = find(
        [lambda: split(first, own), lambda: split(second, own)], allowed, SHELF, count=count, day=day, pins=pins
    )
    for name in ("products", "layer", "score", "utility"):
        np.testing.assert_array_equal(getattr(some, name), getattr(whole, name))
    assert some.removed == whole.removed


def test_a_base_is_walked_until_enough_are_allowed() -> None:
    """Where the best of a base are refused, the next allowed ones are found, however far down."""
    shelf = shelf_of(catalogue(500))
    base = np.arange(500, 0, -1).astype(np.float32)
    none = np.zeros(0, np.int64)
    layer = Layer(own=none, scores=base[none], base=base, explain=lambda _: [])
    products, scores = best(layer, np.arange(500) > 490, shelf, count=5, day=0)
    assert products.tolist() == [491, 492, 493, 494, 495]
    assert scores.tolist() == [9.0, 8.0, 7.0, 6.0, 5.0]


def test_a_later_layer_is_not_asked_without_need() -> None:
    """Where the first layer has enough, the second is never scored."""

    def never() -> Layer:
        raise AssertionError("asked")

    first = layer([float(row) for row in range(12)])
    found = find([lambda: first, never], np.arange(12) > 1, SHELF, count=5, day=0, pins=np.empty(0, np.int64))
    assert found.products.tolist() == [11, 10, 9, 8, 7]


def test_best_takes_ties_by_the_day() -> None:
    """Of many equal products the day's hash picks, and the kept ones change from day to day."""
    same, everything = np.ones(12, np.float32), np.ones(12, np.bool_)
    equal = opinion_of(same, lambda _: [])
    days = {tuple(best(equal, everything, SHELF, count=3, day=day)[0].tolist()) for day in range(10)}
    assert len(days) > 5
    assert all(len(set(day)) == 3 for day in days)
