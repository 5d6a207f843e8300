"""What a few hidden tastes say about every product: matrix factorisation for implicit feedback."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from shopkeeper.core.decision import Reason
from shopkeeper.core.histories import Bool, Float32, Histories, Int64
from shopkeeper.core.opinion import Opinion, Why, opinion_of
from shopkeeper.core.ports import Arrays, Heavy, Snapshot, heavy_of
from shopkeeper.learn.recommend.because import because_of
from shopkeeper.learn.recommend.factors import dots, learned_by, library
from shopkeeper.learn.recommend.sparse import Float64, Tastes, tastes, wanted_by


@dataclass(frozen=True, slots=True, kw_only=True)
class ALS:
    """``score = p_u . q_b``; both minimise ``sum of c_ub (1[has] - p_u . q_b)^2 + ridge (|p_u|^2 + |q_b|^2)`` over all
    pairs, with the confidence ``c_ub = 1 + confidence x_ub``.

    A person's vector is the exact least-squares answer to their history, so somebody new, a product page and a cart are
    scored like everybody else, without learning again.
    Source: Hu, Koren, Volinsky (2008), Collaborative filtering for implicit feedback datasets; solved by conjugate
    gradients: Takács, Pilászy, Tikk (2011). Library: implicit (extra ``matrix``).
    """

    needs: ClassVar = "implicit"
    factors: int = 64
    ridge: float = 10.0
    confidence: float = 10.0
    rounds: int = 15
    half_life_days: float = 90.0
    """How fast a purchase loses weight, in learning and in the history that asks."""
    newest: int = 200
    """Only so many of a person's products, newest first, are counted."""

    def fit(self, known: Snapshot, *, seed: int = 0) -> "ALSModel":
        """Factors of everybody's weighted products, people and products in turn.

        Raises:
            Unavailable: implicit is not installed (``extra_missing``).
        """
        products = len(known.catalogue())
        people = tastes(known.histories(), products, half_life_days=self.half_life_days, newest=self.newest)
        heavy = heavy_of(known)
        if heavy is not None:
            return self._learned_by(heavy, people, seed)
        matrix = people.matrix()
        matrix.data = 1 + np.float32(self.confidence) * matrix.data
        with library():
            from implicit.cpu.als import AlternatingLeastSquares

            learner = AlternatingLeastSquares(
                factors=self.factors, regularization=self.ridge, iterations=self.rounds, random_state=seed
            )
            _, vectors, known_products = learned_by(matrix, learner)
        return self.model(vectors, known_products)

    def _learned_by(self, heavy: Heavy, people: Tastes, seed: int) -> "ALSModel":
        """The vectors from an engine, for facts that do not fit here (its ridge is spread by how much each has)."""
        found, rows = heavy.factors(
            wanted_by(people), factors=self.factors, ridge=self.ridge, confidence=self.confidence, rounds=self.rounds,
            seed=seed,
        )  # fmt: skip
        vectors = np.zeros((people.products, self.factors), np.float32)
        vectors[found] = rows
        known = np.zeros(people.products, np.bool_)
        known[found] = True
        return self.model(vectors, known)

    def model(self, vectors: Float32, known: Bool) -> "ALSModel":
        """The model of these product vectors, wherever they were found."""
        return ALSModel(
            vectors=vectors, known=known, ridge=self.ridge, confidence=self.confidence,
            half_life_days=self.half_life_days, newest=self.newest,
        )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class ALSModel:
    """Each product's vector. A person's is solved for from the history when asked."""

    vectors: Float32
    """(products, factors)"""
    known: Bool
    """(products,) whether anybody had it."""
    ridge: float
    confidence: float
    half_life_days: float
    newest: int

    def score(self, profiles: Histories, now: int) -> Float32:  # noqa: ARG002
        """(people, products) about 1 for what is surely wanted; NaN without a known product in the history."""
        liked = self._liked(profiles)
        asked, begins = np.unique(liked.row, return_index=True)
        ends = np.append(begins, len(liked.row))[1:]
        gram = self._gram()
        points = np.zeros((len(asked), self.vectors.shape[1]), np.float32)
        for place, (begin, end) in enumerate(zip(begins, ends, strict=True)):
            points[place] = self._solved(gram, liked.item[begin:end], liked.weight[begin:end]).sum(axis=1)
        scores = dots(points, asked, self.vectors, len(profiles))
        scores[:, ~self.known] = np.nan
        return scores

    def opinion(self, profile: Histories, now: int) -> Opinion:
        """``score`` and ``reason``, with the person's vector solved for once."""

        def explain(products: Sequence[int]) -> list[Why]:
            return [(reason, {}) for reason in self._reasons(profile, products)]

        return opinion_of(self.score(profile, now)[0], explain)

    def reason(self, profile: Histories, product: int, now: int) -> Reason | None:  # noqa: ARG002
        """The product of the history that adds most to the score."""
        return self._reasons(profile, [product])[0]

    def _reasons(self, profile: Histories, products: Sequence[int]) -> list[Reason | None]:
        """A score is a sum over the history (Hu, Koren, Volinsky 2008, section 5)."""
        liked = self._liked(profile)
        inside = [0 <= product < len(self.known) and bool(self.known[product]) for product in products]
        vectors = self.vectors[np.where(inside, products, 0)] if len(self.known) else np.zeros((len(products), 0))
        parts = self._solved(self._gram(), liked.item, liked.weight) if len(liked.item) else np.zeros((0, 0))
        shares = vectors.astype(np.float64) @ parts if parts.size else np.zeros((len(products), 0))
        found = because_of(profile, liked.event, shares, scorer="als")
        return [reason if said else None for reason, said in zip(found, inside, strict=True)]

    def _liked(self, profiles: Histories) -> Tastes:
        liked = tastes(profiles, len(self.known), half_life_days=self.half_life_days, newest=self.newest)
        return liked.keep(self.known[liked.item])

    def _gram(self) -> Float64:
        wide = self.vectors.astype(np.float64)
        return wide.T @ wide + self.ridge * np.eye(wide.shape[1])

    def _solved(self, gram: Float64, item: Int64, weight: Float64) -> Float64:
        """(factors, products of the history) what each of them adds to the person's vector."""
        own = self.vectors[item].astype(np.float64)
        more = self.confidence * weight
        answer: Float64 = np.linalg.solve(gram + (own.T * more) @ own, own.T * (1 + more)).astype(np.float64)
        return answer

    def arrays(self) -> Arrays:
        return {"vectors": self.vectors, "known": self.known}

    def facts(self) -> Mapping[str, Any]:
        return {name: getattr(self, name) for name in ("ridge", "confidence", "half_life_days", "newest")}

    @classmethod
    def restore(cls, arrays: Arrays, facts: Mapping[str, Any]) -> "ALSModel":
        return cls(vectors=arrays["vectors"], known=arrays["known"], **facts)
