"""The real command and the real server, as a user runs them."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from shopkeeper.shop import Shop


def shopkeeper(
    *words: object, language: str = "en", stdin: str = "", patience: float = 120.0
) -> subprocess.CompletedProcess[str]:
    """Run the command line to its end."""
    return subprocess.run(
        [sys.executable, "-m", "shopkeeper.apps.cli.main", *map(str, words)], capture_output=True, text=True,
        input=stdin, timeout=patience, check=False, env={**os.environ, "SHOPKEEPER_LANG": language},
    )  # fmt: skip


def port_that_is_free() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Server:
    """A running ``shopkeeper serve`` and a client with the shop's secret key."""

    process: subprocess.Popen[bytes]
    client: httpx.Client
    port: int
    log: Path

    def kill(self) -> None:
        """``kill -9`` of the whole process group."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(timeout=30)

    def post(self, events: list[dict[str, Any]], **headers: str) -> httpx.Response:
        return self.client.post("/v1/events", json={"events": events}, headers=headers)

    def recommendations(self, **asked: Any) -> dict[str, Any]:
        answer = self.client.get("/v1/recommendations", params=asked)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found


@contextlib.contextmanager
def serving(folder: Path, key: str, *, patience: float = 60.0) -> Iterator[Server]:
    """Serve a shop folder until the block ends. ``patience``: in how many seconds it must be ready."""
    port = port_that_is_free()
    path = folder.parent / f"server-{port}.log"
    with path.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "shopkeeper.apps.cli.main", "serve", "--shop", str(folder), "--port", str(port)],
            stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    client = httpx.Client(base_url=f"http://127.0.0.1:{port}", headers={"Authorization": f"Bearer {key}"}, timeout=30)
    try:
        _wait(process, client, path, patience)
        yield Server(process=process, client=client, port=port, log=path)
    finally:
        client.close()
        if process.poll() is None:
            process.terminate()
            process.wait(timeout=30)


def _wait(process: subprocess.Popen[bytes], client: httpx.Client, log: Path, patience: float) -> None:
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()
        with contextlib.suppress(httpx.TransportError):
            if client.get("/health/ready").status_code == 200:
                return
        time.sleep(0.05)
    raise AssertionError(log.read_text())


def secret_key(folder: Path) -> str:
    with Shop.open(folder, readonly=True) as shop:
        return shop.state.keys.create("secret", "test")


def new_shop(folder: Path) -> str:
    """An empty shop; its secret key."""
    done = shopkeeper("init", folder, "--currency", "CNY", "--json")
    assert done.returncode == 0, done.stderr
    return str(json.loads(done.stdout)["secret"])
