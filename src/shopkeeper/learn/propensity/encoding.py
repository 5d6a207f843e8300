"""Columns of text as columns of numbers, for learners: numbers stay numbers, words become one column a word."""

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

import numpy as np

from shopkeeper.core.errors import DataError
from shopkeeper.learn.propensity.columns import Columns, Float64

_YES: Final = frozenset({"1", "true", "yes", "y", "t", "是"})
_NO: Final = frozenset({"0", "false", "no", "n", "f", "否"})
_EMPTY: Final = frozenset({"", "null", "none", "na", "nan", "n/a"})
_LEAST_ROWS: Final = 10
_MOST_WORDS: Final = 30


def encoded(columns: Mapping[str, Sequence[str]]) -> Columns:
    """Numbers and yes/no as they are; any other column's frequent words each as a column of 0 and 1, ``name=word``.

    Words are counted without looking at any outcome. A word of fewer than 10 rows, and all beyond the 30 most
    frequent of a column, are "none of them". An empty cell of numbers is unknown (NaN).
    """
    names: list[str] = []
    values: list[Float64] = []
    for name, texts in columns.items():
        number = _numbers(texts)
        if number is not None:
            names.append(name)
            values.append(number)
            continue
        words = np.array([text.strip() for text in texts], np.str_)
        found, counts = np.unique(words, return_counts=True)
        frequent = [
            place for place in np.lexsort((found, -counts)).tolist() if counts[place] >= _LEAST_ROWS and found[place]
        ]
        for place in frequent[:_MOST_WORDS]:
            names.append(f"{name}={found[place]}")
            values.append((words == found[place]).astype(np.float64))
    rows = len(next(iter(columns.values()), ()))
    return Columns(names=tuple(names), values=np.stack(values, axis=1) if values else np.zeros((rows, 0)))


def outcome_of_texts(texts: Sequence[str], column: str) -> Float64:
    """(rows,) 1 where it came true.

    Raises:
        DataError: a cell is neither yes nor no (``benchmark_not_yes_no``).
    """
    plain = [text.strip().casefold() for text in texts]
    for row, text in enumerate(plain):
        if text not in _YES and text not in _NO:
            raise DataError("benchmark_not_yes_no", column=column, row=row + 1, value=texts[row])
    return np.array([text in _YES for text in plain], np.float64)


def moments_of_texts(texts: Sequence[str], column: str) -> Float64:
    """(rows,) numbers as they are, else ISO 8601 days or moments as seconds.

    Raises:
        DataError: a cell is neither (``benchmark_not_a_moment``).
    """
    number = _numbers(texts)
    if number is not None and np.isfinite(number).all():
        return number
    found = np.empty(len(texts))
    for row, text in enumerate(texts):
        try:
            found[row] = datetime.fromisoformat(text.strip()).timestamp()
        except ValueError:
            raise DataError("benchmark_not_a_moment", column=column, row=row + 1, value=text) from None
    return found


def _numbers(texts: Sequence[str]) -> Float64 | None:
    """The column as numbers, or None where a cell that is not empty is none."""
    found = np.empty(len(texts))
    for row, text in enumerate(texts):
        plain = text.strip().casefold()
        if plain in _EMPTY:
            found[row] = math.nan
        elif plain in ("true", "false"):
            found[row] = plain == "true"
        else:
            try:
                found[row] = float(plain)
            except ValueError:
                return None
    return np.where(np.isfinite(found), found, math.nan)
