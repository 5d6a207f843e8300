"""Faults of the disk, injected into a real writer with ``strace``: an error of a sync, a write, a new name."""

import contextlib
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from batches import Found, events, gone_on, look, new_shop
from writing import FORKS, ready

from shopkeeper.core.errors import Unavailable
from shopkeeper.data.schema import TABLES
from shopkeeper.shop import Shop

CALLS = {
    "fdatasync": ("EIO", "ENOSPC"),
    "fsync": ("EIO",),
    "pwrite64": ("ENOSPC", "EIO"),
    "write": ("ENOSPC",),
    "pread64": ("EIO",),
    "link": ("EIO", "ENOSPC"),
    "rename": ("EIO",),
    "unlink": ("EIO",),
    "openat": ("EMFILE", "EIO"),
    "ftruncate": ("EIO",),
}
"""What is made to fail, and how."""
ONLY = {"write": tuple(f"lake/{table}.commit" for table in TABLES)}
"""Files to which a call is confined: a write that fails is also one that wakes another thread, which is no disk's."""
KINDS = tuple((call, error) for call, errors in CALLS.items() for error in errors)
KEPT, REFUSED, READY = 1, 2, 3
_ATTACH_SECONDS = 240.0


@dataclass(slots=True)
class Faults:
    """Runs with a fault, faults that struck, what was acknowledged, and what the oracle found after a clean start."""

    runs: int = 0
    struck: dict[str, int] = field(default_factory=dict)
    refusals: int = 0
    acknowledged: int = 0
    found: Found = field(default_factory=Found)
    first: str = ""

    def add(self, other: "Faults") -> None:
        self.runs += other.runs
        for call, times in other.struck.items():
            self.struck[call] = self.struck.get(call, 0) + times
        self.refusals += other.refusals
        self.acknowledged += other.acknowledged
        self.found.add(other.found)
        self.first = self.first or other.first


@contextmanager
def injected(process: int, shop: Path, log: Path, call: str, error: str, when: str) -> Iterator[None]:
    """``strace`` on a running process and all its threads, until the block ends."""
    words = ["strace", "-f", "-y", "-p", str(process), "-o", str(log), "-e", f"trace={call}",
             "-e", f"inject={call}:error={error}:when={when}"]  # fmt: skip
    words += [word for name in ONLY.get(call, ()) for word in ("-P", str(shop / name))]
    with log.with_suffix(".said").open("wb") as said:
        watching = subprocess.Popen(words, stderr=said)
    until = time.monotonic() + _ATTACH_SECONDS
    while "attached" not in log.with_suffix(".said").read_text() and time.monotonic() < until:
        assert watching.poll() is None, log.with_suffix(".said").read_text()
        time.sleep(0.01)
    try:
        yield
    finally:
        watching.terminate()
        watching.wait(timeout=240)


def work(folder: Path, marks: Any, hear: Connection, early: bool) -> None:
    """Open the shop (``early``: only after the word), wait for the word, take batches and drain; mark in shared memory,
    which needs no call that could fail, what was acknowledged and what was refused."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # what fails complains, and is meant to
    shop = None if early else Shop.open(folder)
    if shop is not None:
        shop.collect(events(len(marks)))
    marks[0] = READY
    hear.recv()
    shop = shop or Shop.open(folder)
    threading.Thread(target=_drain, args=(shop,), daemon=True).start()
    for batch in range(len(marks)):
        try:
            shop.collect(events(batch))
            marks[batch] = KEPT
        except Unavailable:
            marks[batch] = REFUSED
        time.sleep(0.004)
    os._exit(0)  # as a kill: nothing is put in order


def _drain(shop: Shop) -> None:
    while True:
        with contextlib.suppress(Exception):  # as a server: the next round may work
            shop.drain()
        time.sleep(0.002)


def one(
    folder: Path, call: str, nth: int, *, error: str = "", early: bool = False, for_ever: bool | None = None
) -> Faults:
    """Let the n-th call of each thread fail while a writer works (``for_ever``, else for even n: every later one too);
    then start cleanly and look."""
    shop = new_shop(folder / f"{call}-{nth}")
    log, faults = folder / f"{call}-{nth}.log", Faults(runs=1)
    for_ever, error, batches = (
        nth % 2 == 0 if for_ever is None else for_ever,
        error or CALLS[call][0],
        max(24, 16 + nth),
    )
    ready()
    hear, say = FORKS.Pipe(duplex=False)
    marks = FORKS.RawArray("b", batches)
    process = FORKS.Process(target=work, args=(shop, marks, hear, early), daemon=True)
    process.start()
    assert process.pid is not None
    until = time.monotonic() + _ATTACH_SECONDS
    while marks[0] != READY and time.monotonic() < until:
        time.sleep(0.002)
    with injected(process.pid, shop, log, call, error, f"{nth}{'+' if for_ever else ''}"):
        say.send("go")
        process.join(_ATTACH_SECONDS)
        if process.is_alive():
            process.kill()
            faults.first = f"{call} {error} {nth}: it did not end"
            faults.found.damaged += 1
    faults.struck[call] = int("INJECTED" in log.read_text("utf-8", "replace"))
    kept = [batch for batch, mark in enumerate(marks) if mark == KEPT] + ([] if early else [batches])
    faults.refusals, faults.acknowledged = sum(mark == REFUSED for mark in marks), len(kept)
    try:
        faults.found.add(look(shop, kept))
        faults.found.add(gone_on(shop, sorted(kept)))
    except Exception as why:  # noqa: BLE001  # whatever it is, the shop did not come back from this fault
        faults.found.damaged += 1
        faults.first = faults.first or f"{call} {error} {nth}: {why!r}"
    if not faults.found.clean:
        faults.first = faults.first or f"{call} {error} {nth}, for ever {for_ever}, early {early}: {faults.found}"
    shutil.rmtree(shop)
    log.unlink()
    return faults
