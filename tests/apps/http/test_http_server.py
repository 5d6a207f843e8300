"""Laws of the server: the port is asked for first, a signal ends it in order, slow clients are let go."""

import contextlib
import json
import logging
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from shopkeeper.apps.http import server
from shopkeeper.apps.http.logs import JsonLines
from shopkeeper.core.errors import SettingsError, Unavailable

PROGRAM = """
import sys
from fake_engine import FakeEngine
from shopkeeper.apps.http import server
server._HEADER_SECONDS = 0.2
engine = FakeEngine()
server.serve(engine, "127.0.0.1", 0, started=lambda address: print(address, flush=True))
print("closed" if engine.closed else "open", flush=True)
"""


@contextlib.contextmanager
def running(program: str = PROGRAM) -> Iterator[tuple[subprocess.Popen[str], str]]:
    path = os.pathsep.join([*sys.path, str(Path(__file__).parent)])
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        cwd=Path(__file__).parent, env={**os.environ, "PYTHONPATH": path},
    )  # fmt: skip
    assert process.stdout is not None
    try:
        yield process, process.stdout.readline().strip()
    finally:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()


def test_a_server_answers_says_where_and_ends_in_order() -> None:
    """It tells its address, answers on it, and SIGTERM closes the shop and ends with 0; its logs are JSON lines."""
    with running() as (process, address):
        assert httpx.get(f"{address}/health", trust_env=False).json()["status"] == "ok"
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=20)
    assert out.strip() == "closed"
    lines = [json.loads(line) for line in err.splitlines()]
    assert [line["route"] for line in lines if line["event"] == "request"] == ["get_health"]


SLOW = """
import sys, threading
from fake_engine import FakeEngine
from shopkeeper.apps.http import server
from shopkeeper.core.errors import DataError
class Slow(FakeEngine):
    loaded = False
    def ready(self):
        word = "" if self.loaded else sys.stdin.readline().strip()
        self.loaded = True
        if word == "fail":
            raise DataError("model_damaged", file="x.npy")
bound = server.bind
def bind(host, port):
    taken = bound(host, port)
    print(f"http://127.0.0.1:{taken.getsockname()[1]}", flush=True)
    return taken
server.bind = bind
engine = Slow()
try:
    server.serve(engine, "127.0.0.1", 0, started=lambda address: print("open", address, flush=True))
finally:
    print("closed" if engine.closed else "left open", flush=True)
"""


def get(address: str, path: str) -> httpx.Response:
    return httpx.get(f"{address}{path}", headers={"Authorization": "Bearer sk_secret"}, trust_env=False, timeout=20)


def test_until_the_models_are_loaded_only_what_needs_none_is_answered() -> None:
    """The port listens first: alive at once, events are taken, everything else is told to come again."""
    with running(SLOW) as (process, address):
        assert get(address, "/health/live").status_code == 200
        events = {"events": [{"id": "e1", "action": "product_view", "visitor": "v", "product": "p"}]}
        key = {"Authorization": "Bearer sk_secret"}
        assert httpx.post(f"{address}/v1/events", json=events, headers=key, trust_env=False).status_code == 200
        for path in ("/health", "/health/ready", "/v1/recommendations?lang=zh", "/nowhere"):
            early = get(address, path)
            assert (early.status_code, early.json()["error"]["key"]) == (503, "starting")
            assert early.headers["retry-after"] == "1"
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write("go\n")
        process.stdin.flush()
        assert process.stdout.readline().strip() == f"open {address}"
        assert get(address, "/health/ready").status_code == 200
        assert get(address, "/v1/recommendations").status_code == 200


def test_models_that_cannot_be_loaded_end_the_server() -> None:
    """The reason is raised after the server has ended in order and the shop was closed."""
    with running(SLOW) as (process, address):
        assert get(address, "/health/live").status_code == 200
        out, err = process.communicate("fail\n", timeout=20)
    assert "closed" in out
    assert "model_damaged" in err
    assert process.returncode != 0


def test_a_client_that_says_nothing_is_let_go() -> None:
    """A connection that never completes its first request head is closed by the server."""
    with running() as (_, address):
        host, port = address.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=20) as client:
            client.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n")
            assert client.recv(100) == b""


def test_a_port_in_use_is_said_before_anything_is_loaded() -> None:
    """A taken port is ``port_in_use``; an address that is not ours is ``address_bad``."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(SettingsError, match="port_in_use"):
            server.bind("127.0.0.1", taken.getsockname()[1])
    for host in ("192.0.2.1", "no such host"):
        with pytest.raises(SettingsError, match="address_bad"):
            server.bind(host, 0)


def test_a_log_line_is_one_json_object_without_error_texts() -> None:
    """Line ends stay inside the JSON; an exception is named by kind and place, never by what it says."""
    try:
        raise Unavailable("disk_full", folder="/srv/canary")
    except Unavailable:
        info = sys.exc_info()
    record = logging.LogRecord("shopkeeper.x", logging.ERROR, __file__, 1, "a\r\nb\x1b[31m %s", ("c",), info)
    record.facts = {"route": "r", "person": None}
    text = JsonLines().format(record)
    line = json.loads(text)
    assert "\n" not in text
    assert "\x1b" not in text
    assert (line["event"], line["error"], line["route"]) == ("a\r\nb\x1b[31m c", "Unavailable:disk_full", "r")
    assert "canary" not in text


_BODIES = {
    "a part that never comes": (b'Transfer-Encoding: chunked\r\n\r\n5\r\n[{"id\r\n', False, 408),
    "parts that end early": (b'Transfer-Encoding: chunked\r\n\r\n5\r\n[{"id\r\n', True, 400),
    "less than was said": (b"Content-Length: 100\r\n\r\n[]", True, 400),
    "less than was said, and waiting": (b"Content-Length: 100\r\n\r\n[]", False, 408),
    "more than was said": (b"Content-Length: 2\r\n\r\n[]xxxx", False, 400),
    "two lengths": (b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n[]", False, 400),
}


def test_bodies_that_are_not_as_long_as_they_say() -> None:
    """They are refused as the client's fault, whether it waits or goes; nothing of it is an error of the server."""
    program = PROGRAM.replace("engine = ", "from shopkeeper.apps.http import body\nbody._SECONDS = 0.2\nengine = ")
    heard: list[bytes] = []
    with running(program) as (process, address):
        host, _, port = address.rpartition("/")[2].rpartition(":")
        for rest, closes, _ in _BODIES.values():
            with socket.create_connection((host, int(port)), timeout=20) as client:
                client.sendall(
                    b"POST /v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n"
                    b"Content-Type: application/json\r\n" % b"sk_secret" + rest
                )
                if closes:
                    client.shutdown(socket.SHUT_WR)
                heard.append(client.makefile("rb").readline()[9:12])
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=20)
    lines = [json.loads(line) for line in err.splitlines()]
    told = [b"" if closes else b"%d" % status for _, closes, status in _BODIES.values()]
    assert heard == told
    statuses = [line["status"] for line in lines if line["event"] == "request"]  # the last two the parser may answer
    assert statuses[:4] == [status for _, _, status in _BODIES.values()][:4]
    assert set(statuses[4:]) <= {400}
    assert [line for line in lines if line["level"] == "error"] == []
