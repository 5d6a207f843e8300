"""What a shop keeps: its files, its lake, its models."""

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from shopkeeper.core.errors import DataError
from shopkeeper.data.identity import Identity, runs_of
from shopkeeper.data.lake import Lake
from shopkeeper.data.model_store import ModelStore
from shopkeeper.data.schema import TABLES
from shopkeeper.data.store.state import FILE
from shopkeeper.settings import Settings
from shopkeeper.shop.doctor.finding import Finding
from shopkeeper.shop.engines import duck_of

_MOST_CROWDS: Final = 1_000


def files(folder: Path, settings: Settings) -> Iterator[Finding]:
    """The SQLite files are there and whole."""
    for name in ("journal.db", *(() if settings.state.url else (FILE,)), "quarantine.db"):
        path = folder / name
        if not path.is_file():
            yield Finding(level="warning", key="file_missing", facts={"file": name})
            continue
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as con:
            said = con.execute("PRAGMA quick_check(1)").fetchone()[0]
        con.close()
        sound = said == "ok"
        key = "file_ok" if sound else "file_damaged"
        yield Finding(level="ok" if sound else "wrong", key=key, facts={"file": name, "why": said})


def lake(folder: Path, _: Settings) -> Iterator[Finding]:
    """Every table can be read to its last row."""
    tables = Lake(folder / "lake", readonly=True)
    for table in TABLES:
        try:
            tables.check(table)
            with tables.connect(tables=(table,)) as con:
                rows = con.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
        except DataError as error:
            yield Finding(level="wrong", key="lake_damaged", facts=error.facts)
            continue
        yield Finding(level="ok", key="lake_table", facts={"table": table, "rows": f"{rows:,}"})


def identity(folder: Path, settings: Settings) -> Iterator[Finding]:
    """Nobody has grown beyond a person."""
    runs = runs_of(Lake(folder / "lake", readonly=True), duck_of(settings.engine))
    known = Identity(runs=runs, rules=settings.identity)
    counts = {name: f"{count:,}" for name, count in known.counts(datetime.now(UTC)).items()}
    yield Finding(level="ok", key="identity", facts={name: counts[name] for name in ("linked", "browsers")})
    crowds = known.crowds(datetime.now(UTC), _MOST_CROWDS)
    if crowds:
        count = f"{len(crowds):,}" if len(crowds) < _MOST_CROWDS else f"{_MOST_CROWDS:,}+"
        yield Finding(level="warning", key="identity_crowd", facts={"count": count, **crowds[0]})


def models(folder: Path, _: Settings) -> Iterator[Finding]:
    """The version that answers is whole."""
    store = ModelStore(folder / "models")
    current = store.current()
    if current is None:
        yield Finding(level="warning", key="no_model")
        return
    bundle = store.load(current)
    yield Finding(level="ok", key="model", facts={"version": current, "models": ", ".join(bundle.models)})
