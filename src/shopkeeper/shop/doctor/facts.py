"""What a shop keeps: its files, its lake, its models."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

from shopkeeper.core.errors import DataError
from shopkeeper.data.lake import Lake
from shopkeeper.data.model_store import ModelStore
from shopkeeper.data.schema import TABLES
from shopkeeper.data.store.state import FILE
from shopkeeper.settings import Settings
from shopkeeper.shop.doctor.finding import Finding


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


def models(folder: Path, _: Settings) -> Iterator[Finding]:
    """The version that answers is whole."""
    store = ModelStore(folder / "models")
    current = store.current()
    if current is None:
        yield Finding(level="warning", key="no_model")
        return
    bundle = store.load(current)
    yield Finding(level="ok", key="model", facts={"version": current, "models": ", ".join(bundle.models)})
