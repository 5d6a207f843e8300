"""Files as rows of text, read side by side by Spark's workers: each by the reader that reads it anywhere."""

import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from shopkeeper.core.errors import DataError
from shopkeeper.data.held_pile import HeldPile, put_away
from shopkeeper.data.importing import reader_of
from shopkeeper.data.mapping import MapFile
from shopkeeper.data.rows import LINE, Rejects, Rows, identifier, lines_of

FILE: Final = 1 << 40
"""A row's number is that of its file times this, and its line."""
_PLACE: Final = "__place"
_SCHEMA: Final = "number BIGINT, plain BOOLEAN, strange BOOLEAN, held STRING, problem STRING"


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """How files are read. ``texts``: SQL of a file's texts, ``{rows}`` in it the file."""

    columns: tuple[str, ...]
    texts: str
    mapping: MapFile
    timezone: str
    folder: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """What came of reading some files."""

    plain: bool
    strange: bool
    held: HeldPile
    """What could not be read as a row, under the numbers of rows."""


def read_files(session: Any, files: Sequence[Path], told: Told) -> Read:
    """Write the texts of files into ``told.folder``, a task for each.

    Raises:
        DataError: one cannot be read as a whole, or has other columns.
    """
    numbered = [(number, str(path.absolute())) for number, path in enumerate(files)]  # workers stand elsewhere
    tasks = session.createDataFrame(
        session.sparkContext.parallelize(numbered, len(files)), "number BIGINT, path STRING"
    )
    found = tasks.mapInArrow(_reading(told), _SCHEMA).toArrow().sort_by("number").to_pylist()
    for one in found:
        if one["problem"]:
            key, facts = json.loads(one["problem"])
            raise DataError(key, **facts)
    held = HeldPile(told.folder)
    for one in found:
        if one["held"]:
            held.extend(put_away(Path(one["held"])))
    return Read(plain=all(one["plain"] for one in found), strange=any(one["strange"] for one in found), held=held)


def _reading(told: Told) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    def read(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            rows = [_one(task["number"], Path(task["path"]), told) for task in batch.to_pylist()]
            yield from pa.Table.from_pylist(rows).to_batches() if rows else ()

    return read


def _one(number: int, path: Path, told: Told) -> dict[str, Any]:
    said: dict[str, Any] = {"number": number, "plain": True, "strange": False, "held": "", "problem": ""}
    try:
        with TemporaryDirectory() as scratch, duckdb.connect() as con:
            con.execute("SET threads=1")
            con.execute(f"SET temp_directory='{scratch}'")
            con.execute(f"SET TimeZone='{told.timezone}'")
            rows = reader_of(path).open(con, path, told.mapping, Path(scratch))
            if set(rows.columns) != set(told.columns):
                found, wanted = ", ".join(rows.columns), ", ".join(told.columns)
                raise DataError("columns_differ", file=str(path), found=found, wanted=wanted)
            held = HeldPile(told.folder)
            for some in (rows.held, _write(con, rows, number, told)):
                held.extend(replace(one, line=number * FILE + (one.line or 0)) for one in some)
            file = held.whole()
    except DataError as error:
        return said | {"problem": json.dumps([error.key, {name: str(its) for name, its in error.facts.items()}])}
    except duckdb.Error as error:
        facts = {"file": str(path), "why": str(error).splitlines()[0]}
        return said | {"problem": json.dumps(["import_failed", facts])}
    return said | {"plain": rows.plain, "strange": rows.strange, "held": str(file or "")}


def _write(con: Any, rows: Rows, number: int, told: Told) -> Rejects:
    """Write a file's texts under the numbers of their rows; what was refused."""
    part, final = told.folder / f"_{number:08}.{os.getpid()}", told.folder / f"{number:08}.parquet"
    place = f"{LINE}::BIGINT" if rows.numbered else f"row_number() OVER () + {rows.first_line - 1}"
    texts = told.texts.replace("{rows}", f"(SELECT {place} AS {_PLACE}, * FROM {rows.relation})")
    columns = ", ".join(map(identifier, told.columns))
    numbered = f"SELECT {_PLACE} + {number * FILE} AS {LINE}, {columns} FROM {texts}"
    con.execute(f"COPY ({numbered}) TO '{part}' (FORMAT parquet)")
    refused = rows.rejects()
    if len(refused) and not rows.numbered:
        _shift(part, lines_of(refused), number * FILE)
    part.rename(final)
    return refused


def _shift(path: Path, refused: NDArray[np.int64], base: int) -> None:
    """Count the refused lines before each row into its number."""
    aside = path.with_suffix(".shifted")
    file = pq.ParquetFile(path)
    with pq.ParquetWriter(aside, file.schema_arrow) as out:
        for batch in file.iter_batches():
            lines = batch.column(LINE).to_numpy()
            lines = lines + np.searchsorted(refused, lines - base, side="right")
            out.write_batch(batch.set_column(0, batch.schema.field(0), pa.array(lines)))
    aside.rename(path)
