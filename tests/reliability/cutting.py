"""Power cuts of the real server: traced at work, its disk rebuilt as of any moment, and opened again."""

import contextlib
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from batches import Found, events, gone_on, look
from disk import MODES, Disk, Mode, unsynced_names
from running import new_shop, port_that_is_free
from tracing import Call, read, strace

from shopkeeper.settings import FILE

RUN = "from shopkeeper.apps.cli.main import main; main()"
BROKEN = {
    "journal NORMAL": f"import shopkeeper.data.journal as j; j._SYNCHRONOUS = 'NORMAL'; {RUN}",
    "journal OFF": f"import shopkeeper.data.journal as j; j._SYNCHRONOUS = 'OFF'; {RUN}",
    "journal not settled": f"import shopkeeper.data.journal as j; j.Journal._settle = lambda self: None; {RUN}",
    "lake without fsync": "import os; os.fsync = lambda handle: None; " + RUN,
}
"""Servers with a promise taken out: a test that does not notice proves nothing."""
_WAIT_SECONDS = 240.0
_ANSWER = re.compile(rb"b(\d{6})-\d")


@dataclass(slots=True)
class Traced:
    """A server's work: what it did to the disk, and when it answered which batch."""

    disk: Disk
    calls: list[Call]
    answered: dict[int, int]
    """Batch -> the place in the trace where its answer began to leave."""
    heard: set[int]
    """What the clients were told: the oracle's own list."""


@dataclass(slots=True)
class Cuts:
    """Cuts by mode and what was found after them."""

    cuts: dict[str, int] = field(default_factory=dict)
    failed: dict[str, int] = field(default_factory=dict)
    """Cuts after which something acknowledged was lost, doubled, in halves or unreadable."""
    acknowledged: int = 0
    lost: int = 0
    doubled: int = 0
    unreadable: int = 0
    seconds: list[float] = field(default_factory=list)
    first: str = ""
    """The first failure, to be seen again."""

    def add(self, other: "Cuts") -> None:
        for mode, times in other.cuts.items():
            self.cuts[mode] = self.cuts.get(mode, 0) + times
        for mode, times in other.failed.items():
            self.failed[mode] = self.failed.get(mode, 0) + times
        self.lost += other.lost
        self.doubled += other.doubled
        self.unreadable += other.unreadable
        self.seconds += other.seconds
        self.first = self.first or other.first


def traced(folder: Path, batches: int, *, code: str = RUN, clients: int = 2) -> Traced:
    """Serve a new shop under ``strace`` while clients post batches and the drain runs, then kill it."""
    shop, key = _shop(folder)
    base = Path(shutil.copytree(shop, folder / "base"))
    calls, heard = _served(shop, key, range(batches), code=code, clients=clients)
    return Traced(disk=Disk(base, shop, calls), calls=calls, answered=_answers(calls), heard=heard)


def killed_and_served_again(folder: Path, batches: int, *, at: int, code: str = RUN) -> Traced:
    """The server dies as it is about to sync the ``at``-th time; a second one is sent everything again. One trace."""
    shop, key = _shop(folder, drain_seconds=3_600.0)  # whatever else writes would sync what was left
    base = Path(shutil.copytree(shop, folder / "base"))
    inject = f"fdatasync:signal=KILL:when={at}"
    first, heard = _served(shop, key, range(batches), inject=inject, clients=1)
    assert len(heard) < batches, "the server was not killed"
    second, heard_then = _served(shop, key, range(batches), code=code, clients=1)
    calls = [*first, *(call.later(first[-1].end + 10) for call in second)]
    return Traced(disk=Disk(base, shop, calls), calls=calls, answered=_answers(calls), heard=heard | heard_then)


def _shop(folder: Path, drain_seconds: float = 0.05) -> tuple[Path, str]:
    shop = folder / "shop"
    key = new_shop(shop)
    with (shop / FILE).open("a", encoding="utf-8") as settings:
        settings.write(f"\n[serve]\ndrain_seconds = {drain_seconds}\n")
    return shop, key


def _served(
    shop: Path, key: str, batches: Iterable[int], *, code: str = RUN, clients: int, inject: str = ""
) -> tuple[list[Call], set[int]]:
    """A traced server until every batch was answered or it is gone: its calls, and what the clients heard."""
    port, log, said = port_that_is_free(), shop.parent / "trace", shop.parent / "server.log"
    with said.open("wb") as output:
        words = [
            *strace(log, inject=inject),
            sys.executable,
            "-c",
            code,
            "serve",
            "--shop",
            str(shop),
            "--port",
            str(port),
        ]
        process = subprocess.Popen(words, stdout=output, stderr=output, start_new_session=True)
    try:
        heard = _post(port, key, batches, clients) if _is_ready(port, process, said) else set()
        with contextlib.suppress(httpx.TransportError):  # whoever answers this has left the sending of all before it,
            httpx.get(f"http://127.0.0.1:{port}/health/live", timeout=240)  # which stands in the trace then
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(timeout=240)
    return read(log), heard


