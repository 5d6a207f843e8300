"""``shopkeeper benchmark stream``: how long from an event that is posted to the profile that has it, through your Kafka
and Redis, with two processes that serve and one that drains. People and events are *simulated*."""

import asyncio
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import numpy as np
import psutil

from shopkeeper.apps.jobs.load import Target, connections
from shopkeeper.apps.jobs.speed import free_port
from shopkeeper.core.errors import Unavailable
from shopkeeper.core.ids import PersonKey, new_id
from shopkeeper.core.ports import Progress
from shopkeeper.data.stream.redis_live import RedisLive
from shopkeeper.data.stream.redis_profiles import RedisProfiles
from shopkeeper.settings import FILE
from shopkeeper.shop import Shop

_CLIENTS: Final = 16
_SERVERS: Final = 2
_START_SECONDS: Final = 120.0
_WAIT_SECONDS: Final = 60.0
_LOOK_SECONDS: Final = 0.005


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Brokers and store, and how much is posted."""

    brokers: str
    """``host:port,…``; a topic of its own is made."""
    redis: str
    events: int = 2_000
    rate: float = 100.0


def measure(asked: Asked, folder: Path, progress: Progress) -> dict[str, Any]:
    """Post events one by one at a constant rate; percentiles in ms from the moment each was due.

    Raises:
        Unavailable: a process did not start, or not every event arrived.
    """
    name = new_id("speed")
    shop_folder = folder / "shop"
    with Shop.create(shop_folder, name="simulated", currency="USD", timezone="UTC", language="en") as shop:
        key = shop.state.keys.create("secret", "speed")
    with (shop_folder / FILE).open("a", encoding="utf-8") as settings:
        settings.write(
            f'\n[stream]\nurl = "kafka://{asked.brokers}/{name}"\n'
            f'[profiles]\nurl = "{asked.redis}"\nprefix = "{name}"\n'
        )
    ports = [free_port() for _ in range(_SERVERS)]
    with ExitStack() as stack:
        progress("start", 0, 2)
        words = [["drain"], *(["serve", "--port", str(port)] for port in ports)]
        processes = [stack.enter_context(_process(shop_folder, each)) for each in words]
        for port in ports:
            _wait(port)
        progress("events", 1, 2)
        store = RedisProfiles(asked.redis, prefix=name)
        stack.callback(store.close)
        stack.callback(store.forget, [PersonKey(f"s{number}") for number in range(asked.events)])
        posting = _Posting([Target(port=port, key=key) for port in ports], RedisLive(store), asked)
        before = sum(map(_spent, processes))
        asyncio.run(posting.warm())
        found = posting.run()
        spent = sum(map(_spent, processes)) - before
    progress("", 2, 2)
    return {
        "simulated": True, "asked": {**asdict(asked), "redis": asked.redis.rpartition("@")[2]}, "cores": os.cpu_count(),
        "servers": _SERVERS, **found, "ms_per_event": 1000 * spent / asked.events,
    }  # fmt: skip


class _Posting:
    """Posts, and looks meanwhile which profiles have their event; each event is of a person of its own."""

    def __init__(self, targets: list[Target], live: RedisLive, asked: Asked) -> None:
        self._targets, self._live, self._asked = targets, live, asked
        self._due = np.full(asked.events, np.nan)
        self._answered = np.full(asked.events, np.nan)
        self._seen = np.full(asked.events, np.nan)
        self._refused = 0
        self._done = threading.Event()

    def run(self) -> dict[str, Any]:
        watcher = threading.Thread(target=self._watch, daemon=True)
        watcher.start()
        asyncio.run(self._post())
        watcher.join(_WAIT_SECONDS)
        self._done.set()
        if self._refused or np.isnan(self._seen).any():
            missing = int(np.isnan(self._seen).sum())
            raise Unavailable("benchmark_failed", stage="stream", why=f"refused {self._refused}, missing {missing}")
        return {"acknowledged": _percentiles(self._answered - self._due), "live": _percentiles(self._seen - self._due)}

    async def warm(self) -> None:
        """The first request of a server makes its producer."""
        for target in self._targets:
            for connection in await connections(target.port, 1):
                await connection.ask(target.request("POST", "/v1/events", _body("warm")))
                connection.close()

    async def _post(self) -> None:
        free: asyncio.Queue[Any] = asyncio.Queue()
        for target in self._targets:
            for connection in await connections(target.port, _CLIENTS):
                free.put_nowait((target, connection))
        began = time.perf_counter() + 0.1
        tasks = []
        for number in range(self._asked.events):
            due = began + number / self._asked.rate
            await asyncio.sleep(max(due - time.perf_counter(), 0))
            self._due[number] = due
            tasks.append(asyncio.create_task(self._one(number, free)))
        await asyncio.gather(*tasks)
        while not free.empty():
            free.get_nowait()[1].close()

    async def _one(self, number: int, free: "asyncio.Queue[Any]") -> None:
        target, connection = await free.get()
        status = await connection.ask(target.request("POST", "/v1/events", _body(f"s{number}")))
        self._answered[number] = time.perf_counter()
        self._refused += status != 200
        free.put_nowait((target, connection))

    def _watch(self) -> None:
        """Note when a live profile is first there."""
        while not self._done.is_set():
            waiting = np.flatnonzero(~np.isnan(self._due) & np.isnan(self._seen)).tolist()
            kept = self._live.people([f"s{number}" for number in waiting])
            now = time.perf_counter()
            for number in waiting:
                if kept[f"s{number}"].state:
                    self._seen[number] = now
            if not np.isnan(self._seen).any():
                return
            time.sleep(_LOOK_SECONDS)


def _body(person: str) -> bytes:
    event = {"id": f"e-{person}", "action": "product_view", "customer": person, "product": "p1"}
    return json.dumps({"events": [event]}).encode()


def _percentiles(seconds: Any) -> dict[str, float]:
    values = np.asarray(seconds) * 1000
    return {"p50_ms": float(np.percentile(values, 50)), "p99_ms": float(np.percentile(values, 99)),
            "max_ms": float(values.max())}  # fmt: skip


def _spent(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


@contextmanager
def _process(shop: Path, words: list[str]) -> Iterator[psutil.Process]:
    """A process of the command line on the shop, ended with the block."""
    command = [sys.executable, "-m", "shopkeeper.apps.cli.main", words[0], "--shop", str(shop), *words[1:]]
    with (shop.parent / f"{'-'.join(words)}.log").open("w") as log:
        child = subprocess.Popen(command, stdout=log, stderr=log)  # noqa: S603 - our own command
    try:
        yield psutil.Process(child.pid)
    finally:
        child.terminate()
        child.wait(timeout=60)


def _wait(port: int) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            if httpx.get(f"http://127.0.0.1:{port}/health/ready", timeout=5).status_code == 200:
                return
        except httpx.TransportError:
            pass
        if time.monotonic() > deadline:
            raise Unavailable("benchmark_failed", stage="serve", why=f"port {port} does not answer")
        time.sleep(0.05)
