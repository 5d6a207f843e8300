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

from batches import Found, events, look, new_shop, sent_again
from writing import FORKS, ready

from shopkeeper.core.errors import Unavailable
from shopkeeper.shop import Shop

CALLS = {
    "fdatasync": "EIO",
    "fsync": "EIO",
    "pwrite64": "ENOSPC",
    "link": "EIO",
    "openat": "EMFILE",
    "ftruncate": "EIO",
}
"""What is made to fail, and how."""
KEPT, REFUSED, READY = 1, 2, 3
_ATTACH_SECONDS = 30.0


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
def injected(process: int, log: Path, call: str, error: str, when: str) -> Iterator[None]:
    """``strace`` on a running process and all its threads, until the block ends."""
    words = ["strace", "-f", "-y", "-p", str(process), "-o", str(log), "-e", f"trace={call}",
             "-e", f"inject={call}:error={error}:when={when}"]  # fmt: skip
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
        watching.wait(timeout=30)


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


def one(folder: Path, call: str, nth: int, *, batches: int = 24, early: bool = False) -> Faults:
    """Let the n-th call of each thread fail while a writer works (and, for even n, every later one); then start cleanly
    and look."""
    shop = new_shop(folder / f"{call}-{nth}")
    log, faults = folder / f"{call}-{nth}.log", Faults(runs=1)
    ready()
    hear, say = FORKS.Pipe(duplex=False)
    marks = FORKS.RawArray("b", batches)
    process = FORKS.Process(target=work, args=(shop, marks, hear, early), daemon=True)
    process.start()
    assert process.pid is not None
    until = time.monotonic() + _ATTACH_SECONDS
    while marks[0] != READY and time.monotonic() < until:
        time.sleep(0.002)
    with injected(process.pid, log, call, CALLS[call], f"{nth}{'' if nth % 2 else '+'}"):
        say.send("go")
        process.join(60)
        if process.is_alive():
            process.kill()
            faults.first = f"{call} {nth}: it did not end"
            faults.found.damaged += 1
    faults.struck[call] = int("INJECTED" in log.read_text("utf-8", "replace"))
    kept = [batch for batch, mark in enumerate(marks) if mark == KEPT] + ([] if early else [batches])
    faults.refusals, faults.acknowledged = sum(mark == REFUSED for mark in marks), len(kept)
    faults.found.add(look(shop, kept))
    faults.found.doubled += sent_again(shop, kept[-3:])
    if not faults.found.clean:
        faults.first = faults.first or f"{call} {nth}: {faults.found}"
    shutil.rmtree(shop)
    return faults
