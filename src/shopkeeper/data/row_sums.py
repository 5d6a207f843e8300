"""Sums of rows: SQLite keeps none of its pages, so each row bears one of its own values, and a changed bit is named.

The sum is a CRC-32 over the bytes of a row's values: any one bit and any run of 32 is found, and of other damage all
but one in four billion. Where rows are written by many statements triggers make it, in the same transaction.
Source: Peterson & Brown 1961, "Cyclic codes for error detection".
"""

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final
from zlib import crc32

from shopkeeper.core.errors import DataError

SUM: Final = "row_sum"
"""The column that bears it, and the function that SQL calls for it."""
NOTHING: Final = b"\x01"
"""What stands for NULL: no text of ours is that."""
Sums = Mapping[str, Sequence[str]]
"""Column that bears a sum -> the columns it is of."""
Execute = Callable[[str], Iterable[Any]]
"""Runs a statement and gives its rows."""
_STORED: Final = {"INTEGER": "integer", "BOOLEAN": "integer", "TEXT": "text", "BLOB": "blob"}
"""As what a value lies in the file, by its column's type."""
_SHOWN: Final = 20


def row_sum(*values: bytes | None) -> int:
    """The sum of a row's values, each as bytes (numbers as digits)."""
    return crc32(b"\0".join([NOTHING if value is None else value for value in values]))


def teach(con: sqlite3.Connection) -> None:
    """Let a connection's statements and triggers call ``row_sum``."""
    con.create_function(SUM, -1, row_sum, deterministic=True)


def sql_of(columns: Iterable[str], of: str = "") -> str:
    """The sum of some columns as SQL; ``of``: of the row that a trigger calls so (``NEW.``)."""
    values = ", ".join(f'CAST({of}"{column}" AS BLOB)' for column in columns)
    return f"{SUM}({values})"


def guard(execute: Execute, table: str, *, strict: bool = False) -> None:
    """Give every row of a table its sum, and triggers that keep it true. ``strict``: a damaged row cannot be changed,
    which would hide what happened to it."""
    columns, keys, added = _columns(execute, table)
    for name in _there(execute, table):
        execute(f'DROP TRIGGER "{name}"')
    if not added:
        execute(f'ALTER TABLE "{table}" ADD COLUMN {SUM} INTEGER')
    execute(f'UPDATE "{table}" SET {SUM} = {sql_of(columns)}')
    for sql in _triggers(table, columns, keys, strict=strict).values():
        execute(sql)


def is_guarded(execute: Execute, table: str, *, strict: bool = False) -> bool:
    """Whether ``guard`` has done its work on a table as it is now."""
    columns, keys, _ = _columns(execute, table)
    return _there(execute, table) == _triggers(table, columns, keys, strict=strict)


def _there(execute: Execute, table: str) -> dict[str, str]:
    found = execute(f"SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = '{table}'")
    return {str(name): str(sql) for name, sql in found}


def _columns(execute: Execute, table: str) -> tuple[list[str], list[str], bool]:
    """What a table's sum is of (by name: steps may have added columns in another order), by what a row is known, and
    whether there is a sum."""
    found = list(execute(f'PRAGMA table_info("{table}")'))
    names = sorted(str(row[1]) for row in found)
    keys = [str(row[1]) for row in found if row[5]]
    return [name for name in names if name != SUM], keys if _keyed(execute, table) else ["rowid"], SUM in names


def _keyed(execute: Execute, table: str) -> bool:
    """Whether a table has no row numbers."""
    return any(row[4] for row in execute(f'PRAGMA table_list("{table}")'))


