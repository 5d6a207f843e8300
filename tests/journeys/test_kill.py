"""Law: what was acknowledged is there after ``kill -9``, once; what was sent again has one effect."""

import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
from running import Server, new_shop, serving

from shopkeeper.settings import FILE
from shopkeeper.shop import Shop

BATCHES, SIZE, KILLS, SEED = 200, 25, 4, 20_261_124


def _ids(batch: int) -> list[str]:
    return [f"b{batch:03d}-{place:02d}" for place in range(SIZE)]


def _events(batch: int) -> list[dict[str, object]]:
    return [
        {"id": event, "action": "product_view", "customer": f"c{place}", "product": f"p{batch}",
         "at": "2026-11-01T10:00:00Z"}
        for place, event in enumerate(_ids(batch))
    ]  # fmt: skip


class Clients:
    """Four threads that post batches until none is left or the server is gone, and what they were told."""

    def __init__(self, server: Server, batches: list[int], kill_after: int) -> None:
        self.server, self.kill_after = server, kill_after
        self.sent: set[int] = set()
        self.acknowledged: set[int] = set()
        self._waiting: Iterator[int] = iter(batches)
        self._lock, self.kill_now = threading.Lock(), threading.Event()

    def run(self) -> None:
        with httpx.Client(headers=self.server.client.headers, timeout=10) as client:
            while True:
                with self._lock:
                    batch = next(self._waiting, None)
                    if batch is None:
                        return
                    self.sent.add(batch)
                try:
                    answer = client.post(
                        f"http://127.0.0.1:{self.server.port}/v1/events", json={"events": _events(batch)}
                    )
                except httpx.TransportError:
                    return
                assert answer.status_code == 200, answer.text
                with self._lock:
                    self.acknowledged.add(batch)
                    if len(self.acknowledged) == self.kill_after:
                        self.kill_now.set()


def _kept(folder: Path) -> Counter[str]:
    with Shop.open(folder) as shop:
        shop.drain()
        return Counter(shop.snapshot().query("SELECT id FROM events").column("id").to_pylist())


def test_kill_9_loses_nothing_and_doubles_nothing(tmp_path: Path) -> None:
    """The server is killed while four threads post 200 batches and the drain runs all the time. After each kill every
    acknowledged batch is in the lake, each event once, no batch in halves; only what was not acknowledged is sent
    again, so nothing lost could be mended by a retry."""
    rng = random.Random(SEED)  # noqa: S311 - when to kill, not a secret
    folder = tmp_path / "shop"
    key = new_shop(folder)
    with (folder / FILE).open("a", encoding="utf-8") as settings:
        settings.write("\n[serve]\ndrain_seconds = 0.05\n")
    sent: set[int] = set()
    acknowledged: set[int] = set()
    for kill in range(KILLS + 1):
        waiting = [batch for batch in range(BATCHES) if batch not in acknowledged]
        kill_after = rng.randrange(15, 40) if kill < KILLS else len(waiting)
        with serving(folder, key) as server, ThreadPoolExecutor(4) as pool:
            clients = Clients(server, waiting, kill_after)
            running = [pool.submit(clients.run) for _ in range(4)]
            assert clients.kill_now.wait(60), f"seed {SEED}, round {kill}: too few batches were acknowledged"
            if kill < KILLS:
                time.sleep(rng.random() / 50)  # a random place in the work, not a wait for something
                server.kill()
            for client in running:
                client.result()
        sent |= clients.sent
        acknowledged |= clients.acknowledged
        where = f"seed {SEED}, round {kill}"
        kept = _kept(folder)
        assert [event for event, times in kept.items() if times > 1] == [], where
        whole = {batch for batch in sent if all(event in kept for event in _ids(batch))}
        assert acknowledged <= whole, f"{where}: lost {sorted(acknowledged - whole)}"
        assert set(kept) == {event for batch in whole for event in _ids(batch)}, f"{where}: a batch in halves"
    assert acknowledged == set(range(BATCHES))
