"""CSV and TSV. Every cell is text; encodings and line ends are made UTF-8 and LF by us, as a stream.

A *regular* file (UTF-8, one kind of line end, no empty lines, no line ends inside quotes) is read by DuckDB as it is:
its physical line number is the place of the row. Any other file is rewritten once into the scratch folder with each
record's physical line number as an extra column; lines that are no text go to the quarantine with their raw bytes.
"""

import codecs
import io
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any, Final, TextIO

from shopkeeper.core.errors import DataError
from shopkeeper.data.held_pile import HeldPile
from shopkeeper.data.mapping import NO_MAPPING, MapFile
from shopkeeper.data.rows import LINE, RAW_MAX, Held, Rows, Warn
from shopkeeper.data.sources.encodings import SAMPLE, detect_encoding, guessed
from shopkeeper.data.sources.header import Header, read_header
from shopkeeper.data.sources.shape import IRREGULAR, MAX_RECORD, shape_of
from shopkeeper.data.sources.strange import is_strange

_CHUNK: Final = 1 << 20
_MANY: Final = 5_000
_PLACES, _PLACE = 64, 1 << 16
"""How many pieces of a file a sample has, and their bytes."""
_LARGE: Final = 1 << 23
_REFUSED: Final = 200_000
"""How many lines DuckDB may refuse of a file."""
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
        shape = shape_of(path, header.delimiter) if whole and not _often_ragged(path, header) else IRREGULAR
        if header.titled:
            warnings.append(Warn(key="title_skipped", facts={"line": header.line, "names": ", ".join(header.names)}))
        if shape.regular:
            relation = _read_csv(path, header.names, header.delimiter)
            return Rows(
                relation=relation, columns=header.names, numbered=False, first_line=2, plain=shape.plain,
                strange=shape.strange, warnings=tuple(warnings), unnamed=header.unnamed, open_end=shape.open_end,
                rejects=lambda: _rejects(con, path, header.delimiter, scratch, numbered=False),
            )  # fmt: skip
        clean, held = scratch / "clean.csv", HeldPile(scratch)
        with clean.open("w", encoding="utf-8", newline="") as out:
            last = _rewrite(_lines(path, encoding, held), out, header, path, held)
        relation = _read_csv(clean, (LINE, *header.names), header.delimiter)
        return Rows(
            relation=relation, columns=header.names, numbered=True, warnings=tuple(warnings), held=held,
            strange=_strange_in(clean), unnamed=header.unnamed, open_end=0 if _ended(path) else last,
            rejects=lambda: _rejects(con, clean, header.delimiter, scratch, numbered=True),
        )  # fmt: skip


def _often_ragged(path: Path, header: Header) -> bool:
    """Whether more than a hundredth of a large file, or very many lines, have too few or too many cells, as far as a
    sample tells: DuckDB keeps more than a kilobyte of each line that it refuses, outside of its memory limit."""
    size, wanted = path.stat().st_size, len(header.names) - 1
    if size < _LARGE:
        return False
    delimiter, ragged, lines, seen = header.delimiter.encode(), 0, 0, 0
    with path.open("rb") as file:
        for place in range(0, size, size // _PLACES):
            file.seek(place)
            for line in file.read(_PLACE).split(b"\n")[1:-1]:
                if b'"' not in line and line.strip():
                    lines, seen = lines + 1, seen + len(line)
                    ragged += line.count(delimiter) != wanted
    return ragged * 100 > lines or ragged * size > _REFUSED * seen


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
        f"delim={_text(delimiter)}, quote='\"', escape='\"', max_line_size={MAX_RECORD}, "
        f"store_rejects=true, rejects_limit=0)"
    )


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _rejects(con: Any, path: Path, delimiter: str, scratch: Path, *, numbered: bool) -> HeldPile:
    """What DuckDB refused, one entry a record."""
    held = HeldPile(scratch)
    found = con.execute(
        "SELECT DISTINCT ON (e.line) e.line, e.column_name, e.error_type, left(e.csv_line, ?), "
        "min(e.line_byte_position) OVER one < max(e.line_byte_position) OVER one FROM reject_errors e "
        "JOIN reject_scans s USING (scan_id, file_id) WHERE s.file_path = ? "
        "WINDOW one AS (PARTITION BY e.line) ORDER BY e.line, e.error_type",
        [RAW_MAX, str(path)],
    )
    records = _Records(path, delimiter, numbered=numbered)
    while rows := found.fetchmany(_MANY):
        # A record whose quotes end too early is refused in pieces; DuckDB gives the record before as the first's text.
        texts = records.of({line for line, *_, raw, pieces in rows if pieces or not raw})
        for line, column, kind, told, _ in rows:
            raw = texts.get(line, told)
            number, text = (line, raw) if not numbered else _own_number(raw, line)
            reason = _REJECTS.get(str(kind), "unreadable_row")
            its = "" if column == LINE else column or ""
            held.append(Held(reason=reason, line=number, column=its, facts={"column": its, "offset": 0}, raw=text))
    return held


class _Records:
    """The records of a file, gone through once; in a file that is read as it is each line is one."""

    def __init__(self, path: Path, delimiter: str, *, numbered: bool) -> None:
        self._path, self._delimiter, self._numbered = path, delimiter, numbered
        self._all: Iterator[tuple[int, str]] | None = None

    def of(self, wanted: set[int]) -> dict[int, str]:
        """The beginnings of some records by their numbers from 1, all after those that were asked for before."""
        found: dict[int, str] = {}
        if wanted:
            self._all = self._all or self._read()
            for number, text in self._all:
                if number in wanted:
                    found[number] = text
                if len(found) == len(wanted):
                    break
        return found

    def _read(self) -> Iterator[tuple[int, str]]:
        with self._path.open(encoding="utf-8", errors="replace", newline="\n") as file:
            for number, line in enumerate(file, 1):
                record = [line.rstrip("\r\n")]
                while self._numbered and _opens(record, self._delimiter) and (more := file.readline()):
                    record.append(more.rstrip("\r\n"))
                yield number, "\n".join(record)[:RAW_MAX].removeprefix("\ufeff")


def _own_number(raw: str, line: int) -> tuple[int, str]:
    for place, sign in enumerate(raw):
        if not sign.isdigit():
            return (int(raw[:place]) if place else line), raw[place + 1 :]
    return line, raw


def _lines(path: Path, encoding: str, held: HeldPile) -> Iterator[tuple[int, str]]:
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


def _good(number: int, text: str, held: HeldPile) -> Iterator[tuple[int, str]]:
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


def _rewrite(lines: Iterator[tuple[int, str]], out: TextIO, header: Header, path: Path, held: HeldPile) -> int:
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
            if following is None or size > MAX_RECORD:
                raise DataError("quote_unclosed", file=str(path), line=number)
            last = following[0]
            record.append(following[1])
            size += len(following[1])
        if size > MAX_RECORD:
            held.append(Held(reason="line_too_long", line=number, raw=text[:RAW_MAX]))
            continue
        if '"' not in text and (cells := text.count(header.delimiter) + 1) != len(header.names):
            few = cells < len(header.names)
            its = header.names[cells] if few else ""
            reason = _REJECTS["MISSING COLUMNS" if few else "TOO MANY COLUMNS"]
            facts: dict[str, str | int | float] = {"column": its, "offset": 0}
            held.append(Held(reason=reason, line=number, column=its, facts=facts, raw=text[:RAW_MAX]))
            continue
        out.write(f"{number}{header.delimiter}" + "\n".join(record) + "\n")
    return max([last, *held.lines[-1:]])


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
