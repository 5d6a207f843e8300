"""The candidates of a request as whatever puts them in order sees them: columns of numbers and of words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

Float64 = NDArray[np.float64]
SAYS: Final = "says:"
"""Begins the name of what a model said of a candidate; the model's name follows."""
WORDS: Final = ("placement", "device", "category")
"""Columns of words: where the list is shown, on what, and each product's widest category."""
PLACE: Final = "place:"
"""Begins the name of a candidate's place among the others by that model alone, 1 = first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """A column of words: ``codes[i]`` is the number that ``code_of`` gives to the word of row ``i``."""

    codes: NDArray[np.integer]
    code_of: Mapping[str, int]

    @classmethod
    def same(cls, word: str, size: int) -> "Words":
        """One word in every row."""
        return cls(codes=np.zeros(size, np.int32), code_of={word: 0})

    @classmethod
    def of(cls, words: Sequence[str]) -> "Words":
        """A word for each row."""
        code_of = {word: code for code, word in enumerate(dict.fromkeys(words))}
        return cls(codes=np.array([code_of[word] for word in words], np.int32), code_of=code_of)

    def are(self, word: str) -> NDArray[np.bool_]:
        """(size,) which rows have this word."""
        found: NDArray[np.bool_] = self.codes == self.code_of.get(word, -2)
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortlist:
    """Candidates, of one request or of many, as columns of one length."""

    size: int
    numbers: Mapping[str, Float64]
    """(size,) each, NaN = not known. Of a column that is not there nothing is known; a model that is not there added
    nothing."""
    words: Mapping[str, Words]
    """(size,) each: ``WORDS``."""


class Ranker(Protocol):
    """A frozen model that says in which order candidates belong."""

    @property
    def placements(self) -> tuple[str, ...]:
        """Where it has learned enough to be asked."""
        ...

    def rank(self, candidates: Shortlist) -> Float64:
        """(size,) higher comes first. Rows are independent."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RankSettings:
    """``[rank]``: trees that put candidates in order, learned from what came of the shop's own lists."""

    learn: bool = True
    """Whether they learn, and answer where they are better for certain."""
    least_lists: int = 2000
    """Fewer lists that say anything teach nothing yet."""
    days: int = 90
    """Lists of so many days are learned from."""
    held_out: float = 0.3
    """The newest share of the lists judges."""
    most_weight: float = 20.0
    """What was rarely shown counts at most so many times the middle."""
