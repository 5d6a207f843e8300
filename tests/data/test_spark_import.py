"""The law of an import on Spark: a folder of files leaves in the shop what its files leave that one machine reads."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pa_compute
import pyarrow.parquet as pq
import pytest
from pyarrow import csv

from odd_cells import odd_rows
from shopkeeper.core.consent import Purpose
from shopkeeper.core.errors import DataError
from shopkeeper.data.account import Account
from shopkeeper.data.cleaning.columns import Kind
from shopkeeper.data.importing import Importer
from shopkeeper.data.lake import Lake
from shopkeeper.data.quarantine import Quarantine
from shopkeeper.data.rows import LINE, identifier
from shopkeeper.data.schema import TABLES, lake_types, table_of
from shopkeeper.data.spark import SparkBatch
from shopkeeper.data.spark_import import SparkImporter
from shopkeeper.shop import Shop
from shopkeeper.shop.importing import import_files
from two_engines import MARKS

NOW = datetime(2026, 11, 24, tzinfo=UTC)
SPARK = SparkBatch(master="local[2]", memory="1GB")
ELSEWHERE = ("source", "received_at")
"""Lake columns that say when and from where."""

pytestmark = MARKS


def _importer(folder: Path) -> Importer:
    folder.mkdir()
    return Importer(
        lake=Lake(folder / "lake"), quarantine=Quarantine(folder / "quarantine.db"), timezone="America/New_York",
        clock=lambda: NOW,
    )  # fmt: skip


def _texts(kind: Kind, seed: int, without: tuple[str, ...]) -> pa.Table:
    """Odd rows whose amounts are all with a point, or it would be asked which they are."""
    rows = odd_rows(kind, 300, seed, without).drop_columns([LINE])
    return pa.table({
        name: pa_compute.replace_substring_regex(rows.column(name), ",([0-9]{1,2})$", r".\1")
        for name in rows.column_names
    })  # fmt: skip


def _write(path: Path, rows: pa.Table, *, regular: bool = False) -> None:
    """Parquet, or CSV with a line of too few cells in it. ``regular``: each line of it is a row."""
    if path.suffix == ".parquet":
        pq.write_table(rows, path)
        return
    for name in rows.column_names if regular else ():
        plain = pa_compute.replace_substring_regex(rows.column(name), "[\r\n]", " ")
        rows = rows.set_column(rows.column_names.index(name), name, plain)
    csv.write_csv(rows, path, csv.WriteOptions(quoting_style="all_valid"))
    if regular:
        lines = path.read_bytes().split(b"\n")
        path.write_bytes(b"\n".join([*lines[:70], b'"short"', *lines[70:]]))


def _stored(importer: Importer, kind: Kind) -> list[str]:
    """What the lake holds of a kind."""
    named = [name for name in lake_types(kind) if name not in ELSEWHERE]
    with importer.lake.connect() as con:
        rows = con.sql(f"SELECT {', '.join(map(identifier, named))} FROM {kind}").to_arrow_table().to_pylist()
    return sorted(map(repr, rows))


def _held(importer: Importer) -> list[Any]:
    rows = importer.quarantine.list(limit=100_000)
    return sorted(
        (Path(row.file).name, row.line or 0, row.reason, row.column, row.raw, sorted(row.facts.items())) for row in rows
    )


def _counts(accounts: Sequence[Account]) -> tuple[int, ...]:
    fields = ("read", "kept", "duplicate", "quarantined", "orders")
    return tuple(sum(getattr(one, name) for one in accounts) for name in fields)


@pytest.mark.parametrize(("kind", "without", "ends"), [
    ("prices", (), ("csv", "parquet")),
    pytest.param("events", ("id",), ("csv", "parquet"), marks=pytest.mark.slow),
    pytest.param("events", (), ("parquet",), marks=pytest.mark.slow),
    pytest.param("order_lines", ("event",), ("csv",), marks=pytest.mark.slow),
    pytest.param("products", (), ("csv",), marks=pytest.mark.slow),
    pytest.param("customers", (), ("parquet",), marks=pytest.mark.slow),
    pytest.param("competitor_prices", (), ("csv",), marks=pytest.mark.slow),
    pytest.param("attributes", (), ("csv",), marks=pytest.mark.slow),
])  # fmt: skip
def test_a_folder_is_what_its_files_are(
    tmp_path: Path, kind: Kind, without: tuple[str, ...], ends: Sequence[str]
) -> None:
    """The lake, the quarantine with its lines and words, and the account are those of the same files one by one; taken
    again, nothing is new."""
    folder = tmp_path / "history"
    folder.mkdir()
    first = _texts(kind, 20, without)
    for number, end in enumerate(ends):
        rows = pa.concat_tables([first.slice(0, 50), _texts(kind, 21, without).slice(0, 300)]) if number else first
        _write(folder / f"{number}.{end}", rows, regular=number == 0)
    here, there = _importer(tmp_path / "here"), _importer(tmp_path / "there")
    if kind in ("events", "order_lines"):
        for one in (here, there):
            known = dict.fromkeys(TABLES["products"].names) | {"id": "P1", "at": NOW}
            one.lake.append("products", table_of("products", [known]), key="t")
    one_by_one = [account for file in sorted(folder.iterdir()) for account in here.take(file, kind)]
    (account,) = SparkImporter(importer=there, batch=SPARK).take(folder, kind)
    assert {one.key for one in account.warnings} == {one.key for its in one_by_one for one in its.warnings}
    assert _counts([account]) == _counts(one_by_one)
    assert account.kept > 20
    assert account.quarantined > 50
    assert _stored(there, kind) == _stored(here, kind)
    assert _stored(there, "events") == _stored(here, "events")
    assert _held(there) == _held(here)
    (again,) = SparkImporter(importer=there, batch=SPARK).take(folder, kind)
    assert (again.kept, again.read) == (0, account.read)


def test_a_line_in_two_rows(tmp_path: Path) -> None:
    """A file whose cells have line ends in them is read too, its rows under their physical lines; a decimal comma and a
    currency's sign, which the first file shows, hold for all."""
    folder = tmp_path / "prices"
    folder.mkdir()
    for number in range(3):
        lines = "".join(f'"p{number}\n{n}";2026-11-0{1 + n};"{n},5{number} €"\n' for n in range(3))
        (folder / f"{number}.csv").write_text(f"product;at;price\n{lines}p;never;1,00 €\n", "utf-8")
    here, there = _importer(tmp_path / "here"), _importer(tmp_path / "there")
    one_by_one = [account for file in sorted(folder.iterdir()) for account in here.take(file, "prices")]
    (account,) = SparkImporter(importer=there, batch=SPARK).take(folder)
    assert _counts([account]) == _counts(one_by_one)
    assert account.quarantined == 12
    assert _held(there) == _held(here)


