"""A real PostgreSQL for tests: its own cluster in its own folder, on a socket of its own, gone with the tests."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from urllib.parse import quote

import pytest

BINARIES = max(Path("/usr/lib/postgresql").glob("*/bin"), default=None, key=lambda path: int(path.parent.name))


class PostgreSQL:
    """A server. Each ``address`` is a schema of its own, so each shop in it is alone."""

    def __init__(self, folder: Path) -> None:
        self.folder, self._numbers = folder, count(1)
        self._process: subprocess.Popen[bytes] | None = None

    def run(self, program: str, *words: str, check: bool = True) -> str:
        """What one of PostgreSQL's programs says, run as the user that owns the cluster."""
        done = subprocess.run(
            [*_as_owner(), f"{BINARIES}/{program}", *words],
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def start(self) -> None:
        data, log = self.folder / "data", (self.folder / "log").open("ab")
        words = ["-D", str(data), "-k", str(self.folder), "-c", "listen_addresses=", "-c", "shared_buffers=16MB"]
        self._process = subprocess.Popen([*_as_owner(), f"{BINARIES}/postgres", *words], stdout=log, stderr=log)
        log.close()
        deadline = time.monotonic() + 60
        asked = [f"{BINARIES}/pg_isready", "-q", "-h", str(self.folder), "-t", "1"]
        while subprocess.run(asked, check=False).returncode != 0:
            assert self._process.poll() is None, (self.folder / "log").read_text()
            assert time.monotonic() < deadline, (self.folder / "log").read_text()
            time.sleep(0.05)

    def stop(self, how: int = signal.SIGINT) -> None:
        """End the server: SIGINT at once and in order, SIGQUIT as if the power had failed."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(60)
            self._process = None

    def sql(self, *statements: str) -> str:
        """What psql prints of statements, each in a transaction of its own."""
        asked = [word for statement in statements for word in ("-c", statement)]
        return self.run(
            "psql", "-h", str(self.folder), "-d", "postgres", "-U", "postgres", "-qAtX", "-v", "ON_ERROR_STOP=1", *asked
        )

    def address(self) -> str:
        """The address of a fresh, empty place in the server."""
        schema = f"shop{next(self._numbers)}"
        self.sql(f"CREATE SCHEMA {schema}")
        options = quote(f"-c search_path={schema}")
        return f"postgresql+psycopg://postgres@/postgres?host={quote(str(self.folder))}&options={options}"

    def files(self, *, log: bool = False) -> bytes:
        """Every byte of the cluster's tables; with ``log``, of its write-ahead log too."""
        self.sql("CHECKPOINT")
        paths = [path for path in (self.folder / "data").rglob("*") if path.is_file()]
        return b"".join(path.read_bytes() for path in paths if log or "pg_wal" not in path.parts)


def _as_owner() -> Sequence[str]:
    return ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.geteuid() == 0 else []


@contextmanager
def running() -> Iterator[PostgreSQL]:
    """A fresh server."""
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
    server = PostgreSQL(folder)
    try:
        if os.geteuid() == 0:
            shutil.chown(folder, "postgres")
        server.run("initdb", "-D", str(folder / "data"), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync",
                   "--locale", "C.UTF-8", "--wal-segsize", "1")  # fmt: skip
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder)


def needed() -> None:
    """Skip where PostgreSQL is not installed; never where CI says that everything is there."""
    if BINARIES is None:
        words = "PostgreSQL is not installed (Debian: apt-get install postgresql)"
        pytest.fail(words) if os.environ.get("CI") else pytest.skip(words)
