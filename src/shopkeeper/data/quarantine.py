"""What was not believed is kept here with file, line, column, reason and the row itself, until somebody decides.

SQLite, ``secure_delete`` on. A held row can be fixed (its cells changed), replayed through the same cleaning (once)
or discarded; nothing leaves on its own.
"""

import json
import re
import sqlite3
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from itertools import chain
from pathlib import Path
from typing import Any, Final, Literal

from shopkeeper.core.errors import NotFound, Unavailable
from shopkeeper.data.row_sums import SUM, guard, is_guarded, sql_of, teach
from shopkeeper.data.rows import RAW_MAX, Held

list_ = list
Status = Literal["held", "replayed", "discarded"]
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS imports (
  id TEXT PRIMARY KEY, at TEXT NOT NULL, file TEXT NOT NULL, kind TEXT NOT NULL, reading TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS held (
  seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, import_id TEXT NOT NULL, kind TEXT NOT NULL, file TEXT NOT NULL,
  line INTEGER, "column" TEXT NOT NULL, reason TEXT NOT NULL, facts TEXT NOT NULL, raw TEXT NOT NULL, at TEXT NOT NULL,
  status TEXT NOT NULL DEFAULT 'held', original TEXT NOT NULL DEFAULT '');
CREATE INDEX IF NOT EXISTS held_reason ON held (status, reason);
CREATE INDEX IF NOT EXISTS held_import ON held (import_id);
"""
_ADDED: Final = "ALTER TABLE held ADD COLUMN original TEXT NOT NULL DEFAULT ''"
"""What shops of the first release lack."""
_INSERT: Final = (
    'INSERT OR IGNORE INTO held (id, import_id, kind, file, line, "column", reason, facts, raw, at, original) '
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_INSERT_IMPORT: Final = "INSERT OR IGNORE INTO imports (id, at, file, kind, reading) VALUES (?, ?, ?, ?, ?)"
_TABLES: Final = ("imports", "held")
_NAMES: Final = (
    "id", "import_id", "kind", "file", "line", "column", "reason", "facts", "raw", "at", "status", "original",
)  # fmt: skip
_COLUMNS: Final = (
    ", ".join(f'"{name}"' for name in _NAMES) + f", {SUM} IS {sql_of(sorted((*_NAMES, 'seq')))} AS sound, seq"
)
"""What is read of a row: its values, and whether they are those that were written."""


def _ids(kind: str, file: str, held: Iterable[Held]) -> Iterator[tuple[str, Held]]:
    """Rows with their ids; those of one line stand together. The same row of the same file has the same one, so
    importing a file again holds nothing twice; of rows of one line that say the same, each has its own."""
    line, seen, again = None, set[str](), Counter[str]()
    for one in held:
        if one.line != line:
            line, seen, again = one.line, set(), Counter()
        said = json.dumps([kind, file, one.line, one.reason, one.raw[:RAW_MAX]])
        own = _id(said)
        if own in seen:
            again[own] += 1
            yield _id(f"{said} {again[own] + 1}"), one
        else:
            seen.add(own)
            yield own, one


def _id(said: str) -> str:
    return f"q_{blake2b(said.encode(), digest_size=12).hexdigest()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldRow:
    """A row in quarantine. ``facts`` fill the blanks of the reason's sentence (area ``checks``)."""

    id: str
    import_id: str
    kind: str
    file: str
    line: int | None
    column: str
    reason: str
    facts: Mapping[str, Any]
    raw: str
    at: str
    status: str
    original: str = ""
    """The file's own row, where a known format made other columns of it."""
    sound: bool = True
    """Whether the quarantine's file still says what was written into it."""

    def cells(self) -> dict[str, Any] | None:
        """The row by column, or None where it was never a row, or is none any more."""
        if not self.sound:
            return None
        try:
            value = json.loads(self.raw)
        except ValueError:
            return None
        return value if isinstance(value, dict) else None


def _damaged(row: Sequence[Any]) -> HeldRow:
    """A row that is not as it was written: it can be looked at, mended and discarded, never believed as it is."""
    said = {name: value if isinstance(value, str) else repr(value) for name, value in zip(_NAMES, row, strict=False)}
    return HeldRow(
        id=said["id"], import_id=said["import_id"], kind=said["kind"], file=said["file"], line=None, column="",
        reason="held_row_damaged", facts={"row": row[-1]}, raw=said["raw"], at=said["at"], status=said["status"],
        original=said["original"], sound=False,
    )  # fmt: skip


class Quarantine:
    """One shop's ``quarantine.db``. Any thread may call.

    Raises:
        Unavailable: the disk is full or the file cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._con = sqlite3.connect(path, timeout=30, isolation_level=None, check_same_thread=False)
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "secure_delete=ON", "temp_store=MEMORY"):
            self._con.execute(f"PRAGMA {pragma}").fetchall()
        self._con.executescript(_SCHEMA)
        if "original" not in {row[1] for row in self._con.execute("PRAGMA table_info(held)")}:
            self._con.execute(_ADDED)
        teach(self._con)
        self._con.text_factory = lambda value: value.decode("utf-8", "backslashreplace")
        if not self._guarded():
            self._con.execute("BEGIN IMMEDIATE")
            if not self._guarded():  # nor did another process just do it
                for table in _TABLES:
                    guard(self._con.execute, table)
            self._con.execute("COMMIT")

    def _guarded(self) -> bool:
        return all(is_guarded(self._con.execute, table) for table in _TABLES)

    def _write(self, statements: Iterable[tuple[str, Iterable[Sequence[Any]]]]) -> int:
        """Run statements in one transaction; how many rows changed."""
        with self._lock:
            changed = 0
            try:
                self._con.execute("BEGIN IMMEDIATE")
                for sql, rows in statements:
                    changed += max(0, self._con.executemany(sql, rows).rowcount)  # -1: there was no row
                self._con.execute("COMMIT")
            except sqlite3.OperationalError as error:
                if self._con.in_transaction:
                    self._con.execute("ROLLBACK")
                raise Unavailable("storage_failed", folder=str(self.path.parent), why=str(error)) from error
            return changed

    def _read(self, sql: str, values: Sequence[Any] = ()) -> list[Any]:
        with self._lock:
            return self._con.execute(sql, values).fetchall()

    def add(
        self, held: Iterable[Held], *, import_id: str, kind: str, file: str, at: datetime,
        reading: Mapping[str, Any] | None = None,
    ) -> None:  # fmt: skip
        """Keep rows of one import (or of one request: kind ``event``), any number of them: they are made while they are
        written.

        ``reading`` is what the import was told about the file, kept so that its rows can be replayed the same way.
        """
        rows = (
            (
                held_id, import_id, kind, file, one.line, one.column, one.reason,
                json.dumps(dict(one.facts), ensure_ascii=False), one.raw[:RAW_MAX], at.isoformat(),
                one.original[:RAW_MAX],
            )
            for held_id, one in _ids(kind, file, held)
        )  # fmt: skip
        first = next(rows, None)
        about = [(import_id, at.isoformat(), file, kind, json.dumps(dict(reading or {}), ensure_ascii=False))]
        if first is not None:
            self._write([(_INSERT_IMPORT, about), (_INSERT, chain([first], rows))])

    def explain(self, reasons: Mapping[str, Held]) -> int:
        """Give held rows a new reason: what a replay found."""
        sql = "UPDATE held SET reason = ?, \"column\" = ?, facts = ? WHERE id = ? AND status = 'held'"
        rows = [
            (one.reason, one.column, json.dumps(dict(one.facts), ensure_ascii=False), held_id)
            for held_id, one in reasons.items()
        ]
        return self._write([(sql, rows)])

    def list(
        self, *, status: Status = "held", reason: str = "", import_id: str = "", limit: int = 100, offset: int = 0
    ) -> list[HeldRow]:
        """Rows in the order in which they came."""
        sql = f"SELECT {_COLUMNS} FROM held WHERE status = ?"
        values: list[Any] = [status]
        for name, wanted in (("reason", reason), ("import_id", import_id)):
            if wanted:
                sql += f" AND {name} = ?"
                values.append(wanted)
        return self._rows(sql + " ORDER BY seq LIMIT ? OFFSET ?", [*values, limit, offset])

    def _rows(self, sql: str, values: Sequence[Any]) -> "list_[HeldRow]":
        return [
            HeldRow(
                id=row[0], import_id=row[1], kind=row[2], file=row[3], line=row[4], column=row[5], reason=row[6],
                facts=json.loads(row[7]), raw=row[8], at=row[9], status=row[10], original=row[11],
            )
            if row[12]
            else _damaged(row)
            for row in self._read(sql, values)
        ]  # fmt: skip

    def get(self, held_id: str) -> HeldRow:
        """One row.

        Raises:
            NotFound: no such id.
        """
        rows = self._rows(f"SELECT {_COLUMNS} FROM held WHERE id = ?", [held_id])
        if not rows:
            raise NotFound("unknown_held_row", row=held_id)
        return rows[0]

    def counts(self, *, status: Status = "held") -> dict[str, int]:
        """How many rows by reason, most first."""
        sql = "SELECT reason, count(*) FROM held WHERE status = ? GROUP BY reason ORDER BY 2 DESC, 1"
        return dict(self._read(sql, [status]))

    def reading(self, import_id: str) -> dict[str, Any]:
        """What that import was told about its file."""
        rows = self._read("SELECT reading FROM imports WHERE id = ?", [import_id])
        return dict(json.loads(rows[0][0])) if rows else {}

    def read_again(self, import_id: str, reading: Mapping[str, Any]) -> None:
        """Keep what is told of an import's file now."""
        told = json.dumps(dict(reading), ensure_ascii=False)
        self._write([("UPDATE imports SET reading = ? WHERE id = ?", [(told, import_id)])])

    def fix_alike(self, reason: str, column: str, value: str, new: str) -> list_[str]:
        """Write something else into a column of all rows held for a reason that have a value there; their ids."""
        rows = self.list(reason=reason, limit=1_000_000)
        fitting = [(row.id, cells) for row in rows if (cells := row.cells()) and str(cells.get(column) or "") == value]
        changed = [(json.dumps(cells | {column: new}, ensure_ascii=False), held_id) for held_id, cells in fitting]
        self._write([("UPDATE held SET raw = ? WHERE id = ? AND status = 'held'", changed)])
        return [held_id for _, held_id in changed]

    def fix(self, held_id: str, changes: Mapping[str, Any]) -> HeldRow:
        """Change cells of a held row (None removes one). A line that was no row becomes the row of the given cells.

        Raises:
            NotFound: no such row, or it is not held any more.
        """
        row = self.get(held_id)
        cells = (row.cells() or {}) | dict(changes)
        raw = json.dumps({name: value for name, value in cells.items() if value is not None}, ensure_ascii=False)
        if not self._write([("UPDATE held SET raw = ? WHERE id = ? AND status = 'held'", [(raw, held_id)])]):
            raise NotFound("held_row_done", row=held_id, status=row.status)
        return self.get(held_id)

    def mark(self, ids: Iterable[str], status: Status) -> int:
        """Say what became of held rows; rows that are not held any more stay as they are."""
        sql = "UPDATE held SET status = ? WHERE id = ? AND status = 'held'"
        return self._write([(sql, [(status, held_id) for held_id in ids])])

    def naming(self, person: str) -> list_[HeldRow]:
        """Every row, in whatever state, that names a person."""
        whole = re.compile(rf"(?<![\w-]){re.escape(person)}(?![\w-])")
        sql = f"SELECT {_COLUMNS} FROM held WHERE instr(raw || original, ?) OR instr(facts, ?) ORDER BY seq"
        near = self._rows(sql, [person, person])
        return [
            row
            for row in near
            if whole.search(row.raw) or whole.search(row.original) or whole.search(json.dumps(dict(row.facts)))
        ]

    def erase(self, persons: Iterable[str]) -> int:
        """Delete every row, in whatever state, that names one of these people; the bytes are overwritten."""
        gone = 0
        for person in persons:
            whole = re.compile(rf"(?<![\w-]){re.escape(person)}(?![\w-])")
            json_text = json.dumps(person)[1:-1]
            near = self._read(
                "SELECT id, raw || ' ' || original, facts FROM held "
                "WHERE instr(raw || original, ?) OR instr(facts, ?) OR instr(raw || original, ?)",
                [person, person, json_text],
            )
            ids = [(row[0],) for row in near if whole.search(row[1]) or whole.search(row[2]) or json_text != person]
            gone += self._write([("DELETE FROM held WHERE id = ?", ids)])
        with self._lock:
            self._con.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        return gone

    def close(self) -> None:
        with self._lock:
            self._con.close()
