"""From whatever layout a state has to today's, in one transaction: killed in the middle, the old one is whole."""

from pathlib import Path
from typing import Final

from sqlalchemy import Connection, event, inspect, text

from shopkeeper.core.errors import SettingsError
from shopkeeper.data.kill_points import reached
from shopkeeper.data.row_sums import guard, is_guarded
from shopkeeper.data.store.engines import Opened
from shopkeeper.data.store.tables import SUMMED

LAYOUT: Final = "0005"
"""The newest step of ``migrations/versions``."""
_FIRST: Final = "0001"
_MIGRATIONS: Final = Path(__file__).parent / "migrations"


def upgrade(opened: Opened, *, to: str = LAYOUT) -> None:
    """Bring a state's tables to a layout; nothing happens where they have it.

    Raises:
        SettingsError: a newer version of the software made them (``shop_too_new``).
    """
    with opened.read.connect() as connection:
        if layout_of(connection) == to:
            return
    with opened.write.begin() as connection:
        opened.alone(connection)
        now = layout_of(connection)
        if now is not None and now > to:
            raise SettingsError("shop_too_new", folder=opened.where, version=int(now), needed=int(to))
        if now != to:
            event.listen(connection, "after_cursor_execute", lambda *_: reached("state.migrating"))
            _run(connection, now, to)
            if not opened.remote:
                _sum(connection, to)
    reached("state.migrated")


def layout_of(connection: Connection) -> str | None:
    """The layout of the tables at hand; None where there are none.

    The first layout was written before there was a table that says so: SQLite's ``user_version`` counted.
    """
    if inspect(connection).has_table("alembic_version"):
        return str(connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one())
    if connection.dialect.name != "sqlite":
        return None
    counted = int(connection.exec_driver_sql("PRAGMA user_version").scalar_one())
    return f"{counted:04d}" if counted else None


def _run(connection: Connection, now: str | None, to: str) -> None:
    from alembic import command  # here: a shop whose tables are today's never needs it
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "newline")
    config.attributes["connection"] = connection
    if now == _FIRST:
        command.stamp(config, _FIRST)
    command.upgrade(config, to)


def _sum(connection: Connection, to: str) -> None:
    """Give rows their sums; a table that a step has changed gets its new ones."""
    for table in SUMMED:
        if to == LAYOUT and not is_guarded(connection.exec_driver_sql, table.name, strict=True):
            guard(connection.exec_driver_sql, table.name, strict=True)
