"""The corpus of bad input: each file through the shop's own import or its HTTP app, and what must become of it."""

import tempfile
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest
from corpus_cases import Case, cases, faults
from typer.testing import CliRunner

from shopkeeper.apps.cli.main import app
from shopkeeper.shop import Shop
from shopkeeper.shop.importing import import_files

ALL = range(1, 85)
MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108  # nothing of it is kept


@cache
def found_wrong(number: int) -> tuple[str, ...]:
    """What is wrong with the files of one number."""
    wrong = []
    for case in cases():
        if case.id == number:
            with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
                wrong += [f"{case.name}: {fault}" for fault in faults(case, Path(folder))]
    return tuple(wrong)


def _test(number: int, laws: list[Case]) -> Callable[[], None]:
    def test() -> None:
        assert found_wrong(number) == ()

    test.__doc__ = " ".join(dict.fromkeys(case.law for case in laws))
    return test


for _number in ALL:
    _its = [case for case in cases() if case.id == _number]
    _name = _its[0].name[4:].replace("-", "_") if _its else "missing"
    globals()[f"test_{_number:02}_{_name}"] = _test(_number, _its)


def test_the_score_is_84_of_84() -> None:
    """Every number has its files, and every file ends as its table says: counts, lines, columns, reasons, warnings."""
    assert [number for number in ALL if not any(case.id == number for case in cases())] == []
    assert sum(not found_wrong(number) for number in ALL) == 84


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with Shop.create(tmp_path / "shop", name="t", currency="USD", timezone="UTC", language="en") as made:
        yield made


def test_a_terminal_shows_what_it_would_obey(tmp_path: Path) -> None:
    """Escapes and direction marks in a name are written as their numbers, in the preview and where rows are held."""
    folder, file = tmp_path / "shop", tmp_path / "names.csv"
    Shop.create(folder, name="t", currency="USD", timezone="UTC", language="en").close()
    file.write_text("id,name,price\np1,\x1b[31mRed\u202e,1.50\n\x1b[2Jp2,[bold]Tea,1.50\n", "utf-8")
    for words in (("--dry-run", str(file)), (str(file),), ("--quarantine",)):
        told = CliRunner().invoke(app, ["import", "--shop", str(folder), *words], catch_exceptions=False)
        assert told.exit_code == 0, told.output
        assert "\x1b" not in told.output
        assert "\u202e" not in told.output
        assert "--dry-run" not in words or ("\\x1b[31mRed\\u202e" in told.output and "price=1.50 USD" in told.output)


def test_a_held_row_of_a_known_format_keeps_its_own_row(shop: Shop, tmp_path: Path) -> None:
    """Beside the columns that can be fixed and replayed stands the row as the other system wrote it; erasing a person
    erases both."""
    file = tmp_path / "events.csv"
    file.write_text(
        "event_time,event_type,product_id,category_id,category_code,brand,price,user_id,user_session\n"
        "2019-10-01 00:00:00 UTC,view,1,2,a.b,acme,N/A,u77,s-1\n"
        "2019-10-01 00:00:00 UTC,view,1,2,a.b,acme,1.50,u78,s-2\n"
    )
    import_files(shop, [file])
    held = [row for row in shop.quarantine.list() if "u77" in row.raw]
    assert held
    assert all('"category_code":"a.b"' in row.original and '"price":"N/A"' in row.original for row in held)
    shop.quarantine.erase(["u77"])
    assert not [row for row in shop.quarantine.list() if "u77" in row.raw + row.original]
