"""Three times what a server can take, offered open loop: what it takes is kept, what it does not it refuses politely.

Each batch has a moment at which it is due, whether or not earlier ones were answered; its latency counts from there.
The load is bounded: one server on this machine, so many seconds, so many connections.
"""

import asyncio
import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from batches import SIZE, events, look
from running import Server, new_shop, serving

_CONNECTIONS = 700
_CALIBRATE_SECONDS = 2.0
_MIB = 2**20


@dataclass(slots=True)
class Heard:
    """What the client was told."""

    taken: list[int] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    refused: dict[int, int] = field(default_factory=dict)
    rude: int = 0
    """Refusals without Retry-After, and answers of any other status."""
    asked: int = 0
    answered: int = 0
    """Recommendations."""
    others: dict[int, int] = field(default_factory=dict)


class _Client:
    def __init__(self, server: Server) -> None:
        key = server.client.headers["Authorization"]
        self._port, self._head = server.port, f"Host: 127.0.0.1\r\nAuthorization: {key}\r\n"
        self._free: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        self._room = asyncio.Semaphore(_CONNECTIONS)

    async def ask(self, line: str, body: bytes = b"") -> tuple[int, bool]:
        """Status, and whether Retry-After was there."""
        async with self._room:
            reader, writer = self._free.pop() if self._free else await asyncio.open_connection("127.0.0.1", self._port)
            kind = "Content-Type: application/json\r\n" if body else ""
            writer.write(f"{line} HTTP/1.1\r\n{self._head}{kind}Content-Length: {len(body)}\r\n\r\n".encode() + body)
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            length = next(int(part.partition(b":")[2]) for part in head.split(b"\r\n") if part.startswith(b"content-l"))
            await reader.readexactly(length)
            self._free.append((reader, writer))
            return int(head[9:12]), b"\r\nretry-after:" in head

    def close(self) -> None:
        for _, writer in self._free:
            writer.close()


def _body(batch: int) -> bytes:
    return json.dumps({"events": events(batch)}).encode()


async def _managed(client: _Client, heard: Heard, first: int) -> float:
    """Batches a second that 16 clients get through, each sending when it was answered; the next batch's number."""
    until, numbers = time.monotonic() + _CALIBRATE_SECONDS, iter(range(first, 10**6))

    async def send() -> None:
        while time.monotonic() < until:
            batch = next(numbers)
            if (await client.ask("POST /v1/events", _body(batch)))[0] == 200:
                heard.taken.append(batch)

    await asyncio.gather(*(send() for _ in range(16)))
    return len(heard.taken) / _CALIBRATE_SECONDS


async def _offer(client: _Client, heard: Heard, first: int, rate: float, seconds: float) -> None:
    began = time.monotonic()

    async def post(batch: int, due: float) -> None:
        status, polite = await client.ask("POST /v1/events", _body(batch))
        if status == 200:
            heard.taken.append(batch)
            heard.seconds.append(time.monotonic() - due)
        elif status in (429, 503, 507) and polite:
            heard.refused[status] = heard.refused.get(status, 0) + 1
        else:
            heard.rude += 1

    async def recommend() -> None:
        heard.asked += 1
        status, _ = await client.ask("GET /v1/recommendations?placement=home")
        heard.answered += status == 200
        heard.others[status] = heard.others.get(status, 0) + 1

    tasks: list[asyncio.Task[None]] = []
    for number in range(int(rate * seconds)):
        due = began + number / rate
        if (wait := due - time.monotonic()) > 0:
            await asyncio.sleep(wait)
        tasks.append(asyncio.create_task(post(first + number, due)))
        if number % 20 == 0:
            tasks.append(asyncio.create_task(recommend()))
    await asyncio.gather(*tasks)


async def _load(server: Server, heard: Heard, seconds: float, peak: list[int]) -> tuple[float, float]:
    client, stop = _Client(server), asyncio.Event()
    process = psutil.Process(server.process.pid)

    async def watch() -> None:
        while not stop.is_set():
            peak[0] = max(peak[0], process.memory_info().rss)
            await asyncio.sleep(0.05)

    watching = asyncio.create_task(watch())
    capacity = await _managed(client, heard, 0)
    await _offer(client, heard, 500_000, 3 * capacity, seconds)
    stop.set()
    await watching
    client.close()
    return capacity, 3 * capacity


def run(folder: Path, *, seconds: float) -> dict[str, Any]:
    """The counts of one overload."""
    folder.mkdir(parents=True, exist_ok=True)
    shop, heard, peak = folder / "shop", Heard(), [0]
    key = new_shop(shop)
    with serving(shop, key) as server:
        before = psutil.Process(server.process.pid).memory_info().rss
        capacity, offered = asyncio.run(_load(server, heard, seconds, peak))
        server.kill()
    found = look(shop, heard.taken)
    ordered = sorted(heard.seconds) or [0.0]
    return {
        "capacity": round(capacity), "offered": round(offered), "seconds": round(seconds),
        "accepted": len(heard.seconds),
        "shed": sum(heard.refused.values()), "statuses": heard.refused, "rude": heard.rude,
        "events": SIZE * len(heard.taken), "lost": found.lost, "doubled": found.doubled, "halves": found.halves,
        "p99": round(ordered[int(len(ordered) * 0.99) - 1], 2), "before": before // _MIB, "peak": peak[0] // _MIB,
        "asked": heard.asked, "others": heard.others, "answered": heard.answered,
    }  # fmt: skip
