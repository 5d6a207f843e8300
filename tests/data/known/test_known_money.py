# ruff: noqa: E501  # statements and tables are easier to read in long lines
"""A shop finds its revenue right: what was cancelled, voided and refunded is taken off, to the cent and at its moment."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from taking import NOW, by_kind, importing, rows, write

from shopkeeper.core.event import Event
from shopkeeper.data import reports
from shopkeeper.data.cleaning.event import clean_event
from shopkeeper.data.importing import Importer
from shopkeeper.data.schema import line_rows
from shopkeeper.data.snapshot import LakeSnapshot
from shopkeeper.data.sources.known.segment_words import wire_of

SHOPIFY = (
    "Name,Email,Financial Status,Paid at,Fulfillment Status,Fulfilled at,Accepts Marketing,Currency,Subtotal,Shipping,Taxes,"
    "Total,Discount Code,Discount Amount,Shipping Method,Created at,Lineitem quantity,Lineitem name,Lineitem price,"
    "Lineitem compare at price,Lineitem sku,Lineitem requires shipping,Lineitem taxable,Lineitem fulfillment status,"
    "Cancelled at,Payment Method,Payment Reference,Refunded Amount,Vendor,Outstanding Balance,Id,Source,Lineitem discount,Phone"
).split(",")
WOO = (
    "order_id,order_number,order_number_formatted,date,status,shipping_total,tax_total,discount_total,order_total,"
    "refunded_total,order_currency,customer_id,billing_email,billing_phone,line_items,coupon_items,refunds"
).split(",")
SHIRT = "id:1|name:Shirt|product_id:101|sku:TS|quantity:2|subtotal:20.00|subtotal_tax:3.80|total:20.00|total_tax:3.80"
MUG = "id:2|name:Mug; big|product_id:102|sku:|quantity:1|subtotal:10.00|subtotal_tax:1.90|total:10.00|total_tax:1.90"


def table(names: Sequence[str], records: Sequence[Mapping[str, str]]) -> str:
    """CSV with every column in its place."""
    out = io.StringIO()
    writer = csv.DictWriter(out, names, restval="")
    writer.writeheader()
    writer.writerows(records)
    return out.getvalue()


def order(name: str, email: str, status: str, total: str, **more: str) -> dict[str, str]:
    """An order of one tote for 38.00 on a day of its own, as Shopify writes its row."""
    return {
        "Name": name, "Email": email, "Financial Status": status, "Currency": "USD", "Subtotal": "38.00", "Total": total,
        "Created at": f"2025-03-0{name[-1]} 02:00:00 +0800", "Lineitem quantity": "1", "Lineitem name": "Tote",
        "Lineitem price": "38.00", "Lineitem sku": "TOTE", "Lineitem discount": "0.00", "Refunded Amount": "0.00",
    } | {key.replace("_", " "): value for key, value in more.items()}  # fmt: skip


def shopify() -> str:
    two = order("#1005", "eva@x.org", "partially_refunded", "101.00", Subtotal="96.00", Refunded_Amount="50.50",
                Paid_at="2025-03-06 02:00:00 +0800", Lineitem_sku="SHIRT", Lineitem_price="58.00")  # fmt: skip
    return table(
        SHOPIFY,
        [
            order("#1001", "ann@x.org", "paid", "43.00"),
            order("#1002", "bob@x.org", "refunded", "43.00", Refunded_Amount="43.00", Cancelled_at="2025-03-04 02:00:00 +0800"),
            order("#1003", "cy@x.org", "voided", "43.00", Cancelled_at="2025-03-04 03:00:00 +0800"),
            order("#1004", "dan@x.org", "voided", "43.00"),
            two, {"Name": "#1005", "Email": "eva@x.org", "Lineitem quantity": "1", "Lineitem name": "Tote",
                  "Lineitem price": "38.00", "Lineitem sku": "TOTE", "Lineitem discount": "0.00"},
            order("#1006", "", "refunded", "38.00", Refunded_Amount="38.00"),
            order("#1007", "eva@x.org", "paid", "38.00", Payment_Method="bogus"),
            order("#1008", "eva@x.org", "partially_refunded", "38.00", Refunded_Amount="8.00",
                  Cancelled_at="2025-03-09 02:00:00 +0800"),
        ],
    )  # fmt: skip


def snapshot(importer: Importer, currency: str) -> LakeSnapshot:
    return LakeSnapshot(lake=importer.lake, moment=NOW, currency=currency, may_train=list)


def earned(importer: Importer, currency: str, timezone: str = "UTC") -> tuple[float, dict[str, tuple[int, float]]]:
    """Revenue in all, and by day with the orders of each."""
    seen = reports.overview(snapshot(importer, currency), days=9_999, timezone=timezone)
    return seen["totals"]["revenue_minor"], {str(d["day"]): (d["orders"], d["revenue_minor"]) for d in seen["days"]}


def test_shopify(tmp_path: Path) -> None:
    """Cancelled, voided, refunded and partially refunded orders, also of nobody named, with the shipping and tax in a
    refund left out of the goods; test orders are none. A day is one of the shop's own zone."""
    with importing(tmp_path) as importer:
        lines = by_kind(importer.take(write(tmp_path, "orders_export.csv", shopify())))["order_lines"]
        assert [one.facts for one in lines.warnings if one.key == "rows_skipped"] == [
            {"count": 1, "names": "test_orders 1"}
        ]
        total, days = earned(importer, "USD", "Asia/Shanghai")
        assert total == 3_800 + (9_600 - 4_800)
        assert days == {
            "2025-03-01": (1, 3_800), "2025-03-02": (1, 3_800), "2025-03-03": (1, 3_800), "2025-03-04": (1, -7_600),
            "2025-03-05": (1, 9_600), "2025-03-06": (1, -4_800), "2025-03-08": (1, 3_800), "2025-03-09": (0, -3_800),
        }  # fmt: skip
        people = {
            row["id"]: (row["orders"], row["revenue_minor"])
            for row in reports.customers(snapshot(importer, "USD")).rows
        }
        assert people == {
            "ann@x.org": (1, 3_800), "bob@x.org": (1, 0), "cy@x.org": (1, 0), "dan@x.org": (1, 0), "eva@x.org": (2, 4_800),
        }  # fmt: skip


