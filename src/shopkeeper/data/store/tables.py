"""The tables of a shop's operational state, defined once for SQLite and PostgreSQL.

A change here needs a step in ``migrations/versions`` (CONTRIBUTING, "Adding a table to the state"). A column that holds
a person's key says so (``info=PERSON``): export, erasure and the tests of both find it by that.
"""

from typing import Any, Final

from sqlalchemy import (
    JSON,
    Boolean,
    CheckConstraint,
    Column,
    Identity,
    Index,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)  # fmt: skip

from shopkeeper.data.store.moment import Moment, whole_number

PERSON: Final[dict[Any, Any]] = {"person": True}
"""Marks a column that holds a person key."""

metadata: Final = MetaData(
    naming_convention={
        "ix": "%(table_name)s_%(column_0_name)s",
        "uq": "%(table_name)s_%(column_0_name)s_once",
        "ck": "%(table_name)s_%(constraint_name)s",
        "pk": "%(table_name)s_pk",
    }
)

keys: Final = Table(
    "keys", metadata,
    Column("seq", whole_number, Identity(), primary_key=True),
    Column("id", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Column("name", Text, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("revoked_at", Moment),
    UniqueConstraint("id"),
    UniqueConstraint("hash"),
    CheckConstraint("role IN ('publishable', 'secret')", name="role_known"),
    sqlite_autoincrement=True,
)  # fmt: skip

secrets: Final = Table(
    "secrets", metadata, Column("name", Text, primary_key=True), Column("value", Text, nullable=False)
)

consent: Final = Table(
    "consent", metadata,
    Column("person", Text, primary_key=True, info=PERSON),
    Column("purpose", Text, primary_key=True),
    Column("given", Boolean, nullable=False),
    Column("at", Moment, nullable=False),
    Column("source", Text, nullable=False),
    sqlite_with_rowid=False,
)  # fmt: skip
Index(
    "consent_given", consent.c.purpose, consent.c.person, sqlite_where=consent.c.given, postgresql_where=consent.c.given
)

ledger: Final = Table(
    "ledger", metadata,
    Column("seq", whole_number, Identity(), primary_key=True),
    Column("deed", Text, nullable=False),
    Column("person", Text, nullable=False),
    Column("at", Moment, nullable=False),
    Column("counts", JSON, nullable=False),
    sqlite_autoincrement=True,
)  # fmt: skip
"""Its ``person`` is a keyed hash, so it is no column of persons."""

audiences: Final = Table(
    "audiences", metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("rule", JSON, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("changed_at", Moment, nullable=False),
)  # fmt: skip

audience_figures: Final = Table(
    "audience_figures", metadata,
    Column("seq", whole_number, Identity(), primary_key=True),
    Column("members", LargeBinary, nullable=False),
    Column("people", whole_number),
    Column("audience", Text, nullable=False),
    Column("at", Moment, nullable=False),
    sqlite_autoincrement=True,
)  # fmt: skip
"""What was said of sets of people: counts (``audience`` empty), and lists that were handed out. ``members`` are bits by
person number: the numbers mean nothing without the table of people."""

bundles: Final = Table(
    "bundles", metadata,
    Column("product", Text, primary_key=True),
    Column("partner", Text, primary_key=True),
    Column("made_at", Moment, nullable=False),
)  # fmt: skip

unlinked: Final = Table(
    "unlinked", metadata,
    Column("person", Text, primary_key=True, info=PERSON),
    Column("at", Moment, nullable=False),
    Column("source", Text, nullable=False),
)  # fmt: skip
"""Browsers (by their person key) that never join a customer."""

shop_files: Final = Table("shop_files", metadata, Column("name", Text, primary_key=True))
"""The files of the shop folder that bear this state's mark (``data.belonging``)."""

changes: Final = Table("changes", metadata, Column("number", whole_number, nullable=False))
"""One row: how many transactions changed this state. It tells processes that what they remember may be old."""

SUMMED: Final = tuple(table for table in metadata.sorted_tables if table is not changes)
"""Tables whose rows bear a sum in SQLite; in PostgreSQL pages may bear one. The number of ``changes`` says nothing."""
