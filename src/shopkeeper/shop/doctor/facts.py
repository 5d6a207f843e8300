"""What a shop keeps: its files, its lake, its models."""

from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from shopkeeper.core.errors import DataError
from shopkeeper.data import belonging
from shopkeeper.data.identity import Identity, runs_of
from shopkeeper.data.lake import Lake
from shopkeeper.data.model_store import ModelStore
from shopkeeper.data.row_sums import reading, tables_of, verify
from shopkeeper.data.schema import TABLES
from shopkeeper.data.seen import SUMS
from shopkeeper.data.store.state import FILE, State
from shopkeeper.data.store.tables import SUMMED
from shopkeeper.settings import Settings
from shopkeeper.shop.doctor.finding import Finding
from shopkeeper.shop.engines import duck_of

_MOST_CROWDS: Final = 1_000


_ROWS: Final[Mapping[str, tuple[str, ...]]] = {
    "journal.db": ("entries", "seen"), "quarantine.db": ("held", "imports"),
    FILE: tuple(table.name for table in SUMMED),
}  # fmt: skip
"""The tables without which a file is not what it is called."""


def files(folder: Path, settings: Settings) -> Iterator[Finding]:
    """The SQLite files are there, whole, and every row is as it was written."""
    for name in _ROWS:
        if name == FILE and settings.state.url:
            continue
        if not (folder / name).is_file():
            yield Finding(level="warning", key="file_missing", facts={"file": name})
            continue
        yield from _file(folder / name)


def _file(path: Path) -> Iterator[Finding]:
    facts = {"file": path.name}
    with reading(path) as con:
        said = con.execute("PRAGMA integrity_check(1)").fetchone()[0]
        if said != "ok":
            yield Finding(level="wrong", key="file_damaged", facts={**facts, "why": said})
            return
        summed = tables_of(con)
        if summed and set(_ROWS[path.name]) - set(summed):
            missing = sorted(set(_ROWS[path.name]) - set(summed))
            yield Finding(level="wrong", key="file_damaged", facts={**facts, "why": ", ".join(missing)})
            return
        wrong = False
        for table in summed:
            try:
                verify(con, path.name, {table: SUMS.get(table)})
            except DataError as error:
                wrong = True
                yield Finding(level="wrong", key="row_damaged", facts=error.facts)
    if not wrong:
        yield Finding(level="ok", key="file_ok", facts=facts)


def together(folder: Path, settings: Settings) -> Iterator[Finding]:
    """The files are those of this shop, and the journal goes on where the lake stands."""
    if settings.state.url:
        with closing(State(settings.state.url)) as state:
            belonging.check_state(folder, state)
    elif (folder / FILE).is_file():
        belonging.check_file(folder)
    belonging.check_journal(folder, Lake(folder / "lake", readonly=True))
    yield Finding(level="ok", key="together")


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
