"""Choosing settings."""

import time

from shopkeeper.learn.benchmarks.search import climb

GRID = {"x": (0, 1, 2, 3, 4), "y": (0, 1, 2, 3, 4)}


def test_climbs_to_the_top_of_a_hill() -> None:
    """Law: where each setting can be chosen alone, the best of the grid is found, each candidate judged once."""
    judged = []

    def judge(at: dict[str, int]) -> float:
        judged.append((at["x"], at["y"]))
        return -((at["x"] - 3) ** 2) - (at["y"] - 1) ** 2

    chosen = climb(judge, {"x": 0, "y": 0}, GRID, until=time.monotonic() + 60)
    assert chosen.settings == {"x": 3, "y": 1}
    assert chosen.value == 0
    assert chosen.tried == len(judged) == len(set(judged))


def test_without_time_the_start_is_kept() -> None:
    """Law: nothing but the start is judged after the last moment."""
    chosen = climb(lambda at: at["x"], {"x": 0, "y": 0}, GRID, until=time.monotonic() - 1)
    assert (chosen.settings, chosen.tried) == ({"x": 0, "y": 0}, 1)


def test_equal_values_keep_the_earlier() -> None:
    """Law: a change that gains nothing is not made."""
    assert climb(lambda at: 1.0, {"x": 2, "y": 2}, GRID, until=time.monotonic() + 60).settings == {"x": 2, "y": 2}
