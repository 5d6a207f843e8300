"""Bulk import: a file in, every row accounted for.

file -> source (rows of text) -> one SQL statement that cleans (staged) -> marks of duplicates, conflicts and bots ->
Parquet written straight into the lake's folder -> one Delta commit a table. A row is kept, a duplicate, or in
quarantine; the account says how many of each, and they add up to the rows read.
"""

import json
import shutil
import time
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import duckdb
import pyarrow as pa

from shopkeeper.core.errors import DataError
from shopkeeper.core.ids import new_id
from shopkeeper.core.ports import Progress, quiet
from shopkeeper.data.cleaning import bots
from shopkeeper.data.cleaning.columns import Kind, Matched, match
from shopkeeper.data.cleaning.rows import IDENTITY, Staging, content_sql, staging
from shopkeeper.data.cleaning.values import Reading
from shopkeeper.data.lake import Lake
from shopkeeper.data.mapping import NO_MAPPING, MapFile, mapping_of
from shopkeeper.data.quarantine import HeldRow, Quarantine
from shopkeeper.data.rows import LINE, Held, Rows, Source, Warn, identifier
from shopkeeper.data.schema import TABLES
from shopkeeper.data.sources.delimited import Delimited
from shopkeeper.data.sources.jsonl import JsonLines
from shopkeeper.data.sources.parquet import Parquet
from shopkeeper.data.sources.xlsx import Xlsx

