# ruff: noqa: E501  # statements and tables are easier to read in long lines
"""Google Merchant feeds, in each of their forms."""

from pathlib import Path

import pytest
from taking import by_kind, importing, rows, write

from shopkeeper import locale
from shopkeeper.core.errors import DataError

TSV = (
    "id\ttitle\tdescription\tlink\timage link\tavailability\tprice\tsale price\tbrand\tgoogle product category\tproduct type\t"
    "item group id\tcolor\tcustom label 0\n"
    "m1\tMug, red\tA <b>round</b> mug\thttps://x/m1\thttps://x/m1.jpg\tin_stock\t15.00 EUR\t12.50 EUR\tAcme\t"
    "Home & Garden > Kitchen > Mugs\t\tm\tred\tgift\n"
    "m2\tSofa\t\thttps://x/m2\t\tout of stock\t1,299.00 EUR\t\tAcme\t436\tHome > Sofas\t\t\t\n"
    "m3\tLamp\t\thttps://x/m3\t\tpreorder\t? EUR\t\tAcme\t436\t\t\t\t\n"
)
ITEM = """<{0}><g:id>m1</g:id><title>Mug, red</title><description><![CDATA[A <b>round</b> mug]]></description>{1}
<g:image_link>https://x/m1.jpg</g:image_link><g:additional_image_link>https://x/2.jpg</g:additional_image_link>
<g:additional_image_link>https://x/3.jpg</g:additional_image_link><g:availability>in stock</g:availability>
<g:price>15.00 EUR</g:price><g:sale_price>12.50 EUR</g:sale_price><g:brand>Acme</g:brand>
<g:google_product_category>Home &amp; Garden &gt; Kitchen &gt; Mugs</g:google_product_category>
<g:shipping><g:country>DE</g:country><g:price>4.90 EUR</g:price></g:shipping><g:item_group_id>m</g:item_group_id>
<g:color>red</g:color><g:custom_label_0>gift</g:custom_label_0></{0}>"""
RSS = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<rss version="2.0" xmlns:g="http://base.google.com/ns/1.0"><channel>'
    "<title>Shop</title><link>https://x</link>\n"
    + ITEM.format("item", "<link>https://x/m1</link>")
    + "</channel></rss>"
)
ATOM = (
    '<feed xmlns="http://www.w3.org/2005/Atom" xmlns:g="http://base.google.com/ns/1.0"><title>Shop</title>\n'
    + ITEM.format("entry", '<link href="https://x/m1"/>') + "</feed>"
)  # fmt: skip
MUG = (
    "m1", "Mug, red", "A  round  mug", "Home & Garden", "Kitchen", "Mugs", "Acme", 1250, "EUR", None, "https://x/m1",
    "https://x/m1.jpg", '["gift"]', '{"item_group_id":"m","color":"red"}',
)  # fmt: skip
_FOUND = (
    "SELECT id, name, description, category_1, category_2, category_3, brand, price_minor, currency, stock, url, image_url, tags, "
    "variants FROM products ORDER BY id"
)


def test_tab_separated(tmp_path: Path) -> None:
    """Names with blanks or underscores; an amount brings its currency; what is out of stock has none; a number of Google's
    categories says nothing, so the shop's own stands; an amount that is none is held."""
    with importing(tmp_path) as importer:
        accounts = by_kind(importer.take(write(tmp_path, "feed.tsv", TSV)))
        assert (accounts["products"].format, accounts["products"].kept) == ("Google Merchant feed", 2)
        assert dict(accounts["products"].by_reason) == {"not_an_amount": 1}
        mug, sofa = rows(importer, _FOUND)
        assert mug == MUG
        assert (sofa[3], sofa[4], sofa[7], sofa[8], sofa[9]) == ("Home", "Sofas", 129900, "EUR", 0)


@pytest.mark.parametrize(
    "data", [RSS, ATOM, RSS.replace("UTF-8", "UTF-16").encode("utf-16")], ids=["rss", "atom", "utf16"]
)
def test_xml(tmp_path: Path, data: str | bytes) -> None:
    """RSS and Atom give what TSV gives; what is nested in an item (its shipping price) is not taken for its own."""
    with importing(tmp_path) as importer:
        accounts = by_kind(importer.take(write(tmp_path, "feed.xml", data)))
        assert (accounts["products"].read, accounts["products"].kept) == (1, 1)
        assert rows(importer, _FOUND) == [MUG]


@pytest.mark.parametrize(
    ("data", "key"),
    [
        ('<!DOCTYPE a [<!ENTITY b "bb">]><rss><item><id>&b;</id></item></rss>', "xml_entities"),
        (RSS[:200], "file_damaged"), ("<rss></rss>", "file_empty"), ("<item>" * 3, "file_damaged"),
        ("<rss><item><colour>red</colour></item></rss>", "kind_unknown"), ("", "file_damaged"),
    ],
)  # fmt: skip
def test_xml_that_is_no_feed(tmp_path: Path, data: str, key: str) -> None:
    """Refused whole with one sentence; entities are never expanded."""
    with importing(tmp_path) as importer:
        with pytest.raises(DataError) as caught:
            importer.take(write(tmp_path, "feed.xml", data))
        assert caught.value.key == key
        assert locale.say("zh", "errors", key, **caught.value.facts)
        assert importer.lake.files("products") == []
