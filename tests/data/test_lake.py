"""Laws of the lake: each batch lands once, what was never adopted is no data, and removed rows leave no byte."""

import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from shopkeeper.core.action import Action
from shopkeeper.core.errors import DataError
from shopkeeper.core.event import Event, OrderLine
from shopkeeper.core.identity import LinkRules
from shopkeeper.core.ids import CustomerId, EventId, OrderId, ProductId, VisitorId
from shopkeeper.core.money import Money
from shopkeeper.data.batch import DuckBatch
from shopkeeper.data.drain import APP, Drain, decode_event, encode_event
from shopkeeper.data.identity import Identity, runs_of
from shopkeeper.data.journal import EVENT, Entry, Journal
from shopkeeper.data.lake import Lake
from shopkeeper.data.privacy import Person, erase_rows, find_person, rows_of
from shopkeeper.data.quarantine import Quarantine
from shopkeeper.data.schema import TABLES, event_row, line_rows, table_of

START = datetime(2026, 3, 1, tzinfo=UTC)


def _view(number: int, customer: str = "c1", visitor: str | None = None) -> Event:
    return Event(
        id=EventId(f"e{number}"), at=START + timedelta(minutes=number), action=Action.PRODUCT_VIEW,
        customer=CustomerId(customer) if customer else None, visitor=VisitorId(visitor) if visitor else None,
        product=ProductId("p1"),
    )  # fmt: skip


def _order(number: int) -> Event:
    line = OrderLine(product=ProductId("p2"), quantity=2, price=Money(499, "USD"), discount=Money(50, "USD"))
    return Event(
        id=EventId(f"o{number}"), at=START + timedelta(minutes=number), action=Action.ORDER,
        customer=CustomerId("c1"), order=OrderId(f"O{number}"), lines=(line, line),
    )  # fmt: skip


def _rows(*events: Event) -> pa.Table:
    return table_of("events", [event_row(event) for event in events])


def _entries(*events: Event) -> list[Entry]:
    return [Entry(kind=EVENT, id=event.id, body=encode_event(event), person="c1", day=1) for event in events]


