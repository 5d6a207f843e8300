"""CSV and TSV. Every cell is text; encodings and line ends are made UTF-8 and LF by us, as a stream.

A *regular* file (UTF-8, one kind of line end, no empty lines, no line ends inside quotes) is read by DuckDB as it is:
its physical line number is the place of the row. Any other file is rewritten once into the scratch folder with each
record's physical line number as an extra column; lines that are no text go to the quarantine with their raw bytes.
"""

import codecs
import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Final, TextIO

from charset_normalizer import from_bytes

from shopkeeper.core.errors import DataError
from shopkeeper.data.mapping import NO_MAPPING, MapFile
from shopkeeper.data.rows import LINE, RAW_MAX, Held, Rows, Warn
from shopkeeper.data.sources.encodings import guessed
from shopkeeper.data.sources.shape import IRREGULAR, MAX_RECORD, shape_of

_SAMPLE: Final = 1 << 18
_MAX_COLUMNS: Final = 1_000
_DELIMITERS: Final = (",", ";", "\t", "|")
_BOMS: Final = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_REJECTS: Final = {
    "MISSING COLUMNS": "too_few_cells",
    "TOO MANY COLUMNS": "too_many_cells",
    "UNQUOTED VALUE": "text_after_quote",
    "LINE SIZE OVER MAXIMUM": "line_too_long",
    "INVALID ENCODING": "not_text",
}
_SIGNATURES: Final = (
    (b"\x1f\x8b", "gzip"), (b"PK\x03\x04", "zip"), (b"%PDF", "PDF"), (b"\xd0\xcf\x11\xe0", "XLS"), (b"PAR1", "Parquet"),
)  # fmt: skip


def detect_encoding(path: Path) -> tuple[str, bool]:
    """(encoding, sure): a byte order mark decides; then UTF-8 and GB18030 by whether the file decodes; then a guess."""
    with path.open("rb") as file:
        head = file.read(_SAMPLE)
    for mark, name in _BOMS:
        if head.startswith(mark):
            return name, True
    if head[1::2].count(0) > len(head) // 5 or head[0::2].count(0) > len(head) // 5:
        return ("utf-16-le" if head[1::2].count(0) >= head[0::2].count(0) else "utf-16-be"), False
    cut = head[: head.rfind(b"\n") + 1] or head
    bad = _bad_lines(cut, "utf-8")
    if bad == 0 or bad * 10 < cut.count(b"\n"):
        return "utf-8", True
    if _bad_lines(cut, "gb18030") == 0 and _chinese(cut.decode("gb18030")):
        return "gb18030", True
    best = from_bytes(cut).best()
    return (best.encoding if best else "latin-1"), False


def _bad_lines(data: bytes, encoding: str) -> int:
    try:
        data.decode(encoding)
    except UnicodeDecodeError:
        return sum(not _decodes(line, encoding) for line in data.splitlines())
    return 0


def _decodes(data: bytes, encoding: str) -> bool:
    try:
        data.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _chinese(text: str) -> bool:
    """Whether what is not ASCII is mostly everyday Chinese: rare signs mean that the guess is wrong (two Latin letters
    of another encoding, such as those of "Crème", make one of them)."""
    strange = [sign for sign in text if sign > "\x7f"]
    common = sum("\u3000" <= sign <= "\u303f" or sign >= "\uff00" or _everyday(sign) for sign in strange)
    return bool(strange) and common * 10 >= len(strange) * 7


def _everyday(sign: str) -> bool:
    """One of the 3,755 most used signs: the first level of GB 2312."""
    code = sign.encode("gb2312", "ignore")
    return len(code) == 2 and 0xB0 <= code[0] <= 0xD7


def _refuse_other_formats(path: Path) -> None:
    with path.open("rb") as file:
        head = file.read(512)
    if not head.strip(b" \t\r\n\xef\xbb\xbf"):
        raise DataError("file_empty", file=str(path))
    for mark, name in _SIGNATURES:
        if head.startswith(mark):
            raise DataError("file_other_format", file=str(path), format=name)
    start = head.lstrip(b" \t\r\n\xef\xbb\xbf").lower()
    if start.startswith((b"<!doctype", b"<html", b"<?xml")):
        raise DataError("file_other_format", file=str(path), format="HTML" if b"html" in start else "XML")
    if start.startswith((b'{"', b"[{", b"[\n", b"{\n")):
        raise DataError("file_other_format", file=str(path), format="JSON")


