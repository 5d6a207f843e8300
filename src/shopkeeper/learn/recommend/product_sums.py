"""What answers for every model that is a table of products and what each says of others."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from shopkeeper.core.decision import Reason
from shopkeeper.core.histories import Float32, Histories
from shopkeeper.core.opinion import Opinion, Why
from shopkeeper.core.ports import Arrays
from shopkeeper.learn.recommend.because import because_of
from shopkeeper.learn.recommend.sparse import Neighbours, Tastes, tastes, weigh, weigh_one


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductSums:
    """Score: the sum over the history's weighted products of what each says of others."""

    scorer: ClassVar[str]
    """Whose evidence it is."""
    table: Neighbours
    """Of each product: other products and their weights."""
    half_life_days: float
    newest: int

    def score(self, profiles: Histories, now: int) -> Float32:  # noqa: ARG002
        """(people, products); NaN where no product of the history speaks of it."""
        liked = self._liked(profiles)
        return weigh(liked.row, liked.item, liked.weight, self.table, len(profiles), len(self.table))

    def opinion(self, profile: Histories, now: int) -> Opinion:  # noqa: ARG002
        """``score`` and ``reason`` in a few numbers: only what the history speaks of."""
        liked = self._liked(profile)
        own, scores = weigh_one(liked.item, liked.weight, self.table)

        def explain(products: Sequence[int]) -> list[Why]:
            return [(reason, {}) for reason in self._reasons(profile, liked, products)]

        return Opinion(own=own, scores=scores, explain=explain)

    def reason(self, profile: Histories, product: int, now: int) -> Reason | None:  # noqa: ARG002
        """The product of the history that adds most to the score."""
        return self._reasons(profile, self._liked(profile), [product])[0]

    def _liked(self, profiles: Histories) -> Tastes:
        return tastes(profiles, len(self.table), half_life_days=self.half_life_days, newest=self.newest)

    def _reasons(self, profile: Histories, liked: Tastes, products: Sequence[int]) -> list[Reason | None]:
        shares = liked.weight * self.table.weights_of(liked.item, products)
        return because_of(profile, liked.event, shares, scorer=self.scorer)

    def arrays(self) -> Arrays:
        return {name: getattr(self.table, name) for name in ("offsets", "item", "weight")}

    def facts(self) -> Mapping[str, Any]:
        return {"half_life_days": self.half_life_days, "newest": self.newest}

    @classmethod
    def restore(cls, arrays: Arrays, facts: Mapping[str, Any]) -> Self:
        return cls(table=Neighbours(**arrays), **facts)
