"""The same tables for SQLite and PostgreSQL; keys are numbered in the order of their making; changes are counted."""

from typing import Final

import sqlalchemy as sa
from alembic import op

from shopkeeper.data.store.moment import Moment, whole_number

revision: Final = "0002"
down_revision: Final = "0001"

_COPIES: Final = (
    "INSERT INTO keys (id, role, hash, name, created_at, revoked_at) "
    "SELECT id, role, hash, name, created_at, revoked_at FROM keys_1 ORDER BY created_at, rowid",
    "INSERT INTO secrets (name, value) SELECT name, value FROM secrets_1",
    "INSERT INTO consent (person, purpose, given, at, source) SELECT person, purpose, given, at, source FROM consent_1",
    "INSERT INTO ledger (seq, deed, person, at, counts) "
    "SELECT seq, deed, person, at, counts FROM ledger_1 ORDER BY seq",
)
_OLD: Final = ("keys", "secrets", "consent", "ledger")


def upgrade() -> None:
    """Make the tables; what the first layout held moves into them."""
    old = op.get_bind().dialect.name == "sqlite"
    if old:
        op.execute("DROP INDEX consent_given")
        for table in _OLD:
            op.execute(f"ALTER TABLE {table} RENAME TO {table}_1")
    _create()
    if old:
        for statement in (*_COPIES, *(f"DROP TABLE {table}_1" for table in _OLD), "PRAGMA user_version=2"):
            op.execute(statement)


def _create() -> None:
    op.create_table(
        "keys",
        sa.Column("seq", whole_number, sa.Identity(), primary_key=True),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("hash", sa.LargeBinary, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("created_at", Moment, nullable=False),
        sa.Column("revoked_at", Moment),
        sa.UniqueConstraint("id"),
        sa.UniqueConstraint("hash"),
        sa.CheckConstraint("role IN ('publishable', 'secret')", name="role_known"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "secrets", sa.Column("name", sa.Text, primary_key=True), sa.Column("value", sa.Text, nullable=False)
    )
    op.create_table(
        "consent",
        sa.Column("person", sa.Text, primary_key=True),
        sa.Column("purpose", sa.Text, primary_key=True),
        sa.Column("given", sa.Boolean, nullable=False),
        sa.Column("at", Moment, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "consent_given",
        "consent",
        ["purpose", "person"],
        sqlite_where=sa.text("given = 1"),
        postgresql_where=sa.text("given"),
    )
    op.create_table(
        "ledger",
        sa.Column("seq", whole_number, sa.Identity(), primary_key=True),
        sa.Column("deed", sa.Text, nullable=False),
        sa.Column("person", sa.Text, nullable=False),
        sa.Column("at", Moment, nullable=False),
        sa.Column("counts", sa.JSON, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table("changes", sa.Column("number", whole_number, nullable=False))
    op.execute("INSERT INTO changes (number) VALUES (0)")
