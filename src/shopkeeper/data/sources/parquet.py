"""Parquet: the columns as text, so that the same cleaning judges them; the line is the row number from 1."""

from pathlib import Path
from typing import Any

import duckdb

from shopkeeper.core.errors import DataError
from shopkeeper.data.mapping import NO_MAPPING, MapFile
from shopkeeper.data.rows import LINE, Rows, identifier


class Parquet:
    """Apache Parquet files."""

    def open(self, con: Any, path: Path, mapping: MapFile = NO_MAPPING, scratch: Path = Path()) -> Rows:  # noqa: ARG002
        source = "read_parquet('" + str(path).replace("'", "''") + "', file_row_number=true)"
        try:
            described = con.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()
        except duckdb.Error as error:
            raise DataError("file_damaged", file=str(path), why=str(error).splitlines()[0]) from error
        names = tuple(row[0] for row in described if row[0] != "file_row_number")
        cells = ", ".join(f"CAST({identifier(name)} AS VARCHAR) AS {identifier(name)}" for name in names)
        relation = f"(SELECT file_row_number + 1 AS {LINE}, {cells} FROM {source})"
        return Rows(relation=relation, columns=names, numbered=True)
