"""Profiles of a real shop folder: three groups, as of any day, traceable, never guessed; odd shops have an answer."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from shopkeeper.core.consent import Purpose
from shopkeeper.core.errors import NotFound, SettingsError
from shopkeeper.core.ids import PersonKey
from shopkeeper.data.schema import TABLES, table_of
from shopkeeper.features.tables import PROFILE
from shopkeeper.shop import Shop
from shopkeeper.shop.importing import import_files, record_third_party
from shopkeeper.shop.profile import evidence, moment_of, profile_of
from shopkeeper.shop.profile_facts import evidence_facts, profile_facts
from shopkeeper.shop.profiles import write_profiles

NOW = datetime(2026, 6, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def add(shop: Shop, table: str, *rows: dict[str, Any]) -> None:
    blank = dict.fromkeys(TABLES[table].names)
    shop.lake.append(table, table_of(table, [blank | row for row in rows]), key=f"{table}-{rows[0]!r}"[:80])


def line(customer: str, order: str, day: float, **more: Any) -> dict[str, Any]:
    known = {"customer": customer, "order_id": order, "line": 1, "product": "tea", "quantity": 1.0, "price_minor": 500,
             "currency": "EUR", "at": NOW - day * DAY, "received_at": NOW - day * DAY}  # fmt: skip
    return known | more


def act(person: dict[str, str], number: int, day: float, action: str, **more: Any) -> dict[str, Any]:
    at = NOW - day * DAY
    return {"id": f"a{number}", "at": at, "received_at": at, "action": action, **person, **more}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("profiles")
    with Shop.create(folder / "shop", name="simulated", currency="EUR", timezone="UTC", language="en") as shop:
        shop.clock = lambda: NOW
        goods = {"category_1": "Drinks", "brand": "A", "price_minor": 500, "currency": "EUR", "at": NOW - 400 * DAY}
        add(shop, "products", {"id": "tea", "name": "Tea", **goods}, {"id": "cup", "name": "Cup", **goods})
        told = json.dumps({"age_band": "35-44", "city": "杭州", "tag.radar.interest": "tea"})
        old = {"id": "c1", "registered_at": NOW - 400 * DAY, "name": "Wang", "email": "w@example.org"}
        add(shop, "customers",
            {**old, "attributes": json.dumps({"city": "上海"}), "at": NOW - 300 * DAY, "source": "crm"},
            {**old, "attributes": told, "at": NOW - 20 * DAY, "source": "crm"},
            {"id": "bare", "at": NOW - 20 * DAY})  # fmt: skip
        add(shop, "order_lines", line("c1", "o1", 100), line("c1", "o2", 40, discount_minor=100),
            line("c1", "o3", 5, product="cup"), line("c1", "o3", 2, product="cup", quantity=-1.0),
            line("c1", "o4", -3), line("yen", "o5", 9, currency="JPY", price_minor=9_000),
            line("rich", "o6", 9, price_minor=99_000_000_000, quantity=1000.0))  # fmt: skip
        me, browser = {"customer": "c1"}, {"visitor": "v1"}
        add(shop, "events", act(me, 1, 4, "search", query=" Green Tea"), act(me, 2, 4, "search", query="green tea"),
            act(me, 3, 4, "product_view", product="tea", dwell_seconds=30.0),
            act(me, 4, 1, "review", product="cup", text="不好用，后悔了"),
            act(me, 5, -2, "product_view", product="tea"), act(browser, 6, 3, "product_view", product="tea"),
            act(browser, 7, 3, "page_view", path="/sale", channel="app"))  # fmt: skip
        for name, value, day in (("followers", "120", 30), ("followers", "150", 10), ("interest", "running", 10)):
            add(shop, "attributes", {"customer": "c1", "name": name, "value": value, "origin": "radar",
                                     "consent_source": "form 7", "at": NOW - day * DAY})  # fmt: skip
        shop.state.consent.record(PersonKey("c1"), {Purpose.THIRD_PARTY: True}, at=NOW - 30 * DAY, source="form 7")
        yield shop


def test_three_groups(shop: Shop) -> None:
    """What was told, done and said by others stand apart; no contact field is in them, no tag among what was told."""
    found = profile_of(shop, "c1")
    assert found.basic == {"registered_at": (NOW - 400 * DAY).isoformat(), "age_band": "35-44", "city": "杭州"}
    assert found.behaviour["orders"] == 3
    assert found.behaviour["days_between_orders"] == pytest.approx(47.5)
    assert found.behaviour["return_rate"] == pytest.approx(1 / 3)
    assert found.behaviour["dwell_seconds"] == 30.0
    assert (found.behaviour["sessions"], found.behaviour["review_tone"]) == (2, -1.0)
    assert [(row["words"], row["times"]) for row in found.searches] == [("green tea", 2)]
    assert {each.habit for each in found.habits} >= {"hour", "weekday", "category", "brand", "discount", "return"}
    assert [(tag.name, tag.value, tag.source, tag.consent) for tag in found.tags] == [
        ("followers", "150", "radar", "form 7"), ("interest", "running", "radar", "form 7"),
        ("interest", "tea", "radar", ""),
    ]  # fmt: skip


def test_what_others_say_needs_consent(shop: Shop) -> None:
    """Somebody who did not agree to third parties has an empty third group, which says so; withdrawing empties it."""
    assert (profile_of(shop, "rich").tags, profile_of(shop, "rich").tags_allowed) == ([], False)
    shop.state.consent.record(PersonKey("c1"), {Purpose.THIRD_PARTY: False}, at=NOW - DAY, source="page")
    assert (profile_of(shop, "c1").tags, profile_of(shop, "c1").tags_allowed) == ([], False)
    shop.state.consent.record(PersonKey("c1"), {Purpose.THIRD_PARTY: True}, at=NOW, source="page")
    assert profile_of(shop, "c1").tags_allowed


def test_nobody_is_profiled_who_said_no(shop: Shop) -> None:
    """Somebody who said no to personalisation keeps what they told and bought; habits, likings, searches and looks are
    not read, and the profile says so. Taken back, they are there again."""
    before = profile_of(shop, "c1")
    shop.state.consent.record(PersonKey("c1"), {Purpose.PERSONALISE: False}, at=NOW - DAY, source="page")
    found = profile_of(shop, "c1")
    assert (found.habits, found.categories, found.usual, found.searches) == ([], [], [], [])
    assert (found.behaviour["orders"], found.basic) == (before.behaviour["orders"], before.basic)
    assert (found.behaviour["review_tone"], found.behaviour["sessions"]) == (None, None)
    assert profile_facts(found, "EUR")["behaviour"]["profiled"] is False
    shop.state.consent.record(PersonKey("c1"), {Purpose.PERSONALISE: True}, at=NOW, source="page")
    assert profile_of(shop, "c1") == before


def test_any_day_of_the_past(shop: Shop) -> None:
    """As of a day: the registration of then, the orders until then, the tags of then, and nobody before they came."""
    then = profile_of(shop, "c1", at=NOW - 35 * DAY)
    assert (then.basic["city"], then.behaviour["orders"], then.behaviour["recency_days"]) == ("上海", 2, 5.0)
    assert then.tags == []
    assert [tag.value for tag in profile_of(shop, "c1", at=NOW - 15 * DAY).tags if tag.name == "followers"] == ["120"]
    with pytest.raises(NotFound):
        profile_of(shop, "c1", at=NOW - 500 * DAY)


def test_a_reading_is_as_it_was(shop: Shop) -> None:
    """What is read of an earlier day is what was read on that day: later facts change nothing in it."""
    clock, shop.clock = shop.clock, lambda: NOW - 35 * DAY
    on_the_day = profile_facts(profile_of(shop, "c1", at=shop.clock()), "EUR")
    shop.clock = clock
    assert profile_facts(profile_of(shop, "c1", at=NOW - 35 * DAY), "EUR") == on_the_day


def test_the_future_is_not_seen(shop: Shop) -> None:
    """An order and a view that a wrong clock dates after now count from their moment on, not before."""
    now, later = profile_of(shop, "c1"), profile_of(shop, "c1", at=NOW + 5 * DAY)
    assert (now.behaviour["orders"], now.behaviour["views"]) == (3, 1)
    assert (later.behaviour["orders"], later.behaviour["views"]) == (4, 2)
    assert now.behaviour["recency_days"] >= 0


def test_visitors_have_a_profile(shop: Shop) -> None:
    """A browser whose person nobody knows has behaviour, nothing told, and evidence."""
    found = profile_of(shop, "visitor:v1")
    assert (found.basic, found.behaviour["views"], found.behaviour["pages"]) == ({}, 1, 1)
    assert evidence(shop, "visitor:v1", "views").rows[0]["name"] == "Tea"
    assert [(each.habit, each.value) for each in found.habits] == [("channel", "app")]


def test_missing_demographics_stay_missing(shop: Shop) -> None:
    """Of somebody who registered without a field and did nothing, nothing is known and nothing is made up."""
    found = profile_of(shop, "bare")
    assert found.basic == {}
    assert (found.habits, found.searches, found.categories) == ([], [], [])
    assert set(found.behaviour.values()) == {None}
    json.dumps(profile_facts(found, "EUR"), default=str, allow_nan=False)


def test_other_currencies_are_left_out_and_great_sums_are_exact(shop: Shop) -> None:
    """Money of another currency is no money here; 99 billion in minor units times a thousand is added exactly."""
    assert (profile_of(shop, "yen").behaviour["orders"], profile_of(shop, "yen").behaviour["monetary_minor"]) == (1, 0)
    assert profile_of(shop, "rich").behaviour["monetary_minor"] == 99_000_000_000_000


def test_each_number_leads_to_its_events(shop: Shop) -> None:
    """Every address in the JSON names a field that can be asked, and the rows are the customer's own."""
    facts = profile_facts(profile_of(shop, "c1"), "EUR")
    for name, number in facts["behaviour"]["numbers"].items():
        assert number["events"], name
        assert f"field={name}&" in number["events"]
        assert evidence(shop, "c1", name).total >= (1 if number["value"] else 0)
    for habit in facts["behaviour"]["habits"]:
        assert evidence(shop, "c1", habit["habit"], value=habit["value"]).total >= habit["acts"]
    words = evidence_facts(evidence(shop, "c1", "search_words", value="green tea"), "c1")
    assert [row["event"] for row in words["rows"]] == ["a1", "a2"]


