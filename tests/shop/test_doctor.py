"""Laws of the doctor: a sound shop has nothing wrong; each fault is found, and said in both languages."""

import importlib.util
import shutil
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from postgres import PostgreSQL
from servers import Started, kafka_url, wait_until
from shopkeeper.apps.cli.main import app
from shopkeeper.data.stream.topic import Topic, look
from shopkeeper.locale import LANGUAGES, say
from shopkeeper.settings import FILE
from shopkeeper.shop import Shop
from shopkeeper.shop.doctor import Finding, examine
from shopkeeper.shop.moving import move_state, write_state_url


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty shop."""
    Shop.create(tmp_path / "shop", name="Test", currency="CNY", timezone="UTC", language="en").close()
    return tmp_path / "shop"


def add(folder: Path, lines: str) -> None:
    with (folder / FILE).open("a", encoding="utf-8") as file:
        file.write(lines)


def found(folder: Path, level: str = "wrong") -> dict[str, Finding]:
    return {finding.key: finding for finding in examine(folder) if finding.level == level}


def test_a_fresh_shop_is_sound(folder: Path) -> None:
    """Nothing is wrong; the only warning is that it was never trained. Nothing of it changed."""
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}
    assert found(folder) == {}
    assert set(found(folder, "warning")) == {"no_model"}
    assert {"private", "space", "sync_ok", "file_ok", "lake_table", "clock", "settings_ok"} <= set(found(folder, "ok"))
    after = {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}
    assert {path.name[-4:] for path in set(after) - set(before)} <= {"-wal", "-shm", "lock"}  # of whoever reads
    assert {path.name for path in before if after[path] != before[path]} <= {"lock"}


def test_settings_that_cannot_be_read_are_the_only_finding(folder: Path) -> None:
    """Nothing can be looked at without them."""
    add(folder, "[nonsense]\n")
    assert [finding.key for finding in examine(folder)] == ["settings"]


def test_who_may_read_and_who_may_not(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder for everybody is a warning; a file that this user may not write is wrong, by name."""
    folder.chmod(0o755)
    assert found(folder, "warning")["open"].facts["path"] == str(folder)
    monkeypatch.setattr("os.access", lambda path, _: Path(path).name != "journal.db")
    assert found(folder)["closed"].facts["path"] == str(folder / "journal.db")


