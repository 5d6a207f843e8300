"""Laws of a PostgreSQL that was frozen: it takes what it is sent and says nothing; nobody waits for it without end."""

import logging
import os
import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any
from urllib.parse import quote

import psutil
import psycopg
import pytest
from sqlalchemy import select, text

import postgres
from servers import wait_until
from shopkeeper.core.consent import Purpose
from shopkeeper.core.errors import Unavailable
from shopkeeper.core.ids import PersonKey
from shopkeeper.data.store import database
from shopkeeper.data.store.database import Database
from shopkeeper.data.store.patient import NoAnswer, Patient, connected
from shopkeeper.data.store.state import State
from shopkeeper.data.store.tables import changes, consent


@pytest.fixture(scope="module")
def own() -> Iterator[postgres.PostgreSQL]:
    """A PostgreSQL that is this module's to freeze."""
    postgres.needed()
    with postgres.running() as server:
        yield server


@pytest.fixture
def frozen(own: postgres.PostgreSQL, monkeypatch: pytest.MonkeyPatch) -> Iterator[postgres.PostgreSQL]:
    """The same, and less patience than operators have."""
    for name in ("_READ_SECONDS", "_WRITE_SECONDS"):
        monkeypatch.setattr(database, name, 0.3)
    monkeypatch.setattr(Patient, "seconds", 0.3)
    yield own
    send(own, signal.SIGCONT)


def processes(server: postgres.PostgreSQL) -> Sequence[psutil.Process]:
    assert server._process is not None
    main = psutil.Process(server._process.pid)
    return [main, *main.children(recursive=True)]


def send(server: postgres.PostgreSQL, number: int) -> None:
    """To every process of a server."""
    for process in processes(server):
        os.kill(process.pid, number)


def test_a_server_of_ours_waits_once(frozen: postgres.PostgreSQL, caplog: pytest.LogCaptureFixture) -> None:
    """Whoever asks or changes something is told that PostgreSQL is away; from then on nobody waits for it, and when it
    is thawed everything works again by itself. It is logged once when it goes and once when it comes."""
    caplog.set_level(logging.WARNING, "shopkeeper.data.store.database")
    state = State(frozen.address())
    try:
        asked = state.database
        assert asked.generation() >= 0  # a server of ours: from now on somebody looks now and then
        send(frozen, signal.SIGSTOP)
        with pytest.raises(Unavailable, match="state_unreachable"):
            asked.read(select(changes.c.number))
        figures = asked.figures()
        assert figures is not None
        assert not figures.up
        before = sum(figures.asked.counts)
        for _ in range(50):
            with pytest.raises(Unavailable, match="state_unreachable"):
                asked.read(select(changes.c.number))
            with pytest.raises(Unavailable, match="state_unreachable"):
                state.consent.record(PersonKey("c1"), {Purpose.TRAIN: True}, at=state.keys._clock())
        after = asked.figures()
        assert after is not None
        assert sum(after.asked.counts) <= before + 2  # only the one who looks has asked
        send(frozen, signal.SIGCONT)
        wait_until(lambda: (now := asked.figures()) is not None and now.up, "PostgreSQL to be back")
        state.consent.record(PersonKey("c1"), {Purpose.TRAIN: True}, at=state.keys._clock())
        assert state.consent.may_train() == ["c1"]
    finally:
        state.close()
    said = [record.getMessage().partition(":")[0] for record in caplog.records]
    assert said == ["PostgreSQL is away", "PostgreSQL is back"]


def test_long_work_is_not_silence(frozen: postgres.PostgreSQL) -> None:
    """Who does not serve waits as long as the work takes while the server answers others, and gives up when not."""
    words = {"host": str(frozen.folder), "user": "postgres", "dbname": "postgres", "connect_timeout": 2}
    with connected(**words) as connection:
        assert connection.execute("SELECT 7, pg_sleep(1)").fetchone() == (7, "")
        connection.long = False
        with pytest.raises(NoAnswer):
            connection.execute("SELECT pg_sleep(30)")
        assert connection.closed
    place = Database(frozen.address())
    try:
        send(frozen, signal.SIGSTOP)
        with pytest.raises(Unavailable, match="state_unreachable"):
            place.read(select(changes.c.number))
        send(frozen, signal.SIGCONT)
        assert place.read(select(changes.c.number))
    finally:
        send(frozen, signal.SIGCONT)
        place.close()


def test_a_refusal_is_no_absence(own: postgres.PostgreSQL) -> None:
    """A change that waits for another's too long, or one that makes no sense, fails alone: others are answered."""
    place = Database(own.address() + quote(" -c lock_timeout=100"))
    try:
        assert place.generation() >= 0
        with place.transaction(), pytest.raises(Unavailable, match="lock timeout"), place.transaction():
            pass
        figures = place.figures()
        assert figures is not None
        assert figures.up
        with pytest.raises(Unavailable), place.transaction() as connection:
            connection.execute(text("SELECT 1 / 0"))
        assert place.read(select(changes.c.number))
    finally:
        place.close()


def test_a_copy_waits_for_who_wipes_a_table(own: postgres.PostgreSQL) -> None:
    """An erasure writes tables anew, and nobody reads them meanwhile: a backup waits longer than an answer may."""
    url, waiting = (
        own.address() + quote(" -c lock_timeout=100"),
        text("SELECT count(*) FROM pg_locks WHERE NOT granted"),
    )
    with closing(Database(url)) as place, closing(Database(url)) as other, ThreadPoolExecutor(1) as beside:
        with place.transaction() as connection:
            connection.execute(text("LOCK TABLE consent IN ACCESS EXCLUSIVE MODE"))
            with pytest.raises(Unavailable, match="lock timeout"):
                other.read(select(consent.c.person))
            copied = beside.submit(_copied, other)
            wait_until(lambda: connection.execute(waiting).scalar_one() == 1, "the copy to wait")
            connection.execute(text("SELECT pg_sleep(0.2)"))  # longer than an answer would have waited
            assert not copied.done()
        assert copied.result(30) == []


def _copied(place: Database) -> list[Any]:
    with place.still() as connection:
        return [*connection.execute(select(consent.c.person))]


def test_a_wrong_password_is_said_and_never_shown(own: postgres.PostgreSQL) -> None:
    """Who is not let in is told so, with the address, without the password."""
    rules = own.folder / "data" / "pg_hba.conf"
    rules.write_text("local all guarded scram-sha-256\n" + rules.read_text("utf-8"), "utf-8")
    own.sql("CREATE ROLE guarded LOGIN PASSWORD 'right'", "SELECT pg_reload_conf()")
    address = own.address().replace("postgres@", "guarded:hunter2@")

    def let_in() -> bool:
        try:
            psycopg.connect(host=str(own.folder), user="guarded", password="hunter2", dbname="postgres").close()
        except psycopg.OperationalError:
            return False
        return True

    wait_until(lambda: not let_in(), "PostgreSQL to read its rules")
    with pytest.raises(Unavailable) as found:
        Database(address)
    assert "password authentication failed" in found.value.facts["why"]
    assert "hunter2" not in str(found.value)
