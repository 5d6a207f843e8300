"""Laws of what killed processes leave: the next that opens the shop takes it away, and nothing that is anybody's."""

import os
import time
from pathlib import Path

import pytest

from shopkeeper.core.errors import Unavailable
from shopkeeper.data import delta_log
from shopkeeper.data.lake import Lake
from shopkeeper.data.schema import TABLES, table_of
from shopkeeper.shop import Shop

DAY = 86_400


def _left(folder: Path) -> list[Path]:
    """An import that was killed: its scratch folder, and files that no commit knows in tables small and large."""
    scratch = folder / "tmp" / "i_left"
    scratch.mkdir()
    left = [scratch / "duckdb_temp_storage-0.tmp", *(folder / "lake" / name / "part_left.parquet" for name in TABLES)]
    for path in left:
        path.write_bytes(b"half a file")
    return left


def _age(path: Path, seconds: float) -> None:
    os.utime(path, (time.time() - seconds,) * 2)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with Shop.create(tmp_path / "shop", name="t", currency="USD", timezone="UTC", language="en") as shop:
        shop.collect([{"id": "e1", "action": "page_view", "visitor": "v1"}])
        shop.drain()
    return tmp_path / "shop"


def test_a_killed_import_leaves_nothing(folder: Path) -> None:
    """Opening for reading takes nothing away, opening for writing all of it; facts stay."""
    left = _left(folder)
    with Shop.open(folder, readonly=True):
        assert all(path.exists() for path in left)
    with Shop.open(folder) as shop:
        assert not any(path.exists() for path in left)
        assert list((folder / "tmp").iterdir()) == []
        assert len(shop.snapshot().query("SELECT id FROM events")) == 1


@pytest.mark.parametrize("who", ["staging", "rewriting"])
def test_what_somebody_works_on_stays(folder: Path, who: str) -> None:
    """While another process imports or erases, its files are not leftovers, and opening does not wait for it."""
    left = _left(folder)
    with getattr(Lake(folder / "lake", readonly=True), who)(), Shop.open(folder):
        assert all(path.exists() for path in left)
    Shop.open(folder).close()
    assert not any(path.exists() for path in left)


def test_of_other_things_only_the_old_go(folder: Path) -> None:
    """A backup, a rebuild or a query that runs keeps what it writes; what was not touched for a day goes, but the log
    of the last training."""
    old, young, log = folder / "tmp" / "backup_old", folder / "tmp" / "backup_young", folder / "tmp" / "training.log"
    for place in (old, young):
        place.mkdir()
        (place / "file").write_bytes(b"x")
    for path in (old / "file", old, young, log):
        path.touch()
        _age(path, 2 * DAY)
    Shop.open(folder).close()
    assert {path.name for path in (folder / "tmp").iterdir()} == {"backup_young", "training.log"}


def test_a_disk_that_refuses_does_not_keep_the_shop_closed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What could not be taken away is in nobody's way."""

    def refuses(*_: object, **__: object) -> int:
        raise OSError("read-only")

    _left(folder)
    monkeypatch.setattr(Lake, "sweep", refuses)
    with Shop.open(folder) as shop:
        assert len(shop.snapshot().query("SELECT id FROM events")) == 1


def test_the_lakes_log_keeps_a_day(tmp_path: Path) -> None:
    """Versions that a checkpoint holds go a day later, and of checkpoints the newest two stay; the table, read anew, is
    the same, and so is what it is told."""
    lake = Lake(tmp_path / "lake")
    log = tmp_path / "lake" / "prices" / "_delta_log"
    rows = table_of("prices", [dict.fromkeys(TABLES["prices"].names) | {"product": "p1"}])

    def commits(first: int) -> None:
        for number in range(first, first + delta_log.CHECKPOINT_EVERY):
            lake.append("prices", rows, key="t", number=number)

    commits(1)
    young = {path.name for path in log.glob("[0-9]*.json")}
    assert len(young) == delta_log.CHECKPOINT_EVERY + 1
    for path in log.iterdir():
        _age(path, 2 * DAY)
    commits(delta_log.CHECKPOINT_EVERY + 1)
    versions = sorted(int(path.stem) for path in log.glob("[0-9]*.json"))
    assert versions == list(range(delta_log.CHECKPOINT_EVERY + 1, 2 * delta_log.CHECKPOINT_EVERY + 1))
    again = Lake(tmp_path / "lake")
    again.check("prices")
    assert len(again.files("prices")) == 2 * delta_log.CHECKPOINT_EVERY
    assert again.landed("prices", "t") == 2 * delta_log.CHECKPOINT_EVERY
    assert not again.append("prices", rows, key="t", number=2 * delta_log.CHECKPOINT_EVERY)
    lake = again
    commits(2 * delta_log.CHECKPOINT_EVERY + 1)
    copies = sorted(int(path.name[:20]) for path in log.glob("*.checkpoint*"))
    assert copies == [2 * delta_log.CHECKPOINT_EVERY, 3 * delta_log.CHECKPOINT_EVERY]
    assert len(Lake(tmp_path / "lake").files("prices")) == 3 * delta_log.CHECKPOINT_EVERY


def test_a_shop_that_is_open_is_not_tidied(folder: Path) -> None:
    """Who may not write takes nothing away."""
    with Shop.open(folder):
        left = _left(folder)
        with pytest.raises(Unavailable, match="shop_locked"):
            Shop.open(folder)
        assert all(path.exists() for path in left)
