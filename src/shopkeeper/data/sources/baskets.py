# ruff: noqa: E501  # statements and tables are easier to read in long lines
"""Market baskets: a basket a line, its products side by side, no header. When they were bought must be said.

Lines are taken apart some megabytes at a time, as columns; only those with quotes one by one.
"""

import codecs
import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from shopkeeper.core.errors import DataError
from shopkeeper.data.cleaning.values import quoted
from shopkeeper.data.mapping import NO_MAPPING, MapFile
from shopkeeper.data.rows import LINE, Rows, parquet_sql
from shopkeeper.data.sources.encodings import detect_encoding, guessed

_CHUNK: Final = 4 << 20
_LONGEST: Final = 64 << 20
"""A text without a line end in so many characters holds no baskets."""


class Baskets:
    """Each line is an order of its own, named after the file and the line; each product one of it."""

    def open(self, con: Any, path: Path, mapping: MapFile = NO_MAPPING, scratch: Path = Path()) -> Rows:  # noqa: ARG002  # the rows stand in a file
        if not {"at"} & {*mapping.constants}:
            raise DataError("baskets_without_time", file=str(path))
        encoding, sure = (mapping.encoding, True) if mapping.encoding else detect_encoding(path)
        clean, line = scratch / "baskets.parquet", 1
        schema = pa.schema([("place", pa.int64()), ("product", pa.string()), ("number", pa.int64())])
        with pq.ParquetWriter(clean, schema, compression="lz4") as out:
            for text in _texts(path, encoding):
                lines = pc.split_pattern(pa.array([text]), "\n").flatten()
                out.write_table(_members(lines, line, mapping.delimiter or ",").cast(schema))
                line += len(lines)
        relation = (
            f"(SELECT place AS {LINE}, 'basket:' || {quoted(path.stem)} || ':' || place AS \"order\", trim(product) AS product, "
            f"number::VARCHAR AS line FROM {parquet_sql([clean])})"
        )
        warnings = () if sure else (guessed(path, encoding),)
        return Rows(relation=relation, columns=("order", "product", "line"), numbered=True, warnings=warnings)


def _texts(path: Path, encoding: str) -> Iterator[str]:
    """The file in pieces of whole lines, without the last one's end; every line ends with LF."""
    decoder = io.IncrementalNewlineDecoder(codecs.getincrementaldecoder(encoding)("replace"), translate=True)
    left = ""
    with path.open("rb") as file:
        while data := file.read(_CHUNK):
            text = left + decoder.decode(data).replace("\0", "")
            whole, end, left = text.rpartition("\n")
            if end:
                yield whole
            elif len(left) > _LONGEST:
                raise DataError("file_other_format", file=str(path), format="-")
    left += decoder.decode(b"", True)
    if left:
        yield left


def _members(lines: pa.Array, first: int, delimiter: str) -> pa.Table:
    """A row a product: which line (from ``first`` on), what, and its number there. Blank lines are none."""
    places = first + np.arange(len(lines))
    there = pc.not_equal(pc.utf8_trim_whitespace(lines), "")
    lines, places = lines.filter(there), places[there.to_numpy(zero_copy_only=False)]
    members = pc.split_pattern(lines, delimiter)
    if pc.any(marked := pc.match_substring(lines, '"')).as_py():
        which = np.flatnonzero(marked.to_numpy(zero_copy_only=False))
        apart = pa.array([_apart(line, delimiter) for line in lines.take(which).to_pylist()], members.type)
        order = np.arange(len(lines))
        order[which] = len(lines) + np.arange(len(which))
        members = pa.concat_arrays([members, apart]).take(order)
    counts = pc.list_value_length(members).to_numpy(zero_copy_only=False).astype(np.int64)
    starts = np.cumsum(counts) - counts
    numbers = np.arange(counts.sum()) - np.repeat(starts, counts) + 1
    return pa.table({"place": np.repeat(places, counts), "product": members.flatten(), "number": numbers})


def _apart(line: str, delimiter: str) -> list[str]:
    """The products of a line; a delimiter in quotes is part of a name."""
    try:
        return next(csv.reader([line], delimiter=delimiter, skipinitialspace=True), [])
    except csv.Error:  # a cell is too long for it
        return line.split(delimiter)
