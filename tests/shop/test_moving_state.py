"""Laws of ``state move``: shop.toml names the place that is whole, whenever it is killed, and keeps everything else."""

import json
import signal
import subprocess
import sys
import tomllib
from datetime import UTC, datetime
from pathlib import Path

import pytest

from postgres import PostgreSQL
from shopkeeper.core.consent import Purpose
from shopkeeper.core.errors import SettingsError, Unavailable
from shopkeeper.core.ids import PersonKey
from shopkeeper.settings import FILE, load
from shopkeeper.shop import Shop
from shopkeeper.shop.moving import move_state, write_state_url

URL = 'postgresql://me:"pass\\word"@host/shop'
NOON = datetime(2026, 11, 1, tzinfo=UTC)


def _shop(folder: Path, people: int = 20) -> str:
    """A shop with a key and some consent; the key."""
    with Shop.create(folder, name="Test", currency="CNY", timezone="UTC", language="zh") as shop:
        for number in range(people):
            shop.state.consent.record(PersonKey(f"c{number}"), {Purpose.TRAIN: True}, at=NOON)
        shop.state.ledger.record("erase", ["gone"])
        return shop.state.keys.create("secret", "server")


def _whole(folder: Path, key: str, people: int = 20) -> None:
    with Shop.open(folder) as shop:
        assert shop.state.keys.role_of(key) == "secret"
        assert shop.state.consent.may_train() == sorted(f"c{number}" for number in range(people))
        assert shop.state.ledger.erased(["gone", "c1"]) == {"gone"}


@pytest.mark.parametrize("text", [
    '[shop]\nname = "a"\n', '[state]\n[shop]\nname = "a"\n',
    '[state] # where\n# url = "old"\nurl = "x" # old\n\n[shop]\n',
    '[shop]\nname = """\n[state]\n"""\n', "[[x]]\n  [state]\n  url='y'\n[train]\nurl = 5\n",
])  # fmt: skip
def test_one_line_of_the_settings_changes(tmp_path: Path, text: str) -> None:
    """Whatever stands there, only ``[state] url`` is another one afterwards; every comment and other line stays. Where
    that cannot be had, nothing is written, and it is said which line to write."""
    path = tmp_path / FILE
    path.write_text(text, "utf-8")
    wanted = tomllib.loads(text)
    wanted.setdefault("state", {})["url"] = URL
    if '"""' in text:
        with pytest.raises(SettingsError, match="settings_not_editable"):
            write_state_url(tmp_path, URL)
        assert path.read_text("utf-8") == text
        return
    write_state_url(tmp_path, URL)
    assert tomllib.loads(path.read_text("utf-8")) == wanted
    lost = set(text.splitlines()) - set(path.read_text("utf-8").splitlines())
    assert all(line.strip().startswith("url") for line in lost)
    assert [each.name for each in tmp_path.iterdir()] == [FILE]


def test_there_and_back(tmp_path: Path, postgresql: PostgreSQL) -> None:
    """In PostgreSQL the file is gone and the shop is the same; back in the file the database is empty again."""
    folder, address = tmp_path / "shop", postgresql.address()
    key = _shop(folder)
    moved = move_state(folder, address)
    assert moved.rows["consent"] == 20
    assert load(folder).state.url == address
    assert not list(folder.glob("state.db*"))
    _whole(folder, key)
    assert not list(folder.glob("state.db*"))
    with pytest.raises(SettingsError, match="state_there_already"):
        move_state(folder, address)
    move_state(folder, "")
    _whole(folder, key)
    other = tmp_path / "other"
    _shop(other)
    move_state(other, address)
    third = tmp_path / "third"
    third_key = _shop(third)
    with pytest.raises(SettingsError, match="state_not_empty"):
        move_state(third, address)
    _whole(third, third_key)


def test_it_waits_for_nobody_and_refuses_nonsense(tmp_path: Path) -> None:
    """A shop that is open elsewhere, an address of another kind: one sentence, and nothing changed."""
    folder = tmp_path / "shop"
    key = _shop(folder)
    with Shop.open(folder), pytest.raises(Unavailable, match="shop_locked"):
        move_state(folder, "postgresql://127.0.0.1:9/none")
    with pytest.raises(SettingsError, match="setting_bad") as found:
        move_state(folder, "mysql://root:s3cret@host/shop")
    assert "s3cret" not in str(found.value)
    with pytest.raises(Unavailable, match="state_unreachable"):
        move_state(folder, "postgresql://127.0.0.1:9/none")
    _whole(folder, key)


KILLED = """
import json, os, signal, sys
from pathlib import Path
from sqlalchemy import Engine, event
import psycopg
from shopkeeper.settings import load
from shopkeeper.shop import Shop, moving

folder, url, key = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
found = []

def die_at(point):
    left = [point]

    def die(*_):
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    event.listens_for(Engine, "before_cursor_execute")(die)
    event.listens_for(Engine, "commit")(die)
    for name in ("write_state_url", "_clear"):
        def dying(*words, inner=getattr(moving, name)):
            die()
            inner(*words)
        setattr(moving, name, dying)
    moving.move_state(folder, url)
    os._exit(0)

for point in range(4, 400, 5):
    child = os.fork()
    if child == 0:
        die_at(point)
    ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    with Shop.open(folder) as shop:
        rows = [len(shop.state.consent.may_train()), len(shop.state.ledger.entries())]
        found.append([ended, bool(load(folder).state.url), shop.state.keys.role_of(key), *rows])
    if load(folder).state.url:
        break
print(json.dumps(found))
"""


def test_killed_anywhere_it_can_be_run_again(tmp_path: Path, postgresql: PostgreSQL) -> None:
    """kill -9 at ever later points: each time the shop is whole where shop.toml says, and at last it moves."""
    folder, address = tmp_path / "shop", postgresql.address()
    key = _shop(folder)
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(folder), address, key], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert len(found) >= 6
    assert {tuple(each[2:]) for each in found} == {("secret", 20, 1)}
    assert {each[0] for each in found[:-1]} == {-signal.SIGKILL}
    assert found[-1][1]
    _whole(folder, key)
