"""Laws of damage: whatever happens to the bytes of a file, it is found and named, or changes no answer."""

import json
import random
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import damaging
import pytest

from shopkeeper.core.consent import Purpose
from shopkeeper.core.errors import DataError, Unavailable
from shopkeeper.data import row_sums
from shopkeeper.data.seen import SUMS
from shopkeeper.settings import load
from shopkeeper.shop import Shop
from shopkeeper.shop.doctor import examine, facts
from shopkeeper.shop.doctor.mending import drop_damaged
from shopkeeper.shop.importing import replay
from shopkeeper.shop.training import train

SEED = 20_261_127


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return damaging.make_shop(tmp_path_factory.mktemp("damage") / "shop")


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another shop."""
    folder = tmp_path_factory.mktemp("stranger") / "shop"
    with Shop.create(folder, name="s", currency="USD", timezone="UTC", language="en") as shop:
        shop.collect([{"id": "theirs", "action": "page_view", "visitor": "v1"}, {"id": "y", "action": "juggle"}])
    return folder


@pytest.fixture(scope="module")
def truth(sound: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return damaging.truth_of(sound, tmp_path_factory.mktemp("truth"))


def test_one_changed_bit_in_a_fact_is_found_and_named(sound: Path, quick_path: Path) -> None:
    """Any file of the lake, any bit: the doctor names the table, training refuses, and no bit is too small."""
    rng = random.Random(SEED)  # noqa: S311  # what to damage, not a secret
    for number, path in enumerate(sorted((sound / "lake").glob("*/*.parquet"))):
        folder = Path(shutil.copytree(sound, quick_path / f"shop-{number}"))
        damaged = folder / path.relative_to(sound)
        damaging.damage(damaged, "bit", rng, [])
        with Shop.open(folder) as shop, pytest.raises(DataError) as found:
            shop.lake.check()
        assert found.value.key == "lake_damaged"
        assert damaged.name in str(found.value.facts["why"])
        assert any(finding.key == "lake_damaged" for finding in examine(folder))
        shutil.rmtree(folder)


def change(path: Path, value: bytes, *, within: bytes) -> None:
    """Change one bit of a value that stands in other bytes of a file."""
    data = bytearray(path.read_bytes())
    data[data.index(within) + within.index(value)] ^= 1
    path.write_bytes(bytes(data))


@contextmanager
def unwatched(path: Path) -> Iterator[sqlite3.Connection]:
    """A file to be damaged value by value: what damages a disk runs no triggers."""
    with closing(sqlite3.connect(path, isolation_level=None)) as con:
        row_sums.teach(con)
        con.execute("PRAGMA ignore_check_constraints=ON")
        triggers = con.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, _ in triggers:
            con.execute(f"DROP TRIGGER {name}")
        yield con
        for _, sql in triggers:
            con.execute(sql)


def other(value: Any, rng: random.Random) -> Any:
    """A value of which one bit is another."""
    if isinstance(value, int):
        return value ^ (1 << value.bit_length() + rng.randrange(3))  # no other row has that number
    changed = bytearray(value)
    changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


@pytest.mark.parametrize("name", ["journal.db", "state.db", "quarantine.db"])
def test_one_changed_bit_in_any_value_is_named(sound: Path, quick_path: Path, name: str) -> None:
    """A value of each column of each table, the sums too: the doctor names file, table and row."""
    rng = random.Random(SEED)  # noqa: S311  # what to damage, not a secret
    shutil.copy(sound / name, quick_path / name)
    tried = set()
    with unwatched(quick_path / name) as con:
        for table in row_sums.tables_of(con):
            for _, column, *_ in con.execute(f"PRAGMA table_info({table})").fetchall():
                raw = f'CASE typeof("{column}") WHEN \'integer\' THEN "{column}" ELSE CAST("{column}" AS BLOB) END'
                here = f'FROM {table} WHERE length("{column}") > 0 ORDER BY 1 LIMIT 1'
                row = con.execute(f'SELECT "{column}", typeof("{column}"), {raw} {here}').fetchone()
                if row is None:
                    continue  # empty everywhere
                whole, kind, value = row
                con.execute("BEGIN")
                con.execute(
                    f'UPDATE {table} SET "{column}" = CAST(? AS {kind}) WHERE "{column}" IS ?',
                    (other(value, rng), whole),
                )
                changed = con.execute("SELECT changes()").fetchone()[0]
                with pytest.raises(DataError) as found:
                    row_sums.verify(con, name, {table: SUMS.get(table)})
                con.execute("ROLLBACK")
                assert found.value.key == "row_damaged"
                told = found.value.facts
                assert (told["file"], told["table"], told["count"]) == (name, table, changed), (table, column)
                tried.add(table)
        row_sums.verify(con, name, {table: SUMS.get(table) for table in tried})
    assert tried >= {
        "journal.db": {"entries", "seen"}, "state.db": {"keys", "consent", "secrets", "shop_files"},
        "quarantine.db": {"held", "imports"},
    }[name]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", ["journal.db", "state.db", "quarantine.db"])
def test_any_bit_of_a_database_is_named_or_changes_nothing(
    sound: Path, truth: dict[str, Any], quick_path: Path, name: str
) -> None:
    """A hundred bits anywhere in the file: numbers, pointers and free pages too."""
    rng = random.Random(SEED)  # noqa: S311  # what to damage, not a secret
    ended = [damaging.one(sound, truth, name, "bit", rng, quick_path) for _ in range(100)]
    assert set(ended) <= {"named", "harmless"}


def test_a_damaged_row_of_the_journal_never_becomes_a_fact(sound: Path, quick_path: Path) -> None:
    """It goes into the quarantine with its bytes, all others into the lake; its sender may send it again."""
    folder = Path(shutil.copytree(sound, quick_path / "shop"))
    damaged = folder / "journal.db"
    with row_sums.reading(damaged) as con:
        waiting = con.execute("SELECT seq, body FROM entries WHERE kind = 'event' ORDER BY seq").fetchall()
    seq, body = waiting[1]
    event = json.loads(body)
    change(damaged, event["id"].encode(), within=body)
    assert [finding.facts["rows"] for finding in examine(folder) if finding.key == "row_damaged"] == [str(seq)]
    with Shop.open(folder) as shop:
        shop.drain()
        (held,) = [row for row in shop.quarantine.list() if row.reason == "journal_row_damaged"]
        assert held.facts == {"row": seq}
        assert held.raw.startswith(f"event {event['id']}: ")
        ids = {row["id"] for row in shop.snapshot().query("SELECT id FROM events").to_pylist()}
        assert event["id"] not in ids
        assert {json.loads(body)["id"] for _, body in waiting} - ids == {event["id"]}
        (verdict,) = shop.collect([{"id": event["id"], "action": "page_view", "visitor": "v1"}])
        assert verdict.status == "stored"
    assert not any(finding.key == "row_damaged" for finding in examine(folder))


def test_a_damaged_key_opens_nothing(sound: Path, quick_path: Path) -> None:
    """The state refuses to open and names the row; taken out, the row is told once and the rest opens."""
    folder = Path(shutil.copytree(sound, quick_path / "shop"))
    change(folder / "state.db", b"publishable", within=b"publishable")
    with pytest.raises(DataError, match="row_damaged") as found:
        Shop.open(folder)
    assert {name: found.value.facts[name] for name in ("file", "table", "count")} == {
        "file": "state.db", "table": "keys", "count": 1,
    }  # fmt: skip
    (taken,) = drop_damaged(folder)
    assert (taken.file, taken.table, taken.values["role"]) == ("state.db", "keys", "qublishable")
    with Shop.open(folder) as shop:
        assert [key.role for key in shop.state.keys.list()] == ["secret"]


def test_a_damaged_answer_is_no_consent(sound: Path, quick_path: Path) -> None:
    """Asked for, it cannot be known; training refuses; nobody can write over it as if it were sound."""
    folder = Path(shutil.copytree(sound, quick_path / "shop"))
    with unwatched(folder / "state.db") as con:
        (person,) = con.execute("SELECT person FROM consent WHERE purpose = 'train' ORDER BY person").fetchone()
        con.execute("UPDATE consent SET given = 1 - given WHERE person = ? AND purpose = 'train'", (person,))
    with Shop.open(folder) as shop:
        with pytest.raises(Unavailable, match="consent_damaged"):
            shop.consent_of(person)
        with pytest.raises(Unavailable, match="damaged row in consent"):
            shop.state.consent.record(person, {Purpose.TRAIN: True}, at=datetime(2030, 1, 1, tzinfo=UTC))
        with pytest.raises(DataError, match="row_damaged"):
            train(shop, judged=False)


def test_a_damaged_held_row_is_shown_and_never_replayed(sound: Path, quick_path: Path) -> None:
    """It says so itself, keeps its bytes, and people may fix or discard it."""
    folder = Path(shutil.copytree(sound, quick_path / "shop"))
    change(folder / "quarantine.db", b"juggle", within=b'{"id": "x", "action": "juggle"}')
    with Shop.open(folder) as shop:
        (row,) = shop.quarantine.list()
        assert (row.reason, row.sound, row.cells()) == ("held_row_damaged", False, None)
        assert "kuggle" in row.raw
        assert replay(shop) == []
        fixed = shop.quarantine.fix(row.id, {"id": "x", "action": "page_view", "visitor": "v1"})
        assert fixed.sound
    assert not any(finding.level == "wrong" for finding in facts.files(folder, load(folder)))


EXCHANGED = [
    (name, other) for name in ("journal.db", "state.db", "quarantine.db") for other in ("stranger", "sibling", "empty")
]


@pytest.mark.parametrize(("name", "other"), EXCHANGED)
def test_an_exchanged_database_is_named(sound: Path, stranger: Path, quick_path: Path, name: str, other: str) -> None:
    """Another shop's, another file of this shop, or nothing: both doctor and opening name it."""
    folder = Path(shutil.copytree(sound, quick_path / "shop"))
    sibling = "quarantine.db" if name == "journal.db" else "journal.db"
    bytes_of = {
        "stranger": (stranger / name).read_bytes(), "sibling": (sound / sibling).read_bytes(), "empty": b"",
    }  # fmt: skip
    (folder / name).write_bytes(bytes_of[other])
    assert any(finding.level == "wrong" and finding.key not in damaging.NOT_DAMAGE for finding in examine(folder))
    with pytest.raises(DataError, match="file_of_another_shop"):
        Shop.open(folder)


