"""Audiences of a real shop folder: whom a rule fits, what is said of it, who is handed out, what erasure leaves."""

import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from shopkeeper.core.consent import Purpose
from shopkeeper.core.errors import DataError, NotAllowed, NotFound
from shopkeeper.core.ids import PersonKey
from shopkeeper.market.audiences.counting import numbers_of
from shopkeeper.shop import Shop, people
from shopkeeper.shop.audiences import count, export, members_of, rule_of, save
from shopkeeper.shop.importing import import_files
from shopkeeper.shop.people_table import people_file, refresh_people

NOW = datetime(2026, 6, 1, tzinfo=UTC)
PEOPLE = 120


def write(folder: Path) -> dict[str, Path]:
    """c0 … c119: even ones bought Tea twice lately, every third Coffee a year ago, c0-c59 are 35-44, c119 is 16."""
    lines, customers, events = [], [], []
    for number in range(PEOPLE):
        age = "16" if number == 119 else "35-44" if number < 60 else "65+"
        customers.append(
            {"id": f"c{number}", "at": "2025-01-01T00:00:00Z", "attributes": {"age": age, "religion": "x"}}
        )
        days = [5, 12] if number % 2 == 0 else [300]
        for day in days:
            at = (NOW - timedelta(days=day)).isoformat()
            product = "tea" if number % 2 == 0 else "coffee" if number % 3 == 0 else "cup"
            lines.append({"order": f"o{number}-{day}", "at": at, "customer": f"c{number}", "product": product,
                          "quantity": 1, "price": "4.50"})  # fmt: skip
        if number < 30:
            at = (NOW - timedelta(days=3)).isoformat()
            events.append({"id": f"m{number}", "at": at, "action": "mail_open", "customer": f"c{number}"})
    kinds = {"tea": "Drinks", "coffee": "Drinks", "cup": "Kitchen", "test": "Pregnancy tests"}
    known = {"at": "2025-01-01T00:00:00Z", "price": "4.50"}
    products = [{"id": name, "name": name, "category_1": kind, **known} for name, kind in kinds.items()]
    paths = {}
    for kind, rows in (("products", products), ("customers", customers), ("order_lines", lines), ("events", events)):
        paths[kind] = folder / f"{kind}.jsonl"
        paths[kind].write_text("\n".join(json.dumps(row) for row in rows), "utf-8")
    return paths


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("audiences")
    files = write(folder)
    with Shop.create(folder / "shop", name="simulated", currency="EUR", timezone="UTC", language="en") as shop:
        for kind, path in files.items():
            import_files(shop, [path], kind=kind)
        shop.state.consent.record_many([])
        for number in range(PEOPLE):
            given = {Purpose.EMAIL: number % 4 != 2, Purpose.PERSONALISE: True, Purpose.TRAIN: True}
            shop.state.consent.record(PersonKey(f"c{number}"), given, at=NOW)
    return folder / "shop"


@pytest.fixture
def shop(whole: Path) -> Iterator[Shop]:
    with Shop.open(whole, clock=lambda: NOW) as opened:
        yield opened


def fitting(shop: Shop, rule: Any) -> set[int]:
    found = set(numbers_of(members_of(shop, rule_of(shop, rule))).tolist())
    table = people_file(shop).table(["person", "number"]).to_pylist()
    return {int(row["person"][1:]) for row in table if row["number"] in found}


EVEN = {number for number in range(PEOPLE) if number % 2 == 0}
EVERYBODY = set(range(PEOPLE - 1))


@pytest.mark.parametrize(
    ("rule", "wanted"),
    [
        ({"all": []}, EVERYBODY),
        ({"did": "order", "category": "Drinks", "times_at_least": 2, "days": 30}, EVEN),
        ({"did": "order", "product": "tea", "times_at_least": 2, "days": 10}, set()),
        ({"did": "order", "category": "Drinks"}, EVEN | {n for n in EVERYBODY if n % 3 == 0}),
        ({"did": "order", "times_at_most": 1}, EVERYBODY - EVEN),
        ({"not": {"did": "mail_open", "days": 90}}, EVERYBODY - set(range(30))),
        ({"told": "age", "is": "35-44"}, set(range(60))),
        ({"field": "quiet_days", "at_most": 5.5}, EVEN),
        ({"field": "spend", "at_least": 9}, EVEN),
        ({"field": "spend", "at_least": 9.01}, set()),
        ({"any": [{"told": "age", "is": "65+"}, {"did": "mail_open"}]}, set(range(60, 119)) | set(range(30))),
        ({"all": [{"told": "age", "is": "35-44"}, {"not": {"field": "orders", "at_least": 2}}]}, set(range(1, 60, 2))),
        ({"told": "age'] OR 1=1 --", "is": "x"}, set()),
        ({"told": "age", "is": "x' OR '1'='1"}, set()),
        ({"field": "rating_mean", "at_least": 0}, set()),
        ({"not": {"field": "rating_mean", "at_least": 0}}, EVERYBODY),
    ],
)  # fmt: skip
def test_a_rule_fits_whom_it_says(shop: Shop, rule: Any, wanted: set[int]) -> None:
    """Rules over profile fields, registration fields and events in windows fit exactly the planted people; who is
    under age fits none; texts that look like SQL are only texts."""
    assert fitting(shop, rule) == wanted


