# ruff: noqa: E501  # statements and tables are easier to read in long lines
"""Shopify's exports go in as they are downloaded."""

import csv
import io
from itertools import combinations
from pathlib import Path
from typing import Any

from taking import by_kind, importing, rows, write

ORDERS = (
    "Name,Email,Financial Status,Paid at,Fulfillment Status,Fulfilled at,Accepts Marketing,Currency,Subtotal,Shipping,"
    "Taxes,Total,Discount Code,Discount Amount,Shipping Method,Created at,Lineitem quantity,Lineitem name,Lineitem price,"
    "Lineitem compare at price,Lineitem sku,Lineitem requires shipping,Lineitem taxable,Lineitem fulfillment status,"
    "Billing Name,Billing Zip,Notes,Cancelled at,Payment Method,Refunded Amount,Vendor,Id,Tags,Source,Lineitem discount,"
    "Tax 1 Name,Tax 1 Value,Phone"
).split(",")
PRODUCTS = (
    "Handle,Title,Body (HTML),Vendor,Product Category,Type,Tags,Published,Option1 Name,Option1 Value,Option2 Name,"
    "Option2 Value,Option3 Name,Option3 Value,Variant SKU,Variant Grams,Variant Inventory Tracker,Variant Inventory Qty,"
    "Variant Inventory Policy,Variant Fulfillment Service,Variant Price,Variant Compare At Price,Image Src,Image Position,"
    "Gift Card,Variant Image,Cost per item,Status"
).split(",")


