"""Bulk import: a file in, every row accounted for.

file -> source (rows of text) -> one SQL statement that cleans (staged) -> marks of duplicates, conflicts and bots ->
Parquet written straight into the lake's folder -> one Delta commit a table. A row is kept, a duplicate, or in
quarantine; the account says how many of each, and they add up to the rows read.
"""

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, cast

import duckdb
import pyarrow as pa

from shopkeeper.core.errors import DataError
from shopkeeper.core.ports import Progress, quiet
from shopkeeper.data.account import Account
from shopkeeper.data.cleaning.columns import SHAPES, Kind
from shopkeeper.data.cleaning.rows import IDENTITY
from shopkeeper.data.cleaning.values import Reading
from shopkeeper.data.detection import settle
from shopkeeper.data.held_pile import HeldPile
from shopkeeper.data.import_run import ImportRun
from shopkeeper.data.kill_points import reached
from shopkeeper.data.lake import Lake
from shopkeeper.data.mapping import NO_MAPPING, MapFile, told_again
from shopkeeper.data.preview import Preview
from shopkeeper.data.quarantine import HeldRow, Quarantine
from shopkeeper.data.recognising import Found, find
from shopkeeper.data.rows import LINE, Held, Rows, Source, Warn
from shopkeeper.data.sources.baskets import Baskets
from shopkeeper.data.sources.delimited import Delimited
from shopkeeper.data.sources.feed_xml import FeedXml
from shopkeeper.data.sources.jsonl import JsonLines
from shopkeeper.data.sources.known import recognise, rule_of
from shopkeeper.data.sources.known.format import Part
from shopkeeper.data.sources.parquet import Parquet
from shopkeeper.data.sources.xlsx import Xlsx

__all__ = ["SOURCES", "Account", "Importer", "import_file"]