def test_counts_are_said_in_twenties_with_consent(shop: Shop) -> None:
    """60 people fit, 30 of whom may be mailed: figures are the nearest twenties; few are not said; a rule that leaves
    nobody out of everybody gets everybody's figure."""
    found = count(shop, rule_of(shop, {"did": "order", "category": "Drinks", "days": 30}), Purpose.EMAIL)
    assert (found.everybody, found.matching, found.reachable) == (120, 60, 40)
    few = count(shop, rule_of(shop, {"did": "mail_open", "days": 1}), Purpose.EMAIL)
    assert (few.matching, few.reachable) == (None, None)
    nobody = {"all": [{"told": "age", "is": "35-44"}, {"field": "orders", "at_least": 99}]}
    most = count(shop, rule_of(shop, {"not": nobody}), Purpose.EMAIL)
    assert most.matching == 120


def test_a_list_holds_only_those_who_agreed_and_singles_nobody_out(shop: Shop) -> None:
    """An exported list is exactly those who fit and agreed to its purpose; a withdrawal counts at once; lists of fewer
    than 20, and lists that differ from another audience's by a few, are refused."""
    drinkers = save(shop, "Tea", rule_of(shop, {"did": "order", "product": "tea"}), Purpose.EMAIL)
    found = export(shop, drinkers)
    assert {int(person[1:]) for person in found} == {n for n in EVEN if n % 4 == 0}
    shop.state.consent.record(PersonKey("c0"), {Purpose.EMAIL: False}, at=NOW + timedelta(seconds=1))
    assert "c0" not in export(shop, drinkers)
    opened = {"all": [{"did": "mail_open"}, {"told": "age", "is": "35-44"}]}
    nearly = {"all": [{"did": "order", "product": "tea"}, {"not": opened}]}
    with pytest.raises(NotAllowed, match="audience_isolates"):
        export(shop, save(shop, "Nearly", rule_of(shop, nearly), Purpose.EMAIL))
    for rule, purpose in (
        ({"did": "mail_open"}, Purpose.THIRD_PARTY),
        ({"did": "mail_open", "days": 1}, Purpose.EMAIL),
    ):
        with pytest.raises(NotAllowed, match="audience_too_few"):
            export(shop, save(shop, "Few", rule_of(shop, rule), purpose))
    shop.state.consent.record(PersonKey("c0"), {Purpose.EMAIL: True}, at=NOW + timedelta(seconds=2))


def test_sensitive_products_and_unknown_audiences_are_refused(shop: Shop) -> None:
    """A product of a sensitive category cannot be asked for by id; unknown audiences and empty names are refused."""
    with pytest.raises(NotAllowed, match="audience_sensitive"):
        rule_of(shop, {"did": "order", "product": "test"})
    with pytest.raises(NotFound, match="unknown_audience"):
        export(shop, "a_nothing")
    with pytest.raises(DataError, match="audience_name"):
        save(shop, "  ", rule_of(shop, {"all": []}), Purpose.EMAIL)
    with pytest.raises(NotFound, match="unknown_audience"):
        save(shop, "Like", rule_of(shop, {"like": "a_nothing", "people": 50}), Purpose.EMAIL)


def test_numbers_stay_with_people_and_the_erased_leave(tmp_path: Path, whole: Path) -> None:
    """Made again, the table gives everybody the number they had; an erased customer is in no row and no audience, and
    their number is nobody's."""
    shutil.copytree(whole, tmp_path / "shop")
    with Shop.open(tmp_path / "shop", clock=lambda: NOW) as shop:
        refresh_people(shop)
        before = {row["person"]: row["number"] for row in people_file(shop).table(["person", "number"]).to_pylist()}
        gone = people.erase(shop, "c118")
        assert gone["people"] == 1
        assert b"c118" not in people_file(shop).path.read_bytes()
        refresh_people(shop)
        after = {row["person"]: row["number"] for row in people_file(shop).table(["person", "number"]).to_pylist()}
        assert after == {person: number for person, number in before.items() if person != "c118"}
        assert 118 not in fitting(shop, {"all": []})