def test_an_older_journal_is_named_and_a_removed_one_made_anew(sound: Path, quick_path: Path) -> None:
    """What it takes would have numbers that the lake has passed; a fresh one goes on after them."""
    folder = Path(shutil.copytree(sound, quick_path / "shop"))
    with Shop.open(folder) as shop:
        shop.drain()
    shutil.copy(sound / "journal.db", folder / "journal.db")
    with closing(sqlite3.connect(folder / "journal.db")) as con, con:
        con.execute("DELETE FROM entries")
        con.execute("UPDATE sqlite_sequence SET seq = 1")
    assert any(getattr(finding.error, "key", "") == "journal_behind" for finding in examine(folder))
    with pytest.raises(DataError, match="journal_behind"):
        Shop.open(folder)
    (folder / "journal.db").unlink()
    with Shop.open(folder) as shop:
        before = shop.snapshot().query("SELECT id FROM events").num_rows
        shop.collect([{"id": "late", "action": "page_view", "visitor": "v1"}])
        shop.drain()
        assert shop.snapshot().query("SELECT id FROM events").num_rows == before + 1


def test_a_first_version_in_the_place_of_another_is_named(sound: Path, quick_path: Path) -> None:
    """It bears no seal: the one of its own table, and the one of another."""
    for whose in ("order_lines", "events"):
        folder = Path(shutil.copytree(sound, quick_path / whose))
        log = folder / "lake" / "order_lines" / "_delta_log"
        shutil.copy(folder / "lake" / whose / "_delta_log" / f"{0:020}.json", log / f"{1:020}.json")
        assert any(finding.key == "lake_damaged" for finding in examine(folder))


def test_damage_is_named_or_changes_nothing(sound: Path, truth: dict[str, Any], quick_path: Path) -> None:
    """Bits, pages, ends and whole files exchanged, over every file: no wrong answer."""
    found = damaging.many(sound, truth, quick_path, 12, SEED)
    assert found.wrong == []
    assert found.tried > 6


@pytest.mark.slow
def test_much_damage_is_named_or_changes_nothing(sound: Path, truth: dict[str, Any], quick_path: Path) -> None:
    """The same three hundred times."""
    found = damaging.many(sound, truth, quick_path, 300, SEED + 1)
    assert found.wrong == []
