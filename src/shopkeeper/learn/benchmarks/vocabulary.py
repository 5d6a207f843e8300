"""Items by number, in an order that says nothing: a list's place in a file must never decide a recommendation."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from shopkeeper.core.histories import MICROSECONDS_PER_DAY, Histories, Int32


@dataclass(frozen=True, slots=True, kw_only=True)
class Vocabulary:
    """``names[number]`` is an item's name; ``numbers[name]`` its number."""

    names: NDArray[np.object_]
    numbers: dict[str, int]

    def __len__(self) -> int:
        return len(self.names)

    @classmethod
    def of(cls, names: Iterable[str], seed: int = 0) -> "Vocabulary":
        """Distinct names, shuffled by the seed; the order in which they come does not matter."""
        table = np.array(sorted(set(names)), object)
        np.random.default_rng(seed).shuffle(table)
        return cls(names=table, numbers={name: number for number, name in enumerate(table)})

    def histories(self, sequences: Sequence[Sequence[str]]) -> Histories:
        """Sequences of names, oldest first, one event a day."""
        return Histories.of_sequences([[self.numbers[name] for name in names] for names in sequences])

    def baskets(self, people: Sequence[Sequence[Sequence[str]]]) -> Histories:
        """Baskets of names, oldest first, one basket a day; an item twice in a basket counts once."""
        lines = [[(self.numbers[name], day) for day, basket in enumerate(baskets) for name in dict.fromkeys(basket)]
                 for baskets in people]  # fmt: skip
        found = Histories.of_sequences([[number for number, _ in person] for person in lines])
        day = np.fromiter((day for person in lines for _, day in person), np.int32, found.events)
        return replace(found, order=day, at=day.astype(np.int64) * MICROSECONDS_PER_DAY)

    def named(self, ranked: Int32) -> list[list[str]]:
        """Names of ranked lists, -1 left out."""
        return [[self.names[item] for item in row if item >= 0] for row in ranked]
