"""What a database of state says of itself: whether what it confirms is on its disk, and what time it has."""

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import text

from shopkeeper.data.store.database import Database

_SAFE: Final[Mapping[str, frozenset[str]]] = {
    "fsync": frozenset({"on"}),
    "full_page_writes": frozenset({"on"}),
    "synchronous_commit": frozenset({"on", "remote_apply", "remote_write", "local"}),
}
"""Settings of PostgreSQL without which a confirmed change may be lost, and the values that keep it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """A PostgreSQL that answered."""

    where: str
    version: str
    unsafe: Mapping[str, str]
    """Settings that may lose what was confirmed, with their values."""
    ahead_seconds: float
    """Its clock minus ours."""


def check(url: str) -> Checked:
    """Ask a PostgreSQL how it is.

    Raises:
        SettingsError: the address is wrong, psycopg is not installed, or newer software made the tables.
        Unavailable: it does not answer.
    """
    with closing(Database(url)) as database, database.still() as connection:
        said = {name: str(connection.exec_driver_sql(f"SHOW {name}").scalar_one()) for name in _SAFE}
        version = str(connection.exec_driver_sql("SHOW server_version").scalar_one())
        before = datetime.now(UTC)
        theirs: datetime = connection.execute(text("SELECT clock_timestamp()")).scalar_one()
        ours = before + (datetime.now(UTC) - before) / 2
    unsafe = {name: value for name, value in said.items() if value not in _SAFE[name]}
    return Checked(where=database.where, version=version, unsafe=unsafe, ahead_seconds=(theirs - ours).total_seconds())
