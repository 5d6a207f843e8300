# ruff: noqa: E501  # statements and tables are easier to read in long lines
"""Stock levels, competitors' prices, third-party attributes and baskets."""

from pathlib import Path

import pytest
from taking import SHARED, by_kind, importing, rows, write

from shopkeeper.core.errors import DataError
from shopkeeper.data.mapping import MapFile

GROCERIES = SHARED / "groceries_baskets" / "groceries.csv"


def test_stock_levels_become_facts_about_products(tmp_path: Path) -> None:
    """A level is a stock_change event, also of zero; a negative one is held; a file that says no time is of now."""
    data = "SKU,Stock,Date,Warehouse\nMUG,7,2026-11-01,Berlin\nSOFA,0,2026-11-01,\nLAMP,-1,2026-11-01,\n"
    with importing(tmp_path) as importer:
        accounts = by_kind(importer.take(write(tmp_path, "stock.csv", data)))
        assert dict(accounts["events"].by_reason) == {"negative_quantity": 1}
        assert rows(importer, "SELECT action, product, quantity, properties FROM events ORDER BY 2") == [
            ("stock_change", "MUG", 7.0, '{"location":"Berlin"}'), ("stock_change", "SOFA", 0.0, '{"location":null}'),
        ]  # fmt: skip
        mapping = MapFile(columns={"product": "x", "level": "y"})
        accounts = by_kind(importer.take(write(tmp_path, "s.csv", "x,y\nMUG,5\n"), "stock", mapping=mapping))
        assert accounts["events"].kept == 1


def test_competitors_prices(tmp_path: Path) -> None:
    """Each is a row of its own table; the same product, competitor and moment with another price is a conflict."""
    data = (
        "sku,competitor,date,price,currency,url\nMUG,Rival,2026-11-01,9.90,EUR,https://r/m\n"
        "MUG,Rival,2026-11-01,9.80,EUR,https://r/m\nMUG,,2026-11-01,9.80,EUR,\n"
    )
    with importing(tmp_path) as importer:
        (account,) = importer.take(write(tmp_path, "rivals.csv", data))
        assert (account.kind, dict(account.by_reason)) == ("competitor_prices", {"id_conflict": 1, "missing_value": 1})
        assert rows(importer, "SELECT product, competitor, price_minor, currency, url FROM competitor_prices") == [
            ("MUG", "Rival", 990, "EUR", "https://r/m")
        ]


LONG = (
    "customer_id,attribute,value,origin,consent,collected_at\n"
    "c1,interest,tea,Acme Data,yes,2026-10-01\nc1,tag,vip,Acme Data,yes,2026-10-01\nc2,interest,cars,Acme Data,no,2026-10-01\n"
    "c3,interest,art,,yes,2026-10-01\n"
)
WIDE = (
    "customer_id,origin,consent,collected_at,interest,tag\nc1,Acme Data,yes,2026-10-01,tea,vip\n"
    "c2,Acme Data,no,2026-10-01,cars,\nc3,,yes,2026-10-01,art,\n"
)


@pytest.mark.parametrize("data", [LONG, WIDE], ids=["a row each", "a column each"])
def test_third_party_attributes_need_origin_and_consent(tmp_path: Path, data: str) -> None:
    """Kept only where it is said who says so and that the person agreed; otherwise held. Again: nothing new."""
    path = write(tmp_path, "interests.csv", data)
    with importing(tmp_path) as importer:
        (account,) = importer.take(path)
        assert (account.kind, account.kept, dict(account.by_reason)) == (
            "attributes", 2, {"no_consent": 1, "missing_value": 1},
        )  # fmt: skip
        assert rows(importer, "SELECT customer, name, value, origin FROM attributes ORDER BY name") == [
            ("c1", "interest", "tea", "Acme Data"), ("c1", "tag", "vip", "Acme Data"),
        ]  # fmt: skip
        assert (importer.take(path)[0].kept, importer.take(path)[0].duplicate) == (0, 2)


