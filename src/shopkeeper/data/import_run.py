"""One import while it lasts: stage, mark, write, adopt, and say what became of every row."""

import json
import shutil
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar, Final

import duckdb

from shopkeeper.core.ids import new_id
from shopkeeper.core.ports import Progress
from shopkeeper.data.account import Account
from shopkeeper.data.cleaning.columns import Kind, Matched, match
from shopkeeper.data.cleaning.oddities import clock_changes, future_times
from shopkeeper.data.cleaning.rows import HAPPENED, Staging, staging
from shopkeeper.data.cleaning.values import Reading, always_sql, moment_sql, now_sql, one_of_sql, quoted
from shopkeeper.data.conflicts import known_sides
from shopkeeper.data.disk import seal
from shopkeeper.data.held_pile import HeldPile
from shopkeeper.data.kill_points import reached
from shopkeeper.data.lake import Lake
from shopkeeper.data.mapping import MapFile
from shopkeeper.data.marking import Facts, Marking, orders_sql
from shopkeeper.data.marks import DERIVED, DUPLICATE, PERSONS, REASONS
from shopkeeper.data.people_again import people_again
from shopkeeper.data.preview import PreviewRow
from shopkeeper.data.rows import LINE, Held, Rejects, Rows, Source, Warn, identifier, line_in, shifts
from shopkeeper.data.schema import lake_types
from shopkeeper.data.sources.known.format import OURS, THEIRS
from shopkeeper.data.told_after import shared_phones, unknown_products

_STEPS: Final = 5
_NAMES: Final = 500
_PIECE: Final = 5_000
_CUT: Final = ("too_few_cells", "not_text")
"""What a row looks like that the end of a file cut off."""
_PARQUET: Final = "FORMAT parquet, DICTIONARY_SIZE_LIMIT 4096"
"""Ids are mostly different from row to row: looking for a dictionary of them for long costs more than writing them."""
_WORDS: Final = ("order", "order_return")
"""What events of order lines are."""