def _count(lake: Lake, table: str) -> int:
    with lake.connect() as con:
        return int(con.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


def test_a_batch_lands_once(tmp_path: Path) -> None:
    """The same key and number a second time changes nothing, also through a lake opened anew."""
    lake = Lake(tmp_path / "lake")
    assert lake.append("events", _rows(_view(1)), key="k", number=1)
    assert not lake.append("events", _rows(_view(1)), key="k", number=1)
    assert not Lake(tmp_path / "lake").append("events", _rows(_view(2)), key="k", number=1)
    assert lake.append("events", _rows(_view(2)), key="k", number=2)
    assert _count(lake, "events") == 2


def test_a_file_that_was_not_adopted_is_no_data(tmp_path: Path) -> None:
    """What a crash left between writing and adopting is not read, and ``sweep`` removes it and nothing else."""
    lake = Lake(tmp_path / "lake")
    lake.append("events", _rows(_view(1)), key="k")
    lake.stage_path("events").write_bytes(b"half a file")
    assert _count(lake, "events") == 1
    assert lake.sweep("events", older_than_seconds=-1) == 1
    assert _count(lake, "events") == 1
    assert len(lake.files("events")) == 1


def test_an_empty_lake_has_every_table_with_its_columns(tmp_path: Path) -> None:
    """Every table can be queried before anything was written, under the names and kinds of the schema."""
    lake = Lake(tmp_path / "lake")
    with lake.connect() as con:
        for name, schema in TABLES.items():
            empty = con.sql(f"SELECT * FROM {name}").to_arrow_table()
            assert empty.num_rows == 0
            assert empty.schema.names == schema.names
            assert empty.schema.types == schema.types


def test_compaction_keeps_every_row(tmp_path: Path) -> None:
    """Many small files become one; the rows and the numbers that landed are the same."""
    lake = Lake(tmp_path / "lake")
    for number in range(20):
        lake.append("events", _rows(_view(number)), key=APP, number=number + 1)
    with lake.connect() as con:
        before = con.execute("SELECT * FROM events ORDER BY id").fetchall()
    assert lake.compact("events") == 20
    assert len(lake.files("events")) == 1
    again = Lake(tmp_path / "lake")
    with again.connect() as con:
        assert con.execute("SELECT * FROM events ORDER BY id").fetchall() == before
    assert again.landed("events", APP) == 20


def test_what_is_being_read_stays_until_it_was_read(tmp_path: Path) -> None:
    """Files that are joined while somebody reads them go later; to erase means to wait for the reader."""
    lake = Lake(tmp_path / "lake")
    for number in range(16):
        lake.append("events", _rows(_view(number)), key="k", number=number + 1)
    with lake.connect() as con:
        assert Lake(tmp_path / "lake").compact("events") == 16
        assert con.execute("SELECT count(*) FROM events").fetchone() == (16,)
        assert lake.sweep("events", older_than_seconds=-1) == 0
        assert len(list((tmp_path / "lake" / "events").glob("*.parquet"))) == 17
        gone = threading.Thread(target=erase_rows, args=(Lake(tmp_path / "lake"), Person(customer="c1")))
        gone.start()
        gone.join(timeout=0.5)
        assert gone.is_alive()
        assert con.execute("SELECT count(*) FROM events").fetchone() == (16,)
    gone.join(timeout=30)
    assert not gone.is_alive()
    assert _count(lake, "events") == 0
    assert list((tmp_path / "lake" / "events").glob("*.parquet")) == []


def test_a_table_that_an_older_release_did_not_make_is_empty(tmp_path: Path) -> None:
    """Reading beside a server of before, or a backup of then, finds no rows; the next writer makes the table."""
    Lake(tmp_path / "lake")
    for table in ("events", "attributes"):
        shutil.rmtree(tmp_path / "lake" / table)
    beside = Lake(tmp_path / "lake", readonly=True)
    assert (_count(beside, "attributes"), beside.version("attributes"), beside.files("events")) == (0, -1, [])
    assert Lake(tmp_path / "lake").version("attributes") == 0


def _emptied(file: Path) -> None:
    file.write_bytes(b"")


def _cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-40])


