"""The header of a text file: where it stands, what divides it, and which of its columns are blank."""

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

from shopkeeper.core.errors import DataError
from shopkeeper.data.cleaning.columns import COLUMNS
from shopkeeper.data.cleaning.values import NUMBER, TIME
from shopkeeper.data.mapping import MapFile

_MAX_COLUMNS: Final = 1_000
_DELIMITERS: Final = (",", ";", "\t", "|")
_TITLES: Final = 10
_SEEN: Final = 1_000
_WORDS: Final = frozenset(
    word for columns in COLUMNS.values() for its in columns for word in (its.name, its.lake, *its.synonyms)
)
_data = re.compile(f"{NUMBER}|{TIME}", re.ASCII).fullmatch


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """Names of the columns and the physical line they stand in. ``unnamed``: those without a name and without cells;
    ``titled``: whether lines above were passed over."""

    names: tuple[str, ...]
    line: int
    delimiter: str
    unnamed: frozenset[str] = frozenset()
    titled: bool = False


def read_header(text: str, mapping: MapFile, path: Path) -> Header:
    """The first line that is not empty, or, under titles of one cell, the first line of names. What divides it is
    declared, or the sign that divides it most.

    Raises:
        DataError: there is no line, there are too many columns, or two of one name.
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    filled = [number for number, line in enumerate(lines) if line.strip()]
    if not filled:
        raise DataError("file_empty", file=str(path))
    number = _below_titles(lines, filled, mapping)
    delimiter = mapping.delimiter or _delimiter(lines[number])
    cells = _cells(lines[number], delimiter)
    if len(cells) > _MAX_COLUMNS:
        raise DataError("too_many_columns", file=str(path), columns=len(cells), limit=_MAX_COLUMNS)
    below = _rows(lines[number + 1 : -1], delimiter)
    cells += [""] * _surplus(below, len(cells))
    names = tuple(cell or f"column_{place}" for place, cell in enumerate(cells, 1))
    _refuse_twice(names, path)
    blank = [place for place, cell in enumerate(cells) if not cell]
    empty = frozenset(names[at] for at in blank if not any(row[at].strip() for row in below if at < len(row)))
    return Header(names=names, line=number + 1, delimiter=delimiter, unnamed=empty, titled=number > filled[0])


def looks_like_data(names: Sequence[str]) -> bool:
    """Whether what should be names of columns are numbers or times."""
    return any(_data(name.strip()) for name in names)


def _below_titles(lines: Sequence[str], filled: Sequence[int], mapping: MapFile) -> int:
    """The first line of several cells, where only lines of one stand above it, none of them the name of a column."""
    for at in filled[: _TITLES + 1]:
        cells = [cell for cell in _cells(lines[at], mapping.delimiter or _delimiter(lines[at])) if cell]
        if len(cells) > 1:
            return at
        if cells and cells[0].casefold() in _WORDS:
            break
    return filled[0]


def _delimiter(line: str) -> str:
    return max(_DELIMITERS, key=lambda sign: len(_cells(line, sign)))


def _cells(line: str, delimiter: str) -> list[str]:
    return [cell.strip() for row in _rows([line], delimiter) for cell in row]


def _rows(lines: Sequence[str], delimiter: str) -> list[list[str]]:
    """Lines divided into cells; as far as they can be."""
    rows: list[list[str]] = []
    try:
        rows.extend(islice(csv.reader(lines, delimiter=delimiter), _SEEN))
    except csv.Error:
        rows.append([])  # a cell of more than 131,072 characters
    return rows


def _surplus(rows: Sequence[Sequence[str]], columns: int) -> int:
    """How many blank cells each row has beyond the header's; 0 where they do not all have the same."""
    sizes = {len(row) for row in rows if row}
    if len(sizes) != 1 or (size := sizes.pop()) <= columns or size > _MAX_COLUMNS:
        return 0
    return 0 if any(cell.strip() for row in rows for cell in row[columns:]) else size - columns


def _refuse_twice(names: Sequence[str], path: Path) -> None:
    lowered = [name.casefold() for name in names]
    for place, name in enumerate(lowered):
        if name in lowered[:place]:
            raise DataError("column_twice", file=str(path), name=names[place])
