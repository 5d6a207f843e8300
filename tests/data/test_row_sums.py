"""Laws of row sums: what Python writes quickly is what SQL compares, triggers keep it true, and every bit counts."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shopkeeper.core.errors import DataError
from shopkeeper.data import row_sums
from shopkeeper.data.row_sums import damaged, guard, is_guarded, row_sum, sql_of, verify
from shopkeeper.data.seen import entry_sum, seen_sum

texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=30)
numbers = st.integers(0, 2**40)


@pytest.fixture
def con() -> Iterator[sqlite3.Connection]:
    """A database that knows the function."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as found:
        row_sums.teach(found)
        yield found


@given(
    key=st.binary(max_size=16), digest=st.binary(max_size=8), day=numbers, forever=st.booleans(),
    seq=st.none() | numbers,
)  # fmt: skip
def test_the_quick_sum_of_an_id_is_the_sum_of_its_values(
    key: bytes, digest: bytes, day: int, forever: bool, seq: int | None
) -> None:
    """So the doctor finds what the journal wrote."""
    values = (digest, b"%d" % day, b"%d" % forever, key, None if seq is None else b"%d" % seq)
    assert seen_sum(key, digest, day, int(forever), seq) == row_sum(*values)


@given(seq=numbers, kind=texts, name=texts, person=st.none() | texts, body=st.binary(max_size=99))
def test_the_quick_sum_of_an_entry_is_the_sum_of_its_values(
    seq: int, kind: str, name: str, person: str | None, body: bytes
) -> None:
    """So the doctor and the drain agree."""
    whose = None if person is None else person.encode()
    values = (b"%d" % seq, kind.encode(), name.encode(), whose, body)
    assert entry_sum(seq, kind, name, person, body) == row_sum(*values)


@given(value=st.binary(min_size=1, max_size=60), place=st.integers(0, 479))
def test_every_bit_counts(value: bytes, place: int) -> None:
    """One bit of a value gives another sum; so does nothing in the place of an empty value."""
    changed = bytearray(value)
    changed[place // 8 % len(value)] ^= 1 << place % 8
    assert row_sum(b"a", bytes(changed), b"b") != row_sum(b"a", value, b"b")
    assert row_sum(None) != row_sum(b"")


@pytest.mark.parametrize("end", ["", "WITHOUT ROWID"])
def test_triggers_keep_sums_true(con: sqlite3.Connection, end: str) -> None:
    """Of rows that were there, are inserted, put in the place of another, updated and upserted."""
    con.execute(f"CREATE TABLE t (b TEXT, a INTEGER PRIMARY KEY, c BLOB) {end}")
    con.execute("INSERT INTO t VALUES ('old', 1, NULL)")
    assert not is_guarded(con.execute, "t")
    guard(con.execute, "t", strict=True)
    assert is_guarded(con.execute, "t", strict=True)
    con.execute("INSERT INTO t (b, a, c) VALUES ('new', 2, x'00ff'), ('', 3, x'')")
    con.execute("INSERT OR REPLACE INTO t (b, a) VALUES ('other', 2)")
    con.execute("UPDATE t SET b = 'changed' WHERE a = 1")
    con.execute("UPDATE t SET a = 9 WHERE a = 3")
    con.execute("INSERT INTO t (b, a) VALUES ('x', 2) ON CONFLICT (a) DO UPDATE SET b = excluded.b || '王'")
    assert con.execute(f"SELECT count(*), sum(row_sum IS {sql_of('abc')}) FROM t").fetchone() == (3, 3)
    verify(con, "f", {"t": None})


@pytest.mark.parametrize("end", ["", "WITHOUT ROWID"])
def test_a_damaged_row_is_named_and_cannot_be_changed(con: sqlite3.Connection, end: str) -> None:
    """Its number where the table has numbers, else its place; also where only the type of a value is another."""
    con.execute(f"CREATE TABLE t (a TEXT PRIMARY KEY, b TEXT) {end}")
    guard(con.execute, "t", strict=True)
    con.executemany("INSERT INTO t (a, b) VALUES (?, ?)", [(letter, "v") for letter in "abcd"])
    con.execute("UPDATE t SET row_sum = row_sum + 1 WHERE a = 'b'")  # the one column that no trigger watches
    assert list(damaged(con, "t")) == [2]
    with pytest.raises(sqlite3.IntegrityError, match="damaged row in t"):
        con.execute("UPDATE t SET b = 'w' WHERE a = 'b'")
    con.execute("DROP TRIGGER t_summed_again")
    con.execute("UPDATE t SET b = CAST(b AS BLOB) WHERE a = 'd'")
    with pytest.raises(DataError) as found:
        verify(con, "f", {"t": None})
    assert found.value.facts == {"file": "f", "table": "t", "rows": "2, 4", "count": 2}
    assert row_sums.take_out(con, "t")[0]["a"] == "b"
    assert list(damaged(con, "t")) == []


def test_a_changed_table_gets_its_sums_anew(con: sqlite3.Connection) -> None:
    """A column more is in the sum from then on."""
    con.execute("CREATE TABLE t (a TEXT)")
    guard(con.execute, "t")
    con.execute("INSERT INTO t (a) VALUES ('x')")
    con.execute("ALTER TABLE t ADD COLUMN z TEXT DEFAULT 'z'")
    assert not is_guarded(con.execute, "t")
    guard(con.execute, "t")
    verify(con, "f", {"t": None})
    con.execute("INSERT INTO t (a, z) VALUES ('y', 'Z')")
    assert con.execute(f"SELECT sum(row_sum = {sql_of('az')}) FROM t").fetchone() == (2,)
