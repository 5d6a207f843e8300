# ruff: noqa: E501  # statements and tables are easier to read in long lines
"""Small things that real exports have and that must come out right."""

from pathlib import Path

from taking import by_kind, importing, rows, write

from shopkeeper.data.mapping import MapFile


def test_small_things_of_other_formats(tmp_path: Path) -> None:
    """Signs that HTML writes as words, commas in a category's name, family names that come first, several categories in a
    cell, dates of Go that mean none, fields of Metarank's users, and commas inside quotes of a basket."""
    jobs = {
        "woo.csv": "ID,Type,SKU,Name,Published,Regular price,Categories,Description\n"
        '1,simple,,Mug &amp; co,1,10.00,"Home > Kitchen\\, Bath","<p>5 &euro; &#8211; soft</p>"\n',
        "customers.csv": "First Name,Last Name,Email,Total Spent,Total Orders\n伟,张,a@x.org,0,0\nEva,Li,e@x.org,0,0\n",
        "items.csv": "ITEM_ID,PRICE,CATEGORY_L1\np1,3.50,Food|Tea\n",
        "items.jsonl": '{"ItemId":"g1","IsHidden":false,"Categories":null,"Timestamp":"0001-01-01T00:00:00Z"}\n',
        "users.jsonl": '{"event":"user","id":"1","timestamp":"1740794401000","user":"u","fields":[{"name":"age","value":33}]}\n',
    }
    with importing(tmp_path) as importer:
        for name, data in jobs.items():
            for account in importer.take(write(tmp_path, name, data)):
                assert account.quarantined == 0
        found = "SELECT id, name, category_1, category_2, description FROM products ORDER BY id"
        assert rows(importer, found) == [
            ("1", "Mug & co", "Home", "Kitchen, Bath", "5 € – soft"), ("g1", "g1", None, None, None),
            ("p1", "p1", "Food", None, None),
        ]  # fmt: skip
        assert rows(importer, "SELECT id, name FROM customers ORDER BY id") == [
            ("a@x.org", "张伟"), ("e@x.org", "Eva Li"), ("u", None),
        ]  # fmt: skip
        assert rows(importer, "SELECT attributes FROM customers WHERE id = 'u'") == [('{"age":"33"}',)]
        basket = write(tmp_path, "baskets.csv", 'tea,"margarine, light"\r\nmilk\n')
        told = MapFile(constants={"at": "2025-03-01"})
        importer.take(basket, "baskets", mapping=told)
        assert rows(importer, "SELECT product FROM order_lines ORDER BY order_id, line") == [
            ("tea",), ("margarine, light",), ("milk",),
        ]  # fmt: skip


def test_month_first_dates_of_a_whole_file(tmp_path: Path) -> None:
    """The one cell that proves it counts for every part of the file; a product holds from its earliest line. Both halves of
    an adjusted debt are held."""
    data = (
        "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"
        "1,A,TEA,1,12/1/2010 8:26,2.55,7,UK\n2,A,TEA,1,1/10/2011 8:26,2.55,7,UK\n3,B2,CUP,1,1/10/2011 8:26,2.55,7,UK\n"
        "A4,B,Adjust bad debt,1,1/10/2011 9:00,11062.06,,UK\nA5,B,Adjust bad debt,1,1/10/2011 9:00,-11062.06,,UK\n"
        "6,A,TEA,1,12/13/2010 8:26,2.55,7,UK\n"
    )
    with importing(tmp_path) as importer:
        accounts = by_kind(importer.take(write(tmp_path, "uci.csv", data)))
        assert dict(accounts["order_lines"].by_reason) == {"debt_adjustment": 1, "negative_amount": 1}
        assert [one.key for one in accounts["order_lines"].warnings if "date" in one.key] == ["date_format_found"]
        days = "SELECT id, strftime(\"at\", '%Y-%m-%d') FROM products WHERE id <> 'B' ORDER BY id"
        assert rows(importer, days) == [("A", "2010-12-01"), ("B2", "2011-01-10")]
