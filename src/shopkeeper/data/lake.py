"""The event lake: Delta tables on disk that receive finished Parquet files, each batch exactly once.

A writer puts Parquet files into ``stage_dir(table)`` and hands them to ``adopt`` with a key; one Delta commit
registers all of them together with that key (a Delta application transaction), so a batch that is handed over twice
lands once and a file that was never adopted is no data (``sweep`` removes it).
Statistics are written for nothing but the row count, so no personal value can survive in the Delta log.
Source: Delta protocol, "Transaction Identifiers" and "Add File and Remove File".
"""

import os
import re
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import DeltaTable

from shopkeeper.core.errors import DataError, Unavailable
from shopkeeper.core.ids import new_id
from shopkeeper.data import delta_log
from shopkeeper.data.disk import fsync_dir, fsync_tree, is_sound, sealed, without_broken_checkpoints
from shopkeeper.data.duck import Duck
from shopkeeper.data.kill_points import reached
from shopkeeper.data.lock import held, held_at_once
from shopkeeper.data.rows import identifier, parquet_sql
from shopkeeper.data.schema import FOLLOWS, TABLES, lake_types

SMALL_FILE_BYTES = 32 * 2**20
_READERS, _STAGING, _REWRITING = "readers.lock", "staging.lock", "rewrite.lock"
_CONFIGURATION = {"delta.dataSkippingNumIndexedCols": "0", "delta.deletedFileRetentionDuration": "interval 1 days"}
"""Files that went are named for a day, not for the usual week: nobody asks for them, and every checkpoint does it."""


