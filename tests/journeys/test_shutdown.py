"""Laws of stopping: what was begun is answered, what was answered is kept, and the process ends with 0."""

import json
import signal
import socket
import threading
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from running import Server, new_shop, serving

from servers import wait_until
from shopkeeper.shop import Shop

SENDERS = 6


@dataclass
class Load:
    """Batches sent without end, each over a connection of its own."""

    server: Server
    key: str
    acknowledged: list[str] = field(default_factory=list)
    answered: int = 0
    refused: int = 0
    stop: bool = False

    def send(self, sender: int) -> None:
        batch = 0
        while not self.stop:
            ids = [f"s{sender}-{batch}-{place}" for place in range(20)]
            events = [{"id": each, "action": "page_view", "visitor": each} for each in ids]
            headers = {"Authorization": f"Bearer {self.key}", "Connection": "close"}
            try:
                address = f"http://127.0.0.1:{self.server.port}/v1/events"
                said = httpx.post(address, json={"events": events}, headers=headers, trust_env=False, timeout=30)
            except httpx.TransportError:
                self.refused += 1  # the port closed before the server read a request: nothing was begun
                return
            self.answered += 1
            if said.status_code == 200:
                self.acknowledged += ids
            batch += 1


def _kept(folder: Path) -> list[str]:
    with Shop.open(folder) as shop:
        shop.drain()
        found: list[str] = shop.snapshot().query("SELECT id FROM events").column("id").to_pylist()
        return found


def test_sigterm_under_load_keeps_every_acknowledged_event(tmp_path: Path) -> None:
    """Six senders at full speed, then SIGTERM: exit code 0, each acknowledged event is kept exactly once, and
    every request that the server took up (so says its log) was answered."""
    folder = tmp_path / "shop"
    key = new_shop(folder)
    with serving(folder, key) as server:
        load = Load(server=server, key=key)
        threads = [threading.Thread(target=load.send, args=(sender,)) for sender in range(SENDERS)]
        for thread in threads:
            thread.start()
        wait_until(lambda: len(load.acknowledged) > 1_000, "a thousand events", 120)
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(timeout=60) == 0
        load.stop = True
        for thread in threads:
            thread.join()
        lines = [json.loads(line) for line in server.log.read_text("utf-8").splitlines() if line.startswith("{")]
    kept = _kept(folder)
    assert load.refused >= 1
    assert len(kept) == len(set(kept))
    assert set(load.acknowledged) <= set(kept)
    assert sum(line.get("route") == "post_events" for line in lines) == load.answered


def test_a_request_that_was_begun_is_answered(tmp_path: Path) -> None:
    """Half of a request is sent, then SIGTERM, then its other half: it is stored and answered; the port is closed."""
    folder = tmp_path / "shop"
    key = new_shop(folder)
    body = json.dumps({"events": [{"id": "half", "action": "page_view", "visitor": "v1"}]}).encode()
    head = (
        f"POST /v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    ).encode()
    with serving(folder, key) as server, socket.create_connection(("127.0.0.1", server.port), timeout=30) as line:
        line.sendall(head + body[:10])
        busy = httpx.get(f"http://127.0.0.1:{server.port}/health/live", trust_env=False)
        assert busy.status_code == 200  # the half was read: it came before
        server.process.send_signal(signal.SIGTERM)

        def closed() -> bool:
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", server.port)) != 0

        wait_until(closed, "the port to close")
        line.sendall(body[10:])
        answer = line.recv(65_536)
        assert answer.startswith(b"HTTP/1.1 200"), answer
        assert server.process.wait(timeout=60) == 0
    assert _kept(folder) == ["half"]
