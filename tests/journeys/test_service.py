"""Laws of a server as a service runs it: its health check is the one of the container, and handles are not few."""

import contextlib
import resource
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml
from running import new_shop, port_that_is_free, serving

COMPOSE = Path(__file__).parents[2] / "deploy" / "compose.yaml"
MANY = 400


def test_the_containers_health_check_tells_a_server_from_none(tmp_path: Path) -> None:
    """As it stands in the composition, but for the port: content with a server that is ready, and with nothing else."""
    compose: dict[str, Any] = yaml.safe_load(COMPOSE.read_text("utf-8"))
    _, program, *words = compose["services"]["shopkeeper"]["healthcheck"]["test"]
    assert program == "python"

    def healthy(port: int) -> bool:
        asked = [sys.executable, *(word.replace("8765", str(port)) for word in words)]
        return subprocess.run(asked, capture_output=True, check=False).returncode == 0

    with serving(tmp_path / "shop", new_shop(tmp_path / "shop"), patience=300) as server:
        assert healthy(server.port)
    assert not healthy(port_that_is_free())


def test_more_connections_than_a_service_may_open_files_at_first(tmp_path: Path) -> None:
    """Started with a soft limit of 256, as many clients as are let in stay connected, and each is answered."""
    key, before = new_shop(tmp_path / "shop"), resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, before[1]))
    with contextlib.ExitStack() as opened:
        try:
            server = opened.enter_context(serving(tmp_path / "shop", key, patience=300))
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, before)
        clients = [
            opened.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=60)) for _ in range(MANY)
        ]
        for client in clients:
            client.sendall(b"GET /health/live HTTP/1.1\r\nHost: shop\r\n\r\n")
        assert all(client.recv(4_096).startswith(b"HTTP/1.1 200") for client in clients)
