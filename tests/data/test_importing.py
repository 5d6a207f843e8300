# tables are easier to read in long lines
"""Files in: what becomes of every row."""

import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shopkeeper import locale
from shopkeeper.core.errors import DataError, NotFound
from shopkeeper.data.importing import Account, Importer
from shopkeeper.data.lake import Lake
from shopkeeper.data.mapping import NO_MAPPING, MapFile, load_mapping
from shopkeeper.data.privacy import Person, erase_rows
from shopkeeper.data.quarantine import Quarantine
from shopkeeper.data.schema import TABLES, lake_types
from shopkeeper.data.sources.shape import is_regular, shape_of

NOW = datetime(2026, 11, 24, tzinfo=UTC)
HEADER = "order_id,date,customer_id,sku,quantity,price"
GOOD = "o1,2026-11-01 10:00:00,c1,00123,2,9.90"


@pytest.fixture
def importer(tmp_path: Path) -> Any:
    quarantine = Quarantine(tmp_path / "quarantine.db")
    yield Importer(lake=Lake(tmp_path / "lake"), quarantine=quarantine, clock=lambda: NOW)
    quarantine.close()


def write(tmp_path: Path, data: bytes | str, name: str = "file.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path


def rows(importer: Importer, sql: str) -> list[tuple[Any, ...]]:
    with importer.lake.connect() as con:
        found: list[tuple[Any, ...]] = con.execute(sql).fetchall()
        return found


def lines(*more: str) -> str:
    return "\n".join([HEADER, *more]) + "\n"


@pytest.mark.parametrize(
    "data",
    [
        lines(GOOD, "o2,2026-11-01,c2,1E10,1,1").encode(),
        b"\xef\xbb\xbf" + lines(GOOD, "o2,2026-11-01,c2,1E10,1,1").encode(),
        lines(GOOD, "o2,2026-11-01,c2,1E10,1,1").encode("utf-16"),
        lines(GOOD, "o2,2026-11-01,c2,1E10,1,1").replace("\n", "\r\n").encode(),
        f"{HEADER}\r\n{GOOD}\no2,2026-11-01,c2,1E10,1,1\r".encode(),
        lines(GOOD, "", "o2,2026-11-01,c2,1E10,1,1").encode(),
        lines(GOOD, 'o2,2026-11-01,c2,"1E10",1,1').replace(",", ";").encode(),
        lines(GOOD, "o2,2026-11-01,c2,\u30001E10\u00a0,1,1").replace(",", "\t").encode(),
    ],
    ids=["plain", "bom", "utf16", "crlf", "mixed", "blank", "semicolon", "tab"],
)
def test_dialects_give_the_same_rows(importer: Importer, tmp_path: Path, data: bytes) -> None:
    """Encoding, line ends and delimiter change nothing; ids stay texts exactly as written."""
    account = importer.file(write(tmp_path, data), "order_lines")
    assert (account.read, account.kept, account.orders) == (2, 2, 2)
    assert rows(importer, "SELECT product, quantity, price_minor, customer FROM order_lines ORDER BY order_id") == [
        ("00123", 2.0, 990, "c1"), ("1E10", 1.0, 100, "c2"),
    ]  # fmt: skip
    assert rows(importer, "SELECT id, customer FROM events ORDER BY id") == [("order:o1", "c1"), ("order:o2", "c2")]


def test_chinese_names_from_excel_are_read_as_gb18030(importer: Importer, tmp_path: Path) -> None:
    """A GBK file keeps its names and columns, and the account says how it was read."""
    text = "商品编号,名称,价格\n" + "".join(f"{n},红色连衣裙新款{n},{n}.50\n" for n in range(1, 30))
    account = importer.file(write(tmp_path, text.encode("gbk")), "products")
    assert account.kept == 29
    assert [warning.key for warning in account.warnings] == ["encoding_read_as"]
    assert ("红色连衣裙新款7",) in rows(importer, "SELECT name FROM products")


def test_bad_rows_are_held_with_their_physical_line(importer: Importer, tmp_path: Path) -> None:
    """Refused, ill-typed and multi-line rows do not shift the line numbers of those after them."""
    data = lines(
        GOOD,
        "o2,2026-11-01,c2",
        "o3,yesterday,c3,s,1,1",
        'o4,2026-11-01,c4,"a',
        'b",1,N/A',
        "o5,2026-11-01,guest,s,1,1",
    )
    account = importer.file(write(tmp_path, data), "order_lines")
    held = [(row.line, row.column, row.reason) for row in importer.quarantine.list()]
    assert sorted((line, reason) for line, _, reason in held) == [
        (3, "too_few_cells"), (4, "not_a_time"), (5, "control_character"), (7, "placeholder_identity"),
    ]  # fmt: skip
    assert (account.read, account.kept, account.quarantined) == (5, 1, 4)


def test_regular_files_count_refused_lines(importer: Importer, tmp_path: Path) -> None:
    """In a file that is read as it is, lines that were refused count for the lines after them."""
    path = write(tmp_path, lines("o1,2026-11-01,c1", GOOD, "a,b,c,d,e,f,g", "o3,2026-11-01,c1,s,0,1"))
    assert is_regular(path)
    importer.file(path, "order_lines")
    assert sorted((row.line, row.reason) for row in importer.quarantine.list()) == [
        (2, "too_few_cells"), (4, "too_many_cells"), (5, "zero_quantity"),
    ]  # fmt: skip


@pytest.mark.parametrize("regular", [True, False])
def test_kept_lines_bear_their_physical_number(importer: Importer, tmp_path: Path, regular: bool) -> None:
    """What the lake keeps of an order's line is the line of the file, whatever was refused, held or repeated before it,
    where the file is read as it is and where it is written anew; a number that the file gives is kept."""
    good = [GOOD.replace("o1", f"o{n}") for n in range(2, 6)]
    texts = lines(
        "x,y", good[0], "a,b,c,d,e,f,g", "short", good[1], "o9,2026-11-01,c1,s,0,1", good[1], good[2], "late", good[3]
    )
    path = write(tmp_path, texts if regular else texts + "\n")
    assert is_regular(path) is regular
    importer.file(path, "order_lines")
    assert rows(importer, "SELECT order_id, line FROM order_lines ORDER BY 2") == [
        ("o2", 3), ("o3", 6), ("o4", 9), ("o5", 11),
    ]  # fmt: skip
    own = write(tmp_path, "order,line,at,customer,product\nshort\nn1,7,2026-11-01,c1,s\n")
    importer.file(own, "order_lines")
    assert rows(importer, "SELECT line FROM order_lines WHERE order_id = 'n1'") == [(7,)]


@pytest.mark.parametrize(("before", "line"), [("", 3), ("\ufeff", 3), ('"o0\nof May",2026-11-01,c1,s,1,1\n', 5)])
def test_a_line_whose_quotes_end_early_is_held_as_it_stands(
    importer: Importer, tmp_path: Path, before: str, line: int
) -> None:
    """Law: a held line has its own text and number, also where its quotes cut it into pieces."""
    broken = 'o9,"=LINK(""a"",""b"")",c1le.org"",""b"")",c1le.org"",""b"")",c1le.org"",""b"")",1,2'
    mark, first = (before, "") if before == "\ufeff" else ("", before)
    path = write(tmp_path, mark + lines(*first.splitlines(), GOOD, broken, GOOD.replace("o1", "o2")))
    importer.file(path, "order_lines")
    assert (line, broken) in [(row.line, row.raw) for row in importer.quarantine.list()]


@pytest.mark.parametrize(
    ("data", "key"),
    [
        (b"", "file_empty"),
        (b"id,id,name\n1,2,x\n", "column_twice"),
        (b"<html><body>no", "file_other_format"),
        (b"PK\x03\x04zzzz", "file_other_format"),
        ((HEADER + '\no1,2026-11-01,"c1,s,1,1\n' + GOOD + "\n").encode(), "quote_unclosed"),
        (b"order_id,sku\no1,s\n", "column_missing"),
    ],
)
def test_files_that_are_none_are_refused_whole(importer: Importer, tmp_path: Path, data: bytes, key: str) -> None:
    """One sentence, nothing stored, nothing held."""
    with pytest.raises(DataError) as caught:
        importer.file(write(tmp_path, data), "order_lines")
    assert caught.value.key == key
    assert locale.say("en", "errors", key, **caught.value.facts)
    assert importer.lake.files("order_lines") == []
    assert importer.quarantine.counts() == {}


def test_the_unclosed_quote_is_named_by_its_line(importer: Importer, tmp_path: Path) -> None:
    """The line in which the quote opens, not the last one."""
    with pytest.raises(DataError) as caught:
        importer.file(write(tmp_path, lines(GOOD, 'o2,2026-11-01,"c,s,1,1', GOOD)), "order_lines")
    assert caught.value.facts["line"] == 3


def test_header_only_is_an_empty_import(importer: Importer, tmp_path: Path) -> None:
    """No rows, no error, no files."""
    assert importer.file(write(tmp_path, HEADER + "\n"), "order_lines").read == 0


def test_lines_that_are_no_text_are_held(importer: Importer, tmp_path: Path) -> None:
    """Bytes of another encoding in some lines hold those lines only."""
    data = lines(*[f"o{n},2026-11-01,c,s,1,1" for n in range(30)]).encode() + "x,2026-11-01,红,s,1,1\n".encode("gbk")
    account = importer.file(write(tmp_path, data), "order_lines")
    assert (account.read, account.kept) == (31, 30)
    assert [(row.line, row.reason) for row in importer.quarantine.list()] == [(32, "not_text")]


def test_decimal_comma_must_be_declared(importer: Importer, tmp_path: Path) -> None:
    """12,50 is held where nothing is declared and 12.50 where it is; it is never 1250."""
    path = write(tmp_path, (HEADER + "\no1,01.11.2026,c1,s,1,12,50\n").replace(",", ";").replace("12;50", "12,50"))
    importer.file(path, "order_lines")
    assert importer.quarantine.counts() == {"not_a_time": 1}
    importer.file(path, "order_lines", mapping=MapFile(decimal=",", date_format="%d.%m.%Y", timezone="Europe/Berlin"))
    assert rows(importer, 'SELECT price_minor, epoch("at")::BIGINT FROM order_lines') == [(1250, 1793487600)]


def test_a_map_file_names_columns(importer: Importer, tmp_path: Path) -> None:
    """Columns of any name, constants and declarations come from TOML."""
    mapped = write(
        tmp_path, 'order = "X"\nat = "When"\nproduct = "Y"\ncurrency = "JPY"\n[constants]\ncustomer = "c9"\n', "m.toml"
    )
    path = write(tmp_path, "X,When,Y,price,odd\n1,2026-11-01,p,120,z\n")
    account = importer.file(path, "order_lines", mapping=load_mapping(mapped))
    assert rows(importer, "SELECT customer, price_minor, currency FROM order_lines") == [("c9", 120, "JPY")]
    assert [warning.facts for warning in account.warnings if warning.key == "columns_unused"] == [{"names": "odd"}]


DIRTY = st.lists(
    st.tuples(
        st.sampled_from(["o1", "o2", "", "6.22E+17"]),
        st.sampled_from(["2026-11-01", "1970-01-01", "x", "", "2027-11-01"]),
        st.sampled_from(["c1", "guest", ""]),
        st.sampled_from(["s1", "s2", '"s\n3"', "", 's"']),
        st.sampled_from(["1", "0", "-1", "N/A", ""]),
        st.sampled_from(["1.00", "-1", "1.005", "NaN", "", "1,1"]),
    ).map(",".join),
    max_size=12,
)


@given(DIRTY, st.sampled_from(["\n", "\r\n"]))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_row_is_accounted_for(importer: Importer, tmp_path: Path, dirty: list[str], end: str) -> None:
    """read = kept + duplicate + quarantined, for any mess; and importing it again keeps nothing."""
    path = write(tmp_path, end.join([HEADER, *dirty]) + end)
    before = importer.quarantine.list(limit=10_000)
    account = importer.file(path, "order_lines")
    assert account.read == len(dirty)
    assert account.read == account.kept + account.duplicate + account.quarantined
    assert sum(account.by_reason.values()) == account.quarantined
    again = importer.file(path, "order_lines")
    assert (again.read, again.kept, again.quarantined) == (account.read, 0, account.quarantined)
    assert len(importer.quarantine.list(limit=10_000)) <= len(before) + account.quarantined


def test_the_same_file_twice_adds_nothing(importer: Importer, tmp_path: Path) -> None:
    """And the account says so."""
    path = write(tmp_path, lines(GOOD, GOOD, "o2,2026-11-02,c2,s,1,1"))
    first, second = importer.file(path, "order_lines"), importer.file(path, "order_lines")
    assert (first.kept, first.duplicate) == (2, 1)
    assert (second.kept, second.duplicate, second.orders) == (0, 3, 0)
    assert "nothing_new" in [warning.key for warning in second.warnings]


def test_one_id_with_two_contents_is_a_conflict(importer: Importer, tmp_path: Path) -> None:
    """In one file and between a file and the lake; equal content is only a duplicate."""
    head = "id,at,action,visitor,product\n"
    first = importer.file(
        write(tmp_path, head + "e1,2026-11-01,product_view,v,p\ne1,2026-11-01,product_view,v,q\n"), "events"
    )
    second = importer.file(
        write(tmp_path, head + "e1,2026-11-01,product_view,v,z\ne1,2026-11-01,product_view,v,p\n"), "events"
    )
    assert (first.kept, first.by_reason) == (1, {"id_conflict": 1})
    assert (second.kept, second.duplicate + second.quarantined) == (0, 2)
    assert '"product":"q"' in importer.quarantine.list()[0].raw


def test_events_without_ids_are_known_by_content(importer: Importer, tmp_path: Path) -> None:
    """Their id follows from what they say, so a second import has no effect."""
    path = write(
        tmp_path, '{"at":"2026-11-01T10:00:00Z","action":"search","visitor":"v","query":"x"}\nnot json\n', "e.jsonl"
    )
    first, second = importer.file(path, "events"), importer.file(path, "events")
    assert (first.kept, first.by_reason) == (1, {"not_json": 1})
    assert (second.kept, second.duplicate) == (0, 1)
    assert rows(importer, "SELECT id FROM events")[0][0].startswith("e_")


def test_only_a_stock_level_may_be_zero(importer: Importer, tmp_path: Path) -> None:
    """A file of events and single events are judged alike: sold out is a fact, nothing put into a cart is none."""
    head = "id,at,action,visitor,product,quantity\n"
    text = head + "1,2026-11-01,stock_change,,p,0\n2,2026-11-01,cart_add,v,p,0\n3,2026-11-01,product_view,v,p,\n"
    account = importer.file(write(tmp_path, text), "events")
    assert (account.kept, account.by_reason) == (2, {"zero_quantity": 1})
    assert rows(importer, "SELECT quantity FROM events WHERE action = 'stock_change'") == [(0.0,)]


def test_products_get_a_new_version_only_when_they_change(importer: Importer, tmp_path: Path) -> None:
    """Equal rows are duplicates, changed ones are kept beside the old."""
    importer.file(write(tmp_path, "id,name,price\n1,a,1\n2,b,2\n"), "products")
    account = importer.file(write(tmp_path, "id,name,price\n1,a,1\n2,b,3\n"), "products")
    assert (account.kept, account.duplicate) == (1, 1)
    assert len(rows(importer, "SELECT * FROM products")) == 3


def test_an_order_that_is_known_is_not_changed_by_a_file(importer: Importer, tmp_path: Path) -> None:
    """Other lines for a known order are held: revenue is not counted twice."""
    importer.file(write(tmp_path, lines(GOOD)), "order_lines")
    account = importer.file(write(tmp_path, lines("o1,2026-11-01 10:00:00,c1,00123,2,8.90")), "order_lines")
    assert account.by_reason == {"order_known": 1}


PARTLY = lines("o1,2026-11-01,c1,a,1,1.00", "o1,2026-11-01,c1,b,1,N/A", "o1,2026-11-01,c1,c,1,x")


def sold(importer: Importer) -> list[tuple[Any, ...]]:
    return rows(importer, "SELECT product, price_minor FROM order_lines WHERE quantity > 0 ORDER BY ALL")


@pytest.mark.parametrize("at_once", [True, False])
def test_a_corrected_line_joins_the_rest_of_its_order(importer: Importer, tmp_path: Path, at_once: bool) -> None:
    """Lines held for faults of their own enter once they are corrected, together or one after the other, once."""
    importer.file(write(tmp_path, PARTLY), "order_lines")
    for row in importer.quarantine.list():
        importer.quarantine.fix(row.id, {"price": "2.50"})
        if not at_once:
            assert [one.kept for one in importer.replay([row.id])] == [1]
    assert [one.kept for one in importer.replay()] == [2] * at_once
    assert sold(importer) == [("a", 100), ("b", 250), ("c", 250)]
    assert importer.quarantine.counts() == {}
    assert rows(importer, "SELECT action, order_id FROM events") == [("order", "o1")]


def test_a_corrected_file_completes_its_orders(importer: Importer, tmp_path: Path) -> None:
    """A file that tells again all that is known of an order adds what was held of it."""
    importer.file(write(tmp_path, PARTLY), "order_lines")
    account = importer.file(write(tmp_path, PARTLY.replace("N/A", "2.50").replace("x", "3"), "b.csv"), "order_lines")
    assert (account.kept, account.duplicate, account.quarantined) == (2, 1, 0)
    assert sold(importer) == [("a", 100), ("b", 250), ("c", 300)]
    account = importer.file(write(tmp_path, PARTLY.replace("N/A", "2.60").replace("x", "3"), "b.csv"), "order_lines")
    assert (account.kept, account.duplicate, dict(account.by_reason)) == (0, 2, {"order_known": 1})


def test_a_row_that_contradicts_the_shop_is_held_however_often_it_is_tried(tmp_path: Path) -> None:
    """What was known before the file, or came with another file meanwhile, is not added to."""
    quarantine, now = Quarantine(tmp_path / "quarantine.db"), iter(range(1, 100))
    importer = Importer(
        lake=Lake(tmp_path / "lake"), quarantine=quarantine, clock=lambda: NOW.replace(second=next(now))
    )  # fmt: skip
    importer.file(write(tmp_path, lines(GOOD)), "order_lines")
    importer.file(write(tmp_path, lines("o1,2026-11-01 10:00:00,c1,00123,2,8.90")), "order_lines")
    assert [one.kept for one in importer.replay()] == [0]
    importer.file(write(tmp_path, lines("o2,2026-11-01,c1,a,1,N/A")), "order_lines")
    importer.file(write(tmp_path, lines("o2,2026-11-01,c1,a,1,2.00")), "order_lines")
    (held,) = importer.quarantine.list(reason="not_an_amount")
    importer.quarantine.fix(held.id, {"price": "3.00"})
    assert [(one.kept, one.quarantined) for one in importer.replay()] == [(0, 1)] * 2
    assert importer.quarantine.counts() == {"order_known": 2}
    importer.quarantine.fix(held.id, {"price": "2.00"})
    assert [one.duplicate for one in importer.replay([held.id])] == [1]
    quarantine.close()


def test_returns_of_a_known_order_come_when_they_come(importer: Importer, tmp_path: Path) -> None:
    """A return belongs to its order, numbered as the line it takes back or not; told otherwise it is a conflict."""
    numbered, told = HEADER + ",line\n", MapFile(returns=True)
    for head, tail, reason in (("a", "", "order_known"), ("b", ",1", "id_conflict")):

        def take(*rows: str) -> Account:
            text = (numbered if tail else HEADER + "\n") + "".join(f"{head}{row}{tail}\n" for row in rows)  # noqa: B023  # called in this turn
            return importer.file(write(tmp_path, text), "order_lines", mapping=told)

        assert take("1,2026-11-01,c1,s,2,5.00").kept == 1
        assert take("1,2026-11-03,c1,s,-1,5.00").kept == 1
        assert (take("1,2026-11-03,c1,s,-1,5.00").duplicate) == 1
        assert dict(take("1,2026-11-03,c1,s,-2,5.00").by_reason) == {reason: 1}
    assert take("1,2026-11-01,c1,s,2,5.00", "1,2026-11-03,c1,s,-1,5.00").duplicate == 2
    assert rows(importer, "SELECT order_id, quantity FROM order_lines ORDER BY ALL") == [
        ("a1", -1.0), ("a1", 2.0), ("b1", -1.0), ("b1", 2.0),
    ]  # fmt: skip


def test_fix_and_replay_have_one_effect(importer: Importer, tmp_path: Path) -> None:
    """A fixed row enters once; one that is still wrong stays held; a replayed row cannot be fixed."""
    importer.file(write(tmp_path, lines("o1,2026-11-01,c1,s,1,N/A", "o2,2026-11-01,c1,s,0,1")), "order_lines")
    bad = next(row for row in importer.quarantine.list() if row.reason == "not_an_amount")
    importer.quarantine.fix(bad.id, {"price": "2.50"})
    accounts = importer.replay()
    assert [(one.read, one.kept, one.quarantined) for one in accounts] == [(2, 1, 1)]
    assert importer.quarantine.counts() == {"zero_quantity": 1}
    assert importer.replay([bad.id]) == []
    assert rows(importer, "SELECT order_id, price_minor FROM order_lines") == [("o1", 250)]
    with pytest.raises(NotFound):
        importer.quarantine.fix(bad.id, {"price": "3"})


def test_erased_people_leave_no_bytes_in_the_quarantine(importer: Importer, tmp_path: Path) -> None:
    """Rows that name the person go, others stay, and the file does not contain the name."""
    importer.file(
        write(tmp_path, lines("o1,2026-11-01,zoe@x.org,s,0,1", "o2,2026-11-01,zoe@x.organic,s,0,1")), "order_lines"
    )
    assert importer.quarantine.erase(["zoe@x.org"]) == 1
    left = importer.quarantine.path.read_bytes().replace(b"zoe@x.organic", b"")
    assert b"zoe@x.org" not in left


def test_excel_cells(importer: Importer, tmp_path: Path) -> None:
    """Texts stay texts, dates become ISO, error cells and serial dates are held by name."""
    book = openpyxl.Workbook()
    sheet = book.active
    for row in [
        ["order_id", "date", "sku", "quantity", "price"], ["o1", datetime(2026, 11, 1, 10), "00123", 2, 9.9],
        ["o2", 46327, "s", 1, 1], ["o3", datetime(2026, 11, 1), "s", 1, "#N/A"],
    ]:  # fmt: skip
        sheet.append(row)
    book.save(tmp_path / "f.xlsx")
    account = importer.file(tmp_path / "f.xlsx", "order_lines")
    assert account.by_reason == {"error_cell": 1, "not_a_time": 1}
    assert rows(importer, "SELECT product, price_minor, quantity FROM order_lines") == [("00123", 990, 2.0)]


def test_excel_oddities_are_found_in_the_named_sheet(importer: Importer, tmp_path: Path) -> None:
    """Error cells, formulas without a value and merged cells count in the sheet that is read, wherever it lies."""
    book = openpyxl.Workbook()
    first, other = book.active, book.create_sheet("Orders & more", 0)
    first.append(["notes"])
    for row in [
        ["order_id", "date", "sku", "quantity", "price"], ["o1", "2026-11-01", "s", 1, "#N/A"],
        ["o2", "2026-11-01", "s", 1, "=1+1"], ["o3", "2026-11-01", "s", 1, 2], ["o4", "2026-11-01", "s", 1, 2],
    ]:  # fmt: skip
        other.append(row)
    other.merge_cells("B4:B5")
    book.save(tmp_path / "f.xlsx")
    swapped = tmp_path / "g.xlsx"
    names = {"xl/worksheets/sheet1.xml": "xl/worksheets/other.xml"}
    with zipfile.ZipFile(tmp_path / "f.xlsx") as old, zipfile.ZipFile(swapped, "w") as new:
        for part in old.namelist():
            data = old.read(part)
            if part in ("xl/_rels/workbook.xml.rels", "[Content_Types].xml"):
                data = data.replace(b"sheet1.xml", b"other.xml")
            new.writestr(names.get(part, part), data)
    account = importer.file(swapped, "order_lines", mapping=MapFile(sheet="Orders & more"))
    assert account.by_reason == {"error_cell": 1, "formula_without_value": 1, "missing_value": 1}
    assert [warning.facts for warning in account.warnings if warning.key == "merged_cells"] == [{"area": "B4:B5"}]
    assert rows(importer, "SELECT order_id FROM order_lines") == [("o3",)]


def test_a_zip_bomb_is_refused_before_it_is_unpacked(importer: Importer, tmp_path: Path) -> None:
    """By the sizes that the archive declares."""
    with zipfile.ZipFile(tmp_path / "b.xlsx", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b"0" * (60 << 20))
    with pytest.raises(DataError) as caught:
        importer.file(tmp_path / "b.xlsx", "order_lines")
    assert caught.value.key == "archive_too_large"


def test_a_kill_between_two_tables_is_healed_by_the_same_file(
    importer: Importer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lines that landed without their order events get them, once, when the file is imported again."""
    path, adopt = write(tmp_path, lines(GOOD, "o2,2026-11-02,c2,s,1,1")), Lake.adopt

    def die(lake: Lake, name: str, files: Any, **told: Any) -> bool:
        if name == "events":
            raise KeyboardInterrupt
        return adopt(lake, name, files, **told)

    with monkeypatch.context() as patched:
        patched.setattr(Lake, "adopt", die)
        with pytest.raises(KeyboardInterrupt):
            importer.file(path, "order_lines")
    assert rows(importer, "SELECT count(*) FROM events") == [(0,)]
    accounts = [importer.file(path, "order_lines") for _ in range(2)]
    assert [(one.kept, one.duplicate, one.orders) for one in accounts] == [(0, 2, 2), (0, 2, 0)]
    assert rows(importer, "SELECT id FROM events ORDER BY id") == [("order:o1",), ("order:o2",)]
    assert rows(importer, "SELECT count(*) FROM order_lines") == [(2,)]


def test_what_a_file_does_not_say_is_not_written_and_reads_as_nothing(importer: Importer, tmp_path: Path) -> None:
    """A column that no file of a table has is there and NULL, a line's event follows from its order; beside files that
    say more, and for erasing, joining and other readers of the table, too."""
    importer.file(write(tmp_path, lines(GOOD)), "order_lines")
    (said,) = importer.lake.files("order_lines")
    told = {
        "order_id",
        "line",
        "at",
        "received_at",
        "customer",
        "product",
        "quantity",
        "price_minor",
        "currency",
        "source",
    }
    assert set(pq.read_schema(said).names) == told
    for name in ("order_lines", "events"):
        with importer.lake.connect() as con:
            described = con.execute(f"DESCRIBE {name}").fetchall()
        assert {row[0]: row[1] for row in described} == {
            column: its.replace("TIMESTAMPTZ", "TIMESTAMP WITH TIME ZONE") for column, its in lake_types(name).items()
        }
        other = DeltaTable(importer.lake.folder / name).to_pyarrow_dataset().to_table()
        assert other.schema.names == TABLES[name].names
    asked = "SELECT event_id, visitor, tax_minor FROM order_lines ORDER BY order_id"
    assert rows(importer, asked) == [("order:o1", None, None)]
    assert rows(importer, "SELECT count(*) FROM events WHERE product IS NULL AND visitor IS NULL") == [(1,)]
    more = f"{HEADER},visitor,tax,event\no2,2026-11-02 10:00:00,c2,s,1,5.00,v2,0.40,e9\n"
    importer.file(write(tmp_path, more, "more.csv"), "order_lines")
    assert rows(importer, asked) == [("order:o1", None, None), ("e9", "v2", 40)]
    assert importer.file(write(tmp_path, lines(GOOD)), "order_lines").duplicate == 1
    assert erase_rows(importer.lake, Person(customer="c2"))["order_lines"] == 1
    assert rows(importer, asked) == [("order:o1", None, None)]
    importer.file(write(tmp_path, more, "more.csv"), "order_lines")
    assert importer.lake.compact("order_lines", at_least=2) == 2
    assert rows(importer, asked) == [("order:o1", None, None), ("e9", "v2", 40)]


@pytest.mark.parametrize(
    ("more", "reasons"),
    [
        (["o1,2026-11-01 10:00:00,c9,x,1,1"], {"order_conflict": 2}),
        (["o1,2026-11-01 10:00:00,,x,1,1"], {"order_conflict": 2}),
        (["o1,2026-11-02 10:00:00,c1,00123,-1,9.90"], {}),
        (["o1,2026-11-02 10:00:00,c9,00123,-1,9.90"], {"order_conflict": 2}),
    ],
    ids=["another customer", "nobody", "their return", "somebody else's return"],
)
def test_an_order_has_one_customer(
    importer: Importer, tmp_path: Path, more: list[str], reasons: dict[str, int]
) -> None:
    """All lines of an order that two claim are held, its returns are looked at too; other orders are not touched."""
    path = write(tmp_path, lines(GOOD, *more, "o2,2026-11-01 10:00:00,c2,x,1,1"))
    account = importer.file(path, "order_lines", mapping=MapFile(returns=True))
    assert account.by_reason == reasons
    kept = [] if reasons else [("order:o1", "c1"), ("order_return:o1", "c1")]
    assert rows(importer, "SELECT id, customer FROM events ORDER BY id") == sorted([*kept, ("order:o2", "c2")])


def test_a_row_without_currency_has_the_shop_s_places(importer: Importer, tmp_path: Path) -> None:
    """In a shop in yen an amount without a currency has no cents."""
    text = "order_id,date,sku,price,currency\no1,2026-11-01,s,120,\no2,2026-11-01,s,1.20,USD\n"
    importer.file(write(tmp_path, text), "order_lines", mapping=MapFile(currency="JPY"))
    assert rows(importer, "SELECT price_minor, currency FROM order_lines ORDER BY order_id") == [
        (120, "JPY"), (120, "USD"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("a,b\n1,x y\n", True), ("a,b\n1, x\n", False), ("a,b\n1,x \n", False), ('a,b\n1," x"\n', False),
        ("a,b\r\n1,x\r\n", True), ("a,b\n1,x\u3000\n", False), ("a,b\n1,红\n", True), ("a,b\n1,a\tb\n", False),
        (" a,b\n1,x\n", False), ("a,b\n1,x\x7f\n", False), ("a,b\n1,x ", False), ("a,b\n1,", True),
    ],
)  # fmt: skip
def test_only_plain_files_skip_trimming(tmp_path: Path, text: str, plain: bool) -> None:
    """A file with a blank at a cell's edge or a control character anywhere is not plain."""
    assert shape_of(write(tmp_path, text)).plain is plain


def test_an_account_that_does_not_add_up_is_impossible() -> None:
    """The identity is asserted where the account is made."""
    with pytest.raises(AssertionError):
        Account(import_id="i", file="f", kind="events", read=2, kept=1)
    assert NO_MAPPING.decimal == "."
    assert "events" in TABLES