@dataclass(frozen=True, slots=True)
class _Header:
    names: tuple[str, ...]
    line: int
    delimiter: str


def _read_header(text: str, mapping: MapFile, path: Path) -> _Header:
    """The first line that is not empty; the delimiter is declared or the one that splits it most."""
    lines = io.StringIO(text, newline="").read().replace("\r\n", "\n").replace("\r", "\n").split("\n")
    number = next((n for n, line in enumerate(lines) if line.strip()), None)
    if number is None:
        raise DataError("file_empty", file=str(path))
    first = lines[number]
    delimiter = mapping.delimiter or max(_DELIMITERS, key=lambda sign: len(next(csv.reader([first], delimiter=sign))))
    cells = [cell.strip() for cell in next(csv.reader([first], delimiter=delimiter))]
    if len(cells) > _MAX_COLUMNS:
        raise DataError("too_many_columns", file=str(path), columns=len(cells), limit=_MAX_COLUMNS)
    names = tuple(cell or f"column_{place}" for place, cell in enumerate(cells, 1))
    lowered = [name.casefold() for name in names]
    for place, name in enumerate(lowered):
        if name in lowered[:place]:
            raise DataError("column_twice", file=str(path), name=names[place])
    return _Header(names, number + 1, delimiter)


class Delimited:
    """CSV, TSV and their kin."""

    def open(self, con: Any, path: Path, mapping: MapFile = NO_MAPPING, scratch: Path = Path("/tmp")) -> Rows:  # noqa: S108  # the importer gives its own
        _refuse_other_formats(path)
        encoding, sure = (mapping.encoding, True) if mapping.encoding else detect_encoding(path)
        header = _read_header(_sample(path, encoding), mapping, path)
        warnings = [] if sure else [guessed(path, encoding)]
        if sure and encoding not in ("utf-8", "utf-8-sig"):
            warnings.append(Warn(key="encoding_read_as", facts={"encoding": encoding.upper()}))
        whole = encoding in ("utf-8", "utf-8-sig") and header.line == 1
        shape = shape_of(path, header.delimiter) if whole else IRREGULAR
        if shape.regular:
            relation = _read_csv(path, header.names, header.delimiter)
            return Rows(
                relation=relation, columns=header.names, numbered=False, first_line=2, plain=shape.plain,
                warnings=tuple(warnings),
                rejects=lambda: _rejects(con, path, 0),
            )  # fmt: skip
        clean, held = scratch / "clean.csv", list[Held]()
        with clean.open("w", encoding="utf-8", newline="") as out:
            _rewrite(_lines(path, encoding, held), out, header, path, held)
        relation = _read_csv(clean, (LINE, *header.names), header.delimiter)
        return Rows(
            relation=relation, columns=header.names, numbered=True, warnings=tuple(warnings), held=tuple(held),
            rejects=lambda: _rejects(con, clean, 1),
        )  # fmt: skip


def _sample(path: Path, encoding: str) -> str:
    with path.open("rb") as file:
        data = file.read(_SAMPLE)
    try:
        return codecs.getincrementaldecoder(encoding)("replace").decode(data).removeprefix("\ufeff")
    except LookupError:
        raise DataError("encoding_unknown", file=str(path), encoding=encoding) from None


