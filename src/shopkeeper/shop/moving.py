"""A shop's state moved to another database, and the line of shop.toml that says where it is."""

import os
import re
import tomllib
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from shopkeeper.core.errors import SettingsError
from shopkeeper.data.disk import fsync_dir
from shopkeeper.data.lock import FolderLock
from shopkeeper.data.store.database import Database
from shopkeeper.data.store.engines import shown
from shopkeeper.data.store.moving import clear, copy_rows, delete_file, identity_of
from shopkeeper.data.store.state import named, place_of
from shopkeeper.settings import FILE, load, parse, toml_text

_SECTION: Final = re.compile(r"^[ \t]*\[state\][ \t]*(#.*)?$", re.MULTILINE)
_NEXT: Final = re.compile(r"^[ \t]*\[", re.MULTILINE)
_URL: Final = re.compile(r"^[ \t]*url[ \t]*=.*$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """From where to where, and how many rows of each table."""

    source: str
    target: str
    rows: Mapping[str, int]


def move_state(folder: Path, url: str) -> Moved:
    """Copy every row to an address (empty: a file of the folder), compare, let shop.toml name it, clear the old place.

    Killed before shop.toml is written, the old place is still the one that counts, and the next try begins again.

    Raises:
        SettingsError: it is there already, or the new place holds something else.
        Unavailable: the shop is open elsewhere, or a database does not answer.
    """
    settings = load(folder)
    parse({"state": {"url": url}}, folder)
    source, target = place_of(folder, settings.state.url), place_of(folder, url)
    if source == target:
        raise SettingsError("state_there_already", where=_shown(target))
    _edited(folder, url)
    lock = FolderLock(folder)
    try:
        ours = named(source)
        with closing(Database(source)) as old, closing(Database(target)) as new:
            if identity_of(new) == ours:
                clear(new)  # a move that was broken off
            rows = copy_rows(old, new)
        write_state_url(folder, url)
        _clear(source)
    finally:
        lock.release()
    return Moved(source=_shown(source), target=_shown(target), rows=rows)


def _clear(place: Path | str) -> None:
    if isinstance(place, Path):
        delete_file(place)
        return
    with closing(Database(place)) as old:
        clear(old)


def _shown(place: Path | str) -> str:
    return str(place) if isinstance(place, Path) else shown(place)


def write_state_url(folder: Path, url: str) -> None:
    """Say in shop.toml where the state is; everything else in it stays, comments too.

    Raises:
        SettingsError: the file is written in a way in which the line cannot be found (``settings_not_editable``).
    """
    path, new = folder / FILE, _edited(folder, url)
    aside = path.with_name(FILE + ".part")
    with aside.open("w", encoding="utf-8") as file:
        file.write(new)
        file.flush()
        os.fsync(file.fileno())
    aside.rename(path)
    fsync_dir(folder)


def _edited(folder: Path, url: str) -> str:
    path = folder / FILE
    old = path.read_text("utf-8")
    new = _with_url(old, url)
    wanted = tomllib.loads(old)
    wanted.setdefault("state", {})["url"] = url
    try:
        same = tomllib.loads(new) == wanted
    except tomllib.TOMLDecodeError:
        same = False
    if not same:
        raise SettingsError("settings_not_editable", file=str(path), line=f"[state] url = {toml_text(url)}")
    return new


def _with_url(text: str, url: str) -> str:
    line = f"url = {toml_text(url)}"
    section = _SECTION.search(text)
    if section is None:
        return f"{text.rstrip()}\n\n[state]\n{line}\n"
    after = _NEXT.search(text, section.end())
    end = len(text) if after is None else after.start()
    inside = text[section.end() : end]
    said = _URL.search(inside)
    inside = f"\n{line}{inside}" if said is None else inside[: said.start()] + line + inside[said.end() :]
    return text[: section.end()] + inside + text[end:]
