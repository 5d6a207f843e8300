"""Laws of who is whom in a real shop: signing in joins two pasts at once and everywhere, unlinking parts them."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from small_shop import build
from typer.testing import CliRunner

from shopkeeper.apps.cli.main import app
from shopkeeper.core.consent import Purpose
from shopkeeper.core.ids import PersonKey
from shopkeeper.shop import Shop, people
from shopkeeper.shop.browsers import browsers_of, relink, unlink
from shopkeeper.shop.doctor import examine
from shopkeeper.shop.profile import profile_of
from shopkeeper.shop.training import train

GIVEN = {Purpose.PERSONALISE: True, Purpose.TRAIN: True}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    shop = build(tmp_path_factory.mktemp("identity") / "shop", trained=False)
    train(shop, judged=False)
    shop.close()
    return shop.folder


@pytest.fixture
def shop(folder: Path) -> Iterator[Shop]:
    with Shop.open(folder) as opened:
        yield opened


def _told(shop: Shop, *events: dict[str, Any]) -> None:
    verdicts = shop.collect([dict(event) for event in events])
    assert [verdict.status for verdict in verdicts] == ["stored"] * len(events)


def _view(shop: Shop, name: str, minutes_ago: float, product: str = "p39", **who: str) -> dict[str, Any]:
    at = (shop.clock() - timedelta(minutes=minutes_ago)).isoformat()
    return {"id": name, "action": "product_view", "product": product, "at": at, **who}


def _live(shop: Shop, person: str) -> list[str]:
    """The products of the history that the next answer goes by."""
    history = shop.serving.profiles.history(PersonKey(person))
    return [str(shop.serving.catalogue().ids[index]) for index in history.product.tolist()]


def _views(shop: Shop, customer: str) -> int:
    return int(profile_of(shop, customer).behaviour["views"])


def test_signing_in_joins_two_pasts_at_once_and_everywhere(shop: Shop) -> None:
    """What a visitor did before signing in is in the very next answer, in the profile and the export and, after a
    training, still; unlinked it is in none of them, and linked again it is back."""
    before, live = _views(shop, "c04"), len(_live(shop, "c04"))
    shop.state.consent.record(PersonKey("visitor:w4"), GIVEN, at=shop.clock())
    _told(shop, _view(shop, "w4-a", 30, visitor="w4"), _view(shop, "w4-b", 20, visitor="w4"))
    assert _live(shop, "visitor:w4") == ["p39", "p39"]
    _told(shop, {"id": "w4-in", "action": "identify", "visitor": "w4", "customer": "c04"})
    for who in ("c04", "visitor:w4"):
        assert _live(shop, who)[-2:] == ["p39", "p39"]
        assert len(_live(shop, who)) == live + 2
    shop.drain()
    assert _views(shop, "c04") == before + 2
    earlier = shop.snapshot(shop.clock() - timedelta(minutes=15))
    assert earlier.query("SELECT customer FROM events WHERE id = 'w4-a'").to_pylist() == [{"customer": None}]
    assert {row["id"] for row in people.export(shop, "c04")["events"]} >= {"w4-a", "w4-b", "w4-in"}
    (row,) = browsers_of(shop, "c04")
    assert (row["visitor"], row["verdict"], row["customers"]) == ("w4", "linked", 1)
    train(shop, judged=False)
    shop.reload()
    assert len(_live(shop, "c04")) == len(_live(shop, "visitor:w4")) == live + 2
    assert "visitor:w4" not in shop.batch_snapshot().histories().people.tolist()

    unlink(shop, "w4", source="test")
    assert len(_live(shop, "c04")) == live
    assert _live(shop, "visitor:w4") == ["p39", "p39"]
    assert _views(shop, "c04") == before
    assert browsers_of(shop, "c04")[0]["verdict"] == "unlinked"
    assert "w4-a" not in {row["id"] for row in people.export(shop, "c04")["events"]}
    relink(shop, "w4")
    assert len(_live(shop, "c04")) == live + 2
    assert _views(shop, "c04") == before + 2


def test_nothing_is_joined_without_consent_of_both(shop: Shop) -> None:
    """A browser that never agreed to personalisation lends nothing, live or stored; its withdrawal counts at once."""
    before, live = _views(shop, "c05"), len(_live(shop, "c05"))
    _told(shop, _view(shop, "w5-a", 30, visitor="w5"))
    _told(shop, {"id": "w5-in", "action": "identify", "visitor": "w5", "customer": "c05"})
    shop.drain()
    assert (len(_live(shop, "c05")), _views(shop, "c05")) == (live, before)
    assert browsers_of(shop, "c05")[0]["verdict"] == "no_consent"
    _told(shop, {"id": "w5-yes", "action": "consent", "visitor": "w5", "properties": {"personalise": "true"}})
    assert (len(_live(shop, "c05")), _views(shop, "c05")) == (live + 1, before + 1)
    _told(shop, {"id": "w5-no", "action": "consent", "visitor": "w5", "properties": {"personalise": "false"}})
    assert (len(_live(shop, "c05")), _views(shop, "c05")) == (live, before)


def test_people_of_one_browser_are_exported_and_erased_apart(shop: Shop) -> None:
    """Each of two people of a browser is handed what they did in their time; erasing one leaves the other theirs."""
    shop.state.consent.record(PersonKey("visitor:tablet"), GIVEN, at=shop.clock())
    _told(
        shop, _view(shop, "t-1", 50, visitor="tablet"), _view(shop, "t-2", 40, visitor="tablet", customer="c06"),
        _view(shop, "t-3", 30, visitor="tablet"), _view(shop, "t-4", 20, visitor="tablet", customer="c07"),
        _view(shop, "t-5", 10, visitor="tablet"),
    )  # fmt: skip
    assert (_live(shop, "c06")[-3:], _live(shop, "c07")[-2:]) == (["p39"] * 3, ["p39"] * 2)
    shop.drain()

    def handed(customer: str) -> set[str]:
        return {row["id"] for row in people.export(shop, customer)["events"] if row["id"].startswith("t-")}

    assert handed("c06") == {"t-1", "t-2", "t-3"}
    assert handed("c07") == {"t-4", "t-5"}
    people.erase(shop, "c06")
    assert handed("c07") == {"t-4", "t-5"}
    left = shop.snapshot().query("SELECT id FROM seen_events WHERE visitor = 'tablet'").column("id").to_pylist()
    assert sorted(left) == ["t-4", "t-5"]
    assert _live(shop, "c06") == []


def test_the_command_says_who_is_linked_and_keeps_apart(folder: Path) -> None:
    """``identity`` counts browsers by what became of them; ``unlink`` and ``relink`` change that; a wrong id is
    refused; doctor names a browser of too many customers."""
    run = CliRunner().invoke
    with Shop.open(folder) as shop:
        shop.state.consent.record(PersonKey("visitor:w8"), GIVEN, at=shop.clock())
        till = [_view(shop, f"till-{n}", 60 - n, visitor="till", customer=f"c{10 + n}") for n in range(11)]
        _told(shop, _view(shop, "w8-a", 5, visitor="w8", customer="c08"), *till)
        shop.drain()

    def counts() -> dict[str, Any]:
        return dict(json.loads(run(app, ["identity", "--shop", str(folder), "--json"]).stdout))

    first = counts()
    assert first["counts"]["too_many_customers"] == 1
    assert first["crowds"] == [{"kind": "visitor", "id": "till", "others": 11}]
    assert run(app, ["identity", "unlink", "w8", "--shop", str(folder), "--why", "shopper"]).exit_code == 0
    second = counts()
    assert second["counts"]["linked"] == first["counts"]["linked"] - 1
    assert [(row["visitor"], row["source"]) for row in second["unlinked"]] == [("w8", "shopper")]
    assert "till" in run(app, ["identity", "--shop", str(folder)]).stdout
    assert run(app, ["identity", "relink", "w8", "--shop", str(folder)]).exit_code == 0
    assert counts()["counts"] == first["counts"]
    for wrong in (["relink", "w8"], ["unlink", "guest"]):
        assert run(app, ["identity", *wrong, "--shop", str(folder)]).exit_code != 0
    found = [finding for finding in examine(folder) if finding.key == "identity_crowd"]
    assert [(one.level, one.facts["id"], one.facts["others"]) for one in found] == [("warning", "till", 11)]
