"""Mutations of the corpus: an import never fails but by a sentence, and every row is accounted for."""

import json
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import duckdb
import pytest
from mutating import HERE, mutated, small_files

from shopkeeper.core.errors import ShopkeeperError
from shopkeeper.data.account import Account
from shopkeeper.data.importing import SOURCES, Importer
from shopkeeper.data.lake import Lake
from shopkeeper.data.mapping import NO_MAPPING
from shopkeeper.data.quarantine import Quarantine
from shopkeeper.data.sources.xlsx import Xlsx
from shopkeeper.locale import LANGUAGES, say
from shopkeeper.shop.held import held_sentence

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108  # nothing of it is kept
ROUND = 25
"""Files that go into one shop."""


def taken(importer: Importer, path: Path) -> list[Account] | ShopkeeperError:
    try:
        return importer.take(path)
    except ShopkeeperError as error:
        return error


@cache
def eye() -> duckdb.DuckDBPyConnection:
    """A connection that looks at lakes from outside."""
    return duckdb.connect()


def rows_in(lake: Lake, kind: str, source: str) -> int:
    if not lake.files(kind):
        return 0
    found = eye().execute(f"SELECT count(*) FROM {lake.relation_sql(kind)} WHERE source = ?", [source]).fetchone()
    return int(found[0]) if found else 0


def check(importer: Importer, path: Path) -> str:
    """The law of one file. What became of it: the refusal's key, or "kept" or "held"."""
    found = taken(importer, path)
    if isinstance(found, ShopkeeperError):
        for language in LANGUAGES:
            assert say(language, "errors", found.key, **found.facts)
        assert all(rows_in(importer.lake, kind, f"file:{path.name}") == 0 for kind in ("events", "order_lines"))
        return found.key
    for account in found:
        assert account.read == account.kept + account.duplicate + account.quarantined
        held = importer.quarantine.list(import_id=account.import_id, limit=1_000_000)
        assert len(held) == account.quarantined, (account, [(row.line, row.reason) for row in held])
        stored = rows_in(importer.lake, account.kind, f"file:{path.name}")
        assert stored >= account.kept
        assert account.kind == "events" or stored == account.kept
        for row in held:
            assert row.raw or row.reason == "not_text"
            assert all(held_sentence(language, row) for language in LANGUAGES)
        for warning in account.warnings:
            assert all(say(language, "checks", warning.key, **warning.facts) for language in LANGUAGES)
        json.dumps([row.facts for row in held])
    return "held" if any(account.quarantined for account in found) else "kept"


def run(seeds: range) -> dict[str, int]:
    """Mutations of every file in turn; how often each thing became of one."""
    files = [path for path in small_files() if path.suffix in SOURCES]
    datas = [path.read_bytes() for path in files]
    counts: dict[str, int] = {}
    for start in range(seeds.start, seeds.stop, ROUND):
        with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
            quarantine = Quarantine(Path(folder) / "quarantine.db")
            importer = Importer(lake=Lake(Path(folder) / "lake"), quarantine=quarantine, clock=lambda: NOW, threads=1)
            for seed in range(start, min(start + ROUND, seeds.stop)):
                place = seed % len(files)
                path = Path(folder) / f"{seed}{files[place].suffix}"
                path.write_bytes(mutated(datas[place], datas, seed))
                try:
                    fate = check(importer, path)
                except Exception as error:
                    error.add_note(f"seed {seed} of {files[place].name}")
                    raise
                counts[fate] = counts.get(fate, 0) + 1
            quarantine.close()
    return counts


@pytest.mark.parametrize("name", ["042-merged.xlsx", "044-errors.xlsx", "045-1904.xlsx"])
def test_a_workbook_with_a_wrong_byte_is_read_or_refused(name: str, tmp_path: Path) -> None:
    """Wherever the byte stands: in a part, in its checksum, in the list of parts, in what holds them together."""
    data, read, refused = (HERE / name).read_bytes(), 0, set[str]()
    for at in range(0, len(data), 29):
        scratch, path = tmp_path / str(at), tmp_path / "book.xlsx"
        scratch.mkdir()
        path.write_bytes(data[:at] + bytes([data[at] ^ 0x5A]) + data[at + 1 :])
        try:
            read += bool(Xlsx().open(None, path, NO_MAPPING, scratch).columns)
        except ShopkeeperError as error:
            refused.add(error.key)
    assert read > 0
    assert "file_damaged" in refused


def test_a_few_mutations_are_accounted_for() -> None:
    """A file with wrong bytes is refused by a sentence with nothing stored, or read = kept + duplicate + quarantined;
    the lake has what was kept, and the quarantine what was held, each with its text."""
    counts = run(range(120))
    assert sum(counts.values()) == 120
    assert counts["kept"] > 5
    assert counts["held"] > 5


@pytest.mark.slow
@pytest.mark.timeout(14_400)
def test_ten_thousand_mutations_are_accounted_for(record_property: Callable[[str, object], None]) -> None:
    """The same of 10,000 files."""
    counts = run(range(1_000, 11_000))
    assert sum(counts.values()) == 10_000
    record_property("files", sum(counts.values()))
    record_property("refused", sum(counts.values()) - counts["kept"] - counts["held"])
