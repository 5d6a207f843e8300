"""The way out where rows are damaged and there is no backup: they are taken out, and what they said is told once."""

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from shopkeeper.data.lock import FolderLock
from shopkeeper.data.row_sums import tables_of, take_out, teach
from shopkeeper.data.seen import SUMS
from shopkeeper.data.store.state import FILE

_FILES: Final = (FILE, "journal.db", "quarantine.db")
_LOOKED_AFTER: Final = frozenset({"entries", "held"})
"""The drain puts entries into the quarantine, and what is held there people fix or discard."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """A row that was taken out."""

    file: str
    table: str
    values: dict[str, Any]


def drop_damaged(folder: Path) -> list[Taken]:
    """Take the damaged rows out of the files of a shop folder that nobody has open.

    Raises:
        Unavailable: somebody has.
    """
    lock = FolderLock(folder)
    try:
        return [taken for name in _FILES if (folder / name).is_file() for taken in _out_of(folder / name)]
    finally:
        lock.release()


def _out_of(path: Path) -> list[Taken]:
    with closing(sqlite3.connect(path, isolation_level=None)) as con:
        for pragma in ("synchronous=FULL", "secure_delete=ON"):
            con.execute(f"PRAGMA {pragma}").fetchall()
        teach(con)
        return [
            Taken(file=path.name, table=table, values=values)
            for table in tables_of(con)
            if table not in _LOOKED_AFTER
            for values in take_out(con, table, SUMS.get(table))
        ]
