"""What processes that were killed have left in a shop folder, taken away by the next one that opens it for writing."""

import logging
import shutil
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from shopkeeper.data.lake import Lake
from shopkeeper.data.schema import TABLES

_log: Final = logging.getLogger(__name__)
SCRATCH: Final = "tmp"
_IMPORTS: Final = "i_*"
_LOGS: Final = ("training.log",)
_OLD_SECONDS: Final = 86_400.0


def tidy(folder: Path, lake: Lake) -> None:
    """Imports that nobody makes any more go with the files that they had written for the lake; of what else lies in
    ``tmp`` nobody can say whose it is, so it goes when it was not touched for a day. Where a process imports or erases
    just now it is left to the next opening."""
    try:
        _tidy(folder, lake)
    except OSError as error:  # it is in nobody's way
        _log.warning("what killed processes left stays for now: %s", error)


def _tidy(folder: Path, lake: Lake) -> None:
    with lake.alone() as alone:
        if alone:
            for table in TABLES:
                lake.sweep(table, older_than_seconds=0)
            for path in (folder / SCRATCH).glob(_IMPORTS):
                _remove(path)
    for path in (folder / SCRATCH).iterdir():
        if path.name not in _LOGS and _age(path) > _OLD_SECONDS:
            _remove(path)


def _age(path: Path) -> float:
    """Since anything in it was changed last, in seconds."""
    changed = 0.0
    for one in (path, *path.rglob("*")):
        with suppress(FileNotFoundError):  # it just went
            changed = max(changed, one.lstat().st_mtime)
    return time.time() - changed


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)  # what a dying worker still writes there goes the next time
    else:
        path.unlink(missing_ok=True)