def table(names: list[str], *records: dict[str, str]) -> str:
    """CSV as Shopify writes it."""
    out = io.StringIO()
    writer = csv.DictWriter(out, names, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(records)
    return out.getvalue()


def item(name: str, quantity: str, price: str, sku: str = "", **more: str) -> dict[str, str]:
    return {
        "Lineitem quantity": quantity, "Lineitem name": name, "Lineitem price": price, "Lineitem sku": sku,
        "Lineitem discount": "0.00",
    } | {key.replace("_", " "): value for key, value in more.items()}  # fmt: skip


def orders_file() -> str:
    when = {"Created at": "2025-10-07 09:50:26 +0200", "Currency": "EUR"}
    first = {
        "Name": "#1001",
        "Email": "Ann@x.org",
        "Subtotal": "85.00",
        "Discount Code": "TEN",
        "Discount Amount": "10.00",
    }
    return table(
        ORDERS,
        {**when, **first, "Paid at": "2025-10-07 09:50:27 +0200", "Billing Zip": "'10115", "Notes": 'said "hi",\nthen left'}
        | item("Mug - Red", "2", "20.00", "MUG-R"),
        {"Name": "#1001", "Email": "Ann@x.org"} | item("Mug - Blue", "1", "20.00", "MUG-B", Lineitem_discount="5.00"),
        {"Name": "#1001", "Email": "Ann@x.org"} | item("Mug - Red", "2", "20.00", "MUG-R"),
        {**when, "Name": "#1002", "Email": "bob@x.org", "Subtotal": "1299.00", "Refunded Amount": "1,299.00",
         "Cancelled at": "2025-10-09 08:00:00 +0200"} | item("Sofa", "1", "1,299.00"),
        {**when, "Name": "#1003", "Subtotal": "7.00", "Refunded Amount": "2.00"} | item("Tea", "1", "7.00", "TEA"),
        {**when, "Name": "#1004", "Email": "cy@x.org", "Subtotal": "7.00"} | item("Tea", "0", "7.00", "TEA"),
    )  # fmt: skip


def test_orders(tmp_path: Path) -> None:
    """A row a line item: blank cells are the order's, the order's discount is shared out to the cent, cancellations and
    refunds become events, and rows with quoted line ends keep their physical line."""
    path = write(tmp_path, "orders_export.csv", orders_file())
    with importing(tmp_path) as importer:
        accounts = by_kind(importer.take(path))
        lines = accounts["order_lines"]
        assert (lines.format, lines.read, lines.kept, lines.orders) == ("Shopify orders", 6, 5, 3)
        assert dict(lines.by_reason) == {"zero_quantity": 1}
        assert rows(
            importer,
            "SELECT order_id, line, customer, product, quantity, price_minor, discount_minor, currency FROM order_lines "
            "ORDER BY order_id, line",
        ) == [
            ("#1001", 1, "ann@x.org", "MUG-R", 2.0, 2000, 421, "EUR"),
            ("#1001", 2, "ann@x.org", "MUG-B", 1.0, 2000, 658, "EUR"),
            ("#1001", 3, "ann@x.org", "MUG-R", 2.0, 2000, 421, "EUR"),
            ("#1002", 1, "bob@x.org", "Sofa", 1.0, 129900, None, "EUR"),
            ("#1003", 1, None, "TEA", 1.0, 700, None, "EUR"),
        ]  # fmt: skip
        assert rows(importer, "SELECT action, order_id, price_minor, coupon FROM events ORDER BY ALL") == [
            ("coupon_redeemed", "#1001", None, "TEN"), ("order", "#1001", None, None), ("order", "#1002", None, None),
            ("order", "#1003", None, None), ("order_cancel", "#1002", None, None), ("order_return", "#1002", 129900, None),
            ("order_return", "#1003", 200, None),
        ]  # fmt: skip
        moment = rows(importer, "SELECT DISTINCT strftime(\"at\", '%Y-%m-%d %H:%M:%S') FROM order_lines")
        assert moment == [("2025-10-07 07:50:26",)]
        assert [(row.line, row.column) for row in importer.quarantine.list()] == [(8, "quantity")]
        assert not [warning for warning in lines.warnings if warning.key == "rows_skipped"]


def test_a_later_export_adds_what_is_new(tmp_path: Path) -> None:
    """Orders that are known add nothing; the refund of one of them does."""
    with importing(tmp_path) as importer:
        importer.take(write(tmp_path, "a.csv", orders_file()))
        records = list(csv.DictReader(io.StringIO(orders_file())))
        records[0]["Refunded Amount"] = "20.00"
        again = by_kind(importer.take(write(tmp_path, "b.csv", table(ORDERS, *records))))
        assert (again["order_lines"].kept, again["order_lines"].duplicate) == (0, 5)
        assert (again["events"].read, again["events"].kept) == (5, 1)


def test_what_came_back_grows_from_export_to_export(tmp_path: Path) -> None:
    """An export states what was refunded so far. Whichever exports the shop sees, in the end it has given back as much
    as the last one says, never more than the goods; the same export again adds nothing."""
    begun: dict[str, str] = {
        "Name": "#1", "Email": "ann@x.org", "Created at": "2025-10-07 09:50:26 +0200", "Currency": "EUR",
        "Subtotal": "40.00", "Total": "40.00",
    } | item("Mug", "2", "20.00", "MUG")  # fmt: skip
    stages = [
        {"Refunded Amount": "5.00"}, {"Refunded Amount": "5.00", "Fulfilled at": "2025-10-09 10:00:00 +0200"},
        {"Refunded Amount": "12.50"}, {"Refunded Amount": "12.50", "Cancelled at": "2025-10-11 10:00:00 +0200"},
        {"Refunded Amount": "40.00", "Cancelled at": "2025-10-11 10:00:00 +0200"},
    ]  # fmt: skip
    back = [500, 500, 1250, 4000, 4000]
    for seen in (range(5), *combinations(range(5), 2)):
        folder = tmp_path / "".join(map(str, seen))
        folder.mkdir()
        with importing(folder) as importer:
            for number in seen:
                path = write(folder, "orders_export.csv", table(ORDERS, begun | stages[number]))
                first, again = by_kind(importer.take(path))["events"], by_kind(importer.take(path))["events"]
                assert (first.quarantined, again.duplicate) == (0, again.read)
                assert rows(importer, "SELECT sum(price_minor)::BIGINT FROM events") == [(back[number],)]


def test_a_refund_that_shrinks_is_held(tmp_path: Path) -> None:
    """Less than was given back before is a contradiction: both sides are shown, and nothing changes."""
    order = {"Name": "#1", "Email": "a@x.org", "Created at": "2025-10-07", "Currency": "EUR", "Subtotal": "40.00"}
    with importing(tmp_path) as importer:
        for amount, kept, held in (("30.00", 1, 0), ("20.00", 0, 1)):
            record = order | {"Refunded Amount": amount} | item("Mug", "2", "20.00", "MUG")
            account = by_kind(importer.take(write(tmp_path, "o.csv", table(ORDERS, record))))["events"]
            assert (account.kept, account.quarantined) == (kept, held)
        (row,) = importer.quarantine.list()
        assert (row.reason, row.cells()["price"]) == ("id_conflict", "20.00")  # type: ignore[index]  # it has cells
        assert "price=30.00" in row.facts["known"]


def test_refunds_that_waited_are_counted_once(tmp_path: Path) -> None:
    """Growing refunds that were held for another fault give back their last sum when they are tried again together."""
    order = {"Name": "#1", "Email": "a@x.org", "Created at": "x", "Currency": "EUR", "Subtotal": "40.00"}
    with importing(tmp_path) as importer:
        for amount in ("10.00", "25.00"):
            record = order | {"Refunded Amount": amount} | item("Mug", "2", "20.00", "MUG")
            importer.take(write(tmp_path, f"{amount}.csv", table(ORDERS, record)))
        for row in importer.quarantine.list():
            importer.quarantine.fix(row.id, {"at": "2025-10-07T10:00:00Z"})
        importer.replay()
        assert rows(importer, "SELECT sum(price_minor)::BIGINT FROM events") == [(2500,)]
        assert importer.quarantine.counts() == {}


def test_products(tmp_path: Path) -> None:
    """Each variant is a product, named after the product and its options; rows with only a picture add nothing."""
    shared = {"Handle": "mug", "Option1 Name": "Colour"}
    data = table(
        PRODUCTS,
        {**shared, "Title": "Mug", "Body (HTML)": "<p>A <b>mug</b>,\nround</p>", "Vendor": "Acme", "Type": "Mugs",
         "Product Category": "Home & Garden > Kitchen & Dining > Mugs", "Tags": "new, gift", "Published": "true",
         "Option1 Value": "Red", "Variant SKU": "MUG-R", "Variant Inventory Tracker": "shopify",
         "Variant Inventory Qty": "0", "Variant Inventory Policy": "deny", "Variant Price": "20.00",
         "Image Src": "https://x/1.jpg", "Cost per item": "8.00", "Status": "active"},
        {**shared, "Option1 Value": "Blue", "Variant SKU": "MUG-B", "Variant Inventory Policy": "continue",
         "Variant Inventory Tracker": "shopify", "Variant Inventory Qty": "-3", "Variant Price": "21.00",
         "Variant Image": "https://x/b.jpg"},
        {"Handle": "mug", "Image Src": "https://x/2.jpg", "Image Position": "2"},
        {"Handle": "sofa", "Title": "Sofa", "Option1 Name": "Title", "Option1 Value": "Default Title",
         "Variant Price": "1299.00", "Status": "draft"},
    )  # fmt: skip
    with importing(tmp_path) as importer:
        accounts = by_kind(importer.take(write(tmp_path, "products_export.csv", data)))
        assert (accounts["products"].read, accounts["products"].kept) == (3, 3)
        found: list[tuple[Any, ...]] = rows(
            importer,
            "SELECT id, name, category_1, category_2, category_3, brand, description, price_minor, cost_minor, stock, "
            "active, image_url, tags FROM products ORDER BY id",
        )
        mug = ("Home & Garden", "Kitchen & Dining", "Mugs", "Acme")
        assert found[0] == (
            "MUG-B", "Mug - Blue", *mug, "A  mug ,\nround", 2100, None, None, True, "https://x/b.jpg", '["new","gift"]',
        )  # fmt: skip
        assert (found[1][0], found[1][7:11]) == ("MUG-R", (2000, 800, 0, True))
        assert (found[2][0], found[2][1], found[2][7], found[2][10]) == ("Sofa", "Sofa", 129900, False)


def test_customers(tmp_path: Path) -> None:
    """Old and new headers; who has no e-mail is known by the telephone, then by the number."""
    new = (
        "Customer ID,First Name,Last Name,Email,Accepts Email Marketing,Default Address Company,Default Address City,"
        "Default Address Country Code,Default Address Zip,Phone,Accepts SMS Marketing,Total Spent,Total Orders,Note,"
        "Tax Exempt,Tags\n"
        "'77,Ann,Ng,Ann@x.org,yes,,Berlin,DE,'10115,'+491,no,10.00,1,,no,vip\n"
        "'78,,,,no,,,,,,no,0.00,0,,no,\n"
    )
    old = (
        "First Name,Last Name,Email,Accepts Email Marketing,Company,Address1,Address2,City,Province,Province Code,Country,"
        "Country Code,Zip,Phone,Accepts SMS Marketing,Total Spent,Total Orders,Tags,Note,Tax Exempt\n"
        "Bo,Li,bo@x.org,no,,,,Xi'an,,,China,CN,'710000,,no,0.00,0,,,no\n"
    )
    with importing(tmp_path) as importer:
        importer.take(write(tmp_path, "customers_export.csv", new))
        importer.take(write(tmp_path, "old.csv", old))
        assert rows(importer, "SELECT id, name, email, phone, attributes FROM customers ORDER BY id") == [
            ("78", None, None, None, '{"shopify_id":"78","accepts_email":"no","accepts_sms":"no","tax_exempt":"no"}'),
            ("ann@x.org", "Ann Ng", "ann@x.org", "+491", '{"shopify_id":"77","city":"Berlin","country":"DE",'
             '"accepts_email":"yes","accepts_sms":"no","tags":"vip","tax_exempt":"no"}'),
            ("bo@x.org", "Bo Li", "bo@x.org", None, '{"city":"Xi\'an","country":"CN","accepts_email":"no",'
             '"accepts_sms":"no","tax_exempt":"no"}'),
        ]  # fmt: skip


def test_drafts_are_no_orders(tmp_path: Path) -> None:
    """A draft brings neither order nor revenue, and is counted; one that somebody paid for, and orders whose payment is to
    come, are sales; a voided one is taken back."""
    when = {
        "Created at": "2025-10-07 09:50:26 +0200",
        "Currency": "USD",
        "Subtotal": "7.00",
        "Total": "7.00",
        "Email": "a@x.org",
    }
    tea = item("Tea", "1", "7.00", "TEA")
    data = table(
        ORDERS,
        {**when, "Name": "#D7", "Accepts Marketing": "yes", "Discount Code": "TEN"} | tea,
        {"Name": "#D7", "Email": "a@x.org"} | item("Mug", "1", "5.00", "MUG"),
        {**when, "Name": "#D8", "Financial Status": "pending"} | tea,
        {**when, "Name": "#D9", "Financial Status": "paid", "Paid at": "2025-10-07 09:50:27 +0200"} | tea,
        {**when, "Name": "#D10", "Financial Status": "pending", "Payment Method": "Bogus Gateway"} | tea,
        {**when, "Name": "#1011", "Financial Status": "pending"} | tea,
        {**when, "Name": "#1012", "Financial Status": "authorized"} | tea,
        {**when, "Name": "#1013", "Financial Status": "voided"} | tea,
    )
    with importing(tmp_path) as importer:
        accounts = by_kind(importer.take(write(tmp_path, "orders_export.csv", data)))
        assert accounts["order_lines"].read == accounts["order_lines"].kept == 4
        (skipped,) = (one for one in accounts["order_lines"].warnings if one.key == "rows_skipped")
        assert skipped.facts == {"count": 4, "names": "test_orders 1, draft_orders 3"}
        assert rows(importer, "SELECT order_id FROM order_lines ORDER BY 1") == [
            ("#1011",),
            ("#1012",),
            ("#1013",),
            ("#D9",),
        ]
        assert rows(importer, "SELECT order_id, price_minor FROM events WHERE action = 'order_cancel'") == [
            ("#1013", 700)
        ]
        assert rows(importer, "SELECT count(*) FROM events WHERE order_id LIKE '#D%' AND order_id <> '#D9'") == [(0,)]


def test_a_tip_is_no_goods(tmp_path: Path) -> None:
    """A tip is a line item that the subtotal has not in it: it is passed over and told, the order's discount is what the
    goods lack of it, and a refund gives back no more than the goods. A product of that name with a SKU is one."""
    whole = {"Email": "a@x.org", "Created at": "2025-10-07", "Currency": "EUR"}
    records = [
        {**whole, "Name": "#1", "Subtotal": "55.00", "Total": "65.00", "Refunded Amount": "65.00"} | item("Mug", "2", "20.00", "MUG"),
        {"Name": "#1"} | item("Tip", "1", "10.00"),
        {"Name": "#1"} | item("Tea", "1", "20.00", "TEA"),
        {**whole, "Name": "#2", "Subtotal": "5.00", "Total": "5.00"} | item("Tip", "1", "5.00", "TIP-1"),
    ]  # fmt: skip
    with importing(tmp_path) as importer:
        accounts = by_kind(importer.take(write(tmp_path, "o.csv", table(ORDERS, *records))))
        assert (accounts["order_lines"].read, accounts["order_lines"].kept) == (3, 3)
        skipped = [
            warning for account in accounts.values() for warning in account.warnings if warning.key == "rows_skipped"
        ]
        assert [warning.facts for warning in skipped] == [{"count": 1, "names": "tips 1"}]
        assert rows(importer, "SELECT order_id, product, price_minor, discount_minor FROM order_lines ORDER BY ALL") == [
            ("#1", "MUG", 2000, 333), ("#1", "TEA", 2000, 167), ("#2", "TIP-1", 500, None),
        ]  # fmt: skip
        assert rows(importer, "SELECT price_minor FROM events WHERE action = 'order_return'") == [(5500,)]
