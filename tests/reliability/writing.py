"""A process that takes events into a shop, drains all the time, and tells over a pipe what it acknowledged.

It is forked from a process that has imported everything, so that hundreds can be killed in a minute.
"""

import importlib
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

from batches import events

from shopkeeper.data import kill_points
from shopkeeper.shop import Shop

FORKS = multiprocessing.get_context("forkserver")
_LONG_SECONDS = 240.0
_LATE = (
    "scipy.stats",
    "scipy.optimize",
    "sklearn.linear_model",
    "sklearn.isotonic",
    "sklearn.cluster",
    "alembic.command",
)
"""What only learning and upgrades import, when they do: a second for every process that is to be killed in one."""


def ready() -> None:
    """Start the process that has imported everything. It looks for modules where ``PYTHONPATH`` says, not in our
    ``sys.path``, and what it does not find it silently leaves to every fork of it."""
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join(sys.path)
    try:
        FORKS.set_forkserver_preload(["batches", "writing", "deeds", "faults", *_LATE])
        forkserver.ensure_running()
    finally:
        os.environ["PYTHONPATH"] = before or ""


def arm(kill_at: str) -> None:
    """Name the place at which this process is to end itself."""
    os.environ[kill_points.VARIABLE] = kill_at
    importlib.reload(kill_points)


def write(folder: Path, first: int, kill_at: str, say: Connection) -> None:
    """Take batches from ``first`` on until killed; the first word is how long it took until the first was durable."""
    arm(kill_at)
    began = time.perf_counter()
    shop = Shop.open(folder)
    threading.Thread(target=_drain, args=(shop,), daemon=True).start()
    batch = first
    while True:
        shop.collect(events(batch))
        if batch == first:
            say.send(time.perf_counter() - began)
        say.send(batch)
        batch += 1


def _drain(shop: Shop) -> None:
    while True:
        shop.drain()
        time.sleep(0.002)


@dataclass(slots=True)
class Writer:
    """A running writer and what it has acknowledged so far."""

    process: BaseProcess
    hear: Connection
    acknowledged: list[int] = field(default_factory=list)
    ready_seconds: list[float] = field(default_factory=list)

    def listen(self, seconds: float) -> None:
        """Hear what is said for so long, or until the process ends."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0 and self._hear(left):
            pass

    def wait_for(self, count: int) -> bool:
        """Hear until so many batches are acknowledged; whether they were before the process ended."""
        until = time.monotonic() + _LONG_SECONDS
        while len(self.acknowledged) < count and time.monotonic() < until:
            if not self._hear(1.0) and not self.process.is_alive():
                break
        return len(self.acknowledged) >= count

    def _hear(self, seconds: float) -> bool:
        try:
            if not self.hear.poll(seconds):
                return False
            said = self.hear.recv()
        except (EOFError, OSError):
            return False
        if isinstance(said, float):
            self.ready_seconds.append(said)
        else:
            self.acknowledged.append(said)
        return True

    def end(self) -> int:
        """Wait for its end, having killed it if it still works, and hear its last words; the exit code."""
        if self.process.is_alive() and self.process.pid is not None:
            os.kill(self.process.pid, signal.SIGKILL)
        self.process.join(_LONG_SECONDS)
        while self._hear(0):
            pass
        return self.process.exitcode or 0


def _do(deed: Callable[..., object], words: Sequence[object], kill_at: str) -> None:
    arm(kill_at)
    deed(*words)


def done(deed: Callable[..., object], *words: object, kill_at: str = "") -> int:
    """Let a process of its own do something that ends at a named place; its exit code, -9 where it came there."""
    ready()
    process = FORKS.Process(target=_do, args=(deed, words, kill_at))
    process.start()
    process.join(_LONG_SECONDS)
    return -signal.SIGALRM if process.exitcode is None else process.exitcode


@contextmanager
def writer(folder: Path, first: int, kill_at: str = "") -> Iterator[Writer]:
    """A writer on a folder; dead when the block ends."""
    hear, say = FORKS.Pipe(duplex=False)
    ready()
    process = FORKS.Process(target=write, args=(folder, first, kill_at, say), daemon=True)
    process.start()
    say.close()
    running = Writer(process=process, hear=hear)
    try:
        yield running
    finally:
        running.end()
        hear.close()
