"""Finding: the best of what is allowed, and honest words about what is not."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_shop import catalogue

from shopkeeper.decide.find import Found, Layer, best, find
from shopkeeper.decide.shelf import shelf_of

SHELF = shelf_of(catalogue(12))
SCORES = st.lists(st.sampled_from([np.nan, -np.inf, 0.0, 1.0, 2.5, 3.0]), min_size=12, max_size=12)
MASKS = st.lists(st.booleans(), min_size=12, max_size=12).map(np.array)


def layer(scores: list[float]) -> Layer:
    return Layer(scores=np.array(scores, np.float32), explain=lambda _: [])


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
    days = {tuple(best(same, everything, SHELF, count=3, day=day).tolist()) for day in range(10)}
    assert len(days) > 5
    assert all(len(set(day)) == 3 for day in days)