def test_baskets(tmp_path: Path) -> None:
    """A line is an order, its cells are products; empty lines count for the numbers; without a moment it is refused."""
    path = write(tmp_path, "baskets.csv", "tea, milk\n\n milk ,tea,tea\r\nsugar")
    with importing(tmp_path) as importer:
        with pytest.raises(DataError, match="baskets_without_time"):
            importer.take(path, "baskets")
        account = by_kind(importer.take(path, "baskets", mapping=MapFile(constants={"at": "2026-11-01"})))[
            "order_lines"
        ]
        assert (account.read, account.kept, account.orders) == (6, 6, 3)
        assert rows(importer, "SELECT order_id, line, product FROM order_lines ORDER BY 1, 2") == [
            ("basket:baskets:1", 1, "tea"), ("basket:baskets:1", 2, "milk"), ("basket:baskets:3", 1, "milk"),
            ("basket:baskets:3", 2, "tea"), ("basket:baskets:3", 3, "tea"), ("basket:baskets:4", 1, "sugar"),
        ]  # fmt: skip


@pytest.mark.skipif(not GROCERIES.is_file(), reason="needs ../shared/data/groceries_baskets")
def test_real_baskets(tmp_path: Path) -> None:
    """9,835 baskets over 169 items; whole milk is in 2,513 of them."""
    with importing(tmp_path) as importer:
        importer.take(GROCERIES, "baskets", mapping=MapFile(constants={"at": "2026-01-01"}))
        found = rows(
            importer,
            "SELECT count(DISTINCT order_id), count(DISTINCT product), count(DISTINCT order_id) FILTER (product = 'whole milk') "
            "FROM order_lines",
        )
        assert found == [(9_835, 169, 2_513)]


def test_what_is_wrong_with_a_level_names_the_files_column(tmp_path: Path) -> None:
    """A held level is told, and mended, by the name that the file gives its column."""
    data = "Article,On hand,Counted at\nMUG,-7,2026-10-01\nSOFA,many,2026-10-01\nTEA,5,2026-10-01\n"
    mapping = MapFile(columns={"product": "Article", "level": "On hand", "at": "Counted at"})
    with importing(tmp_path) as importer:
        (account,) = importer.take(write(tmp_path, "stock.csv", data), "stock", mapping=mapping)
        assert (account.kept, account.quarantined) == (1, 2)
        held = importer.quarantine.list()
        assert {(row.line, row.column, row.facts["column"]) for row in held} == {
            (2, "On hand", "On hand"),
            (3, "On hand", "On hand"),
        }
        importer.quarantine.fix(held[0].id, {"On hand": "7"})
        (again,) = importer.replay()
        assert (again.kept, again.quarantined) == (1, 1)
        assert rows(importer, "SELECT product, quantity FROM events ORDER BY 1") == [("MUG", 7.0), ("TEA", 5.0)]


def test_a_product_that_follows_is_no_authority(tmp_path: Path) -> None:
    """What order lines say of a product is never a conflict: a corrected file, whose first price is another one, adds
    its line and nothing to look at; later files bring newer versions, but not of what a catalogue tells of, before or
    after."""
    head = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"
    broken = "1,10001,MUG,1,2011-10-02 10:00:00,{price},7,UK\n2,10001,MUG,1,2011-10-02 10:00:00,3.00,7,UK\n"
    later = "3,10001,BIG MUG,1,2011-11-02 10:00:00,5.00,7,UK\n"
    names = 'SELECT name, price_minor FROM products ORDER BY "at"'
    with importing(tmp_path) as importer:
        importer.take(write(tmp_path, "a.csv", head + broken.format(price="x")))
        again = by_kind(importer.take(write(tmp_path, "a.csv", head + broken.format(price="2.00"))))
        assert (again["products"].duplicate, again["products"].quarantined) == (1, 0)
        assert (again["order_lines"].kept, again["order_lines"].duplicate) == (1, 1)
        assert rows(importer, names) == [("MUG", 300)]
        assert by_kind(importer.take(write(tmp_path, "b.csv", head + later)))["products"].kept == 1
        assert rows(importer, names) == [("MUG", 300), ("BIG MUG", 500)]
        catalogue = "id,name,price,date\n10001,Mug,2.50,2012-01-01\n"
        assert by_kind(importer.take(write(tmp_path, "c.csv", catalogue), "products"))["products"].kept == 1
        newest = later.replace("2011-11", "2012-11").replace("3,", "4,", 1)
        assert by_kind(importer.take(write(tmp_path, "d.csv", head + newest)))["products"].duplicate == 1
        assert rows(importer, names)[-1] == ("Mug", 250)