def test_woocommerce(tmp_path: Path) -> None:
    """What a refund took back of the goods stands in the items, or is the goods' part of it; its day is the refund's."""
    shared = {
        "order_currency": "EUR",
        "order_total": "35.70",
        "line_items": f"{SHIRT}|refunded:0.00;{MUG}|refunded:0.00",
    }
    refund = {"refunded_total": "11.90", "refunds": "id:9|date:2025-03-05 09:00:00|amount:11.90|reason:"}
    data = [
        {**shared, "order_id": "1", "date": "2025-03-01 10:00:00", "status": "completed", "billing_email": "a@x.org"},
        {**shared, "order_id": "2", "date": "2025-03-01 10:00:00", "status": "refunded", "billing_email": "b@x.org",
         "refunded_total": "35.70"},
        {**shared, "order_id": "3", "date": "2025-03-01 10:00:00", "status": "cancelled", "billing_phone": "+49 30 1"},
        {**shared, **refund, "order_id": "4", "date": "2025-03-01 10:00:00", "status": "completed"},
        {**shared, **refund, "order_id": "5", "date": "2025-03-01 10:00:00", "status": "completed",
         "line_items": f"{SHIRT}|refunded:10.00;{MUG}|refunded:0.00"},
    ]  # fmt: skip
    with importing(tmp_path, currency="EUR", timezone="Europe/Berlin") as importer:
        by_kind(importer.take(write(tmp_path, "orders.csv", table(WOO, data))))
        total, days = earned(importer, "EUR", "Europe/Berlin")
        assert (total, days) == (7_000, {"2025-03-01": (5, 9_000), "2025-03-05": (0, -2_000)})
        assert rows(importer, "SELECT DISTINCT customer FROM order_lines WHERE order_id = '3'") == [("+49 30 1",)]


def message(event: str, id_: str, day: int, **properties: Any) -> str:
    return json.dumps({
        "type": "track", "messageId": id_, "userId": "u1", "timestamp": f"2025-03-0{day}T10:00:00Z", "event": event,
        "properties": {"currency": "USD", **properties},
    })  # fmt: skip


GOODS = [{"product_id": "a", "price": 19, "quantity": 1}, {"product_id": "b", "price": 3, "quantity": 2}]


@pytest.mark.parametrize(
    ("later", "left"),
    [
        ([], 2_250),
        ([("Order Refunded", {"total": 27.5})], 0),
        ([("Order Refunded", {"total": 13.75})], 1_125),
        ([("Order Refunded", {})], 0),
        ([("Order Cancelled", {"products": GOODS, "discount": 2.5})], 0),
        ([("Order Cancelled", {"total": 27.5})], 0),
        ([("Order Refunded", {"products": GOODS[1:]})], 1_650),
    ],
)
def test_segment(tmp_path: Path, later: list[tuple[str, dict[str, Any]]], left: int) -> None:
    """An order's discount is shared out over its lines; refunds and cancellations take back their products, or the goods'
    part of their total. The order is told twice, as retries do."""
    placed = message(
        "Order Completed", "m1", 1, order_id="o", products=GOODS, discount=2.5, total=27.5, shipping=3, tax=2
    )
    back = [message(event, f"m{n}", 2, order_id="o", **more) for n, (event, more) in enumerate(later, 2)]
    with importing(tmp_path) as importer:
        by_kind(importer.take(write(tmp_path, "messages.jsonl", "\n".join([placed, placed, *back]) + "\n")))
        assert rows(importer, "SELECT discount_minor FROM order_lines WHERE quantity > 0 ORDER BY line") == [
            (190,),
            (60,),
        ]
        assert earned(importer, "USD")[0] == left


