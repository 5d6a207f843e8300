"""The SQLite file under ``State``: durable, wiped where deleted, upgraded step by step, safe to use from any thread."""

import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from shopkeeper.core.errors import SettingsError, Unavailable
from shopkeeper.data.kill_points import reached

_BUSY_SECONDS: Final = 30.0
_LOOK_SECONDS: Final = 0.5
"""How often it is asked whether another process changed the file."""
_PRAGMAS: Final = ("journal_mode=WAL", "synchronous=FULL", "secure_delete=ON", "foreign_keys=ON", "temp_store=MEMORY")

Parameters = Sequence[object]


class Database:
    """One connection that writes and one that reads, each behind a lock: nobody who reads waits for the disk.

    Every write is one transaction, durable when the call returns.

    Raises:
        SettingsError: the file was written by a newer version (``shop_too_new``).
        Unavailable: the disk is full or failed.
    """

    def __init__(self, path: Path, migrations: Sequence[str]) -> None:
        self.path = path
        self._lock, self._read_lock = threading.Lock(), threading.Lock()
        self._changes = 0
        self._looked_at = 0.0
        self._version_elsewhere = -1
        with self._errors():
            self._con = _connect(path)
            path.chmod(0o600)
            self._migrate(migrations)
            self._reader = _connect(path)

    def _migrate(self, migrations: Sequence[str]) -> None:
        version = self._pragma("user_version")
        if version > len(migrations):
            self._con.close()
            raise SettingsError("shop_too_new", folder=str(self.path.parent), version=version, needed=len(migrations))
        for number, script in enumerate(migrations[version:], version + 1):
            with self._transaction():
                if self._pragma("user_version") >= number:
                    continue  # another process was faster
                for statement in filter(str.strip, script.split(";")):
                    self._con.execute(statement)
                    reached("state.migrating")
                self._con.execute(f"PRAGMA user_version={number}")
            reached("state.migrated")

    def _pragma(self, name: str) -> int:
        return int(self._con.execute(f"PRAGMA {name}").fetchone()[0])

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            key = "disk_full" if "full" in str(error) else "storage_failed"
            raise Unavailable(key, folder=str(self.path.parent), why=str(error)) from error

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._con.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._con.execute("ROLLBACK")
            raise
        self._con.execute("COMMIT")

    def read(self, sql: str, parameters: Parameters = ()) -> list[Any]:
        """Rows of a query."""
        with self._read_lock, self._errors():
            return self._reader.execute(sql, parameters).fetchall()

    def write(self, sql: str, rows: Iterable[Parameters]) -> int:
        """Run a statement once a row, all or none. Returns how many rows of the table changed."""
        with self._lock, self._errors():
            with self._transaction():
                changed = self._con.executemany(sql, rows).rowcount
            self._changes += 1
            return changed

    def wipe(self) -> None:
        """Empty the write-ahead file, so that what was deleted is in no file any more."""
        with self._lock, self._errors():
            self._con.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def generation(self) -> int:
        """A number that is another one after every change: at once after ours, within a second after another's."""
        now = time.monotonic()
        if now - self._looked_at > _LOOK_SECONDS:
            with self._read_lock, self._errors():
                seen = int(self._reader.execute("PRAGMA data_version").fetchone()[0])
                if seen != self._version_elsewhere:
                    self._version_elsewhere = seen
                    self._changes += 1
                self._looked_at = now
        return self._changes

    def close(self) -> None:
        with self._lock, self._read_lock:
            self._con.close()
            self._reader.close()


def _connect(path: Path) -> sqlite3.Connection:
    con = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    for pragma in _PRAGMAS:
        con.execute(f"PRAGMA {pragma}").fetchall()
    return con
