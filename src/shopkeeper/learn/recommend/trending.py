"""What is wanted more than usual just now: the same answer for everybody, and every event counts at once."""

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from shopkeeper.core.decision import Reason
from shopkeeper.core.histories import MICROSECONDS_PER_DAY, Float32, Histories, Int64
from shopkeeper.core.opinion import Opinion, Why
from shopkeeper.core.ports import Arrays, Snapshot
from shopkeeper.learn.recommend.popularity import newest_per_pair
from shopkeeper.learn.recommend.sparse import meanings
from shopkeeper.learn.snapshot import microseconds

Float64 = NDArray[np.float64]
_FRESH: Final = 1_000_000
"""Microseconds for which an answer is good although more events came."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trending:
    """How far lately's demand stands above what the longer past lets expect, in standard deviations.

    ``lately`` and ``usual`` are sums of ``weight * 2^(-age / half life)`` over people, each person counted once for a
    product by their newest touch, with a short and a long half-life; a steady demand makes them stand as the half-lives
    do, so ``expected = usual * short / long`` and ``score = (lately - expected) / sqrt(expected + 1)``: the surprise of
    a Poisson count, where the 1 keeps the little known from shouting.
    Source: exponential decay as in Cormode, Shkapenyuk, Srivastava, Xu (2009), Forward decay; surprise as a
    standardised Poisson residual: McCullagh, Nelder (1989), Generalized linear models, 2.4.
    """

    half_life_days: float = 2.0
    usual_half_life_days: float = 28.0
    least: float = 3.0
    """What is wanted less than this lately (in weights of actions; an order is 1) is no trend."""

    def fit(self, known: Snapshot, *, seed: int = 0) -> "TrendingModel":  # noqa: ARG002
        """Count people by product at both speeds."""
        products, events, now = len(known.catalogue()), known.histories(), microseconds(known.moment)
        wanted = events.keep(meanings(events) > 0)
        index = newest_per_pair(wanted, products)
        weight = meanings(wanted)[index].astype(np.float64)
        age_days = np.maximum(now - wanted.at[index], 0) / MICROSECONDS_PER_DAY

        def count(half_life: float) -> Float64:
            decayed = weight * np.exp2(-np.minimum(age_days / half_life, 100.0))
            return np.bincount(wanted.product[index], decayed, minlength=products).astype(np.float64)

        return TrendingModel(
            lately=count(self.half_life_days), usual=count(self.usual_half_life_days), at=now,
            half_life_days=self.half_life_days, usual_half_life_days=self.usual_half_life_days, least=self.least,
        )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class TrendingModel:
    """The counts of one moment. Asked later, both have faded, each at its own speed."""

    alike: ClassVar[bool] = True
    impersonal: ClassVar[bool] = True
    """Answers for somebody unknown as for anybody else."""
    lately: Float64
    usual: Float64
    at: int
    """The moment that the counts stand at, µs since 1970-01-01 UTC."""
    half_life_days: float
    usual_half_life_days: float
    least: float
    surprise: Float32 = field(init=False, repr=False, compare=False)
    """(products,) the score; NaN for what is no trend."""

    def __post_init__(self) -> None:
        expected = self.expected()
        score = (self.lately - expected) / np.sqrt(expected + 1.0)
        score[(self.lately < self.least) | (score <= 0.0)] = np.nan
        object.__setattr__(self, "surprise", score.astype(np.float32))

    def expected(self) -> Float64:
        """(products,) what a steady demand would have made of ``lately``."""
        return self.usual * (self.half_life_days / self.usual_half_life_days)

    def score(self, profiles: Histories, now: int) -> Float32:  # noqa: ARG002
        """(people, products), all rows alike: as of the moment of the counts, whenever it is asked."""
        return np.tile(self.surprise, (len(profiles), 1))

    def opinion(self, profile: Histories, now: int) -> Opinion:  # noqa: ARG002
        """``score`` and ``reason`` in a few numbers."""
        return opinion_on(self)

    def reason(self, profile: Histories, product: int, now: int) -> Reason | None:  # noqa: ARG002
        """How many times as much as usual it is wanted."""
        return why(self, product)

    def arrays(self) -> Arrays:
        return {"lately": self.lately, "usual": self.usual}

    def facts(self) -> Mapping[str, Any]:
        return {
            "at": self.at, "half_life_days": self.half_life_days, "usual_half_life_days": self.usual_half_life_days,
            "least": self.least,
        }  # fmt: skip

    @classmethod
    def restore(cls, arrays: Arrays, facts: Mapping[str, Any]) -> "TrendingModel":
        return cls(lately=arrays["lately"], usual=arrays["usual"], **facts)


def opinion_on(model: TrendingModel) -> Opinion:
    """One list for everybody."""
    none: Int64 = np.zeros(0, np.int64)

    def explain(products: Sequence[int]) -> list[Why]:
        return [(why(model, product), {}) for product in products]

    return Opinion(own=none, scores=model.surprise[none], base=model.surprise, explain=explain)


def why(model: TrendingModel, product: int) -> Reason | None:
    """How many times as much as usual a product is wanted; None where it is no trend."""
    if not 0 <= product < len(model.lately):
        return None
    lately, expected = float(model.lately[product]), float(model.expected()[product])
    if lately < model.least or lately <= expected:
        return None
    facts = {"times": min(round(lately / max(expected, 0.1), 1), 99.0)}
    return Reason(key="trending", facts=facts, scorer="trending")


Touch = tuple[str, int, float, int]
"""Who, which product, how much it says, when (µs since 1970)."""


@dataclass(slots=True)
class LiveTrending:
    """The same, kept up event by event: the counts fade with the clock, and what people do now counts from now on.

    A person counts once for a product: a newer touch takes the place of one that was folded before. Safe to call from
    any thread.
    """

    alike: ClassVar[bool] = False
    """What it says changes with the clock."""
    impersonal: ClassVar[bool] = True
    model: TrendingModel
    """Its counts are folded into; what it says is not asked."""
    _touched: dict[tuple[str, int], tuple[int, float]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _answer: TrendingModel | None = None
    _changed: bool = True

    def fold_many(self, touches: Iterable[Touch]) -> None:
        """Let what people did count, all at once. What lies before the model's moment is in it already."""
        since, products = self.model.at, len(self.model.lately)
        with self._lock:
            for person, product, weight, at in touches:
                if weight > 0 and at >= since and 0 <= product < products:
                    self._fold(person, product, weight, at)

    def _fold(self, person: str, product: int, weight: float, at: int) -> None:
        before = self._touched.get((person, product))
        if before is not None and before[0] >= at:
            return
        self._add(product, at, weight)
        if before is not None:
            self._add(product, before[0], -before[1])
        self._touched[person, product] = (at, weight)
        self._changed = True

    def _add(self, product: int, at: int, weight: float) -> None:
        days = (at - self.model.at) / MICROSECONDS_PER_DAY
        self.model.lately[product] += weight * 2.0 ** (days / self.model.half_life_days)
        self.model.usual[product] += weight * 2.0 ** (days / self.model.usual_half_life_days)

    def as_of(self, now: int) -> TrendingModel:
        """The counts as they stand at ``now``: a second old at most where events came, a minute where none did."""
        with self._lock:
            kept = self._answer
            if kept is not None and 0 <= now - kept.at < (_FRESH if self._changed else 60 * _FRESH):
                return kept
            days = max(now - self.model.at, 0) / MICROSECONDS_PER_DAY
            faded = replace(
                self.model, at=now, lately=self.model.lately * 2.0 ** (-days / self.model.half_life_days),
                usual=self.model.usual * 2.0 ** (-days / self.model.usual_half_life_days),
            )  # fmt: skip
            self._answer, self._changed = faded, False
            return faded

    def score(self, profiles: Histories, now: int) -> Float32:
        """(people, products), all rows alike, as of ``now``."""
        return np.tile(self.as_of(now).surprise, (len(profiles), 1))

    def opinion(self, profile: Histories, now: int) -> Opinion:  # noqa: ARG002
        """``score`` and ``reason`` in a few numbers."""
        return opinion_on(self.as_of(now))

    def reason(self, profile: Histories, product: int, now: int) -> Reason | None:  # noqa: ARG002
        """How many times as much as usual it is wanted."""
        return why(self.as_of(now), product)


def live(model: TrendingModel) -> LiveTrending:
    """A model that may be folded on; the given one stays as it is."""
    return LiveTrending(replace(model, lately=model.lately.copy(), usual=model.usual.copy()))