SOURCES: Final[Mapping[str, Callable[[], Source]]] = {
    ".csv": Delimited, ".tsv": Delimited, ".txt": Delimited, ".jsonl": JsonLines, ".ndjson": JsonLines,
    ".parquet": Parquet, ".xlsx": Xlsx, ".xlsm": Xlsx,
}  # fmt: skip
_STEPS: Final = 5
_DUPLICATE: Final = 1
_MARKS: Final = {2: "id_conflict", 3: "order_conflict", 4: "order_known", 5: "bot_rate"}
_TYPES: Final = {
    pa.string(): "VARCHAR", pa.int64(): "BIGINT", pa.int32(): "INTEGER", pa.float64(): "DOUBLE", pa.bool_(): "BOOLEAN",
    pa.timestamp("us", tz="UTC"): "TIMESTAMPTZ",
}  # fmt: skip
_FAST_LINES: Final = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What became of every row of an import: ``read == kept + duplicate + quarantined``."""

    import_id: str
    file: str
    kind: str
    read: int = 0
    kept: int = 0
    duplicate: int = 0
    quarantined: int = 0
    orders: int = 0
    """New order events made from order lines."""
    by_reason: Mapping[str, int] = field(default_factory=dict)
    warnings: tuple[Warn, ...] = ()
    seconds: float = 0.0

    def __post_init__(self) -> None:
        if self.read != self.kept + self.duplicate + self.quarantined:
            raise AssertionError(f"the account of {self.file} does not add up: {self}")


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
        run = _Run.start(self, path, kind, mapping, source, progress)
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


@dataclass(slots=True, kw_only=True)
class _Run:
    """One import while it lasts: a DuckDB of its own and a scratch folder."""

    id: str
    importer: Importer
    path: Path
    kind: Kind
    mapping: MapFile
    source: str
    reading: Reading
    scratch: Path
    con: Any
    progress: Progress
    files: list[tuple[str, Path]] = field(default_factory=list)

    @classmethod
    def start(
        cls, importer: Importer, path: Path, kind: Kind, mapping: MapFile, source: str, progress: Progress
    ) -> "_Run":
        import_id = new_id("i")
        scratch = importer.lake.folder.parent / "tmp" / import_id
        scratch.mkdir(parents=True)
        reading = Reading(
            currency=mapping.currency or importer.currency, timezone=mapping.timezone or importer.timezone,
            decimal=mapping.decimal, date_format=mapping.date_format, now=importer.clock(),
        )  # fmt: skip
        con = duckdb.connect()
        con.execute(f"SET memory_limit='{importer.memory}'")
        con.execute(f"SET threads={importer.threads}")
        con.execute(f"SET temp_directory='{scratch}'")
        con.execute("SET enable_progress_bar=false")
        con.execute("SET disabled_optimizers='in_clause'")  # it would ask every row what only few need to be asked
        con.execute(f"SET TimeZone='{reading.timezone}'")
        return cls(
            id=import_id, importer=importer, path=path, kind=kind, mapping=mapping, source=source, reading=reading,
            scratch=scratch, con=con, progress=progress,
        )  # fmt: skip

    def close(self) -> None:
        self.con.close()
        shutil.rmtree(self.scratch, ignore_errors=True)

    @property
    def types(self) -> dict[str, str]:
        return _types(self.kind)

    def execute(self, reader: Source) -> tuple[Account, list[Held]]:
        self._tell(0)
        rows = reader.open(self.con, self.path, self.mapping, self.scratch)
        matched = match(self.kind, rows.columns, self.mapping, str(self.path))
        plan = staging(self.kind, rows, matched, self.mapping, self.reading, self.types, self.source)
        self._tell(1)
        self.con.execute(f"CREATE TABLE staged AS {plan.sql}")
        self.con.execute(f"CREATE VIEW whole AS {plan.whole}")
        rejects = rows.rejects()
        self._tell(2)
        self._mark(plan, matched)
        self._tell(3)
        held = [*rows.held, *rejects, *self._held(plan, rows, matched, rejects)]
        kept = self._store(rows)
        orders = self._store_orders() if self.kind == "order_lines" else 0
        self._tell(4)
        for name, file in self.files:
            self.importer.lake.adopt(name, [file], key=f"import:{self.id}")
        account = self._account(rows, matched, rejects, held, kept, orders)
        self._tell(_STEPS)
        return account, held

    def _tell(self, step: int) -> None:
        self.progress(f"import {self.path.name}", step, _STEPS)

    def _count(self, sql: str) -> int:
        return int(self.con.execute(sql).fetchone()[0])

    def _account(
        self, rows: Rows, matched: Matched, rejects: list[Held], held: list[Held], kept: int, orders: int
    ) -> Account:
        by_reason: dict[str, int] = {}
        for one in held:
            by_reason[one.reason] = by_reason.get(one.reason, 0) + 1
        warnings = list(rows.warnings)
        if matched.unused:
            warnings.append(Warn(key="columns_unused", facts={"names": ", ".join(matched.unused)}))
        read = self._count("SELECT count(*) FROM staged") + len(rejects) + len(rows.held)
        duplicate = self._count(f"SELECT count(*) FROM marks WHERE what = {_DUPLICATE}")
        if read and duplicate == read:
            warnings.append(Warn(key="nothing_new", facts={"file": self.path.name}))
        return Account(
            import_id=self.id, file=str(self.path), kind=self.kind, read=read, kept=kept, duplicate=duplicate,
            quarantined=len(held), orders=orders, by_reason=by_reason, warnings=tuple(warnings),
        )  # fmt: skip

    def _mark(self, plan: Staging, matched: Matched) -> None:
        """Fill ``marks`` (row, what): duplicates, conflicts and bots, each row once."""
        self.con.execute("CREATE TABLE marked (row BIGINT, what INTEGER)")
        self._mark_within_file()
        self._mark_known(plan, timed="at" in matched.theirs or "at" in self.mapping.constants)
        if self.kind == "order_lines":
            self._mark_orders()
        if self.kind == "events":
            self.con.execute(f"INSERT INTO marked {bots.rows_sql('whole', 5)}")
        self.con.execute("CREATE TABLE marks AS SELECT row, min(what) AS what FROM marked GROUP BY row")

    def _mark_within_file(self) -> None:
        self.con.execute(
            "CREATE TABLE twice AS SELECT identity FROM staged WHERE code = 0 GROUP BY identity HAVING count(*) > 1"
        )
        if self._count("SELECT count(*) FROM twice"):
            self.con.execute(
                "INSERT INTO marked SELECT row, CASE WHEN content = first THEN 1 ELSE 2 END FROM ("
                "SELECT row, content, first_value(content) OVER same AS first, row_number() OVER same AS place "
                "FROM whole WHERE code = 0 AND identity IN (FROM twice) "
                "WINDOW same AS (PARTITION BY identity ORDER BY row)) WHERE place > 1"
            )

    def _mark_known(self, plan: Staging, *, timed: bool) -> None:
        """Compare with the lake: the same content is a duplicate; another under the same identity is a conflict, except
        that a product or customer without its own moment simply gets a new version."""
        lake = self.importer.lake
        if not lake.files(self.kind):
            return
        content = content_sql(self.kind, self.types, by_content=plan.by_content)
        columns = [name for name in IDENTITY[self.kind] if name != "at" or timed]
        identity = content if plan.by_content else f"hash({', '.join(map(identifier, columns))})"
        versioned = self.kind in ("products", "customers") and not timed
        newest = 'QUALIFY row_number() OVER (PARTITION BY id ORDER BY "at" DESC) = 1' if versioned else ""
        self.con.execute(
            f"CREATE TABLE known AS SELECT identity, content FROM (SELECT {identity} AS identity, "
            f"{content} AS content, * FROM {lake.relation_sql(self.kind)}) "
            f"WHERE identity IN (SELECT identity FROM staged WHERE code = 0) {newest}"
        )
        self.con.execute(
            "INSERT INTO marked SELECT row, 1 FROM whole SEMI JOIN known USING (identity, content) WHERE code = 0"
        )
        if not versioned:
            self.con.execute(
                "INSERT INTO marked SELECT row, 2 FROM (SELECT * FROM whole WHERE code = 0) "
                "SEMI JOIN known USING (identity) ANTI JOIN known USING (identity, content)"
            )

    def _mark_orders(self) -> None:
        """An order has one customer; an order that the shop knows already cannot get other lines from a file."""
        self.con.execute(
            "INSERT INTO marked SELECT row, 3 FROM whole WHERE code = 0 AND order_id IN ("
            "SELECT order_id FROM whole WHERE code = 0 GROUP BY order_id "
            "HAVING min(coalesce(customer, '')) <> max(coalesce(customer, '')))"
        )
        if self.importer.lake.files("order_lines"):
            self.con.execute(
                "INSERT INTO marked SELECT row, 4 FROM whole WHERE code = 0 AND order_id IN ("
                f"SELECT order_id FROM {self.importer.lake.relation_sql('order_lines')}) "
                "AND row NOT IN (SELECT row FROM marked WHERE what = 1)"
            )

    def _held(self, plan: Staging, rows: Rows, matched: Matched, rejects: list[Held]) -> list[Held]:
        """Rows with a reason or a mark, with their physical lines."""
        place = LINE if rows.numbered else "rowid"
        line = _lines(rows, rejects)
        found = [
            self._one(plan.reasons[code - 1], line(int(at)), raw)
            for at, code, raw in self.con.execute(
                f"SELECT {place}, code, raw FROM staged WHERE code > 0 ORDER BY rowid"
            ).fetchall()
        ]
        marked = self.con.execute(
            f"SELECT s.{place}, what, s.rowid FROM marks JOIN staged s ON s.rowid = row WHERE what > {_DUPLICATE} "
            "ORDER BY row"
        ).fetchall()
        raws = self._raws(rows, [row for _, _, row in marked])
        for at, what, row in marked:
            reason = _MARKS[what]
            ours = "customer" if what == 5 else "order" if self.kind == "order_lines" else "id"
            found.append(self._one((reason, ours, matched.theirs.get(ours, "")), line(int(at)), raws.get(row, "")))
        return found

    def _one(self, reason: tuple[str, str, str], line: int, raw: str) -> Held:
        name, ours, theirs = reason
        value = (json.loads(raw).get(theirs) if raw else None) or ""
        return Held(
            reason=name, line=line, column=theirs or ours, facts={"column": theirs or ours, "value": str(value)[:200]},
            raw=raw,
        )  # fmt: skip

    def _raws(self, rows: Rows, wanted: list[int]) -> dict[int, str]:
        """The texts of rows that looked right by themselves: read once more, only where there are any."""
        if not wanted:
            return {}
        self.con.register("wanted_rows", pa.table({"row": pa.array(wanted, pa.int64())}))
        raw = ", ".join(f"'{name.replace(chr(39), chr(39) * 2)}': {identifier(name)}" for name in rows.columns)
        again = self.con.execute(
            f"SELECT place, raw FROM (SELECT row_number() OVER () - 1 AS place, to_json({{{raw}}})::VARCHAR AS raw "
            f"FROM {rows.relation}) WHERE place IN (SELECT row FROM wanted_rows)"
        ).fetchall()
        return dict(again)

    def _store(self, rows: Rows) -> int:
        """Write the kept rows as Parquet into the lake's folder. How many."""
        place = f"{LINE}" if rows.numbered else f"row + {rows.first_line}"
        columns = ", ".join(
            f"coalesce(line, ({place})::INTEGER) AS line" if name == "line" else identifier(name) for name in self.types
        )
        unmarked = "AND row NOT IN (SELECT row FROM marks)" if self._count("SELECT count(*) FROM marks") else ""
        return self._copy(self.kind, f"SELECT {columns} FROM whole WHERE code = 0 {unmarked}")

    def _copy(self, name: str, select: str) -> int:
        path = self.importer.lake.stage_path(name)
        self.con.execute("SET TimeZone='UTC'")
        written = self._count(f"COPY ({select}) TO '{path}' (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1)")
        if written:
            self.files.append((name, path))
        else:
            path.unlink(missing_ok=True)
        return written

    def _store_orders(self) -> int:
        """One event for each order (and each return) of the lines, unless the lake has it."""
        values = {
            "id": "word || ':' || order_id", "at": "min(\"at\")", "received_at": "min(received_at)", "action": "word",
            "visitor": "min(visitor)", "customer": "min(customer)", "order_id": "order_id", "decision": "min(decision)",
            "source": "min(source)",
        }  # fmt: skip
        select = ", ".join(
            f"CAST({values.get(name, 'NULL')} AS {its}) AS {identifier(name)}" for name, its in _types("events").items()
        )
        lake = self.importer.lake
        new = f"ANTI JOIN {lake.relation_sql('events')} e USING (id)" if lake.files("events") else ""
        held = f"SELECT row FROM marks WHERE what > {_DUPLICATE}"
        return self._copy(
            "events",
            f"SELECT * FROM (SELECT {select} FROM (SELECT *, "
            "CASE WHEN quantity < 0 THEN 'order_return' ELSE 'order' END AS word "
            f" FROM whole WHERE code = 0 AND row NOT IN ({held})) GROUP BY word, order_id) o {new}",
        )


def _types(name: str) -> dict[str, str]:
    return {column.name: _TYPES[column.type] for column in TABLES[name]}


def _lines(rows: Rows, rejects: list[Held]) -> Callable[[int], int]:
    """From a row's place (or its own line) to its physical line: refused lines before it count."""
    if rows.numbered:
        return lambda line: line
    refused = sorted(one.line for one in rejects if one.line is not None)
    shifted = [line - before for before, line in enumerate(refused)]

    def line_of(place: int) -> int:
        plain = place + rows.first_line
        return plain + bisect_right(shifted, plain)

    return line_of
