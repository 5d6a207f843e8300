"""A learned sequence model: vectors of products and the weights that read a history. Asked with numpy alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shopkeeper.core.decision import Reason
from shopkeeper.core.histories import Bool, Float32, Histories, Int64
from shopkeeper.core.ports import Arrays
from shopkeeper.learn.recommend.because import because
from shopkeeper.learn.recommend.sequence.forward import direction
from shopkeeper.learn.recommend.sequence.sequences import Sequences, Windows
from shopkeeper.learn.recommend.sequence.timing import Moments, foretell_pauses, learn_pauses, newest, pauses
from shopkeeper.learn.recommend.sparse import row_blocks

_REASON_STEPS = 10
"""The reason is looked for among so many newest products of the history."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SequenceModel:
    """Score: the cosine between where the history points and a product, over the temperature."""

    weights: Mapping[str, NDArray[Any]]
    """``table`` (products, dimensions) of length one, and the body's weights by torch's names."""
    known: Bool
    """(products,) whether anything was learned of a product, by purchases or by its attributes."""
    name: str
    length: int
    heads: int
    temperature: float
    pauses: Float32
    """Weights of the time to the next purchase; empty where too little was known of times."""
    facts_of_learning: Mapping[str, Any]

    def score(self, profiles: Histories, now: int) -> Float32:  # noqa: ARG002
        """(people, products); NaN for people without a history and products of which nothing is known."""
        table = self.weights["table"]
        scores = np.full((len(profiles), len(table)), np.nan, np.float32)
        points, asked = self._points(Sequences.of(profiles, len(table)))
        for first, end in row_blocks(len(points), len(table)):
            scores[asked[first:end]] = np.matmul(points[first:end, None], table.T)[:, 0]
        scores /= np.float32(self.temperature)
        scores[:, ~self.known] = np.nan
        return scores

    def days_to_next(self, profiles: Histories) -> Float32:
        """(people,) days from a person's last purchase to the next, as a median; NaN where nothing can be said."""
        days = np.full(len(profiles), np.nan, np.float32)
        sequences = Sequences.of(profiles, len(self.known))
        moments = newest(sequences, profiles, self.length)
        if len(self.pauses) and len(moments.windows):
            points, rows = self._points(sequences)
            days[rows] = foretell_pauses(self.pauses, self._with_product(points, moments), moments)
        return days

    def with_pauses(self, sequences: Sequences, histories: Histories, seed: int) -> "SequenceModel":
        """The same model, which has also learned how long people wait."""
        moments = pauses(sequences, histories, self.length, seed)
        points, _ = self._directions(sequences, moments.windows)
        return replace(self, pauses=learn_pauses(self._with_product(points, moments), moments))

    def _with_product(self, points: Float32, moments: Moments) -> Float32:
        """Where the network looks, and the newest product's own vector."""
        vectors: Float32 = self.weights["table"][moments.item]
        return np.concatenate([points, vectors], axis=1)

    def _points(self, sequences: Sequences) -> tuple[Float32, Int64]:
        """Where each person with a history looks, and those persons' rows."""
        return self._directions(sequences, sequences.newest(self.length))

    def _directions(self, sequences: Sequences, windows: Windows) -> tuple[Float32, Int64]:
        points = np.zeros((len(windows), self.weights["table"].shape[1]), np.float32)
        for width, rows in windows.by_width(self.length):
            some = windows.rows(rows)
            points[rows] = direction(self.weights, sequences.padded(some, width), some.size, heads=self.heads)
        asked = np.flatnonzero(windows.size > 0)
        return points[asked], asked

    def reason(self, profile: Histories, product: int, now: int) -> Reason | None:
        return self.reasons(profile, [product], now)[0]

    def reasons(self, profile: Histories, products: Sequence[int], now: int) -> list[Reason | None]:  # noqa: ARG002
        """For each product the history's product without which its score would be lowest, among the newest few."""
        sequences = Sequences.of(profile, len(self.known))
        newest = sequences.newest(self.length)
        if not newest.size[0]:
            return [None for _ in products]
        item, event = sequences.item[newest.start[0] :], sequences.event[newest.start[0] :]
        left_out = np.arange(max(0, len(item) - _REASON_STEPS), len(item))
        whole, without = self._points(sequences)[0], self._without(item, left_out)
        told: list[Reason | None] = []
        for product in products:
            if not 0 <= product < len(self.known) or not self.known[product]:
                told.append(None)
                continue
            vector = self.weights["table"][product]
            share = (whole @ vector)[0] - without @ vector
            told.append(because(profile, event[left_out], share.astype(np.float64), scorer=self.name))
        return told

    def _without(self, item: Int64, left_out: Int64) -> Float32:
        """(left out, dimensions) where the person would look had one of their products not been there."""
        if len(item) < 2:
            return np.zeros((1, self.weights["table"].shape[1]), np.float32)
        rest = item[np.flatnonzero(np.arange(len(item)) != left_out[:, None]) % len(item)]
        offsets = np.arange(len(left_out) + 1) * (len(item) - 1)
        pieces = Sequences(offsets=offsets, item=rest, event=rest)
        return self._directions(pieces, pieces.newest(self.length))[0]

    def arrays(self) -> Arrays:
        return {**self.weights, "known": self.known, "pauses": self.pauses}

    def facts(self) -> Mapping[str, Any]:
        return {
            "name": self.name, "length": self.length, "heads": self.heads, "temperature": self.temperature,
            "learning": dict(self.facts_of_learning),
        }  # fmt: skip

    @classmethod
    def restore(cls, arrays: Arrays, facts: Mapping[str, Any]) -> "SequenceModel":
        plain = {name: value for name, value in facts.items() if name != "learning"}
        weights = {name: part for name, part in arrays.items() if name not in ("known", "pauses")}
        return cls(
            weights=weights,
            known=arrays["known"],
            pauses=arrays["pauses"],
            facts_of_learning=facts["learning"],
            **plain,
        )
