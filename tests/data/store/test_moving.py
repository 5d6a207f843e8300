"""Laws of moving state: every row arrives as it was, in an empty place, or nothing does."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import event, insert, select

from shopkeeper.core.consent import Purpose
from shopkeeper.core.errors import DataError, SettingsError
from shopkeeper.core.ids import PersonKey
from shopkeeper.data.store.audiences import Saved
from shopkeeper.data.store.consent import Answer
from shopkeeper.data.store.moving import bring, clear, copy_rows, identity_of, is_empty
from shopkeeper.data.store.state import State
from shopkeeper.data.store.tables import changes, metadata, shop_files

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)


def filled(place: Path | str, people: int = 50) -> State:
    """A state with rows in every table; names of every alphabet and case, so that their order is not one of letters."""
    state = State(place, clock=lambda: NOON)
    state.keys.create("secret", "server")
    state.keys.create("publishable", "网店")
    names = [f"{'aAzZ王é_-'[number % 8]}{number}" for number in range(people)]
    state.consent.record_many(
        Answer(person=PersonKey(name), given={Purpose.TRAIN: number % 3 == 0, Purpose.EMAIL: True},
               at=NOON + timedelta(microseconds=number), source="横幅")
        for number, name in enumerate(names)
    )  # fmt: skip
    state.ledger.record("erase", ["ann", "bob"], {"events": 3})
    state.audiences.save(Saved(id="a1", name="常客", rule={"orders": {">=": 3}}, purpose="email", changed_at=NOON))
    state.audiences.remember(np.array([1, 2, 255], np.uint8), 23, at=NOON)
    state.audiences.remember(np.array([7], np.uint8), None, at=NOON, audience="a1")
    state.bundles.make("茶", "cup", at=NOON)
    state.unlinked.unlink("v王", at=NOON, source="家人")
    state.database.write(insert(shop_files), [{"name": "journal.db"}])
    return state


def rows_of(state: State) -> dict[str, list[tuple[Any, ...]]]:
    return {
        table.name: sorted((tuple(row) for row in state.database.read(select(table))), key=repr)
        for table in metadata.sorted_tables
        if table is not changes
    }


@pytest.fixture
def two(place: Path | str, tmp_path: Path) -> Iterator[tuple[State, State]]:
    """A full state in a place, and an empty one in a file."""
    one, other = filled(place), State(tmp_path / "other.db")
    yield one, other
    one.close()
    other.close()


def test_there_and_back_every_row_is_the_same(two: tuple[State, State], place: Path | str) -> None:
    """Each table has rows and arrives; back in its first place it is what it was; new rows come after it."""
    one, other = two
    before = rows_of(one)
    assert all(before.values())
    counts = copy_rows(one.database, other.database)
    assert counts == {name: len(rows) for name, rows in before.items()}
    assert rows_of(other) == before
    assert identity_of(other.database) == identity_of(one.database)
    clear(one.database)
    assert is_empty(one.database)
    copy_rows(other.database, one.database)
    assert rows_of(one) == before
    one.ledger.record("export", ["cid"])
    assert [entry.deed for entry in one.ledger.entries()] == ["erase", "erase", "export"]
    one.keys.create("secret", "later")
    assert [key.name for key in one.keys.list()] == ["server", "网店", "later"]


def test_more_rows_than_go_at_once(place: Path | str, tmp_path: Path) -> None:
    """Some are sent at a time; all arrive."""
    one, other = filled(place, people=12_000), State(tmp_path / "other.db")
    assert copy_rows(one.database, other.database)["consent"] == 24_000
    assert rows_of(other) == rows_of(one)
    one.close()
    other.close()


def test_a_place_with_rows_is_refused_and_stays(two: tuple[State, State], tmp_path: Path) -> None:
    """Nothing is mixed, nothing is lost."""
    one, _ = two
    mine = filled(tmp_path / "third.db", people=3)
    before = rows_of(one)
    with pytest.raises(SettingsError, match="state_not_empty"):
        copy_rows(mine.database, one.database)
    assert rows_of(one) == before
    mine.close()


def test_a_saved_file_fills_a_fresh_database_once(place: Path | str, tmp_path: Path) -> None:
    """A fresh place takes the rows and the file goes; this shop's state stays as it is; another's is refused."""
    saved, url = tmp_path / "saved.db", place
    filled(saved).close()
    State(url).close()
    assert bring(saved, url)
    assert not saved.exists()
    state = State(url)
    copy = State(saved)
    copy_rows(state.database, copy.database)
    copy.close()
    state.consent.record(PersonKey("later"), {Purpose.TRAIN: True}, at=NOON)
    assert not bring(saved, url)
    assert "later" in state.consent.may_train()
    filled(saved).close()
    with pytest.raises(SettingsError, match="state_of_another_shop"):
        bring(saved, url)
    assert saved.exists()
    state.close()


def test_what_arrives_changed_is_not_kept(two: tuple[State, State]) -> None:
    """A row that is another one after its arrival is found before anything of it is kept."""
    one, other = two

    @event.listens_for(other.database._opened.write, "before_cursor_execute", retval=True)
    def _(_con: Any, _cursor: Any, sql: str, values: Any, _context: Any, _many: bool) -> tuple[str, Any]:
        if sql.startswith("INSERT INTO consent") and isinstance(values, list):
            values = [(*values[0][:-1], "changed"), *values[1:]]
        return sql, values

    with pytest.raises(DataError, match="state_copy_differs"):
        copy_rows(one.database, other.database)
    assert is_empty(other.database)