def test_what_cannot_be_asked(shop: Shop) -> None:
    """An unknown number, person or moment is said to be that."""
    with pytest.raises(SettingsError, match="shoe_size"):
        evidence(shop, "c1", "shoe_size")
    with pytest.raises(NotFound):
        evidence(shop, "nobody", "orders")
    with pytest.raises(SettingsError, match="yesterday"):
        moment_of("yesterday", "--as-of")
    assert moment_of("2026-06-01", "--as-of") == NOW
    assert moment_of("", "--as-of") is None


def test_everybody_s_tables_are_everybody_s_profiles(shop: Shop, tmp_path: Path) -> None:
    """The Parquet files hold one row of numbers a person, and each person's numbers are those of their profile."""
    done = write_profiles(shop, tmp_path)
    assert set(done) == set(PROFILE)
    rows = {row["person"]: row for row in pq.read_table(tmp_path / "customer.parquet").to_pylist()}
    assert set(rows) == {"c1", "yen", "rich", "visitor:v1"}
    assert rows["c1"]["orders"] == profile_of(shop, "c1").behaviour["orders"]
    habits = pq.read_table(tmp_path / "customer_habits.parquet").to_pylist()
    mine = [(each.habit, each.value, each.acts) for each in profile_of(shop, "c1").habits]
    assert [(row["habit"], row["value"], row["acts"]) for row in habits if row["person"] == "c1"] == mine


