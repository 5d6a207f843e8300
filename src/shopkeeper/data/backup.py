"""Backups of a shop folder while it works: one moment of every file, copied, hashed, and named last.

The cut: while no commit can enter the lake (``Lake.still``), its live files and log are hard-linked aside, which takes
milliseconds, and the journal is copied as of that moment; events go on being accepted. So the journal's copy holds
everything that was acknowledged before the cut and does not yet stand in the lake's copy. What is copied after the
cut (consent, keys, quarantine, models) may be newer than it by seconds.
Source: SQLite documentation, "SQLite Backup API"; Delta protocol, "Data Files" (they never change).
"""

import json
import os
import shutil
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from shopkeeper.core.errors import DataError, NotFound, SettingsError
from shopkeeper.core.ids import new_id
from shopkeeper.core.ports import Progress, quiet
from shopkeeper.data.disk import digest, fsync_dir, fsync_tree
from shopkeeper.data.kill_points import reached
from shopkeeper.data.lake import Lake
from shopkeeper.data.model_store import ModelStore
from shopkeeper.data.schema import TABLES
from shopkeeper.data.store.database import Database
from shopkeeper.data.store.moving import copy_rows
from shopkeeper.data.store.state import FILE

PAGE: Final = "backup.json"
_FORMAT: Final = 1
_PLAIN: Final = ("shop.toml",)
_TRIES: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """What a backup holds. ``journal`` is the number of the last entry it knows; ``versions`` the lake's tables'."""

    moment: datetime
    journal: int
    versions: Mapping[str, int]
    model: str | None
    files: Mapping[str, tuple[int, str]]
    """Relative path -> size in bytes and BLAKE2b digest."""

    @property
    def size(self) -> int:
        """Bytes in all."""
        return sum(size for size, _ in self.files.values())