def test_a_disk_that_does_not_keep_its_word(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory, a library that swallows fsync, and a confirmation that no disk can give."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as memory:
        shutil.copytree(folder, Path(memory) / "shop")
        assert found(Path(memory) / "shop")["sync_memory"].facts["kind"] == "tmpfs"
    with monkeypatch.context() as patch:
        patch.setenv("LD_PRELOAD", "libeatmydata.so")
        assert found(folder)["sync_off"].facts["what"] == "libeatmydata.so"
    monkeypatch.setattr("os.fsync", lambda _: None)
    monkeypatch.setattr("shopkeeper.shop.doctor.machine._TOO_FAST_SECONDS", 0.5)
    assert "sync_fast" in found(folder, "warning")


def test_no_room(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Less than 1 GiB is wrong before the disk is full."""
    monkeypatch.setattr("shutil.disk_usage", lambda _: shutil._ntuple_diskusage(10**12, 10**12 - 10**8, 10**8))
    assert found(folder)["no_space"].facts == {"gib": "0.1"}


def test_a_clock_that_went_back(folder: Path) -> None:
    """What was received tomorrow is a clock that is wrong today."""
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    with Shop.open(folder, clock=lambda: tomorrow) as shop:
        shop.collect([{"id": "e1", "action": "page_view", "visitor": "v1"}])
        shop.drain()
    assert found(folder)["clock_behind"].facts["seen"] == f"{tomorrow:%Y-%m-%d %H:%M:%S}"


def test_damage_is_named(folder: Path) -> None:
    """A database that is none, and a table's file that is not what was written."""
    with Shop.open(folder) as shop:
        shop.collect([{"id": "e1", "action": "page_view", "visitor": "v1"}])
        shop.drain()
    (folder / "quarantine.db").write_bytes(b"garbage " * 999)
    next((folder / "lake" / "events").glob("*.parquet")).write_bytes(b"PAR1 garbage PAR1")
    wrong = found(folder)
    assert wrong["broken"].facts["part"] in ("files", "clock")
    assert wrong["lake_damaged"].facts["table"] == "events"


@pytest.fixture
def elsewhere(folder: Path, postgresql: PostgreSQL) -> Path:
    """The shop with its state in PostgreSQL."""
    move_state(folder, postgresql.address())
    return folder


def test_postgresql_is_asked(elsewhere: Path, postgresql: PostgreSQL) -> None:
    """One that answers is said with its version; one that may lose what it confirmed, one whose file was left behind,
    and one that is away are found."""
    assert found(elsewhere) == {}
    assert found(elsewhere, "ok")["state"].facts["version"][:2].isdigit()
    (elsewhere / "state.db").touch()
    assert "state_left" in found(elsewhere, "warning")
    postgresql.sql("ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()")
    try:
        wait_until(lambda: "state_unsafe" in found(elsewhere), "PostgreSQL to read its settings")
        assert found(elsewhere)["state_unsafe"].facts["name"] == "fsync"
    finally:
        postgresql.sql("ALTER SYSTEM RESET fsync", "SELECT pg_reload_conf()")
    write_state_url(elsewhere, "postgresql://ann:s3cret@127.0.0.1:9/none")
    error = found(elsewhere)["broken"].error
    assert error is not None
    assert error.key == "state_unreachable"
    assert "s3cret" not in str(examine(elsewhere))


def test_redis_is_asked(folder: Path, shared_redis: str) -> None:
    """One that answers is said with its version, one that does not is wrong."""
    add(folder, f'[profiles]\nurl = "{shared_redis}"\n')
    assert found(folder, "ok")["profiles"].facts["version"]
    assert found(folder) == {}
    settings = folder / FILE
    settings.write_text(settings.read_text("utf-8").replace(shared_redis, "redis://:s3cret@127.0.0.1:9/0"), "utf-8")
    error = found(folder)["broken"].error
    assert error is not None
    assert error.key == "profiles_unreachable"
    assert "s3cret" not in str(examine(folder))


def test_kafka_is_asked(folder: Path, shared_broker: Started, shared_redis: str) -> None:
    """A topic that is there is said with its partitions; brokers that are away are wrong."""
    url = kafka_url(shared_broker, "doctor-events")
    add(folder, f'[stream]\nurl = "{url}"\n[profiles]\nurl = "{shared_redis}"\n')

    def key() -> str:
        error = found(folder)["broken"].error
        assert error is not None
        return error.key

    look(Topic.of(url), partitions=3)
    assert found(folder, "ok")["stream"].facts["partitions"] == 3
    settings = folder / FILE
    settings.write_text(settings.read_text("utf-8").replace(url, "kafka://127.0.0.1:9/doctor-events"), "utf-8")
    assert key() == "stream_unreachable"


@pytest.fixture
def sparking(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A shop for Spark, with a Java of our making on the path."""
    add(folder, '[batch]\nengine = "spark"\nmaster = "spark://127.0.0.1:9,127.0.0.1:19"\n')
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    return folder


def test_spark_is_asked_for_before_it_is_needed(
    sparking: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No Java, an old one, no master, no pyspark: each is said by name; all there is said too."""

    def key() -> str:
        error = found(sparking)["broken"].error
        assert error is not None
        return error.key

    java = tmp_path / "bin" / "java"
    assert key() == "java_missing"
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "nowhere"))
    assert key() == "java_home_wrong"
    monkeypatch.delenv("JAVA_HOME")
    java.write_text("#!/bin/sh\necho 'openjdk version \"11.0.2\" 2019-01-15' >&2\n", "utf-8")
    java.chmod(0o755)
    assert key() == "java_old"
    java.write_text("#!/bin/sh\necho 'openjdk version \"21.0.1\" 2023-10-17' >&2\n", "utf-8")
    assert key() == "spark_unreachable"
    settings = sparking / FILE
    settings.write_text(settings.read_text("utf-8").replace("spark://127.0.0.1:9,127.0.0.1:19", "local[2]"), "utf-8")
    assert found(sparking, "ok")["spark"].facts["java"] == "21.0.1"
    there = importlib.util.find_spec
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "pyspark" else there(name))
    assert key() == "extra_missing"


def test_every_finding_has_its_sentence_and_the_exit_code_says_it(folder: Path) -> None:
    """In both languages; 0 where nothing is wrong, 1 where something is; JSON for a monitor."""
    run = CliRunner()
    for language in LANGUAGES:
        said = run.invoke(app, ["--lang", language, "doctor", "--shop", str(folder)])
        assert said.exit_code == 0
        assert say(language, "cli", "doctor_private") in said.output
    (folder / "journal.db").write_bytes(b"garbage " * 999)
    for language in LANGUAGES:
        said = run.invoke(app, ["--lang", language, "doctor", "--shop", str(folder)])
        assert said.exit_code == 1
    said = run.invoke(app, ["doctor", "--shop", str(folder), "--json"])
    assert said.exit_code == 1
    assert '"wrong"' in said.output
