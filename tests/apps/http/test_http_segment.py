"""Laws of POST /v1/batch: Segment's libraries are understood, one verdict a message, and nothing makes it fail."""

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fake_engine import PUBLISHABLE, SECRET, FakeEngine, asking

from shopkeeper.apps.http.app import app_of
from shopkeeper.apps.http.from_shop import build
from shopkeeper.apps.http.identity import new_visitor
from shopkeeper.shop.shop import Shop

VIEW = {
    "type": "track", "event": "Product Viewed", "messageId": "m1", "anonymousId": "v1",
    "timestamp": "2026-11-01T10:00:00.000Z", "properties": {"product_id": "p1", "price": 9.5},
}  # fmt: skip
ORDER = VIEW | {
    "event": "Order Completed",
    "messageId": "m2",
    "userId": "c1",
    "properties": {"order_id": "o1", "products": [{"product_id": "p1", "price": 9.5, "quantity": 2}]},
}


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    made = Shop.create(tmp_path / "shop", name="Test", currency="EUR", timezone="UTC", language="en")
    yield made
    made.close()


def test_a_batch_reaches_the_lake(shop: Shop) -> None:
    """The key is the user name; one verdict a message; a repeated one is a duplicate; an order brings its lines."""
    key = shop.state.keys.create("secret")
    basic = {"Authorization": "Basic " + base64.b64encode(f"{key}:".encode()).decode()}
    batch: list[Any] = [
        VIEW, VIEW, ORDER, {"type": "group", "messageId": "m3", "userId": "c1"},
        VIEW | {"messageId": "m4", "event": "Boo"}, 5,
    ]  # fmt: skip
    response = asking(build(shop))("POST", "/v1/batch", headers=basic, json={"batch": batch, "sentAt": "x"})
    body = response.json()
    assert response.status_code == 207, response.text
    assert [(each["id"], each["status"]) for each in body["verdicts"]] == [
        ("m1", "stored"), ("m1", "duplicate"), ("m2", "stored"), ("m3", "skipped"), ("m4", "quarantined"),
        ("", "quarantined"),
    ]  # fmt: skip
    assert body["success"] is True
    assert sum(body[name] for name in ("stored", "duplicate", "quarantined", "skipped")) == len(batch)
    assert body["verdicts"][4]["reason"] == "unknown_action"
    shop.drain()
    with shop.lake.connect() as con:
        assert con.execute("SELECT order_id, product, quantity, price_minor, event_id FROM order_lines").fetchall() == [
            ("o1", "p1", 2.0, 950, "m2")
        ]


def test_a_browser_speaks_for_its_own_visitor() -> None:
    """With a publishable key an unsigned anonymousId is refused; a signed one may report behaviour, but no order."""
    ask = asking(app_of(FakeEngine()))
    refused = ask("POST", "/v1/batch", key=PUBLISHABLE, json={"batch": [VIEW]})
    assert (refused.status_code, refused.json()["error"]["facts"]["where"]) == (403, "$.batch[0]")
    signed = {"anonymousId": new_visitor(FakeEngine.keys.identity_secret), "userId": None}
    taken = ask("POST", "/v1/batch", key=PUBLISHABLE, json={"batch": [VIEW | signed, ORDER | signed]})
    assert [each["status"] for each in taken.json()["verdicts"]] == ["stored", "quarantined"]


@pytest.mark.parametrize("body", ["{}", '{"batch": 5}', '{"batch": []}', "[", '{"events": [{}]}'])
def test_what_is_no_batch_is_refused(body: str) -> None:
    """400 with the place, and nothing reaches the shop."""
    engine = FakeEngine()
    response = asking(app_of(engine))("POST", "/v1/batch", key=SECRET, content=body)
    assert response.status_code == 400
    assert engine.collected == []


def test_only_messages_that_are_passed_over() -> None:
    """All of them are skipped, with status 200."""
    engine = FakeEngine()
    response = asking(app_of(engine))("POST", "/v1/batch", key=SECRET, json=[{"type": "alias", "previousId": "a"}])
    assert (response.status_code, response.json()["skipped"], engine.collected) == (200, 1, [])
