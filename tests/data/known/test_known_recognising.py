"""What a file is follows from its columns; what is not certain is asked."""

from pathlib import Path

import pytest
from taking import by_kind, importing, rows, write

from shopkeeper import locale
from shopkeeper.core.errors import DataError
from shopkeeper.data.mapping import MapFile
from shopkeeper.data.sources import chunks, jsonl

KINDS = {
    "order_lines": "order_id,date,customer_id,sku,quantity,price\no1,2026-11-01,c1,s1,1,2.00\n",
    "events": "time,event,visitor_id,sku\n2026-11-01,product_view,v1,s1\n",
    "products": "sku,title,brand,price\ns1,Soap,Lux,2.00\n",
    "customers": "customer_id,email,full_name\nc1,a@x.org,Ann\n",
    "prices": "sku,date,price\ns1,2026-11-01,2.00\n",
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_columns_tell_the_kind(tmp_path: Path, kind: str) -> None:
    """Without being told, and it says so."""
    with importing(tmp_path) as importer:
        (account,) = importer.take(write(tmp_path, "f.csv", KINDS[kind]))
    assert (account.kind, account.kept, account.format) == (kind, 1, "")
    assert account.warnings[0].facts == {"kind": kind}


@pytest.mark.parametrize(
    ("data", "key"), [("id,name\n1,a\n", "kind_unclear"), ("a,b\n1,2\n", "kind_unknown"), ("id\n1\n", "kind_unknown")]
)
def test_an_uncertain_kind_is_asked(tmp_path: Path, data: str, key: str) -> None:
    """Refused with a sentence that names the choices; nothing is stored. Told the kind, it goes in."""
    with importing(tmp_path) as importer:
        with pytest.raises(DataError) as caught:
            importer.take(write(tmp_path, "f.csv", data))
        assert caught.value.key == key
        assert "--kind" in locale.say("en", "errors", key, **caught.value.facts)
        assert all(not importer.lake.files(name) for name in ("products", "customers"))
    if "name" in data:
        with importing(tmp_path) as importer:
            assert importer.take(tmp_path / "f.csv", "products")[0].kept == 1


EVENTS = (
    '{"id":"e1","action":"order","at":"2026-11-01T10:00:00Z","customer":"c1","order":"o1","currency":"EUR",'
    '"lines":[{"product":"p1","quantity":2,"price":9.90,"discount":"1.00"},{"product":"p2","price":"5"}]}\n'
    '{"id":"e2","action":"order_return","at":"2026-11-02T10:00:00Z","customer":"c1","order":"r1",'
    '"lines":[{"product":"p1","quantity":1,"refund":"9.90"}]}\n'
    '{"id":"e3","action":"product_view","at":"2026-11-02T10:00:00Z","visitor":"v1","product":"p2"}\n'
    "not json\n"
)


def test_orders_in_json_lines_keep_their_lines(tmp_path: Path) -> None:
    """An order event of a file brings the same rows as one sent to the API: the event once, and its lines under it."""
    path = write(tmp_path, "events.jsonl", EVENTS)
    with importing(tmp_path) as importer:
        accounts = by_kind(importer.take(path, "events"))
        assert (accounts["events"].read, accounts["events"].kept) == (4, 3)
        assert (accounts["order_lines"].read, accounts["order_lines"].kept) == (3, 3)
        assert rows(importer, "SELECT id, action FROM events ORDER BY id") == [
            ("e1", "order"), ("e2", "order_return"), ("e3", "product_view"),
        ]  # fmt: skip
        assert rows(
            importer,
            "SELECT order_id, line, product, quantity, price_minor, discount_minor, refund_minor, currency, event_id "
            "FROM order_lines ORDER BY ALL",
        ) == [
            ("o1", 1, "p1", 2.0, 990, 100, None, "EUR", "e1"), ("o1", 2, "p2", 1.0, 500, None, None, "EUR", "e1"),
            ("r1", 1, "p1", -1.0, None, None, 990, "USD", "e2"),
        ]  # fmt: skip
        again = by_kind(importer.take(path))
        assert {kind: one.kept for kind, one in again.items()} == {"events": 0, "order_lines": 0}


def test_long_files_are_read_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A column that begins in a later piece is there, lines keep their numbers, and no piece is longer than said."""
    monkeypatch.setattr(jsonl, "SIZE", 2)
    lengths: list[int] = []
    add = chunks.Chunks.add
    monkeypatch.setattr(
        chunks.Chunks, "add", lambda self, lines, its: lengths.append(len(its)) or add(self, lines, its)
    )
    lines = [
        f'{{"at":"2026-11-01T10:00:0{n}Z","action":"product_view","visitor":"v","product":"p"}}\n' for n in range(4)
    ]
    lines[3] = lines[3].replace('"visitor"', '"rating":11,"visitor"')
    with importing(tmp_path) as importer:
        (account,) = importer.take(write(tmp_path, "e.jsonl", "".join(lines)))
        assert (account.kept, dict(account.by_reason), lengths) == (3, {"rating_out_of_range": 1}, [2, 2])
        assert importer.quarantine.list()[0].line == 4


def test_lines_refused_by_the_reader_count_in_known_formats(tmp_path: Path) -> None:
    """Rows after a refused one are named by their physical line."""
    head = "event_time,event_type,product_id,category_id,category_code,brand,price,user_id,user_session\n"
    good = "2019-10-01 00:00:00 UTC,view,{0},1,a.b,x,1.00,u1,s1\n"
    data = head + good.format(1) + "cut,off\n" + good.format(2) + "cut,too\n" + good.format(3).replace("view", "wave")
    with importing(tmp_path) as importer:
        accounts = by_kind(importer.take(write(tmp_path, "log.csv", data)))
        assert (accounts["events"].read, accounts["events"].kept) == (5, 2)
        held = [(row.line, row.reason) for row in importer.quarantine.list()]
        assert sorted(held) == [(3, "too_few_cells"), (5, "too_few_cells"), (6, "unknown_action")]


def test_a_formats_rules_hold_in_a_replay(tmp_path: Path) -> None:
    """What a format refuses stays refused when the quarantine is tried again; what was corrected goes in."""
    data = (
        "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"
        "536365,85123A,HOLDER,-6,2010-12-01 08:26:00,2.55,17850.0,UK\n"
        "C536366,85123A,HOLDER,-6,2010-12-01 08:26:00,2.55,17850.0,UK\n"
        "536367,POST,POSTAGE,1,2010-12-01 08:26:00,x,17850,UK\n"
    )
    with importing(tmp_path) as importer:
        importer.take(write(tmp_path, "retail.csv", data))
        assert importer.quarantine.counts() == {"not_an_amount": 1, "stock_adjustment": 1}
        bad = next(row for row in importer.quarantine.list() if row.reason == "not_an_amount")
        importer.quarantine.fix(bad.id, {"price": "15.00"})
        importer.replay()
        assert importer.quarantine.counts() == {"stock_adjustment": 1}
        assert rows(importer, "SELECT order_id, quantity, customer FROM order_lines ORDER BY 1") == [
            ("536367", 1.0, "17850"), ("C536366", -6.0, "17850"),
        ]  # fmt: skip


def test_a_map_that_names_columns_is_believed(tmp_path: Path) -> None:
    """Then the file is what the map says, whatever it looks like."""
    data = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID\nA,p1,x,2,2026-11-01,1.00,c1\n"
    mapping = MapFile(columns={"order": "InvoiceNo", "price": "UnitPrice"})
    with importing(tmp_path) as importer:
        (account,) = importer.take(write(tmp_path, "f.csv", data), mapping=mapping)
    assert (account.kind, account.format, account.kept) == ("order_lines", "", 1)
