"""Products like the ones a person chose, by what they are: category, brand, price and name."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shopkeeper.core.decision import Reason
from shopkeeper.core.histories import MICROSECONDS_PER_DAY, Catalogue, Float32, Histories, Int32, Int64
from shopkeeper.core.ports import Arrays, Snapshot
from shopkeeper.learn.recommend.product_likeness import Block, coded, nearest, price_bands
from shopkeeper.learn.recommend.product_words import word_vectors
from shopkeeper.learn.recommend.sparse import meanings


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentBased:
    """Needs nobody's behaviour but the person's own, so it also finds products that nobody has bought yet.

    Two products' likeness is the cosine of their vectors, which are blocks of unit length times the root of a weight:
    one block a category level, one for the brand, one for the price band (a factor of about 1.5 wide), and one for
    the words of the name (TF-IDF; Chinese is cut by jieba). A block that a product lacks is empty, so products with
    few facts are compared by those. Words in more than ``max_group`` names say little and are left out.

    Source: M. Pazzani, D. Billsus, "Content-based recommendation systems", The Adaptive Web, 2007.
    """

    category: float = 1.0
    """Weight of all category levels together."""
    brand: float = 0.4
    price: float = 0.2
    name: float = 1.0
    neighbours: int = 50
    """Most like products kept of each product."""
    max_group: int = 300
    """Like products are looked for among at most so many with the same category, brand or word."""
    recent: int = 50
    """A person's newest so many events count, by action,"""
    half_life_days: float = 60.0
    """and by age."""

    def fit(self, known: Snapshot, *, seed: int = 0) -> "ContentModel":  # noqa: ARG002 (nothing is random)
        catalogue = known.catalogue()
        blocks, words = self._blocks(catalogue), word_vectors(catalogue.names, self.max_group)
        neighbour, likeness = nearest(blocks, words, self.name, catalogue.price, self.neighbours, self.max_group)
        texts, group = _groups(catalogue)
        return ContentModel(
            neighbour=neighbour, likeness=likeness, texts=texts, group=group, recent=self.recent,
            half_life_days=self.half_life_days,
        )  # fmt: skip

    def _blocks(self, catalogue: Catalogue) -> list[Block]:
        level = self.category / max(len(catalogue.categories), 1)
        shown = [Block(code=coded(texts)[1], weight=level) for texts in catalogue.categories]
        brand = Block(code=coded(catalogue.brands)[1], weight=self.brand)
        return [*shown, brand, Block(code=price_bands(catalogue.price), weight=self.price)]


def _groups(catalogue: Catalogue) -> tuple[NDArray[np.str_], Int32]:
    """All texts, and each product's row among them of each level and of the brand; -1 = none."""
    names, codes = zip(*[coded(level) for level in (*catalogue.categories, catalogue.brands)], strict=True)
    offsets = np.cumsum([0, *(len(texts) for texts in names)])
    rows = [np.where(code >= 0, code + at, -1) for code, at in zip(codes, offsets, strict=False)]
    return np.concatenate(names), np.stack(rows).astype(np.int32)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentModel:
    """Each product's nearest others; a person's score is the recency-weighted sum of likeness to what they chose."""

    neighbour: Int32
    """(products, neighbours) most alike first, -1 where there are fewer."""
    likeness: Float32
    """(products, neighbours) cosine."""
    group: Int32
    """(levels + 1, products) row of ``texts`` of each category level, widest first, and of the brand; -1 = none."""
    texts: NDArray[np.str_]
    recent: int
    half_life_days: float

    def score(self, profiles: Histories, now: int) -> Float32:
        products = len(self.neighbour)
        row, chosen, weight = self._chosen(profiles, now)
        cell = row[:, None] * products + self.neighbour[chosen]
        real = self.neighbour[chosen] >= 0
        scores = np.zeros(len(profiles) * products, np.float32)
        np.add.at(scores, cell[real], (weight[:, None] * self.likeness[chosen])[real])
        scores[scores == 0] = np.nan
        return scores.reshape(len(profiles), products)

    def reason(self, profile: Histories, product: int, now: int) -> Reason | None:
        _, chosen, weight = self._chosen(profile, now)
        gain = weight * np.where(self.neighbour[chosen] == product, self.likeness[chosen], 0).sum(axis=1)
        if not gain.any():
            return None
        like = int(chosen[np.argmax(gain)])
        facts: dict[str, str | int | float] = {"product_index": like, "shared": self._shared(like, product)}
        return Reason(key="similar_to", facts=facts, scorer="content")

    def _chosen(self, profiles: Histories, now: int) -> tuple[Int64, Int32, Float32]:
        """(row, product, weight) of the events that show interest."""
        known = (meanings(profiles) > 0) & (profiles.product >= 0) & (profiles.product < len(self.neighbour))
        shown = profiles.keep(known).last(self.recent)
        age_days = np.maximum(now - shown.at, 0) / MICROSECONDS_PER_DAY
        weight = meanings(shown) * np.exp2(-np.minimum(age_days / self.half_life_days, 60)).astype(np.float32)
        return shown.row_of_event().astype(np.int64), shown.product, weight

    def _shared(self, one: int, other: int) -> str:
        """The narrowest category both are in, else their brand, else nothing."""
        same = self.group[:, one][(self.group[:, one] == self.group[:, other]) & (self.group[:, one] >= 0)]
        levels = same[same < self._brands_from()]
        return str(self.texts[levels[-1]]) if len(levels) else str(self.texts[same[-1]]) if len(same) else ""

    def _brands_from(self) -> int:
        brands = self.group[-1][self.group[-1] >= 0]
        return int(brands.min(initial=len(self.texts)))

    def arrays(self) -> Arrays:
        return {field.name: getattr(self, field.name) for field in fields(self)[:4]}

    def facts(self) -> Mapping[str, Any]:
        return {"recent": self.recent, "half_life_days": self.half_life_days}

    @classmethod
    def restore(cls, arrays: Arrays, facts: Mapping[str, Any]) -> "ContentModel":
        recent, days = int(facts["recent"]), float(facts["half_life_days"])
        return cls(**dict(arrays), recent=recent, half_life_days=days)
