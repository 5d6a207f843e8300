"""The event lake: Delta tables on disk that receive finished Parquet files, each batch exactly once.

A writer puts Parquet files into ``stage_dir(table)`` and hands them to ``adopt`` with a key; one Delta commit
registers all of them together with that key (a Delta application transaction), so a batch that is handed over twice
lands once and a file that was never adopted is no data (``sweep`` removes it).
Statistics are written for nothing but the row count, so no personal value can survive in the Delta log.
Source: Delta protocol, "Transaction Identifiers" and "Add File and Remove File".
"""

import json
import os
import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import CommitProperties, DeltaTable, Transaction
from deltalake.transaction import AddAction, RemoveAction

from shopkeeper.core.errors import DataError
from shopkeeper.core.ids import new_id
from shopkeeper.data.lock import held, held_at_once
from shopkeeper.data.rows import parquet_sql
from shopkeeper.data.schema import TABLES

SMALL_FILE_BYTES = 32 * 2**20
_READERS = "readers.lock"
_CONFIGURATION = {"delta.dataSkippingNumIndexedCols": "0", "delta.checkpointInterval": "50"}


def fsync_dir(folder: Path) -> None:
    """Make a folder's entries durable (a rename or a new file is not, before this)."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def fsync_file(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def fsync_tree(folder: Path) -> None:
    """Make a folder durable with everything in it."""
    for path in folder.rglob("*"):
        fsync_file(path) if path.is_file() else fsync_dir(path)
    fsync_dir(folder)


class Lake:
    """All tables of one shop folder. One process writes (the shop's lock sees to it); any number may read."""

    def __init__(self, folder: Path, *, readonly: bool = False) -> None:
        self.folder = folder
        self._tables: dict[str, DeltaTable] = {}
        for name, schema in TABLES.items():
            if not readonly and not DeltaTable.is_deltatable(str(folder / name)):
                DeltaTable.create(folder / name, schema=schema, mode="ignore", configuration=_CONFIGURATION)

    def _table(self, name: str) -> DeltaTable:
        table = self._tables.get(name)
        if table is None:
            try:
                table = self._tables[name] = DeltaTable(self.folder / name)
            except Exception as error:
                raise DataError("lake_damaged", table=name, why=str(error)[:200]) from error
        else:
            table.update_incremental()
        return table

    def stage_dir(self, name: str) -> Path:
        """Where to write Parquet files before they are adopted: the table's own folder."""
        return self.folder / name

    def stage_path(self, name: str) -> Path:
        """A fresh file name in ``stage_dir``."""
        return self.stage_dir(name) / f"{new_id('part')}.parquet"

    def version(self, name: str) -> int:
        """The table's version: grows with every commit; -1 where an older release has not made the table yet."""
        return int(self._table(name).version()) if self._is_there(name) else -1

    def _is_there(self, name: str) -> bool:
        return name in self._tables or (self.folder / name / "_delta_log").is_dir()

    def landed(self, name: str, app: str) -> int:
        """The highest number committed for this application; -1 where none was."""
        found = self._table(name).transaction_version(app)
        return -1 if found is None else int(found)

    def adopt(self, name: str, files: Sequence[Path], *, key: str, number: int = 1) -> bool:
        """Register staged files in one commit.

        Returns False, removing the files, where ``(key, number)`` or a higher number of that key has landed before.
        """
        if self.landed(name, key) >= number:
            for file in files:
                file.unlink(missing_ok=True)
            return False
        with self.still():
            self._commit(name, [self._add(file) for file in files], [Transaction(key, number)])
        return True

    def append(self, name: str, rows: pa.Table, *, key: str, number: int = 1) -> bool:
        """Write one arrow table as one file and adopt it."""
        path = self.stage_path(name)
        if self.landed(name, key) >= number:
            return False
        pq.write_table(rows.cast(TABLES[name]), path, compression="zstd")
        return self.adopt(name, [path], key=key, number=number)

    def landed_of(self, name: str, apps: Iterable[str]) -> dict[str, int]:
        """``landed`` of several applications at once."""
        table = self._table(name)
        found = {app: table.transaction_version(app) for app in apps}
        return {app: -1 if number is None else int(number) for app, number in found.items()}

    def land(self, name: str, rows: pa.Table | None, numbers: Mapping[str, int]) -> None:
        """Write rows, where there are any, and in the same commit how far each application has come."""
        adds = []
        if rows is not None and len(rows):
            path = self.stage_path(name)
            pq.write_table(rows.cast(TABLES[name]), path, compression="zstd")
            adds = [self._add(path)]
        with self.still():
            self._commit(name, adds, [Transaction(app, number) for app, number in numbers.items()])

    def rewriting(self) -> AbstractContextManager[None]:
        """While this is held, by any process, nobody else joins, erases or lands: two that replace the same file at
        once would leave its rows twice."""
        return held(self.folder / "rewrite.lock")

    def _add(self, file: Path) -> AddAction:
        fsync_file(file)
        rows = pq.read_metadata(file).num_rows
        size = file.stat().st_size
        stats = json.dumps({"numRecords": rows})
        return AddAction(file.name, size, {}, int(time.time() * 1000), True, stats)

    def still(self) -> AbstractContextManager[None]:
        """While this is held, by any process, nothing is committed to the lake and no file of it is removed."""
        return held(self.folder / "still.lock")

    def reading(self) -> AbstractContextManager[None]:
        """While this is held, by any process, files that were live stay on disk, so that a listing can be read to its
        end. Joining small files does not wait for it, erasing does."""
        return held(self.folder / _READERS, shared=True)

    def _commit(self, name: str, actions: list[Any], transactions: list[Transaction]) -> None:
        fsync_dir(self.folder / name)
        properties = CommitProperties(app_transactions=transactions)
        self._table(name).create_write_transaction(
            actions, mode="append", schema=TABLES[name], commit_properties=properties
        )
        fsync_dir(self.folder / name / "_delta_log")

    def files(self, name: str) -> list[str]:
        """Paths of the table's live Parquet files.

        Raises:
            DataError: one of them is gone.
        """
        uris = self._table(name).file_uris() if self._is_there(name) else []
        files = sorted(uri.removeprefix("file://") for uri in uris)
        for file in files:
            if not os.path.exists(file):  # noqa: PTH110  # a stat without a Path for each file of each query
                raise DataError("lake_damaged", table=name, why=f"{Path(file).name} is missing")
        return files

    def relation_sql(self, name: str) -> str:
        """A DuckDB table expression over the live files; an empty table of the right columns where there are none."""
        files = self.files(name)
        if files:
            return parquet_sql(files)
        columns = ", ".join(f'NULL::{_duck_type(field.type)} AS "{field.name}"' for field in TABLES[name])
        return f"(SELECT {columns} WHERE false)"

    def rewrite(self, name: str, files: Sequence[str], keep_sql: str, parameters: Sequence[Any]) -> int:
        """Replace files by their rows that satisfy ``keep_sql``, in one commit; ``clear`` deletes what was replaced.

        Returns how many rows were dropped.
        """
        if not files:
            return 0
        target = self.stage_path(name)
        source = parquet_sql(files)
        with duckdb.connect() as con:
            con.execute("SET TimeZone='UTC'")
            before = _count(con, f"SELECT count(*) FROM {source}")
            con.execute(f"CREATE TEMP VIEW kept AS SELECT * FROM {source}")
            con.execute(
                f"COPY (SELECT * FROM kept WHERE {keep_sql}) TO '{target}' (FORMAT parquet, COMPRESSION zstd)",
                parameters,
            )
            after = _count(con, f"SELECT count(*) FROM read_parquet('{target}')")
        removes = [_remove(Path(file)) for file in files]
        adds = [self._add(target)] if after else []
        with self.still():
            self._commit(name, [*removes, *adds], [])
            if not after:
                target.unlink()
        return before - after

    def clear(self, name: str, *, wait: bool = True) -> bool:
        """Delete the files that were replaced; whether that could be done: without ``wait`` not while anybody reads."""
        if wait:
            with held(self.folder / _READERS):
                return self._clear(name)
        with held_at_once(self.folder / _READERS) as alone:
            return alone and self._clear(name)

    def _replaced(self, name: str) -> set[str]:
        """Files that a commit has removed from the table and that may still be on disk."""
        files = self._table(name).vacuum(retention_hours=0, dry_run=True, enforce_retention_duration=False)
        return {Path(file).name for file in files}

    def _clear(self, name: str) -> bool:
        with self.still():
            for file in self._replaced(name):
                (self.stage_dir(name) / file).unlink(missing_ok=True)
            fsync_dir(self.folder / name)
        return True

    def compact(self, name: str, *, at_least: int = 16) -> int:
        """Join small files into one where there are many. Returns how many were joined."""
        small = [file for file in self.files(name) if Path(file).stat().st_size < SMALL_FILE_BYTES]
        if len(small) < at_least:
            return 0
        self.rewrite(name, small, "true", [])
        self.clear(name, wait=False)
        return len(small)

    def sweep(self, name: str, *, older_than_seconds: float = 3600) -> int:
        """Remove Parquet files that no commit knows: what a crash left between writing and adopting."""
        live = {Path(file).name for file in self._table(name).file_uris()} | self._replaced(name)
        limit = time.time() - older_than_seconds
        orphans = [
            path
            for path in self.stage_dir(name).glob("*.parquet")
            if path.name not in live and path.stat().st_mtime < limit
        ]
        for path in orphans:
            path.unlink(missing_ok=True)
        return len(orphans)

    @contextmanager
    def connect(self, *, memory: str = "2GB", threads: int = 2, tables: Iterable[str] = TABLES) -> Iterator[Any]:
        """A private in-memory DuckDB with a view for each table, in UTC.

        Raises:
            DataError: a Parquet file of the lake is gone or is not what was written.
        """
        with self.reading(), duckdb.connect() as con, _damage_named(self.folder):
            con.execute("SET TimeZone='UTC'")
            con.execute(f"SET memory_limit='{memory}'")
            con.execute(f"SET threads={threads}")
            con.execute(f"SET temp_directory='{self.folder.parent / 'tmp'}'")
            con.execute("SET enable_progress_bar=false")
            for name in tables:
                con.execute(f'CREATE VIEW "{name}" AS SELECT * FROM {self.relation_sql(name)}')
            yield con


def damage(lake: Path, words: str) -> DataError | None:
    """What an engine says of an unreadable file of the lake, as our error that names the table; None where it speaks of
    something else."""
    file = re.search(re.escape(str(lake)) + r"/([a-z_]+)/[^/'\"]+\.parquet", words)
    return None if file is None else DataError("lake_damaged", table=file[1], why=words.splitlines()[0][:200])


@contextmanager
def _damage_named(lake: Path) -> Iterator[None]:
    try:
        yield
    except duckdb.Error as error:
        ours = damage(lake, str(error))
        if ours is None:
            raise
        raise ours from error


def _count(con: Any, sql: str) -> int:
    return int(con.execute(sql).fetchone()[0])


def _remove(file: Path) -> RemoveAction:
    return RemoveAction(file.name, True, int(time.time() * 1000), file.stat().st_size, {})


def _duck_type(kind: pa.DataType) -> str:
    if pa.types.is_timestamp(kind):
        return "TIMESTAMPTZ"
    names = {pa.string(): "VARCHAR", pa.int64(): "BIGINT", pa.int32(): "INTEGER", pa.float64(): "DOUBLE"}
    return names.get(kind, "BOOLEAN")
