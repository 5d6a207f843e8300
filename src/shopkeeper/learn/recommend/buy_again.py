"""What a person is likely to buy again now: their own habits, and how each product is rebought."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final

import numpy as np

from shopkeeper.core.action import Action
from shopkeeper.core.decision import Reason
from shopkeeper.core.histories import MICROSECONDS_PER_DAY, Bool, Float32, Histories, Int64
from shopkeeper.core.opinion import Opinion, Why
from shopkeeper.core.ports import Arrays, Snapshot
from shopkeeper.learn.recommend.sparse import Float64
from shopkeeper.learn.snapshot import microseconds

_ORDER: Final = np.int8(Action.ORDER)
_RETURN: Final = np.int8(Action.ORDER_RETURN)
OWN_GAPS: Final = 2.0
"""How many gaps of a person's own outweigh the product's typical one: the strength of that prior."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuyAgain:
    """``habit * sqrt(repeat) * exp(-(days since last / interval) / patience)`` for every product a person has bought.

    ``habit`` counts the days of purchase, each halved every ``half_life_days``; ``repeat`` is the share of a product's
    buyers who came back for it, shrunk to that of all products; ``interval`` is the person's own mean gap between
    purchases, shrunk to the product's, which is shrunk to the shop's. Somebody who is many intervals late has stopped.
    Source: recency-aware frequency of Faggioli, Polato, Aiolli (2020), Recency aware collaborative filtering for next
    basket recommendation; repeat share and interval of Bhagat et al. (2018), Buy it again: modeling repeat purchases.
    """

    half_life_days: float = 90.0
    patience: float = 8.0
    """After so many intervals without a purchase the score is divided by e."""
    shrink: float = 10.0
    """So many buyers outweigh the shop's repeat share, half as many gaps the shop's interval."""

    def fit(self, known: Snapshot, *, seed: int = 0) -> "BuyAgainModel":  # noqa: ARG002
        """Learn each product's repeat share and interval."""
        products = len(known.catalogue())
        habits = Habits.of(known.histories(), products, microseconds(known.moment), self.half_life_days)
        item, came_back, gaps = habits.item, habits.times > 1, habits.times - 1.0
        buyers, again = np.bincount(item, minlength=products), np.bincount(item, came_back, products)
        overall = (again.sum() + 1.0) / (buyers.sum() + 2.0)
        span, count = np.bincount(item, habits.span_days, products), np.bincount(item, gaps, products)
        usual = (span.sum() + 30.0) / (count.sum() + 1.0)
        return BuyAgainModel(
            repeat=((again + self.shrink * overall) / (buyers + self.shrink)).astype(np.float32),
            interval_days=((span + self.shrink / 2 * usual) / (count + self.shrink / 2)).astype(np.float32),
            half_life_days=self.half_life_days, patience=self.patience,
        )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """What each person has bought and kept, one entry a (person, product), in that order."""

    row: Int64
    item: Int64
    times: Int64
    """Distinct days with a purchase."""
    habit: Float64
    since_days: Float64
    span_days: Float64
    """From the first purchase to the last."""

    @classmethod
    def of(cls, histories: Histories, products: int, now: int, half_life_days: float) -> "Habits":
        """Purchases; a product returned as often as bought is left out."""
        width = max(products, 1)
        inside = (histories.product >= 0) & (histories.product < products)
        bought = (inside & (histories.action == _ORDER)).nonzero()[0]
        key = histories.product[bought].astype(np.int64)
        row = np.zeros(1, np.int64)
        if len(histories) != 1:
            row = histories.row_of_event().astype(np.int64)
            key += row[bought] * width
        key, day = _distinct(key, histories.at[bought] // MICROSECONDS_PER_DAY)
        begins = np.ones(len(key), np.bool_)
        begins[1:] = key[1:] != key[:-1]
        starts = begins.nonzero()[0]
        ends = np.full(len(starts), len(key) - 1)  # days of a pair stand in order
        ends[:-1] = starts[1:] - 1
        pair, times = key[starts], ends - starts + 1
        age = np.maximum(now // MICROSECONDS_PER_DAY - day, 0).astype(np.float64)
        weight = np.exp2(-np.minimum(age / half_life_days, 60.0))
        habit: Float64 = np.bincount(begins.cumsum() - 1, weight, len(pair)).astype(np.float64, copy=False)
        since, span = age[ends], age[starts] - age[ends]
        had = cls(
            row=pair // width, item=pair % width, times=times, habit=habit, since_days=since, span_days=span
        )  # fmt: skip
        back = (inside & (histories.action == _RETURN)).nonzero()[0]
        if not len(back):
            return had
        returned = histories.product[back] + (row[back] if len(histories) != 1 else 0) * width
        return had.keep(times > _count(pair, returned))

    def keep(self, kept: Bool) -> "Habits":
        """Only the marked entries."""
        return Habits(**{part.name: getattr(self, part.name)[kept] for part in fields(self)})


def _distinct(key: Int64, day: Int64) -> tuple[Int64, Int64]:
    """Distinct (key, day), sorted by both."""
    order = np.lexsort((day, key))
    key, day = key[order], day[order]
    first = np.ones(len(key), bool)
    first[1:] = (key[1:] != key[:-1]) | (day[1:] != day[:-1])
    return key[first], day[first]


def _count(sorted_keys: Int64, found: Int64) -> Int64:
    """(sorted_keys,) how often each stands in ``found``."""
    if not len(found):
        return np.zeros(len(sorted_keys), np.int64)
    ordered = np.sort(found)
    after = np.searchsorted(ordered, sorted_keys, "right")
    return (after - np.searchsorted(ordered, sorted_keys, "left")).astype(np.int64)


@dataclass(frozen=True, slots=True, kw_only=True)
class BuyAgainModel:
    """How each product is rebought; the person's part is read from the profile."""

    repeat: Float32
    interval_days: Float32
    half_life_days: float
    patience: float

    def score(self, profiles: Histories, now: int) -> Float32:
        """(people, products); NaN for everything the person has never bought."""
        scores = np.full((len(profiles), len(self.repeat)), np.nan, np.float32)
        had = self._had(profiles, now)
        scores[had.row, had.item] = self._of(had)
        return scores

    def opinion(self, profile: Histories, now: int) -> Opinion:
        """``score`` and ``reason`` in a few numbers: only what the person has bought."""
        had = self._had(profile, now)

        def explain(products: Sequence[int]) -> list[Why]:
            return [(reason, {}) for reason in self._reasons(profile, had, products)]

        return Opinion(own=had.item, scores=self._of(had), explain=explain)

    def reason(self, profile: Histories, product: int, now: int) -> Reason | None:
        """On how many days it was bought, and when last."""
        return self._reasons(profile, self._had(profile, now), [product])[0]

    def _had(self, profiles: Histories, now: int) -> Habits:
        return Habits.of(profiles, len(self.repeat), now, self.half_life_days)

    def _of(self, had: Habits) -> Float32:
        interval = (had.span_days + OWN_GAPS * self.interval_days[had.item]) / (had.times - 1 + OWN_GAPS)
        late = had.since_days / np.maximum(interval, 1.0)
        score = had.habit * np.sqrt(self.repeat[had.item]) * np.exp(-np.minimum(late / self.patience, 40.0))
        found: Float32 = score.astype(np.float32)
        return found

    def _reasons(self, profile: Histories, had: Habits, products: Sequence[int]) -> list[Reason | None]:
        times = dict(zip(had.item.tolist(), had.times.tolist(), strict=True))
        bought = np.flatnonzero(profile.action == _ORDER)  # oldest first: of a product the last one stays
        last = dict(zip(profile.product[bought].tolist(), profile.at[bought].tolist(), strict=True))
        return [
            Reason(key="buy_again", facts={"times": times[product], "at": last[product]}, scorer="buy_again")
            if product in times else None
            for product in products
        ]  # fmt: skip

    def arrays(self) -> Arrays:
        return {"repeat": self.repeat, "interval_days": self.interval_days}

    def facts(self) -> Mapping[str, Any]:
        return {"half_life_days": self.half_life_days, "patience": self.patience}

    @classmethod
    def restore(cls, arrays: Arrays, facts: Mapping[str, Any]) -> "BuyAgainModel":
        return cls(repeat=arrays["repeat"], interval_days=arrays["interval_days"], **facts)
