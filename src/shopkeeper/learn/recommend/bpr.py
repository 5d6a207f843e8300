"""Which of two products a person would rather have: factors learned from pairs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from shopkeeper.core.decision import Reason
from shopkeeper.core.histories import Bool, Float32, Histories, Int64
from shopkeeper.core.ports import Arrays, Snapshot
from shopkeeper.learn.recommend.because import because
from shopkeeper.learn.recommend.factors import dots, learned_by, library
from shopkeeper.learn.recommend.sparse import Float64, Tastes, tastes


@dataclass(frozen=True, slots=True, kw_only=True)
class BPR:
    """``score = p_u . q_b + bias_b``, learned by stochastic ascent on ``ln sigmoid(score(has) - score(has not))``.

    The vector of a person who asks is foretold from the mean of their products' vectors, weighted by how much they want
    each, by a ridge regression on those who were learned from.
    Source: Rendle, Freudenthaler, Gantner, Schmidt-Thieme (2009), BPR: Bayesian personalized ranking from implicit
    feedback. Library: implicit (extra ``matrix``).
    """

    needs: ClassVar = "implicit"
    factors: int = 64
    ridge: float = 0.01
    learning_rate: float = 0.05
    rounds: int = 100
    half_life_days: float = 180.0
    """How fast a purchase of the history that asks loses weight."""
    newest: int = 100
    """Only so many of a person's products, newest first, are counted."""

    def fit(self, known: Snapshot, *, seed: int = 0) -> "BPRModel":
        """Factors, then the map from histories to people's vectors.

        Raises:
            Unavailable: implicit is not installed (``extra_missing``).
        """
        products = len(known.catalogue())
        people = tastes(known.histories(), products, half_life_days=self.half_life_days, newest=self.newest)
        with library():
            from implicit.cpu.bpr import BayesianPersonalizedRanking

            learner = BayesianPersonalizedRanking(
                factors=self.factors,
                regularization=self.ridge,
                learning_rate=self.learning_rate,
                iterations=self.rounds,
                random_state=seed,
                num_threads=1,
            )  # fmt: skip - with more threads equal seeds would give unequal models
            own, vectors, known_products = learned_by(people.matrix(), learner)
        mean, rows = _means(people, vectors)
        wide = mean.astype(np.float64)
        there = np.linalg.solve(wide.T @ wide + self.ridge * np.eye(wide.shape[1]), wide.T @ own[rows])
        return BPRModel(
            vectors=vectors, known=known_products, there=there.astype(np.float32), half_life_days=self.half_life_days,
            newest=self.newest,
        )  # fmt: skip


def _means(liked: Tastes, vectors: Float32) -> tuple[Float32, Int64]:
    """(people with a history, factors + 1) the weighted mean of each one's vectors and a constant; and their rows."""
    rows, place = np.unique(liked.row, return_inverse=True)
    share = (liked.weight / np.bincount(place, liked.weight)[place]).astype(np.float32)
    total = np.zeros((len(rows), vectors.shape[1] + 1), np.float32)
    np.add.at(total[:, :-1], place, share[:, None] * vectors[liked.item])
    total[:, -1] = 1
    return total, rows.astype(np.int64)


@dataclass(frozen=True, slots=True, kw_only=True)
class BPRModel:
    """Each product's vector (its bias last), and ``there``, the map from a history's mean vector to a person's."""

    vectors: Float32
    """(products, factors + 1)"""
    known: Bool
    """(products,) whether anybody had it."""
    there: Float32
    """(factors + 2, factors + 1)"""
    half_life_days: float
    newest: int

    def score(self, profiles: Histories, now: int) -> Float32:  # noqa: ARG002
        """(people, products); NaN without a known product in the history."""
        mean, rows = _means(self._liked(profiles), self.vectors)
        scores = dots(np.matmul(mean[:, None], self.there)[:, 0], rows, self.vectors, len(profiles))
        scores[:, ~self.known] = np.nan
        return scores

    def reason(self, profile: Histories, product: int, now: int) -> Reason | None:  # noqa: ARG002
        """The product of the history that adds most to the score."""
        if not 0 <= product < len(self.known) or not self.known[product]:
            return None
        liked = self._liked(profile)
        share: Float64 = liked.weight * (self.vectors[liked.item] @ (self.there[:-1] @ self.vectors[product]))
        return because(profile, liked.event, share, scorer="bpr")

    def _liked(self, profiles: Histories) -> Tastes:
        liked = tastes(profiles, len(self.known), half_life_days=self.half_life_days, newest=self.newest)
        return liked.keep(self.known[liked.item])

    def arrays(self) -> Arrays:
        return {"vectors": self.vectors, "known": self.known, "there": self.there}

    def facts(self) -> Mapping[str, Any]:
        return {"half_life_days": self.half_life_days, "newest": self.newest}

    @classmethod
    def restore(cls, arrays: Arrays, facts: Mapping[str, Any]) -> "BPRModel":
        return cls(vectors=arrays["vectors"], known=arrays["known"], there=arrays["there"], **facts)
