"""Bulk import: a file in, every row accounted for.

file -> source (rows of text) -> one SQL statement that cleans (staged) -> marks of duplicates, conflicts and bots ->
Parquet written straight into the lake's folder -> one Delta commit a table. A row is kept, a duplicate, or in
quarantine; the account says how many of each, and they add up to the rows read.
"""

import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import duckdb
import pyarrow as pa

from shopkeeper.core.errors import DataError
from shopkeeper.core.ports import Progress, quiet
from shopkeeper.data.account import Account
from shopkeeper.data.cleaning.columns import Kind
from shopkeeper.data.cleaning.rows import IDENTITY
from shopkeeper.data.cleaning.values import Reading
from shopkeeper.data.import_run import ImportRun
from shopkeeper.data.lake import Lake
from shopkeeper.data.mapping import NO_MAPPING, MapFile, mapping_of
from shopkeeper.data.quarantine import HeldRow, Quarantine
from shopkeeper.data.rows import LINE, Held, Rows, Source
from shopkeeper.data.sources.delimited import Delimited
from shopkeeper.data.sources.jsonl import JsonLines
from shopkeeper.data.sources.parquet import Parquet
from shopkeeper.data.sources.xlsx import Xlsx

__all__ = ["SOURCES", "Account", "Importer", "import_file"]

SOURCES: Final[Mapping[str, Callable[[], Source]]] = {
    ".csv": Delimited, ".tsv": Delimited, ".txt": Delimited, ".jsonl": JsonLines, ".ndjson": JsonLines,
    ".parquet": Parquet, ".xlsx": Xlsx, ".xlsm": Xlsx,
}  # fmt: skip


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

    def file(
        self, path: Path, kind: Kind, *, mapping: MapFile = NO_MAPPING, source: str = "", progress: Progress = quiet
    ) -> Account:
        """Import one file; its format is known by the end of its name.

        Raises:
            DataError: the file as a whole cannot be read or lacks a column; nothing was stored.
        """
        if not path.is_file():
            raise DataError("file_missing", file=str(path))
        make = SOURCES.get(path.suffix.lower())
        if make is None:
            raise DataError("file_format_unknown", file=str(path), allowed=", ".join(SOURCES))
        return self.rows(make(), path, kind, mapping=mapping, source=source or f"file:{path.name}", progress=progress)

    def rows(
        self, reader: Source, path: Path, kind: Kind, *, mapping: MapFile = NO_MAPPING, source: str,
        progress: Progress = quiet,
    ) -> Account:  # fmt: skip
        """Import what a source reads."""
        started = time.perf_counter()
        account, held = self._run(reader, path, kind, mapping, source, progress)
        self.quarantine.add(
            held, import_id=account.import_id, kind=kind, file=str(path), at=self.clock(),
            reading={"mapping": asdict(mapping), "source": source},
        )  # fmt: skip
        return replace(account, seconds=time.perf_counter() - started)

    def _run(
        self, reader: Source, path: Path, kind: Kind, mapping: MapFile, source: str, progress: Progress
    ) -> tuple[Account, list[Held]]:
        reading = Reading(
            currency=mapping.currency or self.currency, timezone=mapping.timezone or self.timezone,
            decimal=mapping.decimal, date_format=mapping.date_format, now=self.clock(),
        )  # fmt: skip
        run = ImportRun.start(
            self.lake, path, kind, mapping, source, reading, progress, memory=self.memory, threads=self.threads
        )
        try:
            return run.execute(reader)
        except duckdb.Error as error:
            raise DataError("import_failed", file=str(path), why=str(error).splitlines()[0]) from error
        finally:
            run.close()

    def replay(self, ids: Iterable[str] | None = None, *, progress: Progress = quiet) -> list[Account]:
        """Send held rows of files (all, or these) through the same cleaning again. A row that is believed now leaves
        the quarantine for good; one that is not stays, with its new reason. The shop replays rows of requests."""
        wanted = self._held(ids)
        groups: dict[tuple[str, str], list[HeldRow]] = {}
        for row in wanted:
            if row.kind in IDENTITY and row.cells() is not None:
                groups.setdefault((row.import_id, row.kind), []).append(row)
        accounts = []
        for (import_id, kind), rows in groups.items():
            told = self.quarantine.reading(import_id)
            mapping = mapping_of(_declared(told.get("mapping", {})))
            reader, path, source = _Replayed(rows), Path(rows[0].file), told.get("source", "replay")
            account, held = self._run(reader, path, kind, mapping, source, progress)  # type: ignore[arg-type]  # checked above
            still = {one.line: one for one in held}
            self.quarantine.mark([row.id for n, row in enumerate(rows, 1) if n not in still], "replayed")
            self.quarantine.explain({rows[n - 1].id: one for n, one in still.items() if n})
            accounts.append(account)
        return accounts

    def _held(self, ids: Iterable[str] | None) -> list[HeldRow]:
        if ids is not None:
            return [row for row in map(self.quarantine.get, ids) if row.status == "held"]
        return self.quarantine.list(limit=1_000_000)


def _declared(mapping: Mapping[str, Any]) -> dict[str, Any]:
    """A stored mapping without what was not said."""
    return {name: value for name, value in mapping.items() if value not in ("", None)}


@dataclass(frozen=True, slots=True)
class _Replayed:
    """Held rows as a source."""

    rows: Sequence[HeldRow]

    def open(self, con: Any, path: Path, mapping: MapFile, scratch: Path) -> Rows:  # noqa: ARG002
        cells = [row.cells() or {} for row in self.rows]
        names = list(dict.fromkeys(name for one in cells for name in one))
        columns = {name: pa.array([_cell(one.get(name)) for one in cells], pa.string()) for name in names}
        lines = pa.array(range(1, len(self.rows) + 1), pa.int64())
        con.register("replayed_rows", pa.table({LINE: lines, **columns}))
        return Rows(relation="replayed_rows", columns=tuple(names), numbered=True)


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
