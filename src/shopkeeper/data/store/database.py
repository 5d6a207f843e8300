"""The state's database: SQLite or PostgreSQL, asked in SQLAlchemy's words, safe to use from any thread."""

import itertools
import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any, Final, TypeVar

from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    Connection,
    Executable,
    Row,
    Select,
    Table,
    Text,
    bindparam,
    cast,
    column,
    func,
    literal_column,
    select,
    true,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError
from sqlalchemy.pool import QueuePool
from sqlalchemy.types import TypeEngine

from shopkeeper.core.errors import Unavailable
from shopkeeper.core.figures import StateFigures, Tally
from shopkeeper.data.row_sums import SUM, sql_of, verify
from shopkeeper.data.store.engines import MOST_CONNECTIONS, opened
from shopkeeper.data.store.moment import Moment
from shopkeeper.data.store.tables import SUMMED, changes, consent
from shopkeeper.data.store.upgrading import upgrade

_log: Final = logging.getLogger(__name__)
_LOOK_SECONDS: Final = 0.5
"""How often it is asked whether another process changed something."""
_BLIND_SECONDS: Final = 30.0
"""After how long without an answer what is remembered of people may be too old to act on."""
_READ_SECONDS: Final = 2.0
"""How long a server of ours lets PostgreSQL be silent when it asks: who waits for an answer waits with it."""
_WRITE_SECONDS: Final = 10.0
"""The same for a change."""
_AT_ONCE: Final = 10_000
_DISK_FULL: Final = ("disk is full", "No space left")

Rows = Iterable[Mapping[str, Any]]
T = TypeVar("T")


