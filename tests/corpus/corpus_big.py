"""Files of the corpus that are too large to keep: made when they are needed."""

import gzip
import json
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

HEADER: Final = "order_id,date,customer_id,sku,quantity,price\n"
_MANY: Final = 200_000
_BOMB: Final = b'<row><c t="inlineStr"><is><t>A</t></is></c></row>'


def _file(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def ten_megabyte_field(folder: Path) -> Path:
    name = "x" * 10_000_000
    return _file(folder, "034-field.csv", f"id,name,price\np1,{name},1.50\np2,Tea,2.50\n".encode())


def five_thousand_columns(folder: Path) -> Path:
    names = ",".join(f"c{n}" for n in range(5_000))
    return _file(folder, "035-columns.csv", f"{names}\n{',' * 4_999}\n".encode())


def many_rows(folder: Path, count: int = _MANY) -> Path:
    path = folder / "036-many.csv"
    with path.open("w", encoding="ascii") as out:
        out.write(HEADER)
        for start in range(0, count, 10_000):
            out.write(
                "".join(
                    f"o{n},2026-{n % 9 + 1:02}-{n % 28 + 1:02}T{n % 24:02}:00:00Z,c{n % 5_000},p{n % 900},1,9.90\n"
                    for n in range(start, min(start + 10_000, count))
                )
            )
        out.write("bad,2026-11-01T10:00:00Z,c1,p1,1,N/A\n")
    return path


def late_bad_row(folder: Path) -> Path:
    rows = "".join(f"p{n},x,1.5\n" for n in range(29_999))
    return _file(folder, "036-late.csv", f"id,name,price\n{rows}p_bad,x,N/A\n".encode())


def zip_bomb(folder: Path) -> Path:
    path = folder / "049-bomb.xlsx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
        with archive.open("xl/worksheets/sheet1.xml", "w", force_zip64=True) as part:
            for _ in range(60):
                part.write(_BOMB * 20_000)
    return path


def deep_nesting(folder: Path) -> Path:
    return _file(folder, "052-deep.json", b"[" * 200_000 + b"]" * 200_000)


def long_integer(folder: Path) -> Path:
    event = b'{"id": "e1", "action": "page_view", "visitor": "v1", "quantity": ' + b"9" * 5_000 + b"}"
    return _file(folder, "053-digits.json", b"[" + event + b"]")


def gzip_bomb(folder: Path) -> Path:
    return _file(folder, "060-bomb.json.gz", gzip.compress(b"[" + b" " * 50_000_000 + b"]", 9))


def batch_of_500(folder: Path) -> Path:
    events = [{"id": f"e{n}", "action": "page_view", "visitor": f"v{n}"} for n in range(500)]
    for place in (7, 123, 499):
        events[place]["action"] = "fly"
    return _file(folder, "061-batch.json", json.dumps(events).encode())


def five_megabyte_event(folder: Path) -> Path:
    return _file(folder, "062-large.json", json.dumps([{"id": "e1", "text": "x" * 5_000_000}]).encode())


def ten_thousand_events(folder: Path) -> Path:
    return _file(folder, "062-many.json", json.dumps([{"id": f"e{n}"} for n in range(10_001)]).encode())


def ten_thousand_properties(folder: Path) -> Path:
    event = {"id": "e1", "action": "page_view", "visitor": "v1"}
    return _file(
        folder, "064-one.json", json.dumps([event | {"properties": {f"n{n}": 1 for n in range(10_000)}}]).encode()
    )


def a_property_an_event(folder: Path) -> Path:
    event = {"action": "page_view", "visitor": "v1"}
    many = [event | {"id": f"e{n}", "visitor": f"v{n}", "properties": {f"n{n}": 1}} for n in range(1_000)]
    return _file(folder, "064-each.json", json.dumps(many).encode())


def a_name_a_line(folder: Path) -> Path:
    lines = (
        json.dumps({"order_id": f"o{n}", "date": "2026-11-01T10:00:00Z", "sku": "p1", "price": "1.00", f"n{n}": 1})
        for n in range(10_000)
    )
    return _file(folder, "064-names.jsonl", "\n".join(lines).encode())


def long_id(folder: Path) -> Path:
    return _file(folder, "082-long.csv", f"{HEADER}o1,2026-11-01T10:00:00Z,{'c' * 40_000},p1,1,1.00\n".encode())


def one_browser(folder: Path) -> Path:
    rows = "".join(
        f"e{n},2026-{n % 9 + 1:02}-{n % 28 + 1:02}T{n % 24:02}:{n % 60:02}:00Z,page_view,v1,c{n}\n"
        for n in range(10_000)
    )
    head = "id,at,action,visitor,customer\n"
    return _file(folder, "083-browser.csv", f"{head}{rows}e,2026-11-01T10:00:00Z,page_view,v2,c1\n".encode())


def one_browser_live(folder: Path) -> Path:
    event = {"action": "page_view", "visitor": "v1"}
    return _file(
        folder,
        "083-live.json",
        json.dumps([{**event, "id": f"e{n}", "customer": f"c{n}"} for n in range(1_000)]).encode(),
    )


MAKERS: Final[Mapping[str, Callable[[Path], Path]]] = {
    maker.__name__: maker
    for maker in (
        ten_megabyte_field, five_thousand_columns, many_rows, late_bad_row, zip_bomb, deep_nesting, long_integer,
        gzip_bomb, batch_of_500, five_megabyte_event, ten_thousand_events, ten_thousand_properties,
        a_property_an_event, a_name_a_line, long_id, one_browser, one_browser_live,
    )
}  # fmt: skip
