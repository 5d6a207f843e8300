"""The list of customers: every filter is what it says, together they all hold, and a large list is answered at once."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from shopkeeper.core.consent import Purpose
from shopkeeper.core.ids import PersonKey
from shopkeeper.data.people_file import PeopleFile
from shopkeeper.data.schema import TABLES, table_of
from shopkeeper.data.store.consent import Answer
from shopkeeper.shop import Shop
from shopkeeper.shop.customer_list import CustomerFilter, customers_page, told_fields
from shopkeeper.shop.people_table import current_people

NOW = datetime(2026, 6, 1, tzinfo=UTC)
PEOPLE = 120


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """c0 … c119: c0-c99 ordered, number days ago; even ones live in 杭州; every third agreed to e-mail."""
    folder = tmp_path_factory.mktemp("list") / "shop"
    with Shop.create(folder, name="simulated", currency="EUR", timezone="UTC", language="en") as shop:
        shop.clock = lambda: NOW
        blank = dict.fromkeys(TABLES["customers"].names)
        people = [
            blank | {"id": f"c{number}", "name": f"Person {number}", "at": NOW - timedelta(days=300),
                     "attributes": json.dumps({"city": "杭州" if number % 2 == 0 else 'Ulm "old"', "religion": "x",
                                               "tag.radar.likes": "tea", "odd.na\"me": number})}
            for number in range(PEOPLE)
        ]  # fmt: skip
        blank = dict.fromkeys(TABLES["order_lines"].names)
        lines = [
            blank | {"order_id": f"o{number}", "line": 1, "customer": f"c{number}", "product": "p", "quantity": 1.0,
                     "price_minor": 100 + number, "currency": "EUR", "at": NOW - timedelta(days=number, hours=1)}
            for number in range(100)
        ]  # fmt: skip
        shop.lake.append("customers", table_of("customers", people), key="c")
        shop.lake.append("order_lines", table_of("order_lines", lines), key="l")
        shop.state.consent.record_many(
            Answer(person=PersonKey(f"c{number}"), given={Purpose.EMAIL: True}, at=NOW, source="simulated")
            for number in range(0, PEOPLE, 3)
        )
        yield shop


def found(shop: Shop, **asked: str) -> set[int]:
    page = customers_page(shop, CustomerFilter(**asked), size=PEOPLE, order="id")
    assert page.total == len(page.rows)
    return {int(row["id"][1:]) for row in page.rows}


def test_nothing_asked_is_everybody(shop: Shop) -> None:
    """Without a filter everybody is listed, those without orders too."""
    assert found(shop) == set(range(PEOPLE))


@pytest.mark.parametrize(
    ("last", "wanted"),
    [("within30", range(30)), ("over90", range(90, 100)), ("never", range(100, 120)), ("sometimes", range(PEOPLE))],
)
def test_by_the_last_order(shop: Shop, last: str, wanted: range) -> None:
    """Within so many days, longer ago, or never; what makes no sense asks for nothing."""
    assert found(shop, last=last) == set(wanted)


def test_by_what_they_told(shop: Shop) -> None:
    """A registration field holds a text, whatever its case and signs; tags and sensitive fields cannot be asked for."""
    assert found(shop, field="city", value=" 杭") == set(range(0, PEOPLE, 2))
    assert found(shop, field="city", value='ULM "O') == set(range(1, PEOPLE, 2))
    assert found(shop, field='odd.na"me', value="119") == {119}
    assert found(shop, field="religion", value="x") == found(shop, field="tag.radar.likes", value="tea") == set()
    assert told_fields(shop) == ["city", 'odd.na"me']


def test_by_consent(shop: Shop) -> None:
    """Who agreed to a purpose; withdrawing takes out at once; an unknown purpose asks for nothing."""
    assert found(shop, consent="email") == set(range(0, PEOPLE, 3))
    shop.state.consent.record(PersonKey("c3"), {Purpose.EMAIL: False}, at=NOW + timedelta(seconds=1), source="page")
    assert 3 not in found(shop, consent="email")
    assert found(shop, consent="mail") == set(range(PEOPLE))


def test_all_conditions_hold_together(shop: Shop) -> None:
    """Several filters and a search are their intersection."""
    both = found(shop, field="city", value="杭", last="within90", consent="email", text="person 1")
    assert both == {number for number in range(90) if number % 6 == 0 and str(number).startswith("1")}


def test_by_segment_and_band(shop: Shop) -> None:
    """Segment and spending band are those of the table of people."""
    current_people(shop)
    file = PeopleFile(shop.folder / "people")
    people, facts = file.table(), file.facts() or {}
    letters = ["B" if person in ("c7", "c8") else None for person in people.column("person").to_pylist()]
    bands = ["high" if person in ("c8", "c9") else "low" for person in people.column("person").to_pylist()]
    for name, values in (("segment", letters), ("spending", bands)):
        place = people.column_names.index(name)
        people = people.set_column(place, name, pa.array(values, pa.string()))
    file.save(people.drop_columns("number"), facts)
    assert found(shop, segment="B") == {7, 8}
    assert found(shop, spending="high") == {8, 9}
    assert found(shop, segment="B", spending="high") == {8}
    assert found(shop, segment="Z") == set()
