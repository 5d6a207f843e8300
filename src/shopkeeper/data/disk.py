"""Files as the disk keeps them: synced, and sealed with a digest so that damage is found."""

import os
import re
from hashlib import blake2b
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from shopkeeper.data import delta_log

_SEAL: Final = re.compile(r"\.([0-9a-f]{32})\.parquet$")


def fsync_dir(folder: Path) -> None:
    """Make a folder's entries durable (a rename or a new file is not, before this)."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def fsync_file(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def fsync_tree(folder: Path) -> None:
    """Make a folder durable with everything in it."""
    for path in folder.rglob("*"):
        fsync_file(path) if path.is_file() else fsync_dir(path)
    fsync_dir(folder)


def digest(path: Path) -> str:
    """BLAKE2b of a file's bytes."""
    with path.open("rb") as file:
        summary = blake2b(digest_size=16)
        while part := file.read(2**20):
            summary.update(part)
    return summary.hexdigest()


def seal(file: Path) -> Path:
    """A finished Parquet file, synced, and renamed so that its name says what its bytes are."""
    if _SEAL.search(file.name):
        return file
    fsync_file(file)
    return file.rename(file.with_name(f"{file.stem}.{digest(file)}.parquet"))


def sealed(file: Path) -> delta_log.Action:
    """A file on its way into a table: synced, and sealed."""
    rows = int(pq.read_metadata(file).num_rows)
    return delta_log.add(seal(file), rows)


def is_sound(file: Path) -> bool:
    """Whether a file's bytes are those that its name says; files of older releases only need to be readable."""
    seal = _SEAL.search(file.name)
    return _readable(file) if seal is None else digest(file) == seal[1]


def without_broken_checkpoints(log: Path) -> bool:
    """Remove checkpoints that cannot be read, where the log itself is whole. Returns whether there were any."""
    broken = [path for path in log.glob("*.checkpoint*.parquet") if not _readable(path)]
    if not broken or not (log / f"{0:020}.json").exists():
        return False
    for path in (log / delta_log.LAST, *broken):
        path.unlink(missing_ok=True)
    fsync_dir(log)
    return True


def _readable(path: Path) -> bool:
    try:
        pq.read_table(path)
    except (OSError, pa.ArrowException):
        return False
    return True