def test_a_folder_that_cannot_be_read(tmp_path: Path) -> None:
    """Files of other columns, and none at all, are an error, and nothing is stored."""
    folder, shop = tmp_path / "mixed", _importer(tmp_path / "shop")
    folder.mkdir()
    with pytest.raises(DataError, match="folder_empty"):
        SparkImporter(importer=shop, batch=SPARK).take(folder)
    (folder / "a.csv").write_text("product,at,price\np,2026-11-01,5\n")
    (folder / "b.csv").write_text("product,at,cost\np,2026-11-01,5\n")
    with pytest.raises(DataError, match="columns_differ"):
        SparkImporter(importer=shop, batch=SPARK).take(folder)
    assert _stored(shop, "prices") == _held(shop) == []
    assert list((tmp_path / "shop" / "tmp").iterdir()) == []


@pytest.mark.slow
def test_a_folder_brings_its_consent(tmp_path: Path) -> None:
    """By two lines of shop.toml a folder is one import with one account; who is named in it agreed to what was said."""
    Shop.create(tmp_path / "shop", name="t", currency="USD", timezone="UTC", language="en").close()
    with (tmp_path / "shop" / "shop.toml").open("a", encoding="utf-8") as settings:
        settings.write('\n[batch]\nengine = "spark"\nmaster = "local[2]"\n')
    folder = tmp_path / "history"
    folder.mkdir()
    for number in (1, 2, 3):
        (folder / f"{number}.csv").write_text(
            f"at,action,visitor\n2026-11-0{number},page_view,v{number}\nx,,\n", "utf-8"
        )
    with Shop.open(tmp_path / "shop") as shop:
        ((name, account),) = import_files(shop, [folder], purposes=[Purpose.TRAIN], consent_source="form")
        assert (name, account.read, account.kept, account.quarantined) == ("history", 6, 3, 3)
        assert {(Path(row.file).name, row.line) for row in shop.quarantine.list()} == {
            (f"{number}.csv", 3) for number in (1, 2, 3)
        }
        assert sorted(shop.state.consent.allowing(Purpose.TRAIN)) == [f"visitor:v{number}" for number in (1, 2, 3)]
        ((_, account),) = import_files(shop, [folder], purposes=[Purpose.EMAIL], consent_source="form")
        assert (account.kept, account.duplicate) == (0, 3)
        assert len(shop.state.consent.allowing(Purpose.EMAIL)) == 3