def ga4(name: str, second: int, **more: Any) -> str:
    """An event as the BigQuery export writes it."""
    told = {"transaction_id": "T1", **more.pop("told", {})}
    parameters = [
        {"key": key, "value": {"string_value": value}} for key, value in {"currency": "USD", **told}.items() if value
    ]
    micros = int(datetime(2025, 3, 1, tzinfo=UTC).timestamp() * 1e6) + second * 1_000_000
    return json.dumps({
        "event_date": "20250301", "event_timestamp": str(micros), "event_name": name, "event_params": parameters,
        "user_pseudo_id": "1.1", "ecommerce": {"transaction_id": told["transaction_id"] or "(not set)"}, "items": [], **more,
    })  # fmt: skip


ITEMS = [{"item_id": "a", "item_name": "A", "price": 19.0, "quantity": "1", "item_list_index": "2"}]


@pytest.mark.parametrize(
    ("refund", "left"), [({}, 0), ({"told": {"value": "9.00"}}, 1_000), ({"items": ITEMS}, 0), (None, 1_900)]
)
def test_ga4(tmp_path: Path, refund: dict[str, Any] | None, left: int) -> None:
    """A refund without items takes back its value, or all of the purchase. A purchase without a transaction is held whole:
    its line and its event."""
    told = [
        ga4("purchase", 1, items=ITEMS),
        ga4("select_item", 2, items=ITEMS),
        ga4("purchase", 3, items=ITEMS, told={"transaction_id": ""}),
    ]
    told += [] if refund is None else [ga4("refund", 9, **refund)]
    with importing(tmp_path) as importer:
        accounts = by_kind(importer.take(write(tmp_path, "events.jsonl", "\n".join(told) + "\n")))
        assert dict(accounts["order_lines"].by_reason) == {"missing_value": 1}
        assert dict(accounts["events"].by_reason) == {"missing_order": 1}
        assert rows(importer, "SELECT position FROM events WHERE action = 'click'") == [(2,)]
        assert earned(importer, "USD")[0] == left


def test_other_currencies_are_left_out(tmp_path: Path) -> None:
    """Yen are not added to dollars, neither for the shop nor for a customer or a product; a cancelled order's day has no
    order of its own."""
    data = (
        "order,at,customer,product,quantity,price,currency\n1,2025-03-01,c,p,1,10.00,USD\n2,2025-03-01,c,p,1,2900,JPY\n"
    )
    with importing(tmp_path) as importer:
        importer.take(write(tmp_path, "lines.csv", data))
        known = snapshot(importer, "USD")
        assert [row["revenue_minor"] for row in reports.customers(known).rows] == [1_000]
        assert [row["revenue_minor"] for row in reports.products(known).rows] == [1_000]
        assert earned(importer, "USD") == (1_000, {"2025-03-01": (1, 1_000)})


def test_a_request_says_what_the_file_says() -> None:
    """Segment's messages over HTTP: the discount is shared out alike; what names no products takes back an amount, what
    names some, those."""
    told = {"order_id": "o", "products": GOODS, "discount": 2.5, "currency": "USD"}
    wire = wire_of(json.loads(message("Order Completed", "m1", 1, **told)))
    assert [line["discount"] for line in wire["lines"]] == ["1.9", "0.6"]
    back = wire_of(json.loads(message("Order Refunded", "m2", 1, order_id="o", total=27.5, subtotal=22.5)))
    assert (back["price"], "lines" in back) == (22.5, False)
    cancelled = wire_of(json.loads(message("Order Cancelled", "m3", 1, **told, total=27.5)))
    assert (cancelled["price"], len(cancelled["lines"])) == (None, 2)
    event = clean_event(cancelled, received_at=NOW, currency="USD")
    assert isinstance(event, Event)
    assert [(row["quantity"], row["discount_minor"]) for row in line_rows(event)] == [(-1.0, 190), (-2.0, 60)]


@pytest.mark.parametrize("discount", [0, -1, 26, "x", None, True, [1], 1e300])
def test_a_discount_that_makes_no_sense_is_not_shared_out(discount: object) -> None:
    """It stays a property of its order."""
    wire = wire_of(json.loads(message("Order Completed", "m1", 1, order_id="o", products=GOODS, discount=discount)))
    assert all("discount" not in line for line in wire["lines"])


def test_what_was_received_before_keeps_its_moment() -> None:
    """An archive that is sent again: its times were put right when they were received, and its ``sentAt`` is of then."""
    told = json.loads(message("Order Completed", "m1", 1, order_id="o", products=GOODS)) | {
        "sentAt": "2025-03-01T10:00:01Z"
    }
    for more, at in (
        ({"receivedAt": "2025-03-01T10:00:02Z"}, datetime(2025, 3, 1, 10, tzinfo=UTC)),
        ({}, NOW - timedelta(seconds=1)),
    ):
        event = clean_event(wire_of(told | more), received_at=NOW, currency="USD")
        assert isinstance(event, Event)
        assert event.at == at
