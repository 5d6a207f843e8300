"""What every source gives: a relation of text columns, and what it could not even read as a row."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from shopkeeper.data.mapping import MapFile

LINE: Final = "__line"
"""Column with the physical line or row number, where the relation has one."""
RAW_MAX: Final = 4_000
"""Characters of a raw row that the quarantine keeps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A row or cell that is not believed: where it stands and why. ``facts`` fill the reason's sentence."""

    reason: str
    line: int | None = None
    column: str = ""
    facts: Mapping[str, str | int | float] = field(default_factory=dict)
    raw: str = ""
    """The row as JSON of its columns, or as it was written where it is no row."""
    original: str = ""
    """The file's own row, where a known format made ``raw`` of it."""


class Rejects(Protocol):
    """Held rows, a list of them or a pile."""

    def __len__(self) -> int:
        """How many."""
        ...

    def __iter__(self) -> Iterator[Held]:
        """One after the other, as often as asked."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Warn:
    """Something the person who imports should know: a message key of ``checks`` and its facts."""

    key: str
    facts: Mapping[str, str | int | float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A rule of one format: rows for which ``condition`` (SQL over the row's texts) is true are held."""

    reason: str
    column: str
    condition: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """A file as rows of text. ``relation`` is a DuckDB table expression on the connection that opened it.

    Without a ``LINE`` column (``numbered`` false) a row's line follows from its place: ``first_line`` + rows before it.
    """

    relation: str
    columns: tuple[str, ...]
    numbered: bool
    first_line: int = 1
    plain: bool = False
    """Whether it is known that no cell has blanks round it or control characters in it, and empty ones are NULL."""
    strange: bool = True
    """Whether there may be signs in it that nobody sees, or that were garbled before; false where it is known not."""
    unnamed: frozenset[str] = frozenset()
    """Columns without a name of their own and without cells."""
    open_end: int = 0
    """The number of the last line, where it has no line end."""
    warnings: tuple[Warn, ...] = ()
    held: Rejects = ()
    refused: tuple[Refused, ...] = ()
    so_far: bool = False
    """Whether returns and cancellations state what has come back of the whole order so far."""
    rejects: Callable[[], Rejects] = list
    """Called once after the relation was read: rows that DuckDB refused."""


def lines_of(rejects: Rejects) -> NDArray[np.int64]:
    """For rows without numbers: the n-th entry is the first place (counted from ``first_line``) that n + 1 refused
    lines stand before."""
    lines = getattr(rejects, "lines", None)
    if lines is None:
        lines = [one.line for one in rejects if one.line is not None]
    refused = np.sort(np.array(lines, np.int64))
    return refused - np.arange(len(refused))


def line_in(rows: Rows, rejects: Rejects) -> Callable[[int], int]:
    """From a row's place (or its own line) to its physical line: refused lines before it count."""
    if rows.numbered:
        return lambda line: line
    shifted = lines_of(rejects)

    def line_of(place: int) -> int:
        plain = place + rows.first_line
        return plain + int(np.searchsorted(shifted, plain, "right"))

    return line_of


def shifts(refused: Rejects) -> pa.Table:
    """The same as a table: from which place on (``start``) how many refused lines stand before (``before``)."""
    start = lines_of(refused)
    last = np.append(start[1:] != start[:-1], True) if len(start) else np.zeros(0, bool)
    return pa.table({"start": start[last], "before": np.arange(1, len(start) + 1)[last]})


class Source(Protocol):
    """One format of file."""

    def open(self, con: Any, path: Path, mapping: MapFile, scratch: Path) -> Rows:
        """Make the file readable on ``con``; temporary files go to ``scratch``.

        Raises:
            DataError: the file as a whole cannot be read; nothing was stored.
        """
        ...


def parquet_sql(files: Iterable[str | Path], *, named: bool = False) -> str:
    """SQL: the rows of Parquet files, a column that one lacks NULL in it; ``named``: with the column ``filename``."""
    listing = ", ".join("'" + str(file).replace("'", "''") + "'" for file in files)
    return f"read_parquet([{listing}], union_by_name=true{', filename=true' if named else ''})"


def identifier(name: str) -> str:
    """A SQL identifier."""
    return '"' + name.replace('"', '""') + '"'
