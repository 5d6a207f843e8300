"""``shopkeeper benchmark speed``: a simulated shop of the asked size, and what the engine does with it on this machine.

Each stage is a process of its own, so that its peak memory is its own.
"""

import asyncio
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal

import httpx
import psutil

from shopkeeper.apps.jobs.growth import SHARES, exponent, load, measure_features, peak_mib
from shopkeeper.apps.jobs.load import Target, ask_decisions, await_effects, post_events, views_of
from shopkeeper.apps.jobs.stages import measure_stages
from shopkeeper.core.consent import Purpose
from shopkeeper.core.errors import SettingsError, Unavailable
from shopkeeper.core.ports import Progress
from shopkeeper.data.raw_rate import raw_seconds
from shopkeeper.data.sources.synthetic import SyntheticShop
from shopkeeper.shop import Shop
from shopkeeper.shop.importing import import_files, record_consent
from shopkeeper.shop.training import train

_START_SECONDS: Final = 120.0
_UP: Final = (1.25, 1.5, 2.0, 2.5, 3.0)
_DOWN: Final = (0.8, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1)
"""Multiples of the asked rate that are tried for the highest sustained one."""
LIMIT_MS: Final = 25.0
_DECISIONS: Final = 2_000
"""How many decisions the stages are measured on."""
_EFFECTS: Final = 300
"""How many events are followed until an answer obeys them."""
_COMPARED: Final = ("order_lines", "events")
"""Files that DuckDB alone reads too."""
_AGREED: Final = (Purpose.ANALYTICS, Purpose.PERSONALISE, Purpose.TRAIN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What to measure."""

    products: int = 10_000
    customers: int = 100_000
    events: int = 1_000_000
    rate: float = 500.0
    seconds: float = 20.0
    batches: int = 600
    threads: int = 2
    processes: int = 1
    """How many processes decide: ``[serve] processes``."""

    @property
    def shop(self) -> SyntheticShop:
        today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        return SyntheticShop(products=self.products, customers=self.customers, events=self.events, until=today)

    def part(self, share: int) -> "Asked":
        """This part of the events and of the customers who make them, with the same products."""
        return replace(self, customers=max(self.customers // share, 10), events=self.events // share)


Part = Literal["", "import", "train", "serve", "features"]
"""What ``--only`` may name; "" is all but the features."""
_STEPS: Final[Mapping[Part, tuple[str, ...]]] = {
    "": ("import", "train", "import_tenth", "train_tenth", "stages", "serve", "drain"),
    "import": ("import",),
    "train": ("import", "train", "import_tenth", "train_tenth"),
    "serve": ("import", "train", "stages", "serve", "drain"),
}


def measure(asked: Asked, folder: Path, progress: Progress, *, only: Part = "") -> dict[str, Any]:
    """Every stage of a part in turn; one JSON-able result."""
    found: dict[str, Any] = {"simulated": True, "asked": asdict(asked), "cores": os.cpu_count(), "only": only}
    if only == "features":
        return found | _growth(asked, folder, progress)
    steps = _STEPS[only]
    for number, name in enumerate(steps):
        progress(name, number, len(steps))
        whole, tenth = name.removesuffix("_tenth"), name.endswith("_tenth")
        size, where = (asked.part(10), folder / "tenth") if tenth else (asked, folder / "whole")
        found[name] = serve(where, size) if name == "serve" else _apart(whole, where, size)
    progress("", len(steps), len(steps))
    if "train_tenth" in found:
        both = found["train_tenth"], found["train"]
        found["growth_exponent"] = exponent([0.1, 1.0], [one["seconds"] for one in both])
        found["growth_exponent_cpu"] = exponent([0.1, 1.0], [one["cpu_seconds"] for one in both])
    return found


def _growth(asked: Asked, folder: Path, progress: Progress) -> dict[str, Any]:
    """The feature tables of the asked size and of two smaller ones."""
    sizes = []
    for number, share in enumerate(SHARES):
        size, where = asked.part(share), folder / str(share)
        progress("load", 2 * number, 2 * len(SHARES))
        loaded = _apart("load", where, size)
        progress("features", 2 * number + 1, 2 * len(SHARES))
        sizes.append({"events": size.events, "load": loaded, **_apart("features", where, size)})
        shutil.rmtree(where)
    progress("", 2 * len(SHARES), 2 * len(SHARES))
    events = [one["events"] for one in sizes]
    return {"features": sizes} | {
        f"growth_exponent_{cost}": exponent(events, [one[cost] for one in sizes]) for cost in ("seconds", "cpu_seconds")
    }


def _apart(stage: str, folder: Path, asked: Asked) -> dict[str, Any]:
    """Run a stage in a fresh process.

    Raises:
        Unavailable: it failed (``benchmark_failed``).
    """
    command = [sys.executable, "-m", "shopkeeper.apps.jobs.speed", stage, str(folder), json.dumps(asdict(asked))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own module
    if done.returncode:
        raise Unavailable("benchmark_failed", stage=stage, why=done.stderr.strip().splitlines()[-1:])
    result: dict[str, Any] = json.loads((folder / "result.json").read_text("utf-8"))
    return result


def stage_import(folder: Path, asked: Asked) -> dict[str, Any]:
    """Write the simulated files, then import them with full validation; DuckDB alone on the same files beside it, each
    twice: the better time counts."""
    files = asked.shop.write(folder / "files")
    raw, ours, rows = _Best(), _Best(), dict[str, int]()
    for _ in range(2):
        shutil.rmtree(folder / "shop", ignore_errors=True)
        for kind in _COMPARED:
            raw.add(kind, *raw_seconds(files[kind], folder / "raw.parquet", threads=asked.threads))
        with Shop.create(folder / "shop", name="simulated", currency="USD", timezone="UTC", language="en") as shop:
            for kind, path in files.items():
                before = time.process_time()
                ((_, account),) = import_files(shop, [path], kind=kind)
                ours.add(kind, account.seconds, time.process_time() - before)
                record_consent(shop, account, f"file:{path.name}", _AGREED, "simulated people agree")
                rows[kind] = account.read
    return {
        "rows": rows, "seconds": ours.seconds, "cpu_seconds": ours.spent,
        "raw_seconds": raw.seconds, "raw_cpu_seconds": raw.spent,
        "ratio": {kind: raw.seconds[kind] / ours.seconds[kind] for kind in _COMPARED},
        "cpu_ratio": {kind: raw.spent[kind] / ours.spent[kind] for kind in _COMPARED},
        "rows_per_second": rows["order_lines"] / ours.seconds["order_lines"], "peak_mib": peak_mib(),
    }  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Best:
    """The least time that each kind of file took, by the clock and of the processor."""

    seconds: dict[str, float] = field(default_factory=dict)
    spent: dict[str, float] = field(default_factory=dict)

    def add(self, kind: str, seconds: float, spent: float) -> None:
        self.seconds[kind] = min(seconds, self.seconds.get(kind, seconds))
        self.spent[kind] = min(spent, self.spent.get(kind, spent))


def stage_train(folder: Path, asked: Asked) -> dict[str, Any]:  # noqa: ARG001 - one signature for all stages
    """Fit everything in the default shop.toml and publish it."""
    started, spent = time.perf_counter(), time.process_time()
    with Shop.open(folder / "shop") as shop:
        report = train(shop, judged=False)
    return {
        "seconds": time.perf_counter() - started, "cpu_seconds": time.process_time() - spent,
        "events": report.events, "people": report.people,
        "models": {name: round(spent, 2) for name, spent in report.seconds.items()}, "peak_mib": peak_mib(),
    }  # fmt: skip


def stage_load(folder: Path, asked: Asked) -> dict[str, Any]:
    """The simulated files into a shop; nobody in it has agreed to anything."""
    return load(folder, asked.shop)


def stage_features(folder: Path, asked: Asked) -> dict[str, Any]:  # noqa: ARG001 - one signature for all stages
    """Every feature table of the shop."""
    return measure_features(folder / "shop")


def stage_drain(folder: Path, asked: Asked) -> dict[str, Any]:
    """How fast what was collected moves from the journal into the lake, and nothing else at work beside it."""
    with Shop.open(folder / "shop") as shop:
        shop.drain()  # what serving left
        for batch in views_of(
            "drain", batches=asked.batches, size=100, customers=asked.customers, products=asked.products
        ):
            shop.collect(batch)
        waiting, began, spent = shop.journal.waiting(), time.perf_counter(), time.process_time()
        shop.drain()
        seconds, spent = time.perf_counter() - began, time.process_time() - spent
    return {"events": waiting, "seconds": seconds, "cpu_seconds": spent, "events_per_second": waiting / seconds}


def stage_stages(folder: Path, asked: Asked) -> dict[str, Any]:
    """Where the processor time of a decision goes."""
    return measure_stages(folder / "shop", customers=asked.customers, decisions=_DECISIONS)


def serve(folder: Path, asked: Asked) -> dict[str, Any]:
    """Start ``shopkeeper serve`` on the trained shop and load it over loopback."""
    with Shop.open(folder / "shop") as shop:
        key = shop.state.keys.create("secret", "speed")
    if asked.processes > 1:
        with (folder / "shop" / "shop.toml").open("a", encoding="utf-8") as settings:
            settings.write(f"\n[serve]\nprocesses = {asked.processes}\n")
    port = free_port()
    with _server(folder / "shop", port) as (process, start_seconds):
        target = Target(port=port, key=key)
        _wait_for(target, asked.processes)
        loaded = _mib(process)
        before = _spent(process)
        decisions = asyncio.run(
            ask_decisions(target, rate=asked.rate, seconds=asked.seconds, customers=asked.customers)
        )
        decisions["server_ms_per_request"] = 1000 * (_spent(process) - before) / decisions["requests"]
        highest = _highest(target, asked, decisions)
        before = _spent(process)
        events = asyncio.run(
            post_events(
                target, batches=asked.batches, size=100, customers=asked.customers, products=asked.products, clients=8
            )
        )
        events["server_us_per_event"] = 1e6 * (_spent(process) - before) / (100 * asked.batches)
        effects = asyncio.run(await_effects(target, rounds=_EFFECTS, customers=asked.customers))
        return {
            "effects": effects, "start_seconds": start_seconds, "loaded_mib": loaded,
            "after_mib": _mib(process),
            "decisions": decisions, "highest_sustained": highest, "events": events,
        }  # fmt: skip


def _family(process: psutil.Process) -> list[psutil.Process]:
    return [process, *process.children(recursive=True)]


def _spent(process: psutil.Process) -> float:
    """Processor seconds of a process and those that help it so far, all threads together."""
    return float(sum(times.user + times.system for times in (one.cpu_times() for one in _family(process))))


def _mib(process: psutil.Process) -> float:
    """Memory of a process and those that help it; pages that they share (the models) count once."""
    whole, *rest = (one.memory_full_info() for one in _family(process))
    return float(whole.rss + sum(one.uss for one in rest)) / 2**20


def _wait_for(target: Target, processes: int) -> None:
    """Until so many processes decide.

    Raises:
        Unavailable: they do not come (``benchmark_failed``).
    """
    began, wanted = time.perf_counter(), f"shopkeeper_deciding_processes {processes}.0"
    while (
        wanted
        not in httpx.get(
            f"http://127.0.0.1:{target.port}/metrics", headers={"Authorization": f"Bearer {target.key}"}, timeout=5
        ).text.splitlines()
    ):
        if time.perf_counter() - began > _START_SECONDS:
            raise Unavailable("benchmark_failed", stage="serve", why=wanted)
        time.sleep(0.1)


def _highest(target: Target, asked: Asked, first: dict[str, Any]) -> float:
    """The highest of a ladder of rates at which p99 stayed within the limit and nothing failed; 0 where none did."""

    def held(trial: dict[str, Any]) -> bool:
        return bool(trial["p99_ms"] <= LIMIT_MS and not trial["failed"])

    def trial(step: float) -> dict[str, Any]:
        return asyncio.run(ask_decisions(target, rate=asked.rate * step, seconds=5, customers=asked.customers))

    if not held(first):
        return next((asked.rate * step for step in _DOWN if held(trial(step))), 0.0)
    best = asked.rate
    for step in _UP:
        if not held(trial(step)):
            break
        best = asked.rate * step
    return best


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def _server(shop: Path, port: int) -> Iterator[tuple[psutil.Process, float]]:
    """A running server that is really ours: its port was free, and it is the process that holds the shop's lock."""
    command = [sys.executable, "-m", "shopkeeper.apps.cli.main", "serve", "--shop", str(shop), "--port", str(port)]
    started = time.perf_counter()
    with (shop.parent / "server.log").open("w") as log:
        child = subprocess.Popen(command, stdout=log, stderr=log)  # noqa: S603 - our own command
    try:
        while not _answers(port):
            if child.poll() is not None or time.perf_counter() - started > _START_SECONDS:
                raise Unavailable(
                    "benchmark_failed", stage="serve", why=(shop.parent / "server.log").read_text()[-300:]
                )
            time.sleep(0.05)
        owner = (shop / "lock").read_text().strip()
        if owner != str(child.pid):
            raise SettingsError("benchmark_other_server", port=port, pid=owner)
        yield psutil.Process(child.pid), time.perf_counter() - started
    finally:
        child.terminate()
        child.wait(timeout=60)


def _answers(port: int) -> bool:
    """Whether requests are answered: the port listens, and the process is alive, before the models are loaded."""
    try:
        return httpx.get(f"http://127.0.0.1:{port}/health/ready", timeout=5).status_code == 200
    except httpx.TransportError:
        return False


if __name__ == "__main__":
    STAGES = {
        "import": stage_import, "train": stage_train, "stages": stage_stages, "load": stage_load,
        "features": stage_features, "drain": stage_drain,
    }  # fmt: skip
    RESULT = STAGES[sys.argv[1]](Path(sys.argv[2]), Asked(**json.loads(sys.argv[3])))
    (Path(sys.argv[2]) / "result.json").write_text(json.dumps(RESULT), "utf-8")