def _triggers(table: str, columns: Sequence[str], keys: Sequence[str], *, strict: bool) -> dict[str, str]:
    all_of = ", ".join(f'"{column}"' for column in columns)
    here = " AND ".join(f'"{key}" = NEW."{key}"' for key in keys)
    then = f'BEGIN UPDATE "{table}" SET {SUM} = {sql_of(columns, "NEW.")} WHERE {here}; END'
    found = {
        f"{table}_summed": f'CREATE TRIGGER {table}_summed AFTER INSERT ON "{table}" {then}',
        f"{table}_summed_again": f'CREATE TRIGGER {table}_summed_again AFTER UPDATE OF {all_of} ON "{table}" {then}',
    }
    if strict:
        found[f"{table}_sound"] = (
            f'CREATE TRIGGER {table}_sound BEFORE UPDATE OF {all_of} ON "{table}" '
            f"WHEN OLD.{SUM} IS NOT {sql_of(columns, 'OLD.')} BEGIN SELECT RAISE(ABORT, 'damaged row in {table}'); END"
        )
    return found


def damaged(con: sqlite3.Connection, table: str, sums: Sums | None = None) -> Iterator[int]:
    """The damaged rows of a table, read to its last: row numbers, or places in the order of the keys. ``sums``: what
    its sums are of, where not ``row_sum`` of every other column."""
    wrong = _wrong(con, table, sums)
    (count,) = con.execute(f'SELECT count(*) FROM "{table}" WHERE {wrong}').fetchone()
    if not count:
        return
    row = "row_number() OVER ()" if _keyed(con.execute, table) else "rowid"
    yield from (
        number
        for (number,) in con.execute(f'SELECT n FROM (SELECT {row} AS n, {wrong} AS wrong FROM "{table}") WHERE wrong')
    )


def _wrong(con: sqlite3.Connection, table: str, sums: Sums | None) -> str:
    """What is true of a damaged row: a sum that is another, or a value that lies there as another type."""
    columns, _, _ = _columns(con.execute, table)
    found = [f'"{name}" IS NOT {sql_of(of)}' for name, of in (sums or {SUM: columns}).items()]
    for _, name, kind, *_ in con.execute(f'PRAGMA table_info("{table}")').fetchall():
        stored = _STORED.get(kind.upper())
        if stored:
            found.append(f"""typeof("{name}") NOT IN ('{stored}', 'null')""")
    return " OR ".join(found)


def tables_of(con: sqlite3.Connection) -> list[str]:
    """The tables whose rows bear sums."""
    names = con.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").fetchall()
    return [name for (name,) in names if _columns(con.execute, name)[2]]


def verify(con: sqlite3.Connection, file: str, tables: Mapping[str, Sums | None]) -> None:
    """Read rows.

    Raises:
        DataError: one is not as it was written (``row_damaged``): its file, table and number, and how many there are.
    """
    for table, sums in tables.items():
        found = list(damaged(con, table, sums))
        if found:
            rows = ", ".join(map(str, found[:_SHOWN])) + (", …" if len(found) > _SHOWN else "")
            raise DataError("row_damaged", file=file, table=table, rows=rows, count=len(found))


def take_out(con: sqlite3.Connection, table: str, sums: Sums | None = None) -> list[dict[str, str | None]]:
    """Delete the damaged rows of a table; what they said, as far as it can be read."""
    wrong = _wrong(con, table, sums)
    names = [str(row[1]) for row in con.execute(f'PRAGMA table_info("{table}")').fetchall()]
    values = ", ".join(f'CAST("{name}" AS BLOB)' for name in names)
    con.execute("BEGIN IMMEDIATE")
    rows = con.execute(f'SELECT {values} FROM "{table}" WHERE {wrong}').fetchall()
    con.execute(f'DELETE FROM "{table}" WHERE {wrong}')
    con.execute("COMMIT")
    return [dict(zip(names, map(_readable, row), strict=True)) for row in rows]


def _readable(value: bytes | None) -> str | None:
    return None if value is None else value.decode("utf-8", "backslashreplace")


def reading(path: Path) -> "closing[sqlite3.Connection]":
    """A file as it is, for who only looks at it."""
    con = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    teach(con)
    return closing(con)
