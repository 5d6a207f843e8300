"""What a person is likely to buy again now: their own habits, and how each product is rebought."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from shopkeeper.core.action import Action
from shopkeeper.core.decision import Reason
from shopkeeper.core.histories import MICROSECONDS_PER_DAY, Float32, Histories, Int64
from shopkeeper.core.ports import Arrays, Snapshot
from shopkeeper.learn.recommend.sparse import Float64
from shopkeeper.learn.snapshot import microseconds

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
        bought = np.flatnonzero(inside & (histories.action == Action.ORDER))
        row = histories.row_of_event().astype(np.int64)
        key = row[bought] * width + histories.product[bought]
        key, day = _distinct(key, histories.at[bought] // MICROSECONDS_PER_DAY)
        pair, place = np.unique(key, return_inverse=True)
        age = np.maximum(now // MICROSECONDS_PER_DAY - day, 0).astype(np.float64)
        times = np.bincount(place, minlength=len(pair)).astype(np.int64)
        weight = np.exp2(-np.minimum(age / half_life_days, 60.0))
        habit: Float64 = np.bincount(place, weight, len(pair)).astype(np.float64)
        ends = np.cumsum(times) - 1  # days of a pair stand in order
        since, span = age[ends], age[ends - times + 1] - age[ends]
        back = np.flatnonzero(inside & (histories.action == Action.ORDER_RETURN))
        kept = times > _count(pair, row[back] * width + histories.product[back])
        return cls(
            row=pair[kept] // width, item=pair[kept] % width, times=times[kept], habit=habit[kept],
            since_days=since[kept], span_days=span[kept],
        )  # fmt: skip


def _distinct(key: Int64, day: Int64) -> tuple[Int64, Int64]:
    """Distinct (key, day), sorted by both."""
    order = np.lexsort((day, key))
    key, day = key[order], day[order]
    first = np.ones(len(key), bool)
    first[1:] = (key[1:] != key[:-1]) | (day[1:] != day[:-1])
    return key[first], day[first]


def _count(sorted_keys: Int64, found: Int64) -> Int64:
    """(sorted_keys,) how often each stands in ``found``."""
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
        had = Habits.of(profiles, len(self.repeat), now, self.half_life_days)
        interval = (had.span_days + OWN_GAPS * self.interval_days[had.item]) / (had.times - 1 + OWN_GAPS)
        late = had.since_days / np.maximum(interval, 1.0)
        score = had.habit * np.sqrt(self.repeat[had.item]) * np.exp(-np.minimum(late / self.patience, 40.0))
        scores[had.row, had.item] = score
        return scores

    def reason(self, profile: Histories, product: int, now: int) -> Reason | None:
        """On how many days it was bought, and when last."""
        had = Habits.of(profile, len(self.repeat), now, self.half_life_days)
        times = int(had.times[had.item == product].sum())
        if not times:
            return None
        last = profile.at[(profile.product == product) & (profile.action == Action.ORDER)].max()
        return Reason(key="buy_again", facts={"times": times, "at": int(last)}, scorer="buy_again")

    def arrays(self) -> Arrays:
        return {"repeat": self.repeat, "interval_days": self.interval_days}

    def facts(self) -> Mapping[str, Any]:
        return {"half_life_days": self.half_life_days, "patience": self.patience}

    @classmethod
    def restore(cls, arrays: Arrays, facts: Mapping[str, Any]) -> "BuyAgainModel":
        return cls(repeat=arrays["repeat"], interval_days=arrays["interval_days"], **facts)
