"""CSV and TSV. Every cell is text; encodings and line ends are made UTF-8 and LF by us, as a stream.

A *regular* file (UTF-8, one kind of line end, no empty lines, no line ends inside quotes) is read by DuckDB as it is:
its physical line number is the place of the row. Any other file is rewritten once into the scratch folder with each
record's physical line number as an extra column; lines that are no text go to the quarantine with their raw bytes.
"""

import codecs
import io
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Final, TextIO

import numpy as np

from shopkeeper.core.errors import DataError
from shopkeeper.data.mapping import NO_MAPPING, MapFile
from shopkeeper.data.rows import LINE, RAW_MAX, Held, Rows, Warn
from shopkeeper.data.sources.encodings import SAMPLE, detect_encoding, guessed
from shopkeeper.data.sources.header import Header, read_header
from shopkeeper.data.sources.strange import is_strange

_CHUNK: Final = 1 << 20
_MAX_RECORD: Final = 2_000_000
_NO_TEXT: Final = "shopkeeper.no_text"
codecs.register_error(_NO_TEXT, lambda error: ("\0", getattr(error, "end", 0)))
"""Bytes of UTF-16 that are no text become NUL, for which their line is held."""
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
class Shape:
    """How a file is written. ``regular``: each line is one record of UTF-8 text with the same line end; ``plain``: no
    cell has blanks round it or control characters in it; ``strange``: signs that nobody sees may be in it;
    ``open_end``: the number of the last line, where it has no end."""

    regular: bool
    plain: bool
    strange: bool = True
    open_end: int = 0


_IRREGULAR: Final = Shape(regular=False, plain=False)
_WIDE_BLANKS: Final = (
    b"\xc2\x85", b"\xc2\xa0", b"\xe1\x9a\x80", b"\xe2\x80", b"\xe2\x81\x9f", b"\xe3\x80\x80", b"\xef\xbb\xbf",
)  # fmt: skip
"""UTF-8 of the blanks that are not ASCII (of those in U+20xx, what they begin with)."""


def is_regular(path: Path) -> bool:
    """Whether each line of the file is one record. Reads it once."""
    return shape_of(path).regular