def _read_csv(path: Path, names: tuple[str, ...], delimiter: str) -> str:
    columns = ", ".join(f"{_text(name)}: 'VARCHAR'" for name in names)
    return (
        f"read_csv({_text(str(path))}, columns={{{columns}}}, auto_detect=false, header=true, "
        f"delim={_text(delimiter)}, quote='\"', escape='\"', max_line_size={MAX_RECORD}, "
        f"store_rejects=true, rejects_limit=0)"
    )


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _rejects(con: Any, path: Path, numbered: int) -> list[Held]:
    """What DuckDB refused, one entry a line."""
    rows = con.execute(
        "SELECT DISTINCT ON (e.line) e.line, e.column_name, e.error_type, left(e.csv_line, ?) FROM reject_errors e "
        "JOIN reject_scans s USING (scan_id, file_id) WHERE s.file_path = ? ORDER BY e.line, e.error_type",
        [RAW_MAX, str(path)],
    ).fetchall()
    held = []
    for line, column, kind, raw in rows:
        number, text = (line, raw) if not numbered else _own_number(raw, line)
        reason = _REJECTS.get(str(kind), "unreadable_row")
        held.append(Held(reason=reason, line=number, column="" if column == LINE else column or "", raw=text))
    return held


def _own_number(raw: str, line: int) -> tuple[int, str]:
    for place, sign in enumerate(raw):
        if not sign.isdigit():
            return (int(raw[:place]) if place else line), raw[place + 1 :]
    return line, raw


def _lines(path: Path, encoding: str, held: list[Held]) -> Iterator[tuple[int, str]]:
    """(physical line number, text without its end); lines that are no text are held instead."""
    if encoding.startswith("utf-16"):
        with path.open(encoding=encoding, errors="replace", newline=None) as file:
            for number, line in enumerate(file, 1):
                yield from _good(number, line.removesuffix("\n").removeprefix("\ufeff"), held)
        return
    codec = codecs.lookup(encoding)
    with path.open("rb") as file:
        number = 0
        for physical in file:
            body = physical.removesuffix(b"\n").removesuffix(b"\r")
            for part in body.split(b"\r"):
                number += 1
                try:
                    text = codec.decode(part)[0]
                except UnicodeDecodeError as error:
                    raw = part.decode(encoding, "backslashreplace")[:RAW_MAX]
                    held.append(Held(reason="not_text", line=number, facts={"offset": error.start + 1}, raw=raw))
                    continue
                yield from _good(number, text.removeprefix("\ufeff"), held)


def _good(number: int, text: str, held: list[Held]) -> Iterator[tuple[int, str]]:
    if "\0" in text or "\ufffd" in text:
        held.append(Held(reason="not_text", line=number, facts={"offset": 0}, raw=text.replace("\0", "\\0")[:RAW_MAX]))
    else:
        yield number, text


def _rewrite(lines: Iterator[tuple[int, str]], out: TextIO, header: _Header, path: Path, held: list[Held]) -> None:
    """Records as one stream with their line numbers. A quote opens only at the start of a cell."""
    first = next((number for number, _ in chain(lines) if number >= header.line), None)
    quoted = [f'"{name.replace(chr(34), chr(34) * 2)}"' for name in (LINE, *header.names)]
    out.write(header.delimiter.join(quoted) + "\n")
    if first is None:
        return
    for number, text in lines:
        if not text.strip():
            continue
        record, size = [text], len(text)
        while _opens(record, header.delimiter):
            following = next(lines, None)
            if following is None or size > MAX_RECORD:
                raise DataError("quote_unclosed", file=str(path), line=number)
            record.append(following[1])
            size += len(following[1])
        if size > MAX_RECORD:
            held.append(Held(reason="line_too_long", line=number, raw=text[:RAW_MAX]))
            continue
        out.write(f"{number}{header.delimiter}" + "\n".join(record) + "\n")


def _opens(record: list[str], delimiter: str) -> bool:
    """Whether the record so far ends inside a quoted cell."""
    text = "\n".join(record) if len(record) > 1 else record[0]
    if text.count('"') == 0:
        return False
    inside, place = False, 0
    while True:
        if inside:
            place = text.find('"', place)
            if place < 0:
                return True
            if text.startswith('""', place):
                place += 2
                continue
            inside, place = False, place + 1
        if text.startswith('"', place) and (place == 0 or text[place - 1] == delimiter):
            inside, place = True, place + 1
            continue
        place = text.find(delimiter + '"', place)
        if place < 0:
            return False
        place += 1