SOURCES: Final[Mapping[str, Callable[[], Source]]] = {
    ".csv": Delimited, ".tsv": Delimited, ".txt": Delimited, ".jsonl": JsonLines, ".ndjson": JsonLines,
    ".parquet": Parquet, ".xml": FeedXml, ".xlsx": Xlsx, ".xlsm": Xlsx,
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What was found out about a file of one kind of row. ``texts``: SQL of its texts, where ``{rows}`` stands for a
    file that is read; ``rows``: as they were read of this one."""

    kind: Kind
    texts: str
    rows: Rows
    mapping: MapFile
    reading: Reading


@dataclass(frozen=True, slots=True, kw_only=True)
class Importer:
    """Where imports go and what the shop declares about itself."""

    lake: Lake
    quarantine: Quarantine
    currency: str = "USD"
    timezone: str = "UTC"
    memory: str = "2GB"
    threads: int = 2
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)

    def take(
        self, path: Path, kind: Kind | None = None, *, mapping: MapFile = NO_MAPPING, source: str = "",
        progress: Progress = quiet, kept_with: Mapping[str, Any] | None = None,
    ) -> list[Account]:  # fmt: skip
        """Import one file, finding out what it is: one account for each kind of row that it holds.

        ``kind``: only rows of this kind, and what belongs to them. ``kept_with``: what else is kept with held rows.

        Raises:
            DataError: the file as a whole cannot be read, or is not certain to be understood; nothing was stored.
        """
        started = time.perf_counter()
        source, done = source or f"file:{path.name}", list[tuple[ImportRun, Account, HeldPile]]()
        run = self._start(path, kind or "events", mapping, source, self._reading(mapping), progress)
        run.naming = "purposes" in (kept_with or {})
        with _told(path), closing(run):
            for found, part in self._parts(run, path, kind, mapping):
                account, held = part.take(found.rows)
                done.append((part, replace(account, format=found.format), held))
                if found.format:
                    part.clear()
            for part, _, _ in done:
                part.adopt()
            done = [(part, _joined(account, part.told_after()), held) for part, account, held in done]
            for part, account, held in done:
                self.hold(held, account, path, part, kept_with)
        seconds = time.perf_counter() - started
        said = [account for _, account, _ in done if account.read] or [done[0][1]]
        return [replace(account, seconds=seconds / len(said)) for account in said]

    def preview(
        self, path: Path, kind: Kind | None = None, *, mapping: MapFile = NO_MAPPING, count: int = 20
    ) -> list[Preview]:
        """What ``take`` would do with the first rows of each kind in a file. Nothing is stored or held.

        Raises:
            DataError: as ``take``.
        """
        run = self._start(path, kind or "events", mapping, f"file:{path.name}", self._reading(mapping), quiet)
        with _told(path), closing(run):
            return [
                Preview(
                    file=str(path), kind=found.kind, format=found.format, warnings=found.rows.warnings,
                    rows=part.preview(found.rows, count),
                )
                for found, part in self._parts(run, path, kind, mapping)
            ]  # fmt: skip

    def _parts(
        self, run: ImportRun, path: Path, kind: Kind | None, mapping: MapFile
    ) -> Iterator[tuple[Found, ImportRun]]:
        """What a file holds, kind by kind, each with the run that brings it in."""
        reader = Baskets() if kind == "baskets" else reader_of(path)
        for found in find(run.con, run.open(reader), kind, mapping, str(path), self.clock()):
            rows, told = self._settled(run, found)
            part = run.part(found.kind, told, self._reading(told), orders=found.orders, derived=found.derived)
            yield replace(found, rows=rows, mapping=told), part

    def _settled(self, run: ImportRun, found: Found) -> tuple[Rows, MapFile]:
        return settle(
            run.con, found.kind, found.rows, found.mapping, self.currency, self.timezone, str(run.path),
            plain=not found.format,
        )  # fmt: skip

    def look(self, path: Path, kind: Kind | None, *, mapping: MapFile = NO_MAPPING) -> Look | None:
        """How a file of one kind of row is read; None where it is of a known format, or its rows must be made first.

        Raises:
            DataError: as ``take``.
        """
        run = self._start(path, kind or "events", mapping, f"file:{path.name}", self._reading(mapping), quiet)
        with _told(path), closing(run):
            opened = run.open(reader_of(path))
            if kind in SHAPES or (not mapping.columns and recognise(opened.columns)):
                return None
            (found,) = find(run.con, opened, kind, mapping, str(path), self.clock())
            if found.rows.relation != opened.relation:
                return None
            rows, told = self._settled(run, found)
            texts = rows.relation.replace(opened.relation, "{rows}")
            return Look(kind=found.kind, texts=texts, rows=rows, mapping=told, reading=self._reading(told))

    def file(
        self, path: Path, kind: Kind, *, mapping: MapFile = NO_MAPPING, source: str = "", progress: Progress = quiet
    ) -> Account:
        """Import one file of rows of one kind; nothing about it is found out but its format, by the end of its name.

        Raises:
            DataError: the file as a whole cannot be read or lacks a column; nothing was stored.
        """
        reader = reader_of(path)
        return self.rows(reader, path, kind, mapping=mapping, source=source or f"file:{path.name}", progress=progress)

    def rows(
        self, reader: Source, path: Path, kind: Kind, *, mapping: MapFile = NO_MAPPING, source: str,
        progress: Progress = quiet,
    ) -> Account:  # fmt: skip
        """Import what a source reads."""
        started = time.perf_counter()
        run, account, held = self._run(reader, path, kind, mapping, source, self._reading(mapping), progress)
        self.hold(held, account, path, run)
        return replace(account, seconds=time.perf_counter() - started)

    def hold(
        self, held: Iterable[Held], account: Account, path: Path, run: ImportRun,
        kept_with: Mapping[str, Any] | None = None,
    ) -> None:  # fmt: skip
        """Put rows of a file into the quarantine, with what the run was told. ``kept_with``: what else is kept."""
        self.quarantine.add(
            held, import_id=account.import_id, kind=account.kind, file=str(path), at=self.clock(),
            reading={
                "mapping": asdict(run.mapping), "source": run.source, "format": account.format,
                "tried": [run.reading.now.isoformat()], **(kept_with or {}),
            },
        )  # fmt: skip
        reached("import.held")

    def _reading(self, mapping: MapFile) -> Reading:
        return Reading(
            currency=mapping.currency or self.currency, timezone=mapping.timezone or self.timezone,
            decimal=mapping.decimal, date_format=mapping.date_format, now=self.clock(),
        )  # fmt: skip

    def _start(
        self, path: Path, kind: Kind, mapping: MapFile, source: str, reading: Reading, progress: Progress
    ) -> ImportRun:
        return ImportRun.start(
            self.lake, path, kind, mapping, source, reading, progress, memory=self.memory, threads=self.threads
        )

    def _run(
        self, reader: Source, path: Path, kind: Kind, mapping: MapFile, source: str, reading: Reading,
        progress: Progress, *, part: Part | None = None, tried: Sequence[str] = (), naming: bool = False,
    ) -> tuple[ImportRun, Account, list[Held]]:  # fmt: skip
        run = self._start(path, kind, mapping, source, reading, progress)
        with _told(path), closing(run):
            run.tried, run.naming = tuple(map(datetime.fromisoformat, tried)), naming
            if part is not None:
                run.orders, run.derived = part.orders, part.derived
            account, held = run.take(run.open(reader))
            run.adopt()
            return run, account, list(held)

    def replay(
        self, ids: Iterable[str] | None = None, *, said: Mapping[str, Any] | None = None, progress: Progress = quiet
    ) -> list[Account]:
        """Send held rows of files (all, or these) through the same cleaning again. A row that is believed now leaves
        the quarantine for good; one that is not stays, with its new reason. The shop replays rows of requests.

        ``said``: what is told of these files now, as a map file's table; it counts from now on.
        """
        wanted = self._held(ids)
        groups: dict[tuple[str, str], list[HeldRow]] = {}
        for row in wanted:
            if row.kind in IDENTITY and row.cells() is not None:
                groups.setdefault((row.import_id, row.kind), []).append(row)
        accounts = []
        for (import_id, kind), rows in groups.items():
            told = self.quarantine.reading(import_id)
            mapping = told_again(told.get("mapping", {}), _fitting(said or {}, rows, known=bool(told.get("format"))))
            reading, tried = self._reading(mapping), told.get("tried", ())
            path, source, part = Path(rows[0].file), told.get("source", "replay"), rule_of(told.get("format", ""), kind)
            reader = _Replayed(rows, part)
            _, account, held = self._run(
                reader, path, cast("Kind", kind), mapping, source, reading, progress, part=part, tried=tried,
                naming="purposes" in told,
            )  # fmt: skip
            if said or account.kept:
                moments = [*tried, reading.now.isoformat()] if account.kept else tried
                self.quarantine.read_again(import_id, {**told, "mapping": asdict(mapping), "tried": moments})
            still = {one.line: one for one in held}
            self.quarantine.mark([row.id for n, row in enumerate(rows, 1) if n not in still], "replayed")
            self.quarantine.explain({rows[n - 1].id: one for n, one in still.items() if n})
            accounts.append(replace(account, format=told.get("format", ""), replayed=import_id))
        return accounts

    def _held(self, ids: Iterable[str] | None) -> list[HeldRow]:
        if ids is not None:
            return [row for row in map(self.quarantine.get, ids) if row.status == "held"]
        return self.quarantine.list(limit=1_000_000)


def reader_of(path: Path) -> Source:
    """What reads a file, by the end of its name.

    Raises:
        DataError: there is no such file, or nothing that reads it.
    """
    if not path.is_file():
        raise DataError("file_missing", file=str(path))
    make = SOURCES.get(path.suffix.lower())
    if make is None:
        raise DataError("file_format_unknown", file=str(path), allowed=", ".join(SOURCES))
    return make()


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Say which file it was where the engine could not go on."""
    try:
        yield
    except duckdb.Error as error:
        raise DataError("import_failed", file=str(path), why=str(error).splitlines()[0]) from error


def _joined(account: Account, warnings: tuple[Warn, ...]) -> Account:
    return replace(account, warnings=(*account.warnings, *warnings)) if warnings else account


def _fitting(said: Mapping[str, Any], rows: Sequence[HeldRow], *, known: bool) -> dict[str, Any]:
    """What is said of all files, without columns that these rows do not have: a known format has named its own."""
    there = {name for row in rows for name in row.cells() or {}}
    columns = {} if known else {our: their for our, their in said.get("columns", {}).items() if their in there}
    return {**said, "columns": columns}


@dataclass(frozen=True, slots=True)
class _Replayed:
    """Held rows as a source."""

    rows: Sequence[HeldRow]
    part: Part | None = None
    """What their format says of their kind, where it is a known one."""

    def open(self, con: Any, path: Path, mapping: MapFile, scratch: Path) -> Rows:  # noqa: ARG002
        cells = [row.cells() or {} for row in self.rows]
        names = list(dict.fromkeys(name for one in cells for name in one))
        columns = {name: pa.array([_cell(one.get(name)) for one in cells], pa.string()) for name in names}
        lines = pa.array(range(1, len(self.rows) + 1), pa.int64())
        con.register("replayed_rows", pa.table({LINE: lines, **columns}))
        rows = Rows(relation="replayed_rows", columns=tuple(names), numbered=True)
        return replace(rows, refused=self.part.refused, so_far=self.part.so_far) if self.part else rows


def _cell(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value)


def import_file(
    path: Path, kind: Kind, lake: Lake, quarantine: Quarantine, progress: Progress = quiet, **told: Any
) -> Account:
    """``Importer(...).file(...)`` in one call."""
    mapping = told.pop("mapping", NO_MAPPING)
    source = told.pop("source", "")
    return Importer(lake=lake, quarantine=quarantine, **told).file(
        path, kind, mapping=mapping, source=source, progress=progress
    )
