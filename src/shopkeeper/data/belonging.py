"""Which files belong together: the journal and the quarantine bear the mark of the state, and the state knows that.

So a file that was exchanged for another shop's, another file's or an empty one is found before it is used, and so is a
state. A file that was removed is made anew: whoever removes one means it.
"""

import sqlite3
from collections.abc import Callable, Collection
from contextlib import ExitStack, closing
from datetime import datetime
from pathlib import Path
from typing import Final

from sqlalchemy import select

from shopkeeper.core.errors import DataError
from shopkeeper.data.drain import landed_in
from shopkeeper.data.journal import last_of
from shopkeeper.data.lake import Lake
from shopkeeper.data.lock import FolderLock
from shopkeeper.data.row_sums import reading
from shopkeeper.data.seen import digest_of
from shopkeeper.data.store.state import FILE, State, place_of
from shopkeeper.data.store.tables import shop_files

MARKED: Final = ("journal.db", "quarantine.db")
_TABLE: Final = "CREATE TABLE IF NOT EXISTS about (name TEXT PRIMARY KEY, state TEXT NOT NULL)"
_PUT: Final = "INSERT OR REPLACE INTO about (name, state) VALUES (?, ?)"


def mark_of(identity: str) -> str:
    """What the files of a state bear: nobody learns its secret from that."""
    return digest_of(b"shop files\0" + identity.encode(), 16).hex()


def check(folder: Path, identity: str, known: Collection[str], *, where: str) -> None:
    """Look at the files of a shop folder. ``known``: those that bore the mark of the state at ``where`` before.

    Raises:
        DataError: one is of another shop, or is another file (``file_of_another_shop``).
    """
    for name in MARKED:
        if not (folder / name).exists():
            continue
        found = _mark(folder / name, name)
        if found != mark_of(identity) and (found is not None or name in known):
            raise DataError("file_of_another_shop", file=name, state=where)


def _mark(path: Path, name: str) -> str | None:
    """The mark of a file; None where it bears none: an older release made it, or it is another file."""
    with reading(path) as con:
        if not con.execute("SELECT 1 FROM sqlite_master WHERE name = 'about'").fetchone():
            return None
        row = con.execute("SELECT state FROM about WHERE name = ?", (name,)).fetchone()
        return None if row is None else str(row[0])


def check_state(folder: Path, state: State) -> None:
    """``check`` with an open state."""
    known = [row.name for row in state.database.read(select(shop_files.c.name))]
    check(folder, state.keys.identity_secret, known, where=state.database.where)


def opened(
    folder: Path, url: str, clock: Callable[[], datetime], *, beside: bool
) -> tuple[FolderLock | None, Lake, State]:
    """A shop folder, held against others unless ``beside`` one that does, with its lake and its state, after both
    checks. Where one refuses nothing is held any more.

    Raises:
        SettingsError, Unavailable: as ``FolderLock`` and ``State``.
        DataError: as ``check`` and ``check_journal``, or a row of the state is damaged.
    """
    place = place_of(folder, url)
    lock = None if beside else FolderLock(folder)
    with ExitStack() as undo:
        if lock is not None:
            undo.callback(lock.release)
        (folder / "tmp").mkdir(exist_ok=True)
        lake = Lake(folder / "lake", readonly=beside)
        removed = isinstance(place, Path) and not place.exists()
        state = State(place, clock)
        undo.callback(state.close)
        if not removed:
            check_state(folder, state)
        if not beside:
            check_journal(folder, lake)
        undo.pop_all()
    return lock, lake, state


def check_file(folder: Path) -> None:
    """``check`` with the state in the folder, which is left as it is.

    Raises:
        DataError: as there.
        sqlite3.Error: a file cannot be read.
    """
    with reading(folder / FILE) as con:
        names = {name for (name,) in con.execute("SELECT name FROM sqlite_master")}
        if "secrets" in names:
            identity = con.execute("SELECT value FROM secrets WHERE name = 'identity'").fetchone()
            known = con.execute("SELECT name FROM shop_files").fetchall() if "shop_files" in names else []
            if identity is not None:
                check(folder, str(identity[0]), [name for (name,) in known], where=FILE)
        elif any(_mark(folder / name, name) for name in MARKED if (folder / name).exists()):
            raise DataError("file_of_another_shop", file=FILE, state=FILE)


def check_journal(folder: Path, lake: Lake) -> None:
    """The journal of a folder, where there is one, gave every number that the lake knows.

    Raises:
        DataError: it did not: it is an older one, or emptied (``journal_behind``). What it takes would stay in it.
    """
    path = folder / "journal.db"
    if not path.exists():
        return
    with reading(path) as con:
        there = con.execute("SELECT 1 FROM sqlite_master WHERE name = 'entries'").fetchone()
        last = last_of(con) if there else 0
    landed = landed_in(lake)
    if landed > last:
        raise DataError("journal_behind", file=path.name, last=last, landed=landed)


def mark(folder: Path, state: State, *, beside: bool = False) -> None:
    """Let the files that are there bear the mark of a state from now on; ``beside`` one that does so: nothing."""
    if beside:
        return
    wanted = mark_of(state.keys.identity_secret)
    there = [name for name in MARKED if (folder / name).exists()]
    for name in there:
        if _mark(folder / name, name) != wanted:
            with closing(sqlite3.connect(folder / name, timeout=30, isolation_level=None)) as con:
                con.execute("PRAGMA synchronous=FULL")
                con.execute(_TABLE)
                con.execute(_PUT, (name, wanted))
    known = {row.name for row in state.database.read(select(shop_files.c.name))}
    new = [{"name": name} for name in there if name not in known]
    if new:
        state.database.write(state.database.insert_into(shop_files).on_conflict_do_nothing(), new)
