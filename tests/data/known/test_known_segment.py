# ruff: noqa: E501  # statements and tables are easier to read in long lines
"""Segment's messages mean the same in a file and in a request."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from taking import by_kind, importing, rows, write

from shopkeeper.core.action import Action
from shopkeeper.core.event import Event
from shopkeeper.data.cleaning.event import clean_event
from shopkeeper.data.rows import Held
from shopkeeper.data.schema import event_row, line_rows
from shopkeeper.data.sources.known.segment_words import ACTIONS, wire_of

NOW = datetime(2026, 11, 24, tzinfo=UTC)


def track(event: str, number: int, **properties: Any) -> dict[str, Any]:
    return {
        "type": "track", "event": event, "messageId": f"m{number}", "anonymousId": "anon-1", "userId": "u-7",
        "timestamp": f"2026-11-01T10:00:{number:02}.123Z", "properties": properties,
        "context": {"campaign": {"name": "autumn", "medium": "email"}, "page": {"path": "/p"}},
    }  # fmt: skip


MESSAGES: list[Any] = [
    track("Product Viewed", 1, product_id="p1", sku="S1", price=19.9, currency="EUR", quantity=1, position=3),
    track("Viewed Product", 2, sku="S2", variant="red", price="1299.00"),
    track("Products Searched", 3, query="blue dress"),
    track("Order Completed", 4, order_id=5001, total=35.5, revenue="30.00", currency="EUR", coupon="TEN", products=[
        {"product_id": "p1", "quantity": 2, "price": 12.5}, {"sku": "S2", "price": "5.50", "variant": "red"}]),
    track("Order Refunded", 5, order_id="5001", products=[{"product_id": "p1", "quantity": 1, "price": 12.5}]),
    track("Order Cancelled", 6, order_id="5002"),
    track("Product Reviewed", 7, product_id="p1", rating="4"),
    track("Product Reviewed", 8, product_id="p1", rating=5, review_body="Soft,\nwarm"),
    {"type": "identify", "messageId": "m9", "anonymousId": "anon-1", "userId": "u-7", "timestamp": "2026-11-01T10:00:09Z",
     "traits": {"email": "Ann@x.org", "firstName": "Ann", "lastName": "Ng", "interests": ["tea"]}},
    {"type": "page", "messageId": "m10", "anonymousId": "anon-2", "timestamp": "2026-11-01T10:00:10Z",
     "properties": {"path": "/home", "url": "https://x/home"}},
    track("Product Added to Wishlist", 11, product_id="p2"),
    track("Coupon Applied", 12, coupon_id="c9"),
    track("Rocket Launched", 13, speed=9),
    track("Order Completed", 14, total=3),
    {"type": "group", "messageId": "m15", "userId": "u-7", "timestamp": "2026-11-01T10:00:15Z", "traits": {}},
    track("Order Updated", 16, order_id="5001"),
]  # fmt: skip


def test_an_order_that_is_told_twice_is_counted_once(tmp_path: Path) -> None:
    """The lines of a second message about the same order are held; its refund is not."""
    twice = [MESSAGES[3], MESSAGES[3] | {"messageId": "other"}, MESSAGES[4]]
    path = write(tmp_path, "segment.jsonl", "".join(json.dumps(message) + "\n" for message in twice))
    with importing(tmp_path) as importer:
        lines = by_kind(importer.take(path))["order_lines"]
        assert (lines.kept, dict(lines.by_reason)) == (3, {"order_known": 2})
        assert rows(importer, "SELECT event_id, sum(quantity) FROM order_lines GROUP BY 1 ORDER BY 1") == [
            ("m4", 3.0), ("m5", -1.0),
        ]  # fmt: skip


def test_the_table_speaks_only_our_actions() -> None:
    """Every event of the spec becomes an action that exists."""
    assert [word for word in ACTIONS.values() if Action.of(word) is None] == []


def test_a_file_and_a_request_give_the_same_rows(tmp_path: Path) -> None:
    """Events and order lines are equal, column by column; the same messages are held, the same passed over."""
    wires = [wire for wire in map(wire_of, MESSAGES) if wire is not None]
    cleaned = [clean_event(wire, received_at=NOW, currency="USD") for wire in wires]
    events = [one for one in cleaned if isinstance(one, Event)]
    path = write(tmp_path, "segment.jsonl", "".join(json.dumps(message) + "\n" for message in MESSAGES))
    with importing(tmp_path) as importer:
        accounts = by_kind(importer.take(path))
        assert (accounts["events"].read, accounts["events"].kept) == (14, 12)
        assert sorted(one.reason for one in cleaned if isinstance(one, Held)) == ["missing_order", "unknown_action"]
        assert dict(accounts["events"].by_reason) == {"missing_order": 1, "unknown_action": 1}
        skipped = [one.facts for one in accounts["events"].warnings if one.key == "rows_skipped"]
        assert skipped == [{"count": 2, "names": "group 1, Order Updated 1"}] or skipped == [
            {"count": 2, "names": "Order Updated 1, group 1"}
        ]
        for table, wanted in (
            ("events", [event_row(one) for one in events]), ("order_lines", [row for one in events for row in line_rows(one)]),
        ):  # fmt: skip
            names = [name for name in wanted[0] if name not in ("received_at", "source", "properties", "at")]
            found = rows(importer, f'SELECT {", ".join(names)}, epoch_us("at") FROM {table} ORDER BY ALL')
            ours = [(*(row[name] for name in names), round(row["at"].timestamp() * 1e6)) for row in wanted]
            assert sorted(found, key=str) == sorted(ours, key=str)
        told = dict(rows(importer, "SELECT id, properties FROM events WHERE properties IS NOT NULL"))
        ours = {row["id"]: row["properties"] for row in map(event_row, events) if row["properties"]}
        assert {name: json.loads(text) for name, text in told.items()} == {n: json.loads(t) for n, t in ours.items()}
        assert rows(importer, "SELECT id, name, email FROM customers") == [("u-7", "Ann Ng", "ann@x.org")]
        again = by_kind(importer.take(path))
        assert {kind: one.kept for kind, one in again.items()} == {"customers": 0, "events": 0, "order_lines": 0}


@pytest.mark.parametrize(
    "message", [7, None, [], "x", {}, {"type": "track"}, {"type": 5}, {"type": "track", "event": {}}]
)
def test_what_is_no_message_is_held(message: Any) -> None:
    """It stays what it was, and the cleaning names what is wrong."""
    assert isinstance(clean_event(wire_of(message), received_at=NOW, currency="USD"), Held)


def test_a_message_without_an_id_has_one_effect() -> None:
    """Its id follows from what it says."""
    message = {"type": "page", "anonymousId": "v", "timestamp": "2026-11-01T10:00:10Z"}
    assert wire_of(message)["id"] == wire_of(dict(reversed(message.items())))["id"]
    assert wire_of(message)["id"] != wire_of(message | {"anonymousId": "w"})["id"]