def shape_of(path: Path, delimiter: str = ",") -> Shape:
    """Read a file once to see how it is written."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    rest, start, returns, plain, strange, lines = b"", b"", None, True, False, 0
    with path.open("rb") as file:
        start = file.read(3)
        rest = b"" if start == codecs.BOM_UTF8 else start
        while chunk := file.read(_CHUNK):
            block = rest + chunk
            end = block.rfind(b"\n") + 1
            block, rest = block[:end], block[end:]
            if not _decodes_on(decoder, block) or b"\0" in block or len(rest) > _MAX_RECORD * 4:
                return _IRREGULAR
            ends = b"\r" in block
            if block and returns is not None and ends != returns:
                return _IRREGULAR
            returns = ends if block else returns
            if (ends and not _same_ends(block)) or not _whole_records(block):
                return _IRREGULAR
            plain = plain and _plain(block, delimiter)
            strange = strange or is_strange(block)
            lines += block.count(b"\n")
    if not _decodes_on(decoder, rest, final=True) or b"\r" in rest or b"\0" in rest:
        return _IRREGULAR
    if rest and not _whole_records(rest + b"\n"):
        return _IRREGULAR
    return Shape(
        regular=True, plain=plain and _plain(rest + b"\n", delimiter), strange=strange or is_strange(rest),
        open_end=lines + 1 if rest else 0,
    )  # fmt: skip


def _decodes_on(decoder: codecs.IncrementalDecoder, data: bytes, *, final: bool = False) -> bool:
    if data.isascii() and not final:
        return True  # lines end where characters end, so the decoder waits for nothing
    try:
        decoder.decode(data, final=final)
    except UnicodeDecodeError:
        return False
    return True


def _same_ends(block: bytes) -> bool:
    return block.count(b"\r") == block.count(b"\n") == block.count(b"\r\n")


def _plain(block: bytes, delimiter: str) -> bool:
    """Whether no cell of these whole lines has a blank at its edge or a control character."""
    if not block.isascii() and any(blank in block for blank in _WIDE_BLANKS):
        return False
    data = np.frombuffer(block, np.uint8)
    low = np.flatnonzero((data <= 32) | (data == 127))
    odd = low[data[low] != 10]
    if b"\r" in block:
        odd = odd[data[odd] != 13]
    blanks = data[odd]
    if (blanks != 32).any() and not (delimiter == "\t" and ((blanks == 32) | (blanks == 9)).all()):
        return False
    spaces = odd[blanks == 32]
    edges = np.frombuffer(b'\r\n"' + delimiter.encode(), np.uint8)
    before = data[np.maximum(spaces - 1, 0)]
    after = data[np.minimum(spaces + 1, len(data) - 1)]
    touching = (before[:, None] == edges).any() or (after[:, None] == edges).any()
    return not touching and not (len(spaces) and spaces[0] == 0)


def _whole_records(block: bytes) -> bool:
    """No empty lines, and an even number of quotes before each line end."""
    if block.startswith((b"\n", b"\r\n")):
        return False
    data = np.frombuffer(block, np.uint8)
    ends = np.flatnonzero(data == 10)
    shortest = 2 if b"\r" in block else 1
    if len(ends) > 1 and int(np.diff(ends).min()) <= shortest:
        return False
    if b'"' not in block:
        return True
    before = np.searchsorted(np.flatnonzero(data == 34), ends)
    return not bool((before & 1).any())


class Delimited:
    """CSV, TSV and their kin."""

    def open(self, con: Any, path: Path, mapping: MapFile = NO_MAPPING, scratch: Path = Path("/tmp")) -> Rows:  # noqa: S108  # the importer gives its own
        _refuse_other_formats(path)
        encoding, sure = (mapping.encoding, True) if mapping.encoding else detect_encoding(path)
        header = read_header(_sample(path, encoding), mapping, path)
        warnings = [] if sure else [guessed(path, encoding)]
        if sure and encoding not in ("utf-8", "utf-8-sig"):
            warnings.append(Warn(key="encoding_read_as", facts={"encoding": encoding.upper()}))
        whole = encoding in ("utf-8", "utf-8-sig") and header.line == 1
        shape = shape_of(path, header.delimiter) if whole else _IRREGULAR
        if header.titled:
            warnings.append(Warn(key="title_skipped", facts={"line": header.line, "names": ", ".join(header.names)}))
        if shape.regular:
            relation = _read_csv(path, header.names, header.delimiter)
            return Rows(
                relation=relation, columns=header.names, numbered=False, first_line=2, plain=shape.plain,
                strange=shape.strange, warnings=tuple(warnings), unnamed=header.unnamed, open_end=shape.open_end,
                rejects=lambda: _rejects(con, path, 0),
            )  # fmt: skip
        clean, held = scratch / "clean.csv", list[Held]()
        with clean.open("w", encoding="utf-8", newline="") as out:
            last = _rewrite(_lines(path, encoding, held), out, header, path, held)
        relation = _read_csv(clean, (LINE, *header.names), header.delimiter)
        return Rows(
            relation=relation, columns=header.names, numbered=True, warnings=tuple(warnings), held=tuple(held),
            strange=_strange_in(clean), unnamed=header.unnamed, open_end=0 if _ended(path) else last,
            rejects=lambda: _rejects(con, clean, 1),
        )  # fmt: skip


def _sample(path: Path, encoding: str) -> str:
    with path.open("rb") as file:
        data = file.read(SAMPLE)
    try:
        return codecs.getincrementaldecoder(encoding)("replace").decode(data).removeprefix("\ufeff")
    except LookupError:
        raise DataError("encoding_unknown", file=str(path), encoding=encoding) from None


def _read_csv(path: Path, names: tuple[str, ...], delimiter: str) -> str:
    columns = ", ".join(f"{_text(name)}: 'VARCHAR'" for name in names)
    return (
        f"read_csv({_text(str(path))}, columns={{{columns}}}, auto_detect=false, header=true, "
        f"delim={_text(delimiter)}, quote='\"', escape='\"', max_line_size={_MAX_RECORD}, "
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
        its = "" if column == LINE else column or ""
        held.append(Held(reason=reason, line=number, column=its, facts={"column": its, "offset": 0}, raw=text))
    return held


def _own_number(raw: str, line: int) -> tuple[int, str]:
    for place, sign in enumerate(raw):
        if not sign.isdigit():
            return (int(raw[:place]) if place else line), raw[place + 1 :]
    return line, raw


def _lines(path: Path, encoding: str, held: list[Held]) -> Iterator[tuple[int, str]]:
    """(physical line number, text without its end); lines that are no text are held instead."""
    if encoding.startswith("utf-16"):
        with path.open(encoding=encoding, errors=_NO_TEXT, newline=None) as file:
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
    if "\0" in text:
        facts = {"offset": text.index("\0") + 1}
        held.append(Held(reason="not_text", line=number, facts=facts, raw=text.replace("\0", "\\0")[:RAW_MAX]))
    else:
        yield number, text


def _ended(path: Path) -> bool:
    """Whether the last line has its end."""
    with path.open("rb") as file:
        file.seek(-min(4, path.stat().st_size), io.SEEK_END)
        return file.read().rstrip(b"\0").endswith((b"\n", b"\r"))


def _strange_in(path: Path) -> bool:
    with path.open("rb") as file:
        return any(is_strange(chunk) for chunk in iter(lambda: file.read(_CHUNK), b""))


def _rewrite(lines: Iterator[tuple[int, str]], out: TextIO, header: Header, path: Path, held: list[Held]) -> int:
    """Records as one stream with their line numbers; the number of the last line. A quote opens only at the start of a
    cell."""
    first = next((number for number, _ in chain(lines) if number >= header.line), None)
    quoted = [f'"{name.replace(chr(34), chr(34) * 2)}"' for name in (LINE, *header.names)]
    out.write(header.delimiter.join(quoted) + "\n")
    last = max(first or 0, header.line)
    for number, text in lines:
        last = number
        if not text.strip():
            continue
        record, size = [text], len(text)
        while _opens(record, header.delimiter):
            following = next(lines, None)
            if following is None or size > _MAX_RECORD:
                raise DataError("quote_unclosed", file=str(path), line=number)
            last = following[0]
            record.append(following[1])
            size += len(following[1])
        if size > _MAX_RECORD:
            held.append(Held(reason="line_too_long", line=number, raw=text[:RAW_MAX]))
            continue
        out.write(f"{number}{header.delimiter}" + "\n".join(record) + "\n")
    return max([last, *(one.line or 0 for one in held[-1:])])


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
