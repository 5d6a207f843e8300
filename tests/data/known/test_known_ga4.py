# ruff: noqa: E501  # statements and tables are easier to read in long lines
"""GA4's events, as BigQuery exports them and as the data layer gets them."""

import json
from pathlib import Path
from typing import Any

from taking import by_kind, importing, rows, write

MICROS = 1_793_527_200_000_000


def param(key: str, **value: Any) -> dict[str, Any]:
    return {"key": key, "value": value}


def event(name: str, second: int, *params: dict[str, Any], items: Any = (), **more: Any) -> dict[str, Any]:
    """A row of the BigQuery export: whole numbers of 64 bits are texts in its JSON."""
    return {
        "event_date": "20261101", "event_timestamp": str(MICROS + second * 1_000_000), "event_name": name,
        "event_params": [param("ga_session_id", int_value="77"), *params], "user_pseudo_id": "12.34", "user_id": None,
        "items": list(items), "device": {"category": "mobile"},
    } | more  # fmt: skip


MUG = {"item_id": "MUG", "item_name": "Mug, red", "item_brand": "Acme", "item_category": "Home", "item_category2": "Mugs",
       "item_variant": "(not set)", "price": 12.5, "quantity": 2}  # fmt: skip
SOFA = {"item_id": "(not set)", "item_name": "Sofa", "price": "1299.00", "index": 4}
EXPORT = [
    event("session_start", 0), event("user_engagement", 1), event("user_engagement", 2),
    event("page_view", 3, param("page_location", string_value="https://x/")),
    event("view_item", 4, param("currency", string_value="EUR"), items=[MUG]),
    event("add_to_cart", 5, param("currency", string_value="EUR"), items=[MUG, SOFA]),
    event("view_item_list", 6, param("item_list_name", string_value="Summer"), items=[MUG, SOFA]),
    event("view_search_results", 7, param("search_term", string_value="blue")),
    event("purchase", 8, param("transaction_id", string_value="T1"), param("currency", string_value="EUR"),
          param("coupon", string_value="TEN"), items=[MUG, SOFA], user_id="u1", ecommerce={"transaction_id": "T1", "tax_value": 3}),
    event("refund", 9, param("currency", string_value="EUR"), items=[MUG | {"quantity": "1"}], user_id="u1",
          ecommerce={"transaction_id": "T1"}),
    event("view_item", 10), event("fly", 11),
]  # fmt: skip


def lines_of(found: list[Any]) -> str:
    return "".join(json.dumps(one) + "\n" for one in found)


def test_the_bigquery_export(tmp_path: Path) -> None:
    """Product events are one an item, orders and refunds bring lines, "(not set)" is nothing, what GA4 collects by itself is
    counted and passed over, and the same file again adds nothing."""
    path = write(tmp_path, "events.jsonl", lines_of(EXPORT))
    with importing(tmp_path) as importer:
        accounts = by_kind(importer.take(path))
        events = accounts["events"]
        assert (events.format, events.read, events.kept) == ("GA4 events", 10, 8)
        assert dict(events.by_reason) == {"missing_product": 1, "unknown_action": 1}
        skipped = [one.facts for one in events.warnings if one.key == "rows_skipped"]
        assert skipped == [{"count": 3, "names": "user_engagement 2, session_start 1"}]
        assert rows(
            importer, 'SELECT action, product, quantity, price_minor, currency, order_id, query, visitor FROM events ORDER BY "at", id'
        ) == [
            ("page_view", None, None, None, None, None, None, "12.34"),
            ("product_view", "MUG", 2.0, 1250, "EUR", None, None, "12.34"),
            ("cart_add", "MUG", 2.0, 1250, "EUR", None, None, "12.34"),
            ("cart_add", "Sofa", None, 129900, "EUR", None, None, "12.34"),
            ("list_view", None, None, None, None, None, None, "12.34"),
            ("search", None, None, None, None, None, "blue", "12.34"),
            ("order", None, None, None, None, "T1", None, "12.34"),
            ("order_return", None, None, None, None, "T1", None, "12.34"),
        ]  # fmt: skip
        assert rows(
            importer, "SELECT order_id, line, customer, product, quantity, price_minor FROM order_lines ORDER BY quantity DESC"
        ) == [
            ("T1", 1, "u1", "MUG", 2.0, 1250), ("T1", 2, "u1", "Sofa", 1.0, 129900), ("T1", 1, "u1", "MUG", -1.0, 1250),
        ]  # fmt: skip
        assert rows(importer, "SELECT id, name, category_1, category_2, brand FROM products ORDER BY id") == [
            ("MUG", "Mug, red", "Home", "Mugs", "Acme"), ("Sofa", "Sofa", None, None, None),
        ]  # fmt: skip
        again = by_kind(importer.take(path))
        assert {kind: one.kept for kind, one in again.items()} == {"events": 0, "order_lines": 0, "products": 0}


def test_a_purchase_that_is_told_twice(tmp_path: Path) -> None:
    """A reloaded thank-you page is held as a conflict, event and lines; the revenue is counted once."""
    again = EXPORT[8] | {"event_timestamp": str(MICROS + 60_000_000)}
    with importing(tmp_path) as importer:
        accounts = by_kind(importer.take(write(tmp_path, "e.jsonl", lines_of([EXPORT[8], again]))))
        assert dict(accounts["events"].by_reason) == {"id_conflict": 1}
        assert dict(accounts["order_lines"].by_reason) == {"id_conflict": 2}
        assert rows(importer, "SELECT sum(quantity) FROM order_lines") == [(3.0,)]


def test_the_data_layer(tmp_path: Path) -> None:
    """{event, ecommerce} with a time and a client; Google Tag Manager's own events are passed over."""
    pushes = [
        {"event": "gtm.js", "timestamp": "2026-11-01T10:00:00Z"},
        {"event": "add_to_cart", "timestamp": "2026-11-01T10:00:00Z", "client_id": "c.1",
         "ecommerce": {"currency": "EUR", "value": 25, "items": [MUG]}},
        {"event": "purchase", "timestamp": "2026-11-01T10:00:01Z", "client_id": "c.1",
         "ecommerce": {"transaction_id": "T9", "currency": "EUR", "items": [MUG]}},
    ]  # fmt: skip
    with importing(tmp_path) as importer:
        accounts = by_kind(importer.take(write(tmp_path, "e.jsonl", lines_of(pushes))))
        assert (accounts["events"].kept, accounts["order_lines"].kept) == (2, 1)
        assert rows(importer, "SELECT id, action, product, visitor FROM events WHERE action = 'order'") == [
            ("order:T9", "order", None, "c.1")
        ]
