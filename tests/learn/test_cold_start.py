"""Rows of their own for those of whom little is known."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from shopkeeper.core.histories import Histories
from shopkeeper.learn.cold_start import GROUPS, Thresholds
from shopkeeper.learn.evaluation import How, evaluate, evaluate_leave_one_out
from shopkeeper.learn.snapshot import EPOCH, ArraySnapshot


@dataclass(frozen=True)
class Newest:
    """Says 3, 2, 1, 0 to whoever is known, and 0 alone to a stranger."""

    def fit(self, known: Any, *, seed: int = 0) -> "Newest":
        return self

    def score(self, profiles: Histories, now: int) -> np.ndarray:
        scores = np.tile(np.arange(4, dtype=np.float32), (len(profiles), 1))
        scores[np.diff(profiles.offsets) == 0, 1:] = np.nan
        return scores

    def reason(self, profile: Histories, product: int, now: int) -> None:
        return None

    def arrays(self) -> Mapping[str, np.ndarray]:
        return {}


class Oldest(Newest):
    """The other way round."""

    def score(self, profiles: Histories, now: int) -> np.ndarray:
        return -super().score(profiles, now)


def _shop() -> ArraySnapshot:
    """An event a day. Before day 20 one has six orders, one two lately, one two long ago; one comes after it. Product 3
    is there since day 18, product 2 is never seen before day 20."""
    histories = Histories.of_sequences([[0, 1, 0, 1, 0, 3, 3], [0, 1, 2], [1, 0, 1], [0]])
    days = np.array([10, 11, 12, 13, 14, 18, 22, 15, 16, 21, 1, 2, 23, 24])
    moved = Histories(
        **{**{name: getattr(histories, name) for name in histories.__slots__}, "at": days * 86_400_000_000}
    )
    return ArraySnapshot.of(moved, 4)


HOW = How(k=2, cold=Thresholds(new_orders=3, lapsed_days=10, product_days=5), resamples=50)


def test_the_groups_by_hand() -> None:
    """Golden: one person each is unknown, new and lapsed; two wanted a new product (3 and 2), which both are first in
    the list of everything and of the new alone; only the lapsed one's wish is missed."""
    row = evaluate(_shop(), {"one": Newest()}, cut_at=EPOCH + timedelta(days=20), days=10, how=HOW).row("one")
    assert tuple(row.cold) == GROUPS
    assert {name: group.people for name, group in row.cold.items()} == {
        "unknown": 1, "new": 1, "lapsed": 1, "new_products": 2, "among_new": 2, "unheard": 1,
    }  # fmt: skip
    hit = {name: group.metrics["hit_rate"].value for name, group in row.cold.items()}
    assert hit == {"unknown": 1.0, "new": 1.0, "lapsed": 0.0, "new_products": 1.0, "among_new": 1.0, "unheard": 1.0}
    second = 1 / np.log2(3)
    assert row.cold["among_new"].metrics["ndcg"].value == pytest.approx((1 + second) / 2)


def test_new_products_among_themselves() -> None:
    """Law: who never puts a new product into a list of everything still has an order of the new ones."""
    cut = EPOCH + timedelta(days=20)
    row = evaluate(_shop(), {"popularity": Newest(), "other": Oldest()}, cut_at=cut, days=10, how=HOW).row("other")
    assert row.cold["new_products"].metrics["hit_rate"].value == 0
    assert row.cold["among_new"].metrics["hit_rate"].value == 1
    assert row.cold["new_products"].against["hit_rate"].value == -1


def test_without_a_cut_nobody_is_new() -> None:
    """Law: where each person's newest event is left out there is no moment at which somebody is new."""
    assert not evaluate_leave_one_out(_shop(), {"one": Newest()}, how=HOW).row("one").cold
