"""A load generator for one server on this machine: a bounded number of requests over kept connections, nothing else.

Decisions are offered open loop: each request has a moment at which it is due, and its latency counts from that moment,
so a server that stalls is not excused for the requests that had to wait behind it (coordinated omission).
"""

import asyncio
import gc
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

_CONNECTIONS: Final = 32
_PATIENCE: Final = 1_000
"""An effect that so many answers do not show never comes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A server on this machine and the secret key of its shop."""

    port: int
    key: str

    def request(self, method: str, path: str, body: bytes = b"") -> bytes:
        head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {self.key}\r\n"
        kind = "Content-Type: application/json\r\n" if body else ""
        return f"{head}{kind}Content-Length: {len(body)}\r\n\r\n".encode() + body


@contextmanager
def undisturbed() -> Iterator[None]:
    """Nothing is looked for in cycles meanwhile: a pause of who asks would count as one of who answers."""
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.unfreeze()


class _Connection:
    """One kept connection; a request at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    async def open(cls, port: int) -> "_Connection":
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def ask(self, request: bytes) -> int:
        """Send and read the answer whole; its status."""
        return (await self.read(request))[0]

    async def read(self, request: bytes) -> tuple[int, bytes]:
        """Send and read the answer whole; its status and body."""
        self._writer.write(request)
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = next(
            int(line.partition(b":")[2]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")
        )
        body = await self._reader.readexactly(length)
        return int(head[9:12]), body

    def close(self) -> None:
        self._writer.close()


async def connections(port: int, count: int) -> list[_Connection]:
    """Kept connections to a server."""
    return [await _Connection.open(port) for _ in range(count)]


def views_of(name: str, *, batches: int, size: int, customers: int, products: int) -> Iterator[list[dict[str, str]]]:
    """Batches of product views as they are sent, their ids beginning with a name."""
    rng = np.random.default_rng(0)
    for number in range(batches):
        who, what = rng.integers(0, customers, size), rng.integers(0, products, size)
        yield [
            {"id": f"{name}-{number}-{place}", "action": "product_view", "customer": f"C{who[place]}",
             "product": f"P{what[place]:06d}"}
            for place in range(size)
        ]  # fmt: skip


async def post_events(
    target: Target, *, batches: int, size: int, customers: int, products: int, clients: int
) -> dict[str, Any]:
    """Post batches as fast as they are acknowledged; acknowledged events a second."""
    waiting = list(range(batches))
    statuses: list[int] = []
    views = views_of("speed", batches=batches, size=size, customers=customers, products=products)
    requests = [target.request("POST", "/v1/events", json.dumps({"events": batch}).encode()) for batch in views]

    async def client(connection: _Connection) -> None:
        while waiting:
            statuses.append(await connection.ask(requests[waiting.pop()]))

    opened = await connections(target.port, clients)
    started = time.perf_counter()
    await asyncio.gather(*map(client, opened))
    seconds = time.perf_counter() - started
    for connection in opened:
        connection.close()
    good = sum(status == 200 for status in statuses)
    return {"events_per_second": good * size / seconds, "acknowledged": good * size, "refused": (batches - good) * size}


async def ask_decisions(target: Target, *, rate: float, seconds: float, customers: int) -> dict[str, Any]:
    """Ask for recommendations at a constant rate; latencies in ms from the moment each was due."""
    rng = np.random.default_rng(1)
    count = int(rate * seconds)
    who = rng.integers(0, customers, count)
    free: asyncio.Queue[_Connection] = asyncio.Queue()
    for connection in await connections(target.port, _CONNECTIONS):
        free.put_nowait(connection)
    latencies, statuses = np.full(count, np.nan), np.zeros(count, np.int64)
    began = time.perf_counter() + 0.5

    async def one(number: int) -> None:
        due = began + number / rate
        connection = await free.get()
        path = f"/v1/recommendations?placement=home&customer=C{who[number]}"
        statuses[number] = await connection.ask(target.request("GET", path))
        latencies[number] = (time.perf_counter() - due) * 1000
        free.put_nowait(connection)

    with undisturbed():
        async with asyncio.TaskGroup() as asking:
            for number in range(count):
                delay = began + number / rate - time.perf_counter()
                if delay > 0:
                    await asyncio.sleep(delay)
                asking.create_task(one(number))
        ended = time.perf_counter()
    while not free.empty():
        free.get_nowait().close()
    return {
        "offered_per_second": rate, "answered_per_second": count / (ended - began),
        "p50_ms": float(np.percentile(latencies, 50)), "p99_ms": float(np.percentile(latencies, 99)),
        "max_ms": float(latencies.max()), "failed": int((statuses != 200).sum()), "requests": count,
    }  # fmt: skip


async def await_effects(target: Target, *, rounds: int, customers: int) -> dict[str, Any]:
    """From the moment an event is sent until an answer obeys it, in ms: a customer says no to the first product of
    their list, and is asked again until it is gone. ``stale``: how often the very next answer did not obey yet."""
    rng, spent, stale = np.random.default_rng(2), [], 0
    connection = await _Connection.open(target.port)

    async def shown(customer: str) -> list[str]:
        """The personal list; empty for somebody whose history may not be read."""
        path = f"/v1/recommendations?placement=home&customer={customer}"
        status, body = await connection.read(target.request("GET", path))
        answer: dict[str, Any] = json.loads(body) if status == 200 else {"personal": False}
        return [item["product"] for item in answer["items"]] if answer["personal"] else []

    for number, who in enumerate(rng.permutation(customers).tolist()):
        before = await shown(f"C{who}")
        if not before:
            continue
        event = {"id": f"effect-{number}", "action": "dismiss", "customer": f"C{who}", "product": before[0]}
        body = json.dumps({"events": [event]}).encode()
        began = time.perf_counter()
        if await connection.ask(target.request("POST", "/v1/events", body)) != 200:
            continue
        tries = 0
        while before[0] in await shown(f"C{who}") and tries < _PATIENCE:
            tries += 1
        stale += tries > 0
        spent.append((time.perf_counter() - began) * 1000 if tries < _PATIENCE else np.inf)
        if len(spent) >= rounds:
            break
    connection.close()
    return {
        "rounds": len(spent), "stale": stale, "p50_ms": float(np.percentile(spent, 50)),
        "p99_ms": float(np.percentile(spent, 99)),
    }  # fmt: skip