@pytest.mark.parametrize("damage", [Path.unlink, _emptied, _cut])
def test_a_file_that_is_gone_or_damaged_is_named(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    """Nobody meets DuckDB's own words: the error names the table, and the sentence says to restore a backup."""
    lake = Lake(tmp_path / "lake")
    lake.append("events", _rows(_view(1)), key="k")
    damage(Path(lake.files("events")[0]))
    with pytest.raises(DataError) as found:
        _count(lake, "events")
    assert (found.value.key, found.value.facts["table"]) == ("lake_damaged", "events")


def test_an_event_survives_the_journal_unchanged() -> None:
    """Decoding what was encoded gives the same event, order lines and money included."""
    for event in (_view(1), _order(2)):
        assert decode_event(encode_event(event)) == event


@pytest.mark.parametrize("crash_after", ["nothing", "events", "order_lines"])
def test_the_drain_moves_each_entry_once(tmp_path: Path, crash_after: str) -> None:
    """Wherever the drain dies, running it again leaves one row for each event and each order line."""
    lake, journal = Lake(tmp_path / "lake"), Journal(tmp_path / "journal.db")
    journal.append(_entries(_view(1), _order(2)))
    drain = Drain(journal, lake, Quarantine(tmp_path / "quarantine.db"))
    if crash_after != "nothing":
        entries = journal.undrained()
        rows = {"events": _rows(_view(1), _order(2)), "order_lines": table_of("order_lines", line_rows(_order(2)))}
        for table in ("events", "order_lines"):
            lake.append(table, rows[table], key=APP, number=entries[-1].seq)
            if table == crash_after:
                break
    assert drain.run() == 2
    assert drain.run() == 0
    assert (_count(lake, "events"), _count(lake, "order_lines"), journal.waiting()) == (2, 2, 0)
    journal.close()


def test_a_return_is_a_negative_line(tmp_path: Path) -> None:
    """A returned line has a negative quantity and its refund, so that sums over lines are net."""
    lake, journal = Lake(tmp_path / "lake"), Journal(tmp_path / "journal.db")
    line = OrderLine(product=ProductId("p2"), quantity=1, price=Money(499, "USD"), refund=Money(449, "USD"))
    event = Event(
        id=EventId("r1"), at=START, action=Action.ORDER_RETURN, customer=CustomerId("c1"), order=OrderId("O1"),
        lines=(line,),
    )  # fmt: skip
    journal.append(_entries(event))
    Drain(journal, lake, Quarantine(tmp_path / "quarantine.db")).run()
    with lake.connect() as con:
        assert con.execute("SELECT quantity, refund_minor FROM order_lines").fetchall() == [(-1.0, 449)]
    journal.close()


def test_erasing_a_person_leaves_no_byte_and_touches_nobody_else(tmp_path: Path) -> None:
    """Rows of the customer and of their time with a browser are gone from every file; another customer of that browser
    stays, with what they did in theirs."""
    lake = Lake(tmp_path / "lake")
    theirs = [_view(1, "canary-c", "canary-v"), _view(2, "", "canary-v")]
    others = [_view(3, "other-c", "canary-v"), _view(4, "", "other-v")]
    lake.append("events", _rows(*theirs, *others), key="k", number=1)
    lake.append("events", _rows(_view(5, "other-c"), _view(6, "", "canary-v")), key="k", number=2)
    person = find_person(Identity(runs=runs_of(lake, DuckBatch()), rules=LinkRules()), "canary-c")
    assert (person.customer, person.visitors) == ("canary-c", ())
    assert [(span.visitor, span.until_at) for span in person.spans] == [("canary-v", others[0].at)]
    assert person.keys == ("canary-c",)
    assert person.shared_keys == ("visitor:canary-v",)
    assert [row["id"] for row in rows_of(lake, person)["events"]] == ["e1", "e2"]
    assert erase_rows(lake, person)["events"] == 2
    assert _count(lake, "events") == 4
    everything = b"".join(path.read_bytes() for path in (tmp_path / "lake").rglob("*") if path.is_file())
    assert b"canary-c" not in everything


_DDB_STEPS = (
    "import duckdb, os, sys; c = duckdb.connect(sys.argv[1]); c.execute(\"SET wal_autocheckpoint='1TB'\");"
    "c.execute('CREATE TABLE t(serverid INTEGER PRIMARY KEY, host VARCHAR NOT NULL, port INTEGER NOT NULL)');"
    "c.execute('CREATE UNIQUE INDEX u ON t(host, port)'); c.execute('CREATE INDEX i ON t(port)');"
    "c.execute('BEGIN'); c.execute(\"INSERT INTO t SELECT i, 'h' || i, i FROM range(30) r(i)\"); c.execute('COMMIT');"
    "os._exit(0)",
    "import duckdb, sys; duckdb.connect(sys.argv[1]).close()",
    "import duckdb, sys; c = duckdb.connect(sys.argv[1]);"
    "print(*c.execute('SELECT count(*) FROM t WHERE port = 7').fetchone(),"
    "*c.execute('SELECT count(*) FILTER (port = 7) FROM t').fetchone())",
)


def test_this_duckdb_answers_right_after_a_crash(tmp_path: Path) -> None:
    """Index look-up and scan agree after a writer died with a pending log: 1.5.5 fails this, the reason to need 2.0."""
    runs = [
        subprocess.run([sys.executable, "-c", step, tmp_path / "t.db"], capture_output=True, text=True, timeout=60)
        for step in _DDB_STEPS
    ]
    assert runs[-1].stdout.split() == ["1", "1"], runs[-1].stderr
