"""``state.db`` of a shop folder: keys, consent, ledger."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from shopkeeper.data.store.consent import ConsentBook
from shopkeeper.data.store.database import Database
from shopkeeper.data.store.keys import Keys
from shopkeeper.data.store.ledger import Ledger

MIGRATIONS: Final = (
    """
    CREATE TABLE keys (
      id TEXT PRIMARY KEY, role TEXT NOT NULL CHECK (role IN ('publishable', 'secret')), hash BLOB NOT NULL UNIQUE,
      name TEXT NOT NULL, created_at INTEGER NOT NULL, revoked_at INTEGER);
    CREATE TABLE secrets (name TEXT PRIMARY KEY, value TEXT NOT NULL);
    CREATE TABLE consent (
      person TEXT NOT NULL, purpose TEXT NOT NULL, given INTEGER NOT NULL, at INTEGER NOT NULL, source TEXT NOT NULL,
      PRIMARY KEY (person, purpose)) WITHOUT ROWID;
    CREATE INDEX consent_given ON consent (purpose, person) WHERE given = 1;
    CREATE TABLE ledger (
      seq INTEGER PRIMARY KEY AUTOINCREMENT, deed TEXT NOT NULL, person TEXT NOT NULL, at INTEGER NOT NULL,
      counts TEXT NOT NULL);
    """,
)
"""Steps from an empty file to today's: only ever append. ``PRAGMA user_version`` counts those done."""


class State:
    """Open ``state.db``, upgrading it where it is older.

    Raises:
        SettingsError: a newer version wrote it.
        Unavailable: it cannot be read or written.
    """

    def __init__(self, path: Path, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._database = Database(path, MIGRATIONS)
        self.keys = Keys(self._database, clock)
        self.consent = ConsentBook(self._database)
        self.ledger = Ledger(self._database, lambda: self.keys.identity_secret, clock)

    def close(self) -> None:
        self._database.close()
