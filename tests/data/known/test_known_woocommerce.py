# ruff: noqa: E501  # statements and tables are easier to read in long lines
"""WooCommerce: products as it exports them in any language, orders as its export plugins write them."""

import csv
import io
from pathlib import Path

import pytest
from taking import by_kind, importing, rows, write

from shopkeeper.data.sources.known.woocommerce_products import WOOCOMMERCE_PRODUCTS_TRANSLATED_GTIN

ENGLISH = [*WOOCOMMERCE_PRODUCTS_TRANSLATED_GTIN.places, "Grouped products", "Upsells", "Attribute 1 name", "Meta: _x"]


def table(names: list[str], *records: dict[str, str]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(names)
    writer.writerows(
        [[record.get(name, "") for name in ENGLISH if name in ENGLISH[: len(names)]] for record in records]
    )
    return out.getvalue()


PRODUCTS = [
    {"ID": "10", "Type": "variable", "SKU": "HOOD", "Name": "Hoodie", "Published": "1", "Visibility in catalog": "visible",
     "Short description": "<p>Warm,\\nsoft</p>", "In stock?": "1", "Categories": "Clothing > Men, Sale", "Tags": "warm, new",
     "Images": "https://x/1.jpg, https://x/2.jpg"},
    {"ID": "11", "Type": "variation", "SKU": "HOOD-R", "Name": "Hoodie - Red", "Published": "1", "In stock?": "1", "Stock": "7",
     "Backorders allowed?": "0", "Sale price": "35.00", "Regular price": "45.00", "Parent": "HOOD"},
    {"ID": "12", "Type": "variation", "Name": "Hoodie - Blue", "Published": "1", "In stock?": "0", "Regular price": "45.00",
     "Sale price": "30.00", "Date sale price starts": "2026-12-01", "Parent": "id:10"},
    {"ID": "13", "Type": "simple", "SKU": "MUG", "Name": 'Mug, "big"', "Published": "-1", "Regular price": "1.005"},
]  # fmt: skip
CHINESE = ["ID", "类型", "SKU", "GTIN、UPC、EAN 或 ISBN", "名称", "已发布"] + [f"列{n}" for n in range(6, len(ENGLISH))]


@pytest.mark.parametrize("header", [ENGLISH, CHINESE], ids=["english", "translated"])
def test_products(tmp_path: Path, header: list[str]) -> None:
    """By name or by place; variations have their parent's categories; a sale that has dates is not today's price."""
    with importing(tmp_path) as importer:
        accounts = by_kind(importer.take(write(tmp_path, "wc-product-export.csv", table(header, *PRODUCTS))))
        assert accounts["products"].format == "WooCommerce products"
        assert (accounts["products"].kept, dict(accounts["products"].by_reason)) == (3, {"too_many_decimals": 1})
        assert rows(
            importer, "SELECT id, name, category_1, category_2, price_minor, stock, active, image_url FROM products ORDER BY name"
        ) == [
            ("HOOD", "Hoodie", "Clothing", "Men", None, None, True, "https://x/1.jpg"),
            ("12", "Hoodie - Blue", "Clothing", "Men", 4500, 0, True, "https://x/1.jpg"),
            ("HOOD-R", "Hoodie - Red", "Clothing", "Men", 3500, 7, True, "https://x/1.jpg"),
        ]  # fmt: skip
        assert rows(importer, "SELECT description, tags FROM products WHERE id = 'HOOD'") == [
            ("Warm, soft", '["warm","new"]')
        ]


WANTED = [
    ("501", 1, "ann@x.org", "HOOD-R", 2.0, 3500, 700, "EUR"), ("501", 2, "ann@x.org", "12", 3.0, 334, 2, "EUR"),
    ("502", 1, None, "MUG", 1.0, 900, None, "EUR"),
]  # fmt: skip
SERIAL = (
    "id:1|name:Hoodie - Red|product_id:11|sku:HOOD-R|quantity:2|subtotal:70.00|subtotal_tax:0.00|total:63.00|total_tax:0.00|"
    "refunded:0.00|refunded_qty:0|meta:Colour=Red;id:2|name:Hoodie; blue|product_id:12|sku:|quantity:3|subtotal:10.00|"
    "total:10.00|total_tax:0.00|refunded:0.00|refunded_qty:0|meta:"
)
FORMS = {
    "serialised": (
        "order_id,order_number_formatted,order_number,order_date,status,order_total,refunded_total,order_currency,customer_id,"
        "billing_email,line_items\n"
        f'501,,,2026-10-01 10:00:00,completed,73.00,20.00,EUR,7,Ann@x.org,"{SERIAL}"\n'
        "502,,,2026-10-01 11:00:00,cancelled,9.00,0.00,EUR,0,,name:Mug|product_id:13|sku:MUG|quantity:1|total:9.00\n"
        "503,,,2026-10-01 12:00:00,failed,9.00,0.00,EUR,0,,name:Mug|product_id:13|sku:MUG|quantity:1|total:9.00\n"
    ),
    "numbered": (
        "order_id,order_number,order_date,status,order_currency,customer_email,refunded_total,line_item_1,line_item_2\n"
        "501,501,2026-10-01 10:00:00,wc-completed,EUR,ann@x.org,20.00,"
        "name:Hoodie - Red|product_id:11|sku:HOOD-R|quantity:2|total:63.00|sub_total:70.00,"
        "name:Hoodie; blue|product_id:12|sku:|quantity:3|total:10.00|sub_total:10.00\n"
        "502,502,2026-10-01 11:00:00,cancelled,EUR,,,name:Mug|product_id:13|sku:MUG|quantity:1|total:9.00|sub_total:9.00,\n"
        "503,503,2026-10-01 12:00:00,pending,EUR,,,name:Mug|product_id:13|sku:MUG|quantity:1|total:9.00|sub_total:9.00,\n"
    ),
    "a row an item": (
        "order_id,order_date,status,order_currency,billing_email,refunded_total,item_name,item_sku,item_product_id,item_quantity,"
        "item_subtotal,item_total\n"
        "501,2026-10-01 10:00:00,completed,EUR,ann@x.org,20.00,Hoodie - Red,HOOD-R,11,2,70.00,63.00\n"
        "501,2026-10-01 10:00:00,completed,EUR,ann@x.org,20.00,Hoodie | blue,,12,3,10.00,10.00\n"
        "502,2026-10-01 11:00:00,cancelled,EUR,,,Mug,MUG,13,1,9.00,9.00\n"
        "503,2026-10-01 11:00:00,trash,EUR,,,Mug,MUG,13,1,9.00,9.00\n"
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_orders(tmp_path: Path, form: str) -> None:
    """However the items are written: the same lines, the discount exact, times in the shop's zone, refunds as events,
    what never became an order passed over and counted; the same file again adds nothing."""
    path = write(tmp_path, "orders.csv", FORMS[form])
    with importing(tmp_path, timezone="Europe/Berlin") as importer:
        accounts = by_kind(importer.take(path))
        lines = accounts["order_lines"]
        assert (lines.format, lines.read, lines.kept, lines.orders) == ("WooCommerce orders", 3, 3, 2)
        assert [one.facts["count"] for one in lines.warnings if one.key == "rows_skipped"] == [1]
        assert (
            rows(
                importer,
                "SELECT order_id, line, customer, product, quantity, price_minor, discount_minor, currency FROM order_lines ORDER BY 1, 2",
            )
            == WANTED
        )
        assert rows(importer, "SELECT id, price_minor FROM events WHERE action = 'order_return'") == [
            ("refund:501", 2000)
        ]
        assert rows(importer, 'SELECT epoch(min("at"))::BIGINT FROM order_lines') == [(1790841600,)]
        again = by_kind(importer.take(path))
        assert {kind: one.kept for kind, one in again.items()} == {"order_lines": 0, "events": 0}


def test_items_that_cannot_be_read_are_held(tmp_path: Path) -> None:
    """An order without readable items is not lost quietly."""
    data = FORMS["serialised"].splitlines()[0] + "\n9,,,2026-10-01 10:00:00,completed,1,,EUR,7,a@x.org,???\n"
    with importing(tmp_path) as importer:
        lines = by_kind(importer.take(write(tmp_path, "orders.csv", data)))["order_lines"]
        assert (lines.read, dict(lines.by_reason)) == (1, {"missing_value": 1})


@pytest.mark.parametrize(
    "data",
    [
        "customer_id,first_name,last_name,email,date_registered,billing_first_name,billing_last_name,billing_company,billing_email,"
        "billing_phone,billing_address_1,billing_postcode,billing_city,billing_state,billing_country,total_spent,order_count\n"
        "7,Eva,Klein,Eva@x.de,2024-05-01 10:00:00,Eva,Klein,,eva@x.de,0171 / 1234567,Weg 1,10115,Berlin,,DE,12.00,1\n",
        "ID,customer_id,user_login,user_pass,user_email,user_registered,display_name,first_name,last_name,roles,billing_phone,"
        "billing_city,billing_country\n"
        "7,7,eva,$P$x,Eva@x.de,2024-05-01 10:00:00,Eva,Eva,Klein,customer,+49 (171) 123-4567,Berlin,DE\n",
    ],
    ids=["csv export", "import export"],
)
def test_customers_are_those_of_the_orders(tmp_path: Path, data: str) -> None:
    """A customer is known by the e-mail address, as orders know them; the telephone has its country's code, as that of an
    order without an address has, and nothing else of the account is kept."""
    orders = (
        "order_id,order_number,order_date,status,order_total,order_currency,customer_id,billing_email,billing_phone,billing_country,line_items\n"
        "501,501,2026-10-01 11:00:00,completed,9.00,EUR,0,,0171 1234567,DE,name:Mug|product_id:13|sku:MUG|quantity:1|total:9.00\n"
    )
    with importing(tmp_path) as importer:
        told = by_kind(importer.take(write(tmp_path, "customers.csv", data)))
        assert (told["customers"].format, told["customers"].kept) == ("WooCommerce customers", 1)
        importer.take(write(tmp_path, "orders.csv", orders))
        found = rows(importer, "SELECT id, name, email, phone, attributes FROM customers")
        assert found == [("eva@x.de", "Eva Klein", "eva@x.de", "+491711234567",
                          '{"woocommerce_id":"7","city":"Berlin","country":"DE"}')]  # fmt: skip
        assert rows(importer, "SELECT customer FROM order_lines") == [("+491711234567",)]
