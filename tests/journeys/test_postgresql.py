"""A shop whose state lives in a real PostgreSQL: served, cut off from it, exported, erased, saved and brought back."""

import shutil
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from running import secret_key, serving, shopkeeper
from small_shop import build

from postgres import PostgreSQL
from shopkeeper.core.errors import NotFound, SettingsError
from shopkeeper.settings import load
from shopkeeper.shop import Shop, backups, people
from shopkeeper.shop.moving import move_state


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small trained shop."""
    shop = build(tmp_path_factory.mktemp("built") / "shop")
    shop.close()
    return shop.folder


@pytest.fixture
def folder(built: Path, tmp_path: Path, postgresql: PostgreSQL) -> Path:
    """The shop with its state in PostgreSQL."""
    shutil.copytree(built, tmp_path / "shop")
    move_state(tmp_path / "shop", postgresql.address())
    return tmp_path / "shop"


def test_the_server_goes_on_without_its_database(folder: Path, postgresql: PostgreSQL) -> None:
    """While PostgreSQL is away every decision is answered (for whom it cannot know, with the list for everybody) and
    events are accepted; when it is back, people are known again, without a restart."""
    key = secret_key(folder)
    with serving(folder, key) as server:

        def answer(customer: str) -> Any:
            said = server.client.get("/v1/recommendations", params={"customer": customer, "placement": "home"})
            assert said.status_code == 200, said.text
            assert said.json()["items"]
            return said.json()

        assert answer("c01")["personal"]
        server.client.post("/console/login", data={"key": key})
        postgresql.stop(how=3)
        deadline = time.monotonic() + 30
        while answer("c02")["personal"]:  # until the server has noticed: so long it goes by what it last knew
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert [answer(customer)["personal"] for customer in ("c02", "stranger")] == [False, False]
        view = {"id": "while-away", "action": "product_view", "customer": "c01", "product": "p1"}
        assert server.post([view]).status_code == 200
        agreed = {"id": "no", "action": "consent", "customer": "c03", "properties": {"personalise": "false"}}
        assert server.post([agreed]).status_code == 503
        page = server.client.get("/console/customers")
        assert (page.status_code, page.headers["Retry-After"].isdecimal()) == (503, True)
        postgresql.start()
        deadline = time.monotonic() + 30
        while not answer("c02")["personal"]:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert answer("c03")["personal"]
        assert server.post([agreed]).status_code == 200
        assert not answer("c03")["personal"]
        said = shopkeeper("keys", "--shop", folder, "--create", "secret", "--json")
        assert said.returncode == 0, said.stderr


def test_export_and_erasure_reach_the_database(folder: Path, postgresql: PostgreSQL) -> None:
    """What is exported holds the consent; after erasing not a byte of the person is in the tables' files."""
    person = "somebody-recognisable"
    with Shop.open(folder) as shop:
        agreed = {"id": "a1", "action": "consent", "customer": person, "properties": {"train": "true"}}
        assert shop.collect([agreed])[0].status == "stored"
        assert people.export(shop, person)["consent"][0]["given"] is True
        assert person.encode() in postgresql.files()
        assert people.erase(shop, person)["consent"] == 1
        with pytest.raises(NotFound):
            people.export(shop, person)
    assert person.encode() not in postgresql.files()


def test_a_backup_is_whole_without_the_database(folder: Path, tmp_path: Path, postgresql: PostgreSQL) -> None:
    """Restored into an empty database, into the one that outlived the folder, beside the living shop as a file: each
    has keys, consent and the erased of since; into the database of another shop: refused, and nothing is there."""
    key, url = secret_key(folder), load(folder).state.url
    backups.backup(folder, tmp_path / "backup")
    assert (tmp_path / "backup" / "state.db").is_file()
    with Shop.open(folder) as shop:
        people.erase(shop, "c01")
    fresh = postgresql.address()
    empty = backups.restore(tmp_path / "backup", tmp_path / "empty", state=fresh)
    assert empty.checked_until is None
    beside = backups.restore(tmp_path / "backup", tmp_path / "beside", state="")
    assert beside.checked_until is None
    survived = backups.restore(tmp_path / "backup", tmp_path / "survived")
    assert survived.erased >= 1
    ledger = backups.restore(tmp_path / "backup", tmp_path / "ledger", state=postgresql.address(), ledger=folder)
    assert ledger.erased >= 1
    for name, place, gone in (
        ("empty", fresh, False),
        ("beside", "", False),
        ("survived", url, True),
        ("ledger", None, True),
    ):
        with Shop.open(tmp_path / name) as shop:
            assert place is None or shop.settings.state.url == place
            assert (shop.folder / "state.db").exists() is (place == "")
            assert shop.state.keys.role_of(key) == "secret"
            assert ("c02" in shop.state.consent.may_train(), "c01" in shop.state.consent.may_train()) == (
                True,
                not gone,
            )
    stranger = postgresql.address()
    Shop.create(tmp_path / "other", name="x", currency="CNY", timezone="UTC", language="en").close()
    with Shop.open(tmp_path / "other") as other:
        assert other.state.keys.identity_secret
    move_state(tmp_path / "other", stranger)
    with pytest.raises(SettingsError, match="state_of_another_shop"):
        backups.restore(tmp_path / "backup", tmp_path / "refused", state=stranger)
    assert not (tmp_path / "refused").exists()


def test_keys_and_moments_are_those_of_before(folder: Path) -> None:
    """A key made at a moment says that moment, whichever engine keeps it."""
    before = datetime.now(UTC)
    with Shop.open(folder) as shop:
        shop.state.keys.create("secret", "now")
        made = shop.state.keys.list()[-1].created_at
    assert before <= made <= datetime.now(UTC)
