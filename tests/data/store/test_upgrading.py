"""Laws of upgrades: every layout that ever was becomes today's with its content, also where it is killed in between."""

import json
import shutil
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from postgres import PostgreSQL
from shopkeeper.core.consent import Purpose
from shopkeeper.core.errors import SettingsError
from shopkeeper.core.ids import PersonKey
from shopkeeper.data.row_sums import SUM
from shopkeeper.data.store.engines import opened
from shopkeeper.data.store.state import State
from shopkeeper.data.store.tables import metadata
from shopkeeper.data.store.upgrading import LAYOUT, layout_of, upgrade

LAYOUTS = Path(__file__).parent / "layouts"
"""A state of each layout as its own software wrote it, and what that software said of it."""
STATES = sorted(path.stem for path in LAYOUTS.glob("*.db"))


def said(path: Path | str, told: dict[str, Any]) -> dict[str, Any]:
    """What today's software says of a state, in the words in which its own software did."""
    state = State(path)
    found: dict[str, Any] = {
        "keys": [
            [key.id, key.role, key.name, key.created_at.isoformat(), key.revoked_at and key.revoked_at.isoformat()]
            for key in state.keys.list()
        ],
        "opens": {key: state.keys.role_of(key) for key in told["opens"]},
        "identity": state.keys.identity_secret,
        "answers": {
            person: [
                {**answer, "at": answer["at"].isoformat()}
                for answer in state.consent.answers_of(PersonKey(person))
                if isinstance(answer["at"], datetime)
            ]
            for person in told["answers"]
        },
        "allowing": {purpose.value: state.consent.allowing(purpose) for purpose in Purpose},
        "ledger": [
            [entry.deed, entry.person, entry.at.isoformat(), dict(entry.counts)] for entry in state.ledger.entries()
        ],
        "erased": sorted(state.ledger.erased(["gone-1", "visitor:gone", "customer-1", "customer-2"])),
    }  # fmt: skip
    state.close()
    return found


@pytest.mark.parametrize("name", STATES)
def test_every_layout_becomes_todays_with_its_content(tmp_path: Path, name: str) -> None:
    """Keys open, answers, deeds and the secret are what they were; what is written next goes on from there."""
    told = json.loads((LAYOUTS / f"{name}.json").read_text("utf-8"))
    path = tmp_path / "state.db"
    shutil.copy(LAYOUTS / f"{name}.db", path)
    assert said(path, told) == told
    state = State(path)
    state.database.verify()
    state.ledger.record("export", ["customer-9"])
    assert [entry.deed for entry in state.ledger.entries()] == [entry[0] for entry in told["ledger"]] + ["export"]
    assert state.keys.role_of(state.keys.create("secret")) == "secret"
    state.close()
    with closing(sqlite3.connect(path)) as con:
        assert con.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        names = {row[0] for row in con.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        assert names == {*metadata.tables, "alembic_version", "sqlite_sequence"}
        assert con.execute("PRAGMA user_version").fetchone()[0] > 1  # so the first software refuses it with a sentence


KILLED = """
import os, shutil, signal, sys
from pathlib import Path
from sqlalchemy import Engine, event
import alembic.command
from shopkeeper.data.row_sums import SUM
from shopkeeper.data.store.engines import opened
from shopkeeper.data.store.upgrading import upgrade

old, folder = Path(sys.argv[1]), Path(sys.argv[2])
for number in range(1, 1000):
    path = folder / f"{number}.db"
    shutil.copy(old, path)
    child = os.fork()
    if child == 0:
        left = number

        @event.listens_for(Engine, "before_cursor_execute")
        def _(*_):
            global left
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

        upgrade(opened(path))
        os._exit(0)
    if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0:
        print(number)
        break
"""


@pytest.mark.parametrize("name", STATES)
def test_killed_before_any_statement_nothing_is_lost(tmp_path: Path, name: str) -> None:
    """kill -9 before the first, second, third … statement of an upgrade: what is left is the old layout, whole
    (each statement is looked at), and the next opening upgrades it with its content (every fifth is)."""
    told = json.loads((LAYOUTS / f"{name}.json").read_text("utf-8"))
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(LAYOUTS / f"{name}.db"), str(tmp_path)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    statements = int(done.stdout) - 1
    assert statements > 15
    with closing(sqlite3.connect(LAYOUTS / f"{name}.db")) as con:
        before = list(con.iterdump())
    for number in range(1, statements + 1):
        path = tmp_path / f"{number}.db"
        if number % 5 == 0:
            assert said(path, told) == told
            continue
        with closing(sqlite3.connect(path)) as con:
            assert list(con.iterdump()) == before


def _ours(_: Any, name: str | None, kind: str, *__: Any) -> bool:
    """Whether ``tables.py`` says something of it: the sums of rows are SQLite's alone."""
    return (kind, name) != ("column", SUM)


def test_tables_and_steps_agree(place: Path | str) -> None:
    """What the steps make is what ``tables.py`` says: a change of one without the other fails here."""
    state = opened(place)
    upgrade(state)
    with state.write.connect() as connection:
        assert layout_of(connection) == LAYOUT
        context = MigrationContext.configure(connection, opts={"compare_type": True, "include_object": _ours})
        assert compare_metadata(context, metadata) == []
        connection.rollback()
    state.write.dispose()
    state.read.dispose()


def test_steps_are_one_line() -> None:
    """One first step, one last, numbered without a gap; the last is today's."""
    config = Config()
    config.set_main_option("script_location", "shopkeeper.data.store:migrations")
    config.set_main_option("path_separator", "newline")
    steps = [step.revision for step in ScriptDirectory.from_config(config).walk_revisions()]
    assert steps == [f"{number:04d}" for number in range(len(steps), 0, -1)]
    assert steps[0] == LAYOUT


def test_a_state_of_newer_software_is_refused(place: Path | str) -> None:
    """It is not touched: ``shop_too_new`` says which layout it has."""
    State(place).close()
    state = opened(place)
    with state.write.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(SettingsError, match="shop_too_new") as found:
        State(place)
    assert found.value.facts["version"] == 9999
    state.write.dispose()


def test_a_file_of_an_unknown_first_layout_is_refused(tmp_path: Path) -> None:
    """Only one layout was ever counted by SQLite alone."""
    with closing(sqlite3.connect(tmp_path / "state.db")) as con:
        con.execute("PRAGMA user_version=17")
    with pytest.raises(SettingsError, match="shop_too_new"):
        State(tmp_path / "state.db")


def test_many_open_a_fresh_place_at_once(place: Path | str) -> None:
    """Eight that open it together: one makes the tables, all work, and they have one identity."""
    found, start = [], threading.Barrier(8)

    def work() -> None:
        start.wait()
        state = State(place)
        found.append(state.keys.identity_secret)
        state.close()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1


def test_postgresql_killed_while_it_makes_the_tables(postgresql: PostgreSQL) -> None:
    """The client dies on the way: the server takes back what it did, and the next opening makes the tables."""
    address = postgresql.address()
    for number in (6, 12):
        words = KILLED.replace("shutil.copy(old, path)", "path = sys.argv[1]").replace(
            "range(1, 1000)", f"range({number}, {number + 1})"
        )
        done = subprocess.run([sys.executable, "-c", words, address, "."], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert done.stdout == "", "it was not killed"
    state = State(address)
    assert state.keys.role_of(state.keys.create("secret")) == "secret"
    state.close()