def back_up(
    folder: Path, to: Path, *, moment: datetime, state: Path | str, progress: Progress = quiet
) -> Backup:  # fmt: skip
    """Copy a shop folder into a new folder ``to``, which appears only when it is whole. ``state`` says where the shop
    keeps its state; in the backup it is always a file.

    Raises:
        SettingsError: ``to`` exists already, or lies inside the shop folder.
    """
    to = to.absolute()
    if to.exists():
        raise SettingsError("backup_exists", folder=str(to))
    if folder.absolute() in to.parents:
        raise SettingsError("backup_inside", folder=str(folder))
    part = to.with_name(to.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    versions, last = _copy_facts(folder, part, progress)
    reached("backup.copied")
    for name in _PLAIN:
        shutil.copyfile(folder / name, part / name)
    if (folder / "quarantine.db").exists():
        _copy_database(folder / "quarantine.db", part / "quarantine.db")
    _copy_state(state, part / FILE)
    model = _copy_model(folder, part, progress)
    page = Backup(moment=moment, journal=last, versions=versions, model=model, files=_hashed(part, progress))
    reached("backup.hashed")
    (part / PAGE).write_text(_to_json(page), "utf-8")
    fsync_tree(part)
    reached("backup.synced")
    part.rename(to)
    fsync_dir(to.parent)
    return page


def read_page(backup: Path) -> Backup:
    """What a backup says of itself.

    Raises:
        NotFound: there is no backup there (one that was broken off has no page).
        DataError: the page cannot be read.
    """
    try:
        page = json.loads((backup / PAGE).read_text("utf-8"))
        if page["format"] > _FORMAT:
            raise SettingsError("shop_too_new", folder=str(backup), version=page["format"], needed=_FORMAT)
        return Backup(
            moment=datetime.fromisoformat(page["moment"]), journal=page["journal"], versions=page["versions"],
            model=page["model"], files={name: (size, summary) for name, (size, summary) in page["files"].items()},
        )  # fmt: skip
    except FileNotFoundError:
        raise NotFound("no_backup", folder=str(backup)) from None
    except (ValueError, KeyError, TypeError) as error:
        raise DataError("backup_damaged", file=str(backup / PAGE)) from error


@contextmanager
def restored(backup: Path, folder: Path, *, progress: Progress = quiet) -> Iterator[Path]:
    """Copy a backup beside ``folder``, each file checked; the block may mend the copy, and then it becomes ``folder``.

    Raises:
        SettingsError: ``folder`` holds something already.
        DataError: a file is gone or its bytes are not those that were written (``backup_damaged``).
    """
    page = read_page(backup)
    folder = folder.absolute()
    if folder.exists() and any(folder.iterdir()):
        raise SettingsError("restore_into_full", folder=str(folder))
    part = folder.with_name(folder.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    part.chmod(0o700)
    for done, (name, wanted) in enumerate(sorted(page.files.items()), 1):
        target = part / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if not (backup / name).is_file():
            raise DataError("backup_damaged", file=str(backup / name))
        shutil.copy(backup / name, target)
        if _print_of(target) != wanted:
            raise DataError("backup_damaged", file=str(backup / name))
        progress(name, done, len(page.files))
    for table in TABLES:
        (part / "lake" / table).mkdir(parents=True, exist_ok=True)
    reached("restore.copied")
    yield part
    fsync_tree(part)
    reached("restore.synced")
    if folder.exists():
        folder.rmdir()
    part.rename(folder)
    fsync_dir(folder.parent)


def _copy_facts(folder: Path, part: Path, progress: Progress) -> tuple[dict[str, int], int]:
    """The lake and the journal as of one moment: the tables' versions and the journal's last number."""
    lake = Lake(folder / "lake", readonly=True)
    aside = folder / "tmp" / new_id("backup")
    try:
        with lake.still():
            versions = {table: lake.version(table) for table in TABLES}
            for table in TABLES:
                _link(lake, table, aside / table)
            _copy_database(folder / "journal.db", part / "journal.db")
        reached("backup.linked")
        linked = [path for path in sorted(aside.rglob("*")) if path.is_file()]
        for done, path in enumerate(linked, 1):
            target = part / "lake" / path.relative_to(aside)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
            progress(path.name, done, len(linked))
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    with closing(sqlite3.connect(part / "journal.db")) as con:
        row = con.execute("SELECT seq FROM sqlite_sequence WHERE name = 'entries'").fetchone()
    return versions, 0 if row is None else int(row[0])


def _link(lake: Lake, table: str, aside: Path) -> None:
    log = lake.folder / table / "_delta_log"
    if not log.is_dir():
        return
    (aside / "_delta_log").mkdir(parents=True)
    for file in lake.files(table):
        os.link(file, aside / Path(file).name)
    for path in log.iterdir():
        if path.is_file():
            os.link(path, aside / "_delta_log" / path.name)


def _copy_database(source: Path, target: Path) -> None:
    """One consistent moment of an SQLite file that others may be writing."""
    with closing(sqlite3.connect(source, timeout=60)) as con, closing(sqlite3.connect(target)) as copy:
        con.backup(copy, pages=-1)
    target.chmod(0o600)


def _copy_state(state: Path | str, target: Path) -> None:
    if isinstance(state, str):
        with closing(Database(state)) as source, closing(Database(target)) as copy:
            copy_rows(source, copy)
    elif state.exists():
        _copy_database(state, target)


def _copy_model(folder: Path, part: Path, progress: Progress) -> str | None:
    """The version that answers. It may be replaced or lose an erased person meanwhile: then it is copied again."""
    here, there = ModelStore(folder / "models"), ModelStore(part / "models")
    for last in (False,) * (_TRIES - 1) + (True,):
        version = here.current()
        if version is None:
            return None
        progress(version, 0, 1)
        shutil.rmtree(there.folder, ignore_errors=True)
        try:
            shutil.copytree(here.folder / version, there.folder / version)
            there.load(version)
            there.make_current(version)
        except (DataError, NotFound, OSError):
            if last:
                raise
            continue
        return version
    return None


def _hashed(part: Path, progress: Progress) -> dict[str, tuple[int, str]]:
    files = sorted(path for path in part.rglob("*") if path.is_file())
    found: dict[str, tuple[int, str]] = {}
    for done, path in enumerate(files, 1):
        found[str(path.relative_to(part))] = _print_of(path)
        progress(path.name, done, len(files))
    return found


def _print_of(path: Path) -> tuple[int, str]:
    return path.stat().st_size, digest(path)


def _to_json(page: Backup) -> str:
    facts: dict[str, Any] = {
        "format": _FORMAT, "moment": page.moment.isoformat(), "journal": page.journal, "versions": page.versions,
        "model": page.model, "files": page.files,
    }  # fmt: skip
    return json.dumps(facts, indent=1)
