"""The table of people that audiences are asked of: one Parquet file in the shop folder, made again from the lake.

Each person has a number that stays theirs for as long as they are known and is never given to anybody else, so that
sets of people can be kept as bits.
"""

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from shopkeeper.data.disk import fsync_dir, fsync_file

_FILE: Final = "people.parquet"
_NEXT: Final = "next_number"


class PeopleFile:
    """The folder ``people`` of a shop."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / _FILE

    def facts(self) -> dict[str, Any] | None:
        """What was said of the table when it was made; None where there is none."""
        if not self.path.exists():
            return None
        told = pq.read_schema(self.path).metadata or {}
        found: dict[str, Any] = json.loads(told.get(b"facts", b"{}"))
        return found

    def changed(self) -> int:
        """Another number after every change of the file."""
        return self.path.stat().st_mtime_ns if self.path.exists() else 0

    def table(self, columns: list[str] | None = None) -> pa.Table:
        """The rows, or some columns of them."""
        return pq.read_table(self.path, columns=columns)

    def save(self, people: pa.Table, facts: Mapping[str, Any]) -> pa.Table:
        """Keep the table (its column ``person`` names who); it gets the column ``number``."""
        old = self.facts() or {}
        first = int(old.get(_NEXT, 0))
        who = people.column("person").combine_chunks()
        numbers = np.full(len(who), -1, np.int64)
        if first:
            before = self.table(["person", "number"])
            place = pc.index_in(who, value_set=before.column("person").combine_chunks())
            known = ~np.asarray(place.is_null())
            numbers[known] = before.column("number").to_numpy()[place.drop_null().to_numpy()]
        fresh = numbers < 0
        numbers[fresh] = first + np.arange(int(fresh.sum()))
        told = {**facts, _NEXT: first + int(fresh.sum())}
        whole = people.append_column("number", pa.array(numbers))
        self._write(whole, told)
        return whole

    def forget(self, persons: Iterable[str]) -> int:
        """Take people out; their numbers are never used again. Returns how many rows went."""
        if not self.path.exists():
            return 0
        whole = self.table()
        gone = pc.is_in(whole.column("person"), value_set=pa.array(list(persons), pa.string()))
        rows = int(pc.sum(gone).as_py() or 0)
        if rows:
            self._write(whole.filter(pc.invert(gone)), self.facts() or {})
        return rows

    def _write(self, rows: pa.Table, facts: Mapping[str, Any]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        part = self.path.with_suffix(".part")
        told = rows.replace_schema_metadata({"facts": json.dumps(dict(facts))})
        pq.write_table(told, part, compression="zstd", row_group_size=200_000, write_statistics=False)
        fsync_file(part)
        os.replace(part, self.path)  # noqa: PTH105 - the atomic call, by its own name
        fsync_dir(self.folder)
