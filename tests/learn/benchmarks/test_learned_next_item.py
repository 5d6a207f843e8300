"""The next item by the whole hybrid, on a small scale; and how answers are judged."""

import dataclasses

import numpy as np
import pytest

from shopkeeper.learn.benchmarks import learned_next_item
from shopkeeper.learn.benchmarks.judging import judged
from shopkeeper.learn.benchmarks.next_item import NextItem, next_item
from shopkeeper.learn.recommend.sequence.attention import SelfAttention


def walks(people: int = 700, items: int = 40) -> dict[str, list[str]]:
    """People who walk round a ring of items, now and then leaving one out."""
    dice = np.random.default_rng(5)
    steps = np.cumsum(1 + (dice.random((people, 7)) < 0.15), axis=1) + dice.integers(0, items, people)[:, None]
    return {f"u{n}": [f"i{at % items}" for at in row[: dice.integers(4, 8)]] for n, row in enumerate(steps)}


def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Networks that learn in a moment."""
    tiny = SelfAttention(dimensions=16, epochs=2, negatives=16)
    monkeypatch.setattr(learned_next_item, "SelfAttention", lambda: tiny)


def test_the_hybrid_foretells_the_walk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted truth: with networks and trees nine of ten next items are found; attributes may take part."""
    small(monkeypatch)
    people = walks()
    given = {user: items[:-1] for user, items in people.items()}
    attributes = {f"i{n}": [f"quarter {n // 10}"] for n in range(40)}
    for known in (None, attributes):
        found = next_item(given, NextItem(count=10, budget_seconds=60), known)
        (row, *_) = judged([found], given, people)
        assert row.figures["hit_rate@10"].value > 0.9
        assert "trees" in found.facts["weights"]
        assert found.facts["networks"]["attention"]["epochs"] >= 1
        assert not any(set(best) & set(given[user]) for user, best in zip(found.users, found.lists, strict=True))


def test_rows_and_spread_over_seeds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Golden: means over seeds and users, the deviation between seeds, and groups by what makes it hard."""
    people = {"a": ["x", "y"], "b": ["y", "x"], "c": ["x", "z", "y", "w", "v"]}
    first = next_item(people, NextItem(count=3, budget_seconds=0))
    hit = dataclasses.replace(first, lists=[["v"], ["q"], ["v"]])
    miss = dataclasses.replace(first, lists=[["q"], ["q"], ["q"]])
    truth = {user: [*items, "v"] for user, items in people.items()}
    rows = {row.group: row for row in judged([hit, miss], people, truth)}
    assert rows["all"].figures["hit_rate@10"].value == pytest.approx(1 / 3)
    assert rows["all"].spread["hit_rate@10"] == pytest.approx((2 / 3) / np.sqrt(2))
    assert (rows["short_history"].users, rows["cold_item"].users) == (2, 3)
    assert judged([hit], people, {"stranger": ["x"]}) == []
