"""Laws of the customer page: three groups, each number a way to its events, any day; visitors; filters in links."""

import html
import json
import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from conftest import Browser, entered
from shopkeeper.apps.console.visit import address
from shopkeeper.core.consent import Purpose
from shopkeeper.core.ids import PersonKey
from shopkeeper.data.schema import TABLES, table_of
from shopkeeper.locale import LANGUAGES, phrases
from shopkeeper.shop import Shop
from shopkeeper.shop.importing import import_files

NOW = datetime(2026, 6, 1, tzinfo=UTC)


def add(shop: Shop, table: str, *rows: dict[str, Any]) -> None:
    blank = dict.fromkeys(TABLES[table].names)
    shop.lake.append(table, table_of(table, [blank | row for row in rows]), key=table)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("customer") / "shop"
    with Shop.create(folder, name="simulated", currency="EUR", timezone="UTC", language="en") as shop:
        shop.clock = lambda: NOW
        told = json.dumps({"city": "杭州", "tag.radar.likes": "<b>tea</b>"})
        add(shop, "customers", *({"id": f"c{number}", "at": NOW - timedelta(days=90), "name": f"王 {number}",
                                  "email": "w@example.org", "attributes": told} for number in range(60)))  # fmt: skip
        add(shop, "products", {"id": "tea", "name": "Tea", "category_1": "Drinks", "at": NOW - timedelta(days=400)},
            {"id": "cup", "name": "Cup", "category_1": "Kitchen", "at": NOW - timedelta(days=400)})  # fmt: skip
        order = {"line": 1, "product": "tea", "quantity": 1.0, "price_minor": 500, "currency": "EUR"}
        add(shop, "order_lines", *(
            order | {"customer": "c1", "order_id": f"o{days}", "at": NOW - timedelta(days=days)} for days in (3, 30, 60)
        ), order | {"customer": "c2", "product": "cup", "order_id": "o9", "at": NOW - timedelta(days=3)})  # fmt: skip
        seen = {"action": "product_view", "product": "tea", "at": NOW - timedelta(days=2)}
        add(
            shop,
            "events",
            seen | {"id": "e1", "visitor": "v/1"},
            {"id": "e2", "customer": "c1", "action": "search", "query": 'green "tea"', "at": NOW - timedelta(days=2)},
        )
        shop.state.consent.record(PersonKey("c1"), {Purpose.THIRD_PARTY: True}, at=NOW - timedelta(days=9))
        yield shop


@pytest.fixture
def inside(shop: Shop) -> Browser:
    return entered(shop)


@pytest.mark.parametrize("language", LANGUAGES)
def test_three_groups(inside: Browser, language: str) -> None:
    """The groups have their names in the reader's language; what others say has its source and is text, no markup."""
    text = inside.get(f"/console/customer?id=c1&lang={language}").text
    words = phrases(language, "console")
    assert all(words[f"group_{name}"] in text for name in ("basic", "behaviour", "habits", "others"))
    assert "杭州" in text
    assert "radar" in text
    assert "&lt;b&gt;tea" in text
    assert words["group_others_refused"] in inside.get(f"/console/customer?id=c2&lang={language}").text


def test_every_number_leads_to_its_events(inside: Browser) -> None:
    """Each link of the profile answers; behind the orders are three rows, behind the search its words."""
    text = inside.get("/console/customer?id=c1&lang=en").text
    links = [html.unescape(link) for link in re.findall(r'href="(/console/customer/events[^"]+)"', text)]
    assert len(links) > 15
    for link in links:
        assert inside.get(link).status_code == 200, link
    orders = inside.get(next(link for link in links if "field=orders" in link)).text
    assert orders.count("<tr>") == 1 + 3
    assert "green &#34;tea&#34;" in inside.get(next(link for link in links if "search_words" in link)).text
    assert inside.get("/console/customer/events?id=c1&field=shoe_size").status_code == 400


def test_any_day(inside: Browser) -> None:
    """As of a day the page says so, counts what was known then, and hands the day on; before their time is none."""
    text = inside.get("/console/customer?id=c1&as_of=2026-05-15&lang=en").text
    assert phrases("en", "console")["profile_as_of"].partition("{")[0] in text
    orders = re.search(r'href="([^"]+field=orders[^"]*)"[^>]*>([^<]+)<', text)
    assert orders is not None
    assert (orders[2], "as_of=2026-05-15" in orders[1]) == ("2", True)
    assert inside.get("/console/customer?id=c1&as_of=2020-01-01").status_code == 404
    assert inside.get("/console/customer?id=c1&as_of=soon").status_code == 400


def test_a_visitor_has_a_page(inside: Browser) -> None:
    """A browser that nobody signed in with: what it did and what it would be shown; nothing told, nothing to erase."""
    text = inside.get("/console/customer", params={"id": "visitor:v/1", "lang": "en"}).text
    assert phrases("en", "console")["group_basic_none"] in text
    assert "field=views" in text
    assert ("/customer/erase" in text, "/customer/erase" in inside.get("/console/customer?id=c1").text) == (False, True)


def test_filters_stay_while_sorting_and_turning_pages(inside: Browser) -> None:
    """Links of columns and pages keep every filter, the boxes show what was asked, and one link shows all again."""
    asked = {"q": "王", "field": "city", "value": "杭", "last": "never", "sort": "id", "lang": "en"}
    text = html.unescape(inside.get("/console/customers", params=asked).text)
    assert phrases("en", "console")["customers_count"].format(count="58") in text
    following = re.search(r'rel="next" href="([^"]+)"', text)
    assert following is not None
    second = inside.get(following[1]).text
    assert len(re.findall(r"/console/customer\?id=", second)) == 8
    sorting = re.findall(r'<a href="(/console/customers\?[^"]*sort=revenue[^"]*)"', text)
    assert sorting
    assert all(name in sorting[0] for name in ("q=", "field=city", "value=", "last=never"))
    assert re.search(r'<option value="never" selected>', text)
    assert 'href="/console/customers?sort=id"' in text


def test_a_shop_that_never_trained_says_so(tmp_path: Path) -> None:
    """Where no model was trained a customer who agreed to everything is not said to have refused."""
    path = tmp_path / "lines.csv"
    path.write_text("order,date,customer,sku,qty,price\n1,2026-03-01,c1,p,1,10.00\n")
    with Shop.create(tmp_path / "shop", name="t", currency="USD", timezone="UTC", language="en") as shop:
        import_files(shop, [path], purposes=[Purpose.PERSONALISE], consent_source="terms")
        page = entered(shop).get(address("/customer", id="c1", lang="en")).text
    assert phrases("en", "console")["would_untrained"] in page
    assert phrases("en", "console")["would_not_personal"] not in page
