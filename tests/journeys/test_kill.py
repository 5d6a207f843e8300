"""Law: what was acknowledged is there after ``kill -9``, once; what was sent again has one effect."""

import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
from running import Server, new_shop, serving

from shopkeeper.shop import Shop

BATCHES, SIZE, KILLS, SEED = 200, 25, 4, 20_261_124


def _events(batch: int) -> list[dict[str, object]]:
    return [
        {"id": f"b{batch:03d}-{place:02d}", "action": "product_view", "customer": f"c{place}", "product": f"p{batch}",
         "at": "2026-11-01T10:00:00Z"}
        for place in range(SIZE)
    ]  # fmt: skip


def _send(server: Server, batch: int) -> bool:
    """Whether the batch was acknowledged as a whole."""
    try:
        answer = httpx.post(
            f"http://127.0.0.1:{server.port}/v1/events", json={"events": _events(batch)}, timeout=10,
            headers=server.client.headers,
        )  # fmt: skip
    except httpx.TransportError:
        return False
    return answer.status_code == 200


def test_kill_9_loses_nothing_and_doubles_nothing(tmp_path: Path) -> None:
    """Four times the server is killed while 200 batches are posted from four threads; every batch is sent until it is
    acknowledged. In the end every event stands in the lake exactly once."""
    rng = random.Random(SEED)  # noqa: S311 - when to kill, not a secret
    key = new_shop(tmp_path / "shop")
    waiting, acknowledged = list(range(BATCHES)), 0
    for round_number in range(KILLS + 1):
        with serving(tmp_path / "shop", key) as server, ThreadPoolExecutor(4) as pool:
            last = round_number == KILLS
            until_kill = len(waiting) if last else rng.randrange(15, 45)
            answers = []
            for place, batch in enumerate(waiting):
                answers.append((batch, pool.submit(_send, server, batch)))
                if not last and place == until_kill:
                    server.kill()
            done = {batch for batch, answer in answers if answer.result()}
        acknowledged += len(done)
        again = rng.sample(sorted(done), min(3, len(done)))
        waiting = [batch for batch in waiting if batch not in done] + ([] if last else again)
    assert acknowledged >= BATCHES, f"seed {SEED}: {waiting} were never acknowledged"
    with Shop.open(tmp_path / "shop") as shop:
        shop.drain()
        ids = Counter(shop.snapshot().query("SELECT id FROM events").column("id").to_pylist())
    assert ids == Counter(event["id"] for batch in range(BATCHES) for event in _events(batch)), f"seed {SEED}"
