"""The first layout: SQLite's alone."""

from typing import Final

from alembic import op

revision: Final = "0001"
down_revision: Final = None

_STATEMENTS: Final = (
    """CREATE TABLE keys (
      id TEXT PRIMARY KEY, role TEXT NOT NULL CHECK (role IN ('publishable', 'secret')), hash BLOB NOT NULL UNIQUE,
      name TEXT NOT NULL, created_at INTEGER NOT NULL, revoked_at INTEGER)""",
    "CREATE TABLE secrets (name TEXT PRIMARY KEY, value TEXT NOT NULL)",
    """CREATE TABLE consent (
      person TEXT NOT NULL, purpose TEXT NOT NULL, given INTEGER NOT NULL, at INTEGER NOT NULL, source TEXT NOT NULL,
      PRIMARY KEY (person, purpose)) WITHOUT ROWID""",
    "CREATE INDEX consent_given ON consent (purpose, person) WHERE given = 1",
    """CREATE TABLE ledger (
      seq INTEGER PRIMARY KEY AUTOINCREMENT, deed TEXT NOT NULL, person TEXT NOT NULL, at INTEGER NOT NULL,
      counts TEXT NOT NULL)""",
)


def upgrade() -> None:
    """Make the tables, where SQLite keeps them."""
    if op.get_bind().dialect.name == "sqlite":
        for statement in _STATEMENTS:
            op.execute(statement)
