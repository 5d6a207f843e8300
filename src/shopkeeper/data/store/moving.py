"""State from one database into another: row by row, whole, and compared afterwards. The same carries backups."""

from collections.abc import Generator, Sequence
from contextlib import closing
from itertools import zip_longest
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Table, delete, func, insert, select, text

from shopkeeper.core.errors import DataError, SettingsError
from shopkeeper.data.store.database import Database
from shopkeeper.data.store.tables import changes, metadata, secrets

_AT_ONCE: Final = 5_000
_MOVED: Final[Sequence[Table]] = [table for table in metadata.sorted_tables if table is not changes]
"""Every table but the count of changes, which is each database's own."""


def copy_rows(source: Database, target: Database) -> dict[str, int]:
    """Fill an empty state with every row of another, as of one moment, in one transaction; rows by table.

    Raises:
        SettingsError: the target holds rows already (``state_not_empty``).
        DataError: what arrived is not what was sent; nothing of it is kept (``state_copy_differs``).
    """
    with source.still() as old, target.transaction() as new:
        if not _empty(new):
            raise SettingsError("state_not_empty", where=target.where)
        return {table.name: _copy(table, old, new) for table in _MOVED}


def bring(saved: Path, place: Path | str) -> bool:
    """Move a saved file's rows into a fresh database; False where it holds this shop's state already, which stays as it
    is. The file is gone afterwards.

    Raises:
        SettingsError: the database holds the state of another shop (``state_of_another_shop``).
    """
    with closing(Database(saved)) as old, closing(Database(place)) as new:
        fresh = is_empty(new)
        if fresh:
            copy_rows(old, new)
        elif identity_of(new) != identity_of(old):
            raise SettingsError("state_of_another_shop", where=new.where)
    delete_file(saved)
    return fresh


def delete_file(path: Path) -> None:
    """Remove an SQLite file with what lies beside it."""
    for end in ("-wal", "-shm", ""):
        path.with_name(path.name + end).unlink(missing_ok=True)


def is_empty(database: Database) -> bool:
    """No row in any table."""
    with database.still() as connection:
        return _empty(connection)


def clear(database: Database) -> None:
    """Remove every row, from the files too."""
    with database.transaction() as connection:
        for table in reversed(_MOVED):
            connection.execute(delete(table))
    for table in _MOVED:
        database.wipe(table)


def identity_of(database: Database) -> str | None:
    """The secret that a state has had since its first use; None for a fresh one. Two states of one shop share it."""
    with database.still() as connection:
        return connection.execute(select(secrets.c.value).where(secrets.c.name == "identity")).scalar_one_or_none()


def _empty(connection: Connection) -> bool:
    return not any(connection.execute(select(*table.primary_key).limit(1)).first() for table in _MOVED)


def _copy(table: Table, old: Connection, new: Connection) -> int:
    rows = 0
    for some in _rows(table, old):
        new.execute(insert(table), some)
        rows += len(some)
    _count_on(table, new)
    with closing(_rows(table, old)) as sent, closing(_rows(table, new)) as arrived:
        if any(mine != theirs for mine, theirs in zip_longest(sent, arrived)):
            raise DataError("state_copy_differs", table=table.name)
    return rows


def _rows(table: Table, connection: Connection) -> Generator[Sequence[dict[str, Any]], None, None]:
    """A table's rows, some at a time, in the order of their keys' bytes (the same on every engine)."""
    ordered = select(table).order_by(*_bytewise(table, connection))
    with connection.execute(ordered, execution_options={"yield_per": _AT_ONCE}) as found:
        for some in found.mappings().partitions(_AT_ONCE):
            yield [dict(row) for row in some]


def _bytewise(table: Table, connection: Connection) -> list[Any]:
    keys = list(table.primary_key)
    if connection.dialect.name != "postgresql":
        return keys
    return [key.collate("C") if key.type.python_type is str else key for key in keys]


def _count_on(table: Table, connection: Connection) -> None:
    """Numbers that PostgreSQL gives to new rows go on after those that were copied."""
    numbered = [column for column in table.primary_key if column.identity is not None]
    if connection.dialect.name == "postgresql" and numbered:
        last = connection.execute(select(func.max(numbered[0]))).scalar_one()
        if last is not None:
            sequence = text("SELECT setval(pg_get_serial_sequence(:table, :column), :last)")
            connection.execute(sequence, {"table": table.name, "column": numbered[0].name, "last": last})