class Database:
    """A file (``Path``) or an address (``postgresql+psycopg://…``), upgraded where its layout is older.

    Every write is one transaction, durable when the call returns. Who reads does not wait for who writes.

    Raises:
        SettingsError: a newer version wrote it (``shop_too_new``), or it cannot be opened with these settings.
        Unavailable: the disk is full or failed, or the database does not answer.
        DataError: a row of the file is not as it was written (``row_damaged``).
    """

    def __init__(self, place: Path | str) -> None:
        self._opened = opened(place)
        self.where = self._opened.where
        one_each = not self._opened.remote  # SQLite: one connection that writes and one that reads
        self._write_lock: AbstractContextManager[Any] = threading.Lock() if one_each else nullcontext()
        self._read_lock: AbstractContextManager[Any] = threading.Lock() if one_each else nullcontext()
        self._count_lock = threading.Lock()
        self._generation, self._number, self._elsewhere = 0, -1, 0
        self._looked_at = 0.0
        self._closing = threading.Event()
        self._looking: threading.Thread | None = None
        self._away = ""
        """Why the database could not be reached the last time; empty while it can be."""
        self._tally = Tally()
        try:
            with self._errors():
                upgrade(self._opened)
            self.verify([table for table in SUMMED if table is not consent])  # that is long: see ``verify``
        except BaseException:
            self.close()
            raise
        if isinstance(place, Path):
            place.chmod(0o600)

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            with self._tally.timed(SQLAlchemyError):
                yield
        except SQLAlchemyError as error:
            why = str(error.orig if isinstance(error, DBAPIError) else error).strip()
            if self._opened.remote and not any(words in why for words in _DISK_FULL):
                first = why.partition("\n")[0].partition(" (Background on")[0]
                if _lost(error):
                    self._went(first)
                raise self._unreachable(first) from error
            key = "disk_full" if "full" in why or "No space" in why else "storage_failed"
            raise Unavailable(key, folder=str(Path(self.where).parent), why=why) from error

    def _unreachable(self, why: str) -> Unavailable:
        return Unavailable("state_unreachable", where=self.where, why=why)

    def _went(self, why: str) -> None:
        """Note that the database is away; a server says so once."""
        if not self._away and self._looking is not None:
            _log.error("PostgreSQL is away: %s", self._unreachable(why))
        self._away = why

    def _came(self) -> None:
        if self._away and self._looking is not None:
            _log.warning("PostgreSQL is back: where=%r", self.where)
        self._away = ""

    def _here(self) -> None:
        """No request waits for a connection that will not come.

        Raises:
            Unavailable: the database was found away, and nobody has reached it since.
        """
        if self._away and self._looking is not None:
            raise self._unreachable(self._away)

    def _again(self, work: Callable[[], T]) -> T:
        """Once more, where a connection turns out to be dead before it has done anything: the server was restarted."""
        try:
            return work()
        except DBAPIError as error:
            if not error.connection_invalidated or _silent(error):
                raise
            return work()

    def read(self, query: Select[Any]) -> Sequence[Row[Any]]:
        """Rows of a query.

        Raises:
            Unavailable: at once, where the database was found away and nobody has reached it since: no request waits
                for a connection that will not come.
        """
        self._here()
        return self._ask(query)

    def _ask(self, query: Select[Any]) -> Sequence[Row[Any]]:
        def ask() -> Sequence[Row[Any]]:
            with self._opened.read.connect() as connection:
                self._opened.patience(connection, None if self._looking is None else _READ_SECONDS)
                return connection.execute(query).all()

        with self._read_lock, self._errors():
            return self._again(ask)

    def verify(self, tables: Sequence[Table] = SUMMED) -> None:
        """Read every row of some tables of a file. PostgreSQL looks after its pages itself.

        Raises:
            DataError: one is not as it was written (``row_damaged``).
        """
        if not self._opened.remote:
            with self._read_lock, self._errors(), self._opened.read.connect() as connection:
                con: Any = connection.connection.driver_connection
                verify(con, Path(self.where).name, {table.name: None for table in tables})

    def soundness(self, table: Table) -> ColumnElement[bool]:
        """For a query: whether a row of a table is as it was written."""
        if self._opened.remote:
            return true()
        return literal_column(f"{SUM} IS {sql_of(sorted(table.columns.keys()))}", Boolean)

    def insert_into(self, table: Table) -> postgresql.Insert | sqlite.Insert:
        """An INSERT that may say what happens where the row is there already (``on_conflict_do_…``)."""
        return postgresql.insert(table) if self._opened.remote else sqlite.insert(table)

    def texts_of(self, name: str) -> ColumnElement[str]:
        """Each text of a JSON array that is handed over as ``name``, as a column of rows."""
        texts = bindparam(name, type_=Text)
        if self._opened.remote:
            return func.json_array_elements_text(cast(texts, postgresql.JSON)).table_valued("value").c.value
        return func.json_each(texts).table_valued("value").c.value

    def cells_of(self, name: str, types: Sequence[type[TypeEngine[Any]]]) -> list[ColumnElement[Any]]:
        """The cells of each array in a JSON array of arrays that is handed over as ``name``, as columns of rows. A
        ``Moment`` stands there as microseconds since 1970."""
        texts = bindparam(name, type_=Text)
        if not self._opened.remote:
            value = func.json_each(texts).table_valued("value").c.value
            return [func.json_extract(value, f"$[{place}]") for place in range(len(types))]
        value = (
            func.json_array_elements(cast(texts, postgresql.JSON))
            .table_valued(column("value", postgresql.JSON))
            .c.value
        )
        cells = [value[place].as_string() for place in range(len(types))]
        epoch: ColumnElement[Any] = literal_column("TIMESTAMPTZ 'epoch'")
        micro: ColumnElement[Any] = literal_column("INTERVAL '1 microsecond'")
        return [
            epoch + cast(cell, BigInteger) * micro if its is Moment else cell
            for cell, its in zip(cells, types, strict=True)
        ]

    def write(self, statement: Executable, rows: Rows) -> int:
        """Run a statement once a row, all or none. Returns how many rows of the table changed."""
        waiting, changed = iter(rows), 0
        with self.transaction() as connection:
            while some := [dict(row) for row in itertools.islice(waiting, _AT_ONCE)]:
                changed += connection.execute(statement, some).rowcount
        return changed

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """What the block does happens whole or not at all, and counts as one change.

        Raises:
            Unavailable: as ``read``.
        """
        self._here()
        with self._write_lock, self._errors(), self._begun() as connection:
            yield connection
        with self._count_lock:
            self._generation += 1

    @contextmanager
    def _begun(self) -> Iterator[Connection]:
        # The count comes first: on PostgreSQL its row makes writers wait for each other, so that none can deadlock.
        connection, number = self._again(self._counted)
        try:
            yield connection
            connection.commit()
        except BaseException:
            connection.rollback()
            raise
        finally:
            connection.close()
        with self._count_lock:
            if number == self._number + 1:
                self._number = number  # nobody else changed anything

    def _counted(self) -> tuple[Connection, int]:
        connection = self._opened.write.connect()
        try:
            self._opened.patience(connection, None if self._looking is None else _WRITE_SECONDS)
            counted = update(changes).values(number=changes.c.number + 1).returning(changes.c.number)
            return connection, connection.execute(counted).scalar_one()
        except BaseException:
            connection.close()
            raise

    @contextmanager
    def still(self) -> Iterator[Connection]:
        """A connection that sees one moment of every table, whatever others write."""
        level = {"isolation_level": "REPEATABLE READ"} if self._opened.remote else {}
        with self._write_lock, self._errors(), self._opened.write.execution_options(**level).connect() as connection:
            self._opened.still(connection)
            yield connection
            connection.rollback()

    def wipe(self, table: Table) -> None:
        """Remove what was deleted from a table from the database's files too."""
        with self._write_lock, self._read_lock, self._errors():
            self._opened.wipe(self._opened.read, table)

    def generation(self) -> int:
        """A number that is another one after every change: at once after ours, within a second after another's."""
        if self._opened.remote:
            self._look_from_now_on()
        elif time.monotonic() - self._looked_at > _LOOK_SECONDS:
            self._look()
        return self._generation

    def elsewhere(self) -> int:
        """A number that is another one after every change by another process, within a second."""
        self.generation()
        return self._elsewhere

    def sure(self) -> None:
        """What is remembered of other processes' changes is recent.

        Raises:
            Unavailable: the database has not answered for half a minute.
        """
        if self._looking is not None and time.monotonic() - self._looked_at > _BLIND_SECONDS:
            raise self._unreachable(self._away or "-")

    def _look(self) -> None:
        before = time.monotonic()
        number = self._ask(select(changes.c.number))[0][0]
        self._came()
        with self._count_lock:
            if number != self._number:
                self._number = number
                self._generation += 1
                self._elsewhere += 1
            self._looked_at = before

    def _look_from_now_on(self) -> None:
        if self._looking is None:
            with self._count_lock:
                if self._looking is None:
                    self._looked_at = time.monotonic()
                    self._looking = threading.Thread(target=self._keep_looking, name="state", daemon=True)
                    self._looking.start()

    def _keep_looking(self) -> None:
        while not self._closing.wait(_LOOK_SECONDS):
            try:
                self._look()
            except Unavailable:
                continue  # whoever needs to know asks ``sure``

    def figures(self) -> StateFigures | None:
        """How PostgreSQL answered this process; None where the state is a file of the folder."""
        pool = self._opened.write.pool
        if not isinstance(pool, QueuePool):
            return None
        return StateFigures(
            asked=self._tally.told(), in_use=pool.checkedout(), most=MOST_CONNECTIONS, up=not self._away
        )

    def close(self) -> None:
        self._closing.set()
        if self._looking is not None:
            self._looking.join()
        with self._write_lock, self._read_lock:
            self._opened.write.dispose()
            self._opened.read.dispose()


def _silent(error: DBAPIError) -> bool:
    """Whether a server was given up that is there and says nothing: it would be waited for once more."""
    return getattr(error.orig, "silent", False)


def _lost(error: SQLAlchemyError) -> bool:
    """Whether there is no connection, or none any more; and not: there is one, and what was asked was refused."""
    if not isinstance(error, OperationalError):
        return False
    return error.connection_invalidated or getattr(error.orig, "sqlstate", None) is None
