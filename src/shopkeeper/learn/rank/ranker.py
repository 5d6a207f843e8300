"""The order of a request's candidates by trees that learned from what came of the shop's own lists."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from shopkeeper.core.ports import Arrays
from shopkeeper.core.shortlist import SAYS, WORDS, Float64, Shortlist
from shopkeeper.learn.rank.trees import LambdaMARTModel

NAME: Final = "ranker"
"""Under this name the model is kept beside the shop's recommenders."""


def matrix(names: Sequence[str], candidates: Shortlist) -> Float64:
    """(size, names) columns by name: a number, or 1 where a column of words has the word of ``column:word``.

    NaN where nothing is known, 0 where a model said nothing.
    """
    table = np.empty((candidates.size, len(names)))
    for at, name in enumerate(names):
        column, _, word = name.partition(":")
        if column in WORDS:
            table[:, at] = candidates.words[column].are(word) if column in candidates.words else 0.0
        else:
            table[:, at] = candidates.numbers.get(name, 0.0 if name.startswith(SAYS) else np.nan)
    return table


@dataclass(frozen=True, slots=True, kw_only=True)
class RankerModel:
    """Score: the sum of the trees' leaves."""

    names: tuple[str, ...]
    """What the trees look at: see ``matrix``."""
    placements: tuple[str, ...]
    trees: LambdaMARTModel

    def rank(self, candidates: Shortlist) -> Float64:
        return self.trees.raw(matrix(self.names, candidates)) if candidates.size else np.zeros(0)

    def because(self, candidates: Shortlist) -> Float64:
        """(size, names) what each thing that the trees look at adds to a candidate's score, against all that were
        learned from."""
        return self.trees.contributions(matrix(self.names, candidates))[:, :-1]

    def arrays(self) -> Arrays:
        return self.trees.arrays()

    def facts(self) -> Mapping[str, Any]:
        return {"names": list(self.names), "placements": list(self.placements)}

    @classmethod
    def restore(cls, arrays: Arrays, facts: Mapping[str, Any]) -> "RankerModel":
        trees = LambdaMARTModel.restore(arrays, {})
        return cls(names=tuple(facts["names"]), placements=tuple(facts["placements"]), trees=trees)
