"""How state is opened: an SQLite file in the shop folder, or a PostgreSQL database."""

import importlib.util
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sqlalchemy import URL, Connection, Engine, Table, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import StaticPool

from shopkeeper.core.errors import SettingsError
from shopkeeper.data.row_sums import teach

_BUSY_SECONDS: Final = 30.0
_PRAGMAS: Final = ("synchronous=FULL", "secure_delete=ON", "foreign_keys=ON", "temp_store=MEMORY")
_SERVER_OPTIONS: Final = "-c timezone=UTC -c lock_timeout=8000"
"""Whoever waits for another's change gives up before it would look as if the server were gone."""
_LONG_LOCK: Final = "60s"
"""What nobody's answer waits for may wait longer."""
_CONNECT_SECONDS: Final = 5
_CONNECTIONS: Final = 4
"""That stay open."""
MOST_CONNECTIONS: Final = 8
_UNANSWERED_MILLISECONDS: Final = 10_000
"""After how long without an answer of its machine a connection is given up."""
_UPGRADE_LOCK: Final = 7_305_011_990_462_318


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A database's connections: those that write and those that read, and what differs between the two engines."""

    where: str
    """The file or the address, without a password: for people."""
    write: Engine
    read: Engine
    remote: bool
    """Asking may take long: nobody who waits for an answer of ours asks without need."""
    alone: Callable[[Connection], None]
    """Makes others wait who would upgrade at the same time, until the transaction ends."""
    wipe: Callable[[Engine, Table], None]
    """Removes what was deleted from a table from its files too; asked of those that read: they begin no transaction."""
    patience: Callable[[Connection, float | None], None]
    """How many seconds of silence of the server are too many from now on; None: as many as its work may take, while it
    answers others."""
    still: Callable[[Connection], None]
    """Makes the transaction wait for whoever wipes a table, for whom nobody's answer would wait."""


def opened(place: Path | str) -> Opened:
    """Connections to a file, or to the database that an address names. Nothing is asked yet.

    Raises:
        SettingsError: the address cannot be read, or psycopg is not installed.
    """
    return _sqlite(place) if isinstance(place, Path) else _postgresql(place)


def shown(url: str) -> str:
    """An address without its password."""
    try:
        return make_url(url).render_as_string(hide_password=True)
    except (ArgumentError, ValueError):
        return "?"


def _sqlite(path: Path) -> Opened:
    write, read = _sqlite_engine(path), _sqlite_engine(path)

    @event.listens_for(write, "begin")
    def _(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return Opened(
        where=str(path), write=write, read=read, remote=False, alone=lambda _: None,
        wipe=lambda engine, _: _empty_wal(engine), patience=lambda *_: None, still=lambda _: None,
    )  # fmt: skip


def _sqlite_engine(path: Path) -> Engine:
    def connect() -> sqlite3.Connection:
        con = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        _write_ahead(con)
        for pragma in _PRAGMAS:
            con.execute(f"PRAGMA {pragma}").fetchall()
        teach(con)
        return con

    return create_engine("sqlite://", creator=connect, poolclass=StaticPool)


def _write_ahead(con: sqlite3.Connection) -> None:
    """Switch a file to its write-ahead log; a fresh file that several open at once is switched by one of them.

    SQLite refuses the switch at once, without its usual patience, while another connection is at the same file.
    """
    until = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            con.execute("PRAGMA journal_mode=WAL").fetchall()
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(0.01)


def _empty_wal(engine: Engine) -> None:
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def _postgresql(address: str) -> Opened:
    if importlib.util.find_spec("psycopg") is None:
        raise SettingsError("extra_missing", extra="scale", package="psycopg", what="[state] url = postgresql://…")
    url = _url(address)
    options = " ".join(part for part in (_SERVER_OPTIONS, str(url.query.get("options", ""))) if part)
    engine = create_engine(
        url.difference_update_query(["options"]), pool_timeout=10,
        pool_size=_CONNECTIONS, max_overflow=MOST_CONNECTIONS - _CONNECTIONS,
        connect_args={
            "options": options, "connect_timeout": _CONNECT_SECONDS, "tcp_user_timeout": _UNANSWERED_MILLISECONDS,
            "application_name": "shopkeeper",
        },
    )  # fmt: skip
    event.listen(engine, "do_connect", _connected)
    return Opened(
        where=shown(address), write=engine, read=engine.execution_options(isolation_level="AUTOCOMMIT"), remote=True,
        alone=_locked, wipe=_vacuum, patience=_patience, still=_patiently,
    )  # fmt: skip


def _connected(_dialect: Any, _record: Any, words: Sequence[Any], named: Mapping[str, Any]) -> Any:
    from shopkeeper.data.store.patient import connected  # here: psycopg is an extra

    return connected(*words, **named)


def _patience(connection: Connection, seconds: float | None) -> None:
    found: Any = connection.connection.driver_connection
    found.seconds, found.long = seconds or type(found).seconds, seconds is None


def _url(address: str) -> URL:
    try:
        url = make_url(address)
    except (ArgumentError, ValueError):  # no address, or a port that is no number
        raise SettingsError("state_url_bad", wanted="postgresql+psycopg://user@host:5432/database") from None
    return url.set(drivername="postgresql+psycopg")


def _patiently(connection: Connection) -> None:
    _patience(connection, None)
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{_LONG_LOCK}'")


def _locked(connection: Connection) -> None:
    _patiently(connection)
    connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _UPGRADE_LOCK})


def _vacuum(engine: Engine, table: Table) -> None:
    """A deleted row stays in its page until the table is written anew."""
    with engine.connect() as connection:
        _patience(connection, None)
        name: Any = connection.dialect.identifier_preparer.format_table(table)
        connection.exec_driver_sql(f"SET lock_timeout = '{_LONG_LOCK}'")
        try:
            connection.exec_driver_sql(f"VACUUM FULL {name}")
        finally:
            connection.exec_driver_sql("RESET lock_timeout")