@dataclass(slots=True, kw_only=True)
class ImportRun:
    """One import while it lasts: a DuckDB of its own and a scratch folder."""

    MARKING: ClassVar[type[Marking]] = Marking
    id: str
    lake: Lake
    path: Path
    kind: Kind
    mapping: MapFile
    source: str
    reading: Reading
    scratch: Path
    con: Any
    progress: Progress
    sealing: ThreadPoolExecutor
    threads: int = 2
    orders: bool = True
    """Whether order lines make the events of their orders."""
    naming: bool = False
    """Whether the account says of whom rows were known already."""
    derived: bool = False
    """Whether these products only follow from what happened to them."""
    tried: tuple[datetime, ...] = ()
    """When rows of the same file came in before, where these were held then."""
    named: str = ""
    """The table of the products that are named, once there is one."""
    files: dict[str, list[Future[Path]]] = field(default_factory=dict)
    """What was written: the table, and its files as soon as they are sealed, while the next one is written."""
    hold: ExitStack = field(default_factory=ExitStack)
    """What says to other processes, until the end, that files nobody knows yet are this import's."""

    @classmethod
    def start(
        cls, lake: Lake, path: Path, kind: Kind, mapping: MapFile, source: str, reading: Reading, progress: Progress,
        *, memory: str, threads: int,
    ) -> "ImportRun":  # fmt: skip
        import_id, hold = new_id("i"), ExitStack()
        hold.enter_context(lake.staging())
        scratch = lake.folder.parent / "tmp" / import_id
        scratch.mkdir(parents=True)
        con = duckdb.connect()
        con.execute(f"SET memory_limit='{memory}'")
        con.execute(f"SET threads={threads}")
        con.execute(f"SET temp_directory='{scratch}'")
        con.execute("SET enable_progress_bar=false")
        con.execute("SET disabled_optimizers='in_clause'")  # it would ask every row what only few need to be asked
        con.execute(f"SET TimeZone='{reading.timezone}'")
        return cls(
            id=import_id, lake=lake, path=path, kind=kind, mapping=mapping, source=source, reading=reading,
            scratch=scratch, con=con, progress=progress, sealing=ThreadPoolExecutor(1),
            threads=threads, hold=hold,
        )  # fmt: skip

    def close(self) -> None:
        self.sealing.shutdown()
        self.con.close()
        shutil.rmtree(self.scratch, ignore_errors=True)
        self.hold.close()

    @property
    def types(self) -> dict[str, str]:
        return lake_types(self.kind)

    def open(self, reader: Source) -> Rows:
        """The file as rows of text."""
        self._tell(0)
        return reader.open(self.con, self.path, self.mapping, self.scratch)

    def part(self, kind: Kind, mapping: MapFile, reading: Reading, *, orders: bool, derived: bool) -> "ImportRun":
        """Another run on the same connection, for what the same file says of another kind."""
        self.clear()
        return replace(
            self, id=new_id("i"), kind=kind, mapping=mapping, reading=reading, orders=orders, derived=derived, files={},
            named="",
        )  # fmt: skip

    def clear(self) -> None:
        """Give back what was made of these rows, before those of another kind are looked for."""
        _drop(self.con)
        self.con.execute(f"SET TimeZone='{self.reading.timezone}'")
        self.con.execute("SET preserve_insertion_order=true")

    def take(self, rows: Rows) -> tuple[Account, HeldPile]:
        """Clean the rows and write what is kept; nothing is in the lake before ``adopt``. The pile lasts until
        ``close``."""
        matched, plan, rejects = self.stage(rows)
        reached("import.staged")
        self._tell(3)
        again = people_again(self.con, self.kind) if self.naming else ()
        held = HeldPile(self.scratch)
        for some in (rows.held, rejects, self._held(plan, rows, matched, rejects)):
            held.extend(some)
        self._set_apart(matched)
        kept = self._store(rows, matched, plan, rejects)
        orders = self._store_orders(matched) if self.kind == "order_lines" and self.orders else 0
        if self.kind in ("events", "order_lines") and "product" not in plan.absent:
            self._name_products()
        reached("import.written")
        self._tell(4)
        return replace(self._account(rows, matched, rejects, held, kept, orders), again=again), held

    def preview(self, rows: Rows, count: int) -> tuple[PreviewRow, ...]:
        """What would become of the first rows; nothing is written."""
        few = replace(rows, relation=f"(SELECT * FROM {rows.relation} LIMIT {count})", held=())
        matched, plan, rejects = self.stage(few)
        held = {one.line: one for one in [*rejects, *self._held(plan, few, matched, rejects)]}
        line = line_in(few, rejects)
        columns = ", ".join(map(identifier, self.types))
        place = LINE if few.numbered else "row"
        found = self.con.execute(
            f"SELECT {place}, what = {DUPLICATE}, {columns} FROM whole LEFT JOIN marks USING (row) "
            "WHERE code = 0 ORDER BY row"
        )
        names = [one[0] for one in found.description[2:]]
        shown = [
            PreviewRow(line=number, fate="quarantined", reason=one.reason, facts=one.facts, values=_cells(one.raw))
            for number, one in held.items()
            if number is not None
        ]
        for at, twice, *values in found.fetchall():
            if (number := line(int(at))) not in held:
                told = {name: value for name, value in zip(names, values, strict=True) if value is not None}
                shown.append(PreviewRow(line=number, fate="duplicate" if twice else "kept", values=told))
        return tuple(sorted(shown, key=lambda one: one.line))

    def adopt(self) -> None:
        """Let what was written be part of the lake; what is needed no more is given back meanwhile."""
        dropped = self.sealing.submit(_drop, self.con.cursor(), (THEIRS, OURS))
        for name, files in self.files.items():
            self.lake.adopt(name, [file.result() for file in files], key=f"import:{self.id}")
            reached("import.adopted")
        dropped.result()
        self._tell(_STEPS)

    def told_after(self) -> tuple[Warn, ...]:
        """Warnings about what was written, beside what the shop knows."""
        return (
            *unknown_products(self.con, self.facts, self.named), *shared_phones(self.con, self.facts, self.kind)
        )  # fmt: skip

    def _set_apart(self, matched: Matched) -> None:
        """Take the rows that bear a mark away: quicker than to leave them out each time. ``orders`` are of the rest."""
        held = f"SELECT row FROM marks WHERE what > {DUPLICATE}"
        if self.kind == "order_lines" and self.orders and self._count(f"SELECT count(*) FROM ({held})"):
            theirs = orders_sql(f"code = 0 AND row NOT IN ({held})", _told(matched))
            self.con.execute(f"CREATE OR REPLACE TABLE orders AS {theirs}")
        self.con.execute("DELETE FROM staged WHERE rowid IN (SELECT row FROM marks)")

    def _name_products(self) -> None:
        """Keep which products the written rows name, while the file they are in is sealed."""
        self.named = f"named_{self.id}"
        self.con.execute(
            f"CREATE TABLE {self.named} AS SELECT DISTINCT product FROM whole WHERE code = 0 AND product IS NOT NULL"
        )

    def stage(self, rows: Rows) -> tuple[Matched, Staging, Rejects]:
        """Judge every row: by itself, and beside the others and the lake."""
        matched = match(self.kind, rows.columns, self.mapping, str(self.path))
        plan = staging(self.kind, rows, matched, self.mapping, self.reading, self.types, self.source)
        self._tell(1)
        self.con.execute(f"CREATE TABLE staged AS {plan.sql}")
        self.con.execute(f"CREATE VIEW whole AS {plan.whole}")
        rejects = rows.rejects()
        self._tell(2)
        self._marking(plan, timed=self._timed(matched), told=_told(matched)).fill()
        return matched, plan, rejects

    def _marking(self, plan: Staging, *, timed: bool, told: tuple[str, ...]) -> Marking:
        return self.MARKING(
            self.con,
            self.facts,
            self.kind,
            plan,
            timed=timed,
            threads=self.threads,
            told=told,
            before=self._before(),
            derived=self.derived,
        )

    def _before(self) -> str:
        """SQL: true for rows of the lake that came in with these, which are tried again."""
        moments = ", ".join(map(moment_sql, self.tried))
        return f"source = {quoted(self.source)} AND received_at IN ({moments})" if self.tried else ""

    @property
    def facts(self) -> Facts:
        """What the shop knows, on this run's connection."""
        return self.lake

    def _tell(self, step: int) -> None:
        self.progress(f"import {self.path.name}", step, _STEPS)

    def _count(self, sql: str) -> int:
        return int(self.con.execute(sql).fetchone()[0])

    def _account(
        self, rows: Rows, matched: Matched, rejects: Rejects, held: HeldPile, kept: int, orders: int
    ) -> Account:
        warnings = list(rows.warnings)
        silent = rows.unnamed | {one.column for one in rows.refused}
        unused = [name for name in matched.unused if name not in silent]
        if unused:
            warnings.append(Warn(key="columns_unused", facts={"names": ", ".join(unused)[:_NAMES]}))
        if any(warning.key == "local_times" for warning in rows.warnings):
            warnings += clock_changes(self.con, "whole", self.reading.timezone)
        if rows.open_end and any(one.line == rows.open_end and one.reason in _CUT for one in held):
            warnings.append(Warn(key="file_cut", facts={"line": rows.open_end}))
        if self.kind in HAPPENED and "at" in matched.theirs:
            warnings += future_times(self.con, "whole", matched.theirs["at"], self.reading)
        marked = self._count("SELECT count(*) FROM marks")
        read = self._count("SELECT count(*) FROM staged") + marked + len(rejects) + len(rows.held)
        duplicate = self._count(f"SELECT count(*) FROM marks WHERE what = {DUPLICATE}")
        if not read:
            warnings.append(Warn(key="no_rows", facts={"file": self.path.name}))
        if read and duplicate == read:
            warnings.append(Warn(key="nothing_new", facts={"file": self.path.name}))
        return Account(
            import_id=self.id, file=str(self.path), kind=self.kind, read=read, kept=kept, duplicate=duplicate,
            quarantined=len(held), orders=orders, by_reason=dict(held.by_reason), warnings=tuple(warnings),
        )  # fmt: skip

    def _held(self, plan: Staging, rows: Rows, matched: Matched, rejects: Rejects) -> Iterator[Held]:
        """Rows with a reason or a mark, with their physical lines."""
        place = LINE if rows.numbered else "rowid"
        line = line_in(rows, rejects)
        told, theirs = "NULL::VARCHAR", ""
        if rows.numbered and self._theirs():  # a text, where the file was written anew
            told = f"CASE WHEN t.{LINE} IS NOT NULL THEN to_json(t)::VARCHAR END"
            theirs = f"LEFT JOIN {THEIRS} t ON t.{LINE}::BIGINT = s.{LINE}::BIGINT"
        bad = f"s.code, s.raw, {told} AS told FROM staged s {theirs} WHERE s.code > 0 ORDER BY s.rowid"
        for piece in self.con.sql(f"SELECT s.{place}, {bad}").to_arrow_reader(_PIECE):
            for at, code, raw, original in zip(*(column.to_pylist() for column in piece.columns), strict=True):
                one = self._one(plan.reasons[code - 1], line(int(at)), raw)
                yield replace(one, original=original) if original else one
        if not self._count(f"SELECT count(*) FROM marks WHERE what > {DUPLICATE}"):
            return
        self._tell_raws(rows)
        known = known_sides(self.con, self.facts, self.kind, plan, timed=self._timed(matched))
        marked = (
            f"SELECT s.{place}, m.what, m.row, r.raw, {told} AS told FROM marks m JOIN staged s ON s.rowid = m.row "
            f"LEFT JOIN raws r ON r.row = m.row {theirs} WHERE m.what > {DUPLICATE} ORDER BY m.row"
        )
        for piece in self.con.sql(marked).to_arrow_reader(_PIECE):
            for at, what, row, raw, original in zip(*(column.to_pylist() for column in piece.columns), strict=True):
                ours = PERSONS.get(what) or ("order" if self.kind == "order_lines" else "id")
                one = self._one((REASONS[what], ours, matched.theirs.get(ours, "")), line(int(at)), raw or "")
                yield replace(one, facts={**one.facts, "known": known.get(row, "…")}, original=original or "")

    def _theirs(self) -> bool:
        """Whether a known format made other columns of the file's rows."""
        return any(table == (THEIRS,) for table in self.con.execute("SHOW TABLES").fetchall())

    def _timed(self, matched: Matched) -> bool:
        """Whether the file says when its rows hold."""
        return "at" in matched.theirs or "at" in self.mapping.constants

    def _one(self, reason: tuple[str, str, str], line: int, raw: str) -> Held:
        name, ours, theirs = reason
        value = (json.loads(raw).get(theirs or ours) if raw else None) or ""
        return Held(
            reason=name, line=line, column=theirs or ours, facts={"column": theirs or ours, "value": str(value)[:200]},
            raw=raw,
        )  # fmt: skip

    def _tell_raws(self, rows: Rows) -> None:
        """Make a table (``raws``) of the texts of rows that looked right by themselves: they are read once more."""
        raw = ", ".join(f"{quoted(name)}: {identifier(name)}" for name in rows.columns)
        self.con.execute(
            f"CREATE TABLE raws AS SELECT place AS row, raw FROM (SELECT {self._place_sql()} AS place, "
            f"to_json({{{raw}}})::VARCHAR AS raw FROM {rows.relation}) "
            f"WHERE place IN (SELECT row FROM marks WHERE what > {DUPLICATE})"
        )

    def _place_sql(self) -> str:
        """The ``row`` that a row of the file has once it is staged."""
        return "row_number() OVER () - 1"

    def _store(self, rows: Rows, matched: Matched, plan: Staging, rejects: Rejects) -> int:
        """Write the kept rows as Parquet into the lake's folder. How many."""
        values = {
            "line": "coalesce(line, place::INTEGER)",
            "source": always_sql(DERIVED + self.source if self.derived else self.source),
        }
        if "currency" not in matched.theirs and "currency" not in self.mapping.constants:
            values["currency"] = f"CASE WHEN currency IS NOT NULL THEN {always_sql(self.reading.currency)} END"
        said = [name for name in self.types if name not in plan.absent or name in values]
        columns = ", ".join(f"{values.get(name, identifier(name))} AS {identifier(name)}" for name in said)
        placed = self._placed_sql(rows, rejects) if "line" in self.types else "whole"
        return self._copy(self.kind, f"SELECT {columns} FROM {placed} WHERE code = 0")

    def _placed_sql(self, rows: Rows, rejects: Rejects) -> str:
        """The rows with their physical lines as ``place``: refused lines before them count."""
        if rows.numbered:
            return f"(SELECT *, {LINE} AS place FROM whole)"
        plain = f"row + {rows.first_line}"
        if not len(rejects):
            return f"(SELECT *, {plain} AS place FROM whole)"
        self.con.register("refused_lines", shifts(rejects))
        return (
            f"(SELECT w.*, {plain} + coalesce(before, 0) AS place "
            f"FROM whole w ASOF LEFT JOIN refused_lines ON {plain} >= start)"
        )

    def _copy(self, name: str, select: str) -> int:
        path = self.lake.stage_path(name)
        self.con.execute("SET TimeZone='UTC'")
        self.con.execute("SET preserve_insertion_order=false")
        written = self._count(f"COPY ({select}) TO '{path}' ({_PARQUET})")
        if written:
            self.files[name] = [self.sealing.submit(seal, path)]
        else:
            path.unlink(missing_ok=True)
        return written

    def _store_orders(self, matched: Matched) -> int:
        """One event for each order (and each return) of the lines, unless the lake has it."""
        word = f"CASE WHEN returned THEN {one_of_sql('order_return', _WORDS)} ELSE {one_of_sql('order', _WORDS)} END"
        values = {
            "id": f"{word} || ':' || order_id", "at": '"at"', "action": word, "order_id": "order_id",
            "customer": "customer", "received_at": now_sql(self.reading), "source": always_sql(self.source),
        } | {name: name for name in _told(matched)}  # fmt: skip
        select = ", ".join(f"{values[name]} AS {identifier(name)}" for name in lake_types("events") if name in values)
        lake = self.facts
        known = f"SELECT id FROM {lake.relation_sql('events')}"
        told = f"SELECT action, order_id FROM {lake.relation_sql('events')} WHERE order_id IS NOT NULL"
        new = (
            f"ANTI JOIN ({known}) USING (id) ANTI JOIN ({told}) USING (action, order_id)"
            if lake.files("events")
            else ""
        )
        return self._copy("events", f"SELECT * FROM (SELECT {select} FROM orders) o {new}")


def _drop(con: Any, others: Iterable[str] = ()) -> None:
    """Give back what was made of one kind of row, and other tables."""
    con.execute("DROP VIEW IF EXISTS whole")
    for name in ("staged", "marked", "marks", "raws", "orders", "known", "late", "sold", "sums", *others):
        con.execute(f"DROP TABLE IF EXISTS {name}")


def _told(matched: Matched) -> tuple[str, ...]:
    """What order lines tell of their orders, beside the customer."""
    return tuple(name for name in ("visitor", "decision") if name in matched.theirs)


def _cells(raw: str) -> dict[str, Any]:
    try:
        cells = json.loads(raw)
    except ValueError:
        return {"row": raw[:200]}
    return {name: value for name, value in cells.items() if value is not None} if isinstance(cells, dict) else {}
