"""Laws of backups: whole or not there, as of one moment, checked byte by byte, and the erased stay erased."""

import json
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from running import Server, new_shop, serving, shopkeeper
from small_shop import build

from shopkeeper.core.errors import DataError, NotFound, SettingsError
from shopkeeper.data.backup import PAGE, read_page
from shopkeeper.data.model_store import ModelStore
from shopkeeper.settings import FILE
from shopkeeper.shop import Shop, backups, people

BACKUPS = 6


def _events(batch: int) -> list[dict[str, Any]]:
    return [
        {"id": f"b{batch}-{place}", "action": "product_view", "visitor": f"v{place}", "product": "p1"}
        for place in range(20)
    ]


def _kept(folder: Path) -> list[str]:
    with Shop.open(folder) as shop:
        shop.drain()
        found: list[str] = shop.snapshot().query("SELECT id FROM events").column("id").to_pylist()
        return found


def _load(server: Server, stop: threading.Event, acknowledged: list[int]) -> None:
    batch = 0
    while not stop.is_set():
        if server.post(_events(batch)).status_code == 200:
            acknowledged.append(batch)
        batch += 1


def test_every_backup_under_load_holds_what_was_acknowledged_before_it(tmp_path: Path) -> None:
    """While batches come in and the drain runs all the time, each of several backups restores to every batch that was
    acknowledged before it began, each event once and no batch in halves; and the restored shop takes new events."""
    folder = tmp_path / "shop"
    key = new_shop(folder)
    with (folder / FILE).open("a", encoding="utf-8") as settings:
        settings.write("\n[serve]\ndrain_seconds = 0.05\n")
    acknowledged: list[int] = []
    before: list[int] = []
    with serving(folder, key) as server:
        stop = threading.Event()
        thread = threading.Thread(target=_load, args=(server, stop, acknowledged))
        thread.start()
        for number in range(BACKUPS):
            deadline = time.monotonic() + 60
            while len(acknowledged) < 5 * (number + 1) and time.monotonic() < deadline:
                time.sleep(0.01)
            before.append(len(acknowledged))
            backups.backup(folder, tmp_path / f"backup-{number}")
        stop.set()
        thread.join()
    assert before[-1] >= 5 * BACKUPS
    for number, count in enumerate(before):
        again = tmp_path / f"again-{number}"
        backups.restore(tmp_path / f"backup-{number}", again)
        kept = _kept(again)
        assert len(kept) == len(set(kept))
        assert len(kept) % 20 == 0
        assert set(kept) >= {f"b{batch}-{place}" for batch in acknowledged[:count] for place in range(20)}
        with Shop.open(again) as shop:
            new, old = shop.collect([{**_events(10**6)[0], "id": "new"}, _events(acknowledged[0])[0]])
        assert (new.status, old.status) == ("stored", "duplicate")
        assert "new" in _kept(again)


def test_who_was_erased_since_stays_erased(tmp_path: Path) -> None:
    """With the lost folder's ledger no row of them comes back; without it they are back, and it is said."""
    shop = build(tmp_path / "shop")
    backups.backup(shop.folder, tmp_path / "backup")
    people.erase(shop, "c01")
    shop.close()
    plain = backups.restore(tmp_path / "backup", tmp_path / "plain")
    assert plain.checked_until is None
    found = backups.restore(tmp_path / "backup", tmp_path / "again", ledger=tmp_path / "shop")
    assert found.erased >= 1
    with Shop.open(tmp_path / "plain") as back:
        assert people.export(back, "c01")["order_lines"]
    with Shop.open(tmp_path / "again") as again:
        assert "c01" not in again.models.load(str(again.models.current())).histories.people.tolist()
        with pytest.raises(NotFound):
            people.export(again, "c01")