class Lake:
    """All tables of one shop folder. One process writes (the shop's lock sees to it); any number may read."""

    def __init__(self, folder: Path, *, readonly: bool = False) -> None:
        self.folder = folder
        self._tables: dict[str, DeltaTable] = {}
        self._ducks: dict[tuple[str, int], Duck] = {}
        self._failed: Unavailable | None = None
        self.commits = 0
        """How many were made here: cheaper to ask than what the tables' versions are."""
        for name in () if readonly else TABLES:
            if DeltaTable.is_deltatable(str(folder / name)):
                self._settle(name)
            else:
                self._make(name)

    def _make(self, name: str) -> None:
        """A new table: beside its place, synced, then renamed."""
        part = self.folder / f"{name}.part"
        shutil.rmtree(part, ignore_errors=True)
        DeltaTable.create(part, schema=TABLES[name], configuration=_CONFIGURATION)
        fsync_tree(part)
        reached("shop.tables_made")
        final = self.folder / name
        if final.is_dir():
            final.rmdir()  # an empty one, or the folder is not ours to replace
        part.rename(final)
        fsync_dir(self.folder)

    def _settle(self, name: str) -> None:
        """Whatever a process that was killed has shown is made durable before anybody relies on it; a checkpoint that
        was cut off, which is a copy of the log, goes."""
        log = self.folder / name / "_delta_log"
        fsync_dir(log)
        try:
            self._table(name)
        except DataError:
            if not without_broken_checkpoints(log):
                raise
            self._table(name)

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
        """The highest number committed for this application; -1 where none was.

        Raises:
            Unavailable: a sync has failed, so what was committed last may not be durable (``storage_failed``).
        """
        if self._failed is not None:
            raise self._failed
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
            self._commit(name, [*map(sealed, files), delta_log.transaction(key, number)])
        return True

    def append(self, name: str, rows: pa.Table, *, key: str, number: int = 1) -> bool:
        """Write one arrow table as one file and adopt it."""
        path = self.stage_path(name)
        if self.landed(name, key) >= number:
            return False
        try:
            pq.write_table(rows.cast(TABLES[name]), path, compression="zstd")
            reached("lake.written")
            return self.adopt(name, [path], key=key, number=number)
        except OSError:
            path.unlink(missing_ok=True)  # no room, or no such disk: half a file helps nobody
            raise

    def landed_of(self, name: str, apps: Iterable[str]) -> dict[str, int]:
        """``landed`` of several applications at once."""
        if self._failed is not None:
            raise self._failed
        table = self._table(name)
        found = {app: table.transaction_version(app) for app in apps}
        return {app: -1 if number is None else int(number) for app, number in found.items()}

    def land(self, name: str, rows: pa.Table | None, numbers: Mapping[str, int]) -> None:
        """Write rows, where there are any, and in the same commit how far each application has come."""
        actions = [delta_log.transaction(app, number) for app, number in numbers.items()]
        path = self.stage_path(name)
        try:
            if rows is not None and len(rows):
                pq.write_table(rows.cast(TABLES[name]), path, compression="zstd")
                reached("lake.written")
                actions.insert(0, sealed(path))
            with self.still():
                self._commit(name, actions)
        except OSError:
            path.unlink(missing_ok=True)
            raise

    def rewriting(self) -> AbstractContextManager[None]:
        """While this is held, by any process, nobody else joins, erases or lands: two that replace the same file at
        once would leave its rows twice."""
        return held(self.folder / _REWRITING)

    def still(self) -> AbstractContextManager[None]:
        """While this is held, by any process, nothing is committed to the lake and no file of it is removed."""
        return held(self.folder / "still.lock")

    def staging(self) -> AbstractContextManager[None]:
        """While this is held, by any process, files that no commit knows are somebody's."""
        return held(self.folder / _STAGING, shared=True)

    @contextmanager
    def alone(self) -> Iterator[bool]:
        """Whether nobody stages or rewrites files, nor begins to before the block ends; nobody is waited for."""
        with held_at_once(self.folder / _REWRITING) as nobody_rewrites, held_at_once(self.folder / _STAGING) as free:
            yield nobody_rewrites and free

    def reading(self) -> AbstractContextManager[None]:
        """While this is held, by any process, files that were live stay on disk, so that a listing can be read to its
        end. Joining small files does not wait for it, erasing does."""
        return held(self.folder / _READERS, shared=True)

    def _commit(self, name: str, actions: Sequence[delta_log.Action]) -> None:
        """The files first, then the commit that names them; each is durable before the next step is taken."""
        if self._failed is not None:
            raise self._failed
        log = self.folder / name / "_delta_log"
        fsync_dir(self.folder / name)
        table = self._table(name)
        version = int(table.version()) + 1
        delta_log.commit(self.folder / name, version, actions)
        self.commits += 1
        reached("lake.linked")
        try:
            fsync_dir(log)
        except OSError as error:  # it can be seen and may be gone tomorrow: nobody may build on it, nor sync it again
            self._failed = Unavailable("storage_failed", folder=str(self.folder.parent), why=str(error))
            raise self._failed from error
        table.update_incremental()
        if version % delta_log.CHECKPOINT_EVERY == 0:
            table.create_checkpoint()
            reached("lake.checkpointed")
            fsync_tree(log)
            delta_log.trim(log, version)

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

    def check(self, *tables: str) -> None:
        """Read every live file of some tables, or of all, to its last byte.

        Raises:
            DataError: one is gone, or its bytes are not those that were written (``lake_damaged``).
        """
        with self.reading():
            for name in tables or TABLES:
                broken = delta_log.damaged(self.folder / name)
                if broken is not None:
                    raise DataError("lake_damaged", table=name, why=f"{broken.name} is not what was written")
                for file in map(Path, self.files(name)):
                    if not is_sound(file):
                        raise DataError("lake_damaged", table=name, why=f"{file.name} is not what was written")

    def relation_sql(self, name: str) -> str:
        """A DuckDB table expression over the live files; an empty table of the right columns where there are none."""
        return table_sql(name, self.files(name))

    def rewrite(self, name: str, files: Sequence[str], keep_sql: str, parameters: Sequence[Any]) -> int:
        """Replace files by their rows that satisfy ``keep_sql``, in one commit; ``clear`` deletes what was replaced.

        Returns how many rows were dropped.
        """
        if not files:
            return 0
        target = self.stage_path(name)
        source = table_sql(name, files)
        with duckdb.connect() as con:
            con.execute("SET TimeZone='UTC'")
            before = _count(con, f"SELECT count(*) FROM {source}")
            con.execute(f"CREATE TEMP VIEW kept AS SELECT * FROM {source}")
            con.execute(
                f"COPY (SELECT * FROM kept WHERE {keep_sql}) TO '{target}' (FORMAT parquet, COMPRESSION zstd)",
                parameters,
            )
            after = _count(con, f"SELECT count(*) FROM read_parquet('{target}')")
        reached("compact.written")
        removes = [delta_log.remove(Path(file)) for file in files]
        adds = [sealed(target)] if after else []
        with self.still():
            self._commit(name, [*removes, *adds])
            reached("compact.committed")
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
                reached("lake.cleared")
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
        live, limit = {Path(file).name for file in self._table(name).file_uris()}, time.time() - older_than_seconds
        orphans = [
            path
            for path in self.stage_dir(name).glob("*.parquet")
            if path.name not in live and path.stat().st_mtime < limit
        ]
        replaced = self._replaced(name) if orphans else set()
        orphans = [path for path in orphans if path.name not in replaced]
        for path in orphans:
            reached("lake.sweeping")
            path.unlink(missing_ok=True)
        return len(orphans)

    @contextmanager
    def connect(self, *, memory: str = "2GB", threads: int = 2, tables: Iterable[str] = TABLES) -> Iterator[Any]:
        """A private connection to DuckDB in memory with a view for each table, in UTC.

        Raises:
            DataError: a Parquet file of the lake is gone or is not what was written.
        """
        tables = tuple(tables)
        duck = self._duck(memory, threads)
        with self.reading(), self._damage_named(tables), duck.session() as con:
            for name in tables:
                con.execute(f'CREATE TEMP VIEW "{name}" AS SELECT * FROM {self.relation_sql(name)}')
            yield con

    def _duck(self, memory: str, threads: int) -> Duck:
        found = self._ducks.get((memory, threads))
        if found is None:
            found = Duck(memory_limit=memory, threads=threads, temp_directory=str(self.folder.parent / "tmp"))
            self._ducks[memory, threads] = found
        return found

    @contextmanager
    def _damage_named(self, tables: Sequence[str]) -> Iterator[None]:
        """Where the engine fails and does not say at which file, the files are asked."""
        try:
            yield
        except duckdb.Error as error:
            ours = damage(self.folder, str(error))
            if ours is not None:
                raise ours from error
            try:
                self.check(*tables)
            except DataError as found:
                raise found from error
            raise


def table_sql(name: str, files: Sequence[str | Path], *, named: bool = False) -> str:
    """SQL: the rows of some files of a table, with all of its columns: one that a file lacks follows from others or is
    NULL in it. ``named``: with the column ``filename``."""
    empty = ", ".join(f"NULL::{its} AS {identifier(column)}" for column, its in lake_types(name).items())
    none = f"(SELECT {empty} WHERE false)"
    if not files:
        return none
    whole = f"(FROM {none} UNION ALL BY NAME FROM {parquet_sql(files, named=named)})"
    follows = ", ".join(f"coalesce({column}, {sql}) AS {column}" for column, sql in FOLLOWS.get(name, {}).items())
    return f"(SELECT * REPLACE ({follows}) FROM {whole})" if follows else whole


def damage(lake: Path, words: str) -> DataError | None:
    """What an engine says of an unreadable file of the lake, as our error that names the table; None where it speaks of
    something else."""
    file = re.search(re.escape(str(lake)) + r"/([a-z_]+)/[^/'\"]+\.parquet", words)
    return None if file is None else DataError("lake_damaged", table=file[1], why=words.splitlines()[0][:200])


def _count(con: Any, sql: str) -> int:
    return int(con.execute(sql).fetchone()[0])
