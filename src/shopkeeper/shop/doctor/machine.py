"""What a shop folder stands on: who may read and write it, room, a disk that keeps its word, a clock."""

import getpass
import os
import shutil
import stat
import statistics
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from shopkeeper.core.errors import Unavailable
from shopkeeper.data.disk import fsync_dir
from shopkeeper.data.lake import Lake
from shopkeeper.data.lock import FolderLock
from shopkeeper.data.model_store import ModelStore
from shopkeeper.settings import Settings
from shopkeeper.shop.doctor.finding import Finding

_LEAST_FREE: Final = 2**30
_TRIES: Final = 5
_TOO_FAST_SECONDS: Final = 20e-6
"""No disk writes in less: something between says "done" too early."""
_IN_MEMORY: Final = frozenset({"tmpfs", "ramfs", "devtmpfs"})
_SLACK: Final = timedelta(minutes=1)
_WRITTEN: Final = ("", "lake", "models", "tmp", "journal.db", "quarantine.db", "state.db", "shop.toml")


def lock(folder: Path, _: Settings) -> Iterator[Finding]:
    """Whether somebody has the shop open."""
    try:
        FolderLock(folder).release()
    except Unavailable as error:
        yield Finding(level="ok", key="locked", facts=error.facts)
    else:
        yield Finding(level="ok", key="free")


def permissions(folder: Path, _: Settings) -> Iterator[Finding]:
    """This user may write everything, and strangers may not read it."""
    there = [path for path in (folder / name for name in _WRITTEN) if path.exists()]
    closed = [path for path in there if not os.access(path, os.R_OK | os.W_OK)]
    for path in closed:
        yield Finding(level="wrong", key="closed", facts={"path": str(path), "user": getpass.getuser()})
    if folder.stat().st_mode & (stat.S_IROTH | stat.S_IXOTH):
        yield Finding(level="warning", key="open", facts={"path": str(folder)})
    elif not closed:
        yield Finding(level="ok", key="private")


def space(folder: Path, _: Settings) -> Iterator[Finding]:
    """Room on the disk."""
    free = shutil.disk_usage(folder).free
    enough = free > _LEAST_FREE
    key = "space" if enough else "no_space"
    yield Finding(level="ok" if enough else "wrong", key=key, facts={"gib": f"{free / 2**30:.1f}"})


def syncing(folder: Path, _: Settings) -> Iterator[Finding]:
    """A file that was synced is on a disk: measured with a small file, which is removed."""
    kind = _file_system(folder)
    if kind in _IN_MEMORY:
        yield Finding(level="wrong", key="sync_memory", facts={"path": str(folder), "kind": kind})
        return
    if "eatmydata" in os.environ.get("LD_PRELOAD", ""):
        yield Finding(level="wrong", key="sync_off", facts={"what": os.environ["LD_PRELOAD"]})
        return
    seconds = statistics.median(_sync_seconds(folder) for _ in range(_TRIES))
    facts = {"ms": f"{seconds * 1000:.2f}", "kind": kind}
    if seconds < _TOO_FAST_SECONDS:
        yield Finding(level="warning", key="sync_fast", facts=facts)
    else:
        yield Finding(level="ok", key="sync_ok", facts=facts)


def _sync_seconds(folder: Path) -> float:
    handle, name = tempfile.mkstemp(prefix="doctor-", dir=folder)
    try:
        os.write(handle, os.urandom(4096))
        began = time.perf_counter()
        os.fsync(handle)
        fsync_dir(folder)
        return time.perf_counter() - began
    finally:
        os.close(handle)
        Path(name).unlink()


def _file_system(folder: Path) -> str:
    """The kind of file system that a folder is on; ``?`` where it cannot be known."""
    try:
        lines = Path("/proc/self/mountinfo").read_text("utf-8").splitlines()
    except OSError:
        return "?"
    here, best, kind = folder.resolve(), -1, "?"
    for line in lines:
        left, _, right = line.partition(" - ")
        place = Path(left.split()[4].replace("\\040", " "))
        if (place == here or place in here.parents) and len(place.parts) >= best:
            best, kind = len(place.parts), right.split()[0]
    return kind


def clock(folder: Path, _: Settings) -> Iterator[Finding]:
    """Time goes forward: nothing was recorded later than now, and the disk has the same time."""
    now = datetime.now(UTC)
    newest = max(_recorded(folder), default=now)
    if newest > now + _SLACK:
        facts = {"now": f"{now:%Y-%m-%d %H:%M:%S}", "seen": f"{newest:%Y-%m-%d %H:%M:%S}"}
        yield Finding(level="wrong", key="clock_behind", facts=facts)
        return
    with tempfile.NamedTemporaryFile(prefix="doctor-", dir=folder) as file:
        apart = Path(file.name).stat().st_mtime - time.time()
    if abs(apart) > _SLACK.total_seconds():
        yield Finding(level="warning", key="clock_disk", facts={"seconds": f"{apart:+.0f}"})
        return
    yield Finding(level="ok", key="clock", facts={"now": f"{now:%Y-%m-%d %H:%M:%S}"})


def _recorded(folder: Path) -> Iterator[datetime]:
    with Lake(folder / "lake", readonly=True).connect(tables=("events",)) as con:
        found = con.execute("SELECT max(received_at) FROM events").fetchone()[0]
    if found is not None:
        yield found.replace(tzinfo=UTC) if found.tzinfo is None else found
    store = ModelStore(folder / "models")
    current = store.current()
    if current is not None:
        yield datetime.fromisoformat(store.manifest(current)["moment"])