def test_a_shop_with_one_customer_and_one_without_orders(tmp_path: Path) -> None:
    """One registered customer and nothing else: a profile of empty numbers; their first order is the shop's habits."""
    with Shop.create(tmp_path / "one", name="one", currency="EUR", timezone="UTC", language="en") as shop:
        shop.clock = lambda: NOW
        add(shop, "customers", {"id": "c1", "at": NOW - 20 * DAY})
        assert profile_of(shop, "c1").habits == []
        assert write_profiles(shop, tmp_path / "none")["customer"]["rows"] == 0
        add(shop, "order_lines", line("c1", "o1", 1))
        assert all(each.share == each.usual for each in profile_of(shop, "c1").habits)


def test_imported_attributes_bring_their_consent(tmp_path: Path) -> None:
    """A file of third-party attributes is read into the third group with its source, by the consent it came with."""
    with Shop.create(tmp_path / "shop", name="one", currency="EUR", timezone="UTC", language="en") as shop:
        shop.clock = lambda: NOW
        add(shop, "customers", {"id": "c1", "at": NOW - 20 * DAY})
        rows = {"customer": "c1", "name": "followers", "value": "9", "origin": "weibo", "consent": "yes",
                "consent_source": "signup", "at": (NOW - 3 * DAY).isoformat()}  # fmt: skip
        path = tmp_path / "attributes.jsonl"
        path.write_text(json.dumps(rows), "utf-8")
        ((_, account),) = import_files(shop, [path], kind="attributes")
        record_third_party(shop, "attributes", str(path))
        found = profile_of(shop, "c1")
        assert account.kept == 1
        assert [(tag.name, tag.value, tag.source, tag.consent) for tag in found.tags] == [
            ("followers", "9", "weibo", "signup")
        ]