def _post(port: int, key: str, batches: Iterable[int], clients: int) -> set[int]:
    heard: set[int] = set()
    waiting, lock = iter(batches), threading.Lock()
    headers = {"Authorization": f"Bearer {key}"}

    def run() -> None:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=240) as client:
            while True:
                with lock:
                    batch = next(waiting, None)
                if batch is None:
                    return
                try:
                    answer = client.post("/v1/events", json={"events": events(batch)})
                except httpx.TransportError:
                    return
                assert answer.status_code == 200, answer.text
                with lock:
                    heard.add(batch)

    with ThreadPoolExecutor(clients) as pool:
        for running in [pool.submit(run) for _ in range(clients)]:
            running.result()
    return heard


def _is_ready(port: int, process: "subprocess.Popen[bytes]", said: Path) -> bool:
    """Wait until it answers; False where it ended before."""
    until = time.monotonic() + _WAIT_SECONDS
    while time.monotonic() < until:
        if process.poll() is not None:
            return False
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(f"http://127.0.0.1:{port}/health/ready", timeout=10).status_code == 200:
                return True
        time.sleep(0.05)
    raise AssertionError(said.read_text())


def _answers(calls: Sequence[Call]) -> dict[int, int]:
    found: dict[int, int] = {}
    for call in calls:
        if call.paths and call.paths[0].startswith("socket:"):
            for batch in {int(number) for text in call.texts for number in _ANSWER.findall(text)}:
                found.setdefault(batch, call.start)
    return found


def cut(work: Traced, folder: Path, *, cuts: int, seed: int, modes: Sequence[Mode] = MODES) -> Cuts:
    """Cut the power just after answers began to leave, and at random moments between; look at each disk."""
    rng = random.Random(seed)  # noqa: S311  # where to cut, not a secret
    last = work.calls[-1].end
    places = [at + 1 for at in work.answered.values()]
    moments = rng.sample(places, min(cuts, len(places)))
    moments += [rng.randint(min(places), last) for _ in range(cuts - len(moments))]
    result = Cuts(acknowledged=len(work.heard))
    for mode in modes:
        for number, at in enumerate(moments):
            _one(work, folder, mode, at, random.Random(f"{seed} {mode} {number}"), result)  # noqa: S311  # as above
    return result


def _one(work: Traced, folder: Path, mode: Mode, at: int, rng: random.Random, result: Cuts) -> None:
    disk = folder / "after"
    shutil.rmtree(disk, ignore_errors=True)
    work.disk.after_cut(at, mode, rng, disk)
    acknowledged = [batch for batch, answered in work.answered.items() if answered < at]
    result.cuts[mode] = result.cuts.get(mode, 0) + 1
    try:
        found = look(disk, acknowledged)
        found.add(gone_on(disk, acknowledged))
    except Exception as error:  # noqa: BLE001  # whatever it is, the shop did not come back from this cut
        found = Found(damaged=1)
        result.first = result.first or f"{mode} at {at}: {error}"
        result.unreadable += 1
    result.lost += found.lost
    result.doubled += found.doubled
    result.seconds += found.seconds
    if not found.clean:
        result.failed[mode] = result.failed.get(mode, 0) + 1
        result.first = result.first or f"{mode} at {at}: {found}"


def answered_before_synced(work: Traced) -> list[int]:
    """Batches whose answer began to leave before a sync of the journal that began after their bytes were written."""
    wal = [call for call in work.calls if call.paths and call.paths[0].endswith("journal.db-wal")]
    synced = [(call.start, call.end) for call in wal if call.name in ("fsync", "fdatasync") and call.result == 0]
    written: dict[int, int] = {}
    for call in wal:
        if call.name == "pwrite64":
            for batch in {int(number) for text in call.texts for number in _ANSWER.findall(text)}:
                written.setdefault(batch, call.end)
    return [
        batch
        for batch, answered in work.answered.items()
        if not any(written.get(batch, answered) < start and end < answered for start, end in synced)
    ]


def names_left(work: Traced) -> Sequence[str]:
    """Names that came into the shop and whose folder was not synced after, except what each start makes anew."""
    until = max(call.start for call in work.calls if call.name == "link")
    return [name for name in unsynced_names(work.disk, until) if not re.match(r"/(tmp|lock|.*-shm|.*\.lock)", name)]
