"""What many people buy now: the same answer for everybody."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from shopkeeper.core.action import Action
from shopkeeper.core.decision import Reason
from shopkeeper.core.histories import MICROSECONDS_PER_DAY, Float32, Histories, Int64
from shopkeeper.core.opinion import Opinion, Why
from shopkeeper.core.ports import Arrays, Snapshot
from shopkeeper.learn.recommend.sparse import meanings
from shopkeeper.learn.snapshot import microseconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Popularity:
    """Distinct interested people, each counted by their newest touch: ``sum of weight * 2^(-age / half_life_days)``.

    Somebody who buys a thing fifty times counts once, so no single person can make a product popular.
    Source: exponential time decay as in Cormode, Shkapenyuk, Srivastava, Xu (2009), Forward decay.
    """

    half_life_days: float = 30.0
    days: int = 90
    """Buyers of so many last days are told as the reason."""

    def fit(self, known: Snapshot, *, seed: int = 0) -> "PopularityModel":  # noqa: ARG002
        """Count people by product."""
        products, events, now = len(known.catalogue()), known.histories(), microseconds(known.moment)
        wanted = meanings(events) > 0
        score = self._people(events.keep(wanted), products, now)
        score[score == 0] = np.nan
        orders = events.keep((events.action == Action.ORDER) & (events.at >= now - self.days * MICROSECONDS_PER_DAY))
        index = newest_per_pair(orders, products)
        buyers = np.bincount(orders.product[index], minlength=products).astype(np.int64)
        return PopularityModel(popular=score.astype(np.float32), buyers=buyers, days=self.days)

    def _people(self, events: Histories, products: int, now: int) -> np.ndarray[Any, np.dtype[np.float64]]:
        index = newest_per_pair(events, products)
        age_days = np.maximum(now - events.at[index], 0) / MICROSECONDS_PER_DAY
        weight = meanings(events)[index]
        decay = np.exp2(-np.minimum(age_days / self.half_life_days, 100.0))
        return np.bincount(events.product[index], weight * decay, minlength=products).astype(np.float64)


def newest_per_pair(events: Histories, products: int) -> Int64:
    """Index of each (person, product)'s newest event, products outside the catalogue left out."""
    inside = np.flatnonzero((events.product >= 0) & (events.product < products))[::-1]
    key = events.row_of_event()[inside].astype(np.int64) * max(products, 1) + events.product[inside]
    return inside[np.unique(key, return_index=True)[1]].astype(np.int64)


@dataclass(frozen=True, slots=True, kw_only=True)
class PopularityModel:
    """One score a product, whoever asks."""

    alike: ClassVar[bool] = True
    """Says the same to everybody at any time, so that its part of a blend can be worked out once."""
    popular: Float32
    buyers: Int64
    """(products,) distinct buyers of the last ``days`` days."""
    days: int

    def score(self, profiles: Histories, now: int) -> Float32:  # noqa: ARG002
        """(people, products), all rows alike; NaN for a product nobody has touched."""
        return np.tile(self.popular, (len(profiles), 1))

    def opinion(self, profile: Histories, now: int) -> Opinion:
        """``score`` and ``reason`` in a few numbers: the same list for everybody."""
        none = np.zeros(0, np.int64)

        def explain(products: Sequence[int]) -> list[Why]:
            return [(self.reason(profile, product, now), {}) for product in products]

        return Opinion(own=none, scores=self.popular[none], base=self.popular, explain=explain)

    def reason(self, profile: Histories, product: int, now: int) -> Reason | None:  # noqa: ARG002
        """How many people bought it lately."""
        if not 0 <= product < len(self.buyers) or not self.buyers[product]:
            return None
        facts = {"buyers": int(self.buyers[product]), "days": self.days}
        return Reason(key="popular", facts=facts, scorer="popularity")

    def arrays(self) -> Arrays:
        return {"popular": self.popular, "buyers": self.buyers}

    def facts(self) -> Mapping[str, Any]:
        return {"days": self.days}

    @classmethod
    def restore(cls, arrays: Arrays, facts: Mapping[str, Any]) -> "PopularityModel":
        return cls(popular=arrays["popular"], buyers=arrays["buyers"], days=facts["days"])