def test_a_kill_leaves_no_half_backup_and_no_half_shop(tmp_path: Path) -> None:
    """``kill -9`` at a random moment of ``backup`` or ``restore``: the target is whole or not there, and a second try
    works."""
    build(tmp_path / "shop").close()
    rng = random.Random(3)  # noqa: S311 - when to kill, not a secret
    words = (("backup", tmp_path / "backup", "--shop", tmp_path / "shop"),
             ("restore", tmp_path / "backup", "--shop", tmp_path / "again"))  # fmt: skip
    for command, target in zip(words, (tmp_path / "backup", tmp_path / "again"), strict=True):
        for _ in range(3):
            process = subprocess.Popen([sys.executable, "-m", "shopkeeper.apps.cli.main", *map(str, command)])
            part, deadline = target.with_name(target.name + ".part"), time.monotonic() + 60
            while not part.exists() and process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.001)
            time.sleep(rng.uniform(0, 0.05))
            process.send_signal(signal.SIGKILL)
            process.wait(timeout=30)
            if target.exists():
                shutil.rmtree(target)
        done = shopkeeper(*command)
        assert done.returncode == 0, done.stderr
    with Shop.open(tmp_path / "shop") as old, Shop.open(tmp_path / "again") as new:
        sql = "SELECT * FROM order_lines ORDER BY ALL"
        assert old.snapshot().query(sql).equals(new.snapshot().query(sql))
        assert old.models.current() == new.models.current()


def test_a_changed_byte_of_a_backup_is_found_and_named(tmp_path: Path) -> None:
    """Whatever file of a backup is damaged or gone, restoring names it and leaves no shop behind."""
    build(tmp_path / "shop", trained=False).close()
    page = backups.backup(tmp_path / "shop", tmp_path / "backup")
    for name in page.files:
        path = tmp_path / "backup" / name
        data = path.read_bytes()
        path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]) if data else b"x")
        with pytest.raises(DataError) as found:
            backups.restore(tmp_path / "backup", tmp_path / "again")
        assert found.value.facts["file"] == str(path)
        assert not (tmp_path / "again").exists()
        path.write_bytes(data)
    (tmp_path / "backup" / FILE).unlink()
    with pytest.raises(DataError):
        backups.restore(tmp_path / "backup", tmp_path / "again")


def test_backups_refuse_what_would_lose_something(tmp_path: Path) -> None:
    """A folder that exists, one inside the shop, a folder without a backup, a restore over something: one sentence."""
    new_shop(tmp_path / "shop")
    backups.backup(tmp_path / "shop", tmp_path / "backup")
    for target in (tmp_path / "backup", tmp_path / "shop" / "backup"):
        with pytest.raises(SettingsError):
            backups.backup(tmp_path / "shop", target)
    with pytest.raises(SettingsError):
        backups.restore(tmp_path / "backup", tmp_path / "shop")
    (tmp_path / "backup" / PAGE).unlink()
    said = shopkeeper("restore", tmp_path / "backup", "--shop", tmp_path / "new")
    assert (said.returncode, "backup.json" in said.stderr) == (2, True)
    (tmp_path / "backup" / PAGE).write_text("{", "utf-8")
    with pytest.raises(DataError):
        read_page(tmp_path / "backup")


def test_models_are_rebuilt_to_the_same_bytes(tmp_path: Path) -> None:
    """Fitting again from the facts gives every file's hash again; a damaged version is replaced by that."""
    shop = build(tmp_path / "shop")
    version = str(shop.models.current())
    found = backups.rebuild(shop)
    assert set(found.values()) == {"same"}
    assert set(found) == set(shop.models.manifest(version)["files"])
    assert shop.models.current() == version
    shop.close()
    damaged = next(
        path for path in (tmp_path / "shop" / "models" / version).rglob("*.npy") if path.stat().st_size > 200
    )
    damaged.write_bytes(damaged.read_bytes()[:-8])
    said = shopkeeper("rebuild", "--shop", tmp_path / "shop", "--json")
    assert set(json.loads(said.stdout).values()) == {"same"}
    store = ModelStore(tmp_path / "shop" / "models")
    assert store.current() != version
    assert store.load(str(store.current())).models
