"""Excel workbooks. The first sheet is read unless one is named; error cells, merged cells and formulas are named."""

import errno
import json
import lzma
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from html import unescape
from itertools import islice
from pathlib import Path
from typing import Any, Final

from python_calamine import CalamineError, CalamineWorkbook

from shopkeeper.core.errors import DataError
from shopkeeper.data.held_pile import HeldPile
from shopkeeper.data.mapping import NO_MAPPING, MapFile
from shopkeeper.data.rows import Held, Rows, Warn
from shopkeeper.data.sources.chunks import SIZE, Chunks

_DAMAGED: Final = (
    CalamineError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, OSError, EOFError, ValueError,
    LookupError, RuntimeError,
)  # fmt: skip
"""What the parts of an archive raise where one of them is not as the others say, packed otherwise or encrypted."""
_DISK: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_MAX_UNPACKED: Final = 1 << 30
_MAX_RATIO: Final = 200
_SMALL: Final = 50 << 20
_CHUNK: Final = 1 << 20
_COMPOUND: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
"""What an encrypted workbook begins with, and so does one of before 2007."""
_MAX_CELLS: Final = 20_000_000
_ERROR_CELL = re.compile(
    rb'<c [^>]*?r="([A-Z]+)([0-9]+)"[^>]*?t="e"[^>]*>(?:<f[^>]*/>|<f[^>]*>.*?</f>)?<v>([^<]*)</v>', re.S
)
_FORMULA_WITHOUT_VALUE = re.compile(
    rb'<c [^>]*?r="([A-Z]+)([0-9]+)"[^>]*>\s*(?:<f[^>]*/>|<f[^>]*>[^<]*</f>)\s*(?:<v\s*/>|<v></v>)?\s*</c>'
)
_BOOK: Final = "xl/workbook.xml"
_RELATIONS: Final = "xl/_rels/workbook.xml.rels"
_SHEET = re.compile(rb"<(?:\w+:)?sheet\b[^>]*>")
_RELATION = re.compile(rb"<(?:\w+:)?Relationship\b[^>]*>")
_ATTRIBUTE = re.compile(rb"([\w:]+)\s*=\s*(?:\"([^\"]*)\"|'([^']*)')")
_MERGED = re.compile(rb'<mergeCell ref="([A-Z0-9:]+)"')


class Xlsx:
    """.xlsx workbooks of at most 1 GB unpacked."""

    def open(self, con: Any, path: Path, mapping: MapFile = NO_MAPPING, scratch: Path = Path()) -> Rows:  # noqa: ARG002
        _check_sizes(path)
        try:
            return _opened(path, mapping, scratch)
        except _DAMAGED as error:
            if getattr(error, "errno", None) in _DISK:
                raise  # it is ours that is full, not theirs that is damaged
            raise DataError("file_damaged", file=str(path), why=str(error) or type(error).__name__) from error


def _opened(path: Path, mapping: MapFile, scratch: Path) -> Rows:
    """The rows of a workbook whose size is known to be bearable."""
    book = CalamineWorkbook.from_path(str(path))
    name = _choose(book.sheet_names, mapping, path)
    sheet = book.get_sheet_by_name(name)
    rows = _rows(sheet)
    first = next(rows, None)
    if first is None:
        raise DataError("file_empty", file=str(path))
    place, header = first
    names = _header(header, path)
    if sheet.total_height * len(names) > _MAX_CELLS:
        raise DataError("too_many_cells_in_sheet", file=str(path), limit=_MAX_CELLS)
    odd, warnings = _odd_cells(path, name, place)
    held, chunks = HeldPile(scratch), Chunks(scratch)
    columns = tuple(names.values())
    chunks.add([], [], columns)
    while piece := list(islice(rows, SIZE)):
        held.extend(_held(n, row, names, odd[n]) for n, row in piece if n in odd)
        good = [(n, row) for n, row in piece if n not in odd]
        cells = [{name: _text(row[at]) for at, name in names.items()} for _, row in good]
        chunks.add([n for n, _ in good], cells, columns)
    return Rows(relation=chunks.relation, columns=columns, numbered=True, warnings=tuple(warnings), held=held)


def _rows(sheet: Any) -> Iterator[tuple[int, list[Any]]]:
    """(number from 1, cells from column A) of the rows that are not empty, one at a time."""
    if sheet.start is None:
        return
    margin = [""] * sheet.start[1]
    for number, row in enumerate(sheet.iter_rows(), 1):
        if any(cell != "" for cell in row):
            yield number, margin + row


def _check_sizes(path: Path) -> None:
    """Refuse an archive that would unpack to far more than a workbook needs, before unpacking anything."""
    try:
        with zipfile.ZipFile(path) as archive:
            sizes = [(part.file_size, part.compress_size) for part in archive.infolist()]
    except _DAMAGED as error:
        with path.open("rb") as file:
            locked = file.read(8) == _COMPOUND
        raise DataError("workbook_locked" if locked else "file_damaged", file=str(path), why=str(error)) from error
    total, packed = sum(size for size, _ in sizes), sum(size for _, size in sizes)
    if total > _MAX_UNPACKED or (total > _SMALL and total > _MAX_RATIO * max(packed, 1)):
        raise DataError("archive_too_large", file=str(path), size=total, limit=_MAX_UNPACKED)


def _choose(sheets: list[str], mapping: MapFile, path: Path) -> str:
    if mapping.sheet:
        if mapping.sheet not in sheets:
            raise DataError("sheet_missing", file=str(path), name=mapping.sheet, found=", ".join(sheets))
        return mapping.sheet
    if len(sheets) != 1:
        raise DataError("sheet_unclear", file=str(path), found=", ".join(sheets))
    return sheets[0]


def _header(row: list[Any], path: Path) -> dict[int, str]:
    names = {place: str(cell).strip() for place, cell in enumerate(row) if str(cell).strip()}
    lowered = [name.casefold() for name in names.values()]
    for place, name in enumerate(lowered):
        if name in lowered[:place]:
            raise DataError("column_twice", file=str(path), name=list(names.values())[place])
    return names


def _text(cell: Any) -> str | None:
    """A cell as text: whole numbers without a point, dates as ISO; Excel keeps no more than 15 digits."""
    if isinstance(cell, str):
        return cell or None
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float):
        return _number(cell)
    if isinstance(cell, datetime | date):
        return cell.isoformat(sep=" ") if isinstance(cell, datetime) else cell.isoformat()
    return str(cell) if isinstance(cell, int | time | timedelta) else None


def _number(cell: float) -> str:
    if cell.is_integer():
        return str(int(cell)) if abs(cell) < 1e15 else f"{cell:.2E}"
    return repr(cell)


def _odd_cells(path: Path, sheet: str, header: int) -> tuple[dict[int, tuple[str, str, str]], list[Warn]]:
    """row -> (reason, cell, what stands there) of error cells and formulas without a value; merged cells."""
    odd: dict[int, tuple[str, str, str]] = {}
    warnings: list[Warn] = []
    for data in _pieces(path, sheet):
        for letters, row, value in _ERROR_CELL.findall(data):
            cell = f"{letters.decode()}{row.decode()}"
            odd.setdefault(int(row), ("error_cell", cell, value.decode("utf-8", "replace")))
        for letters, row in _FORMULA_WITHOUT_VALUE.findall(data):
            odd.setdefault(int(row), ("formula_without_value", f"{letters.decode()}{row.decode()}", ""))
        warnings += [Warn(key="merged_cells", facts={"area": area.decode()}) for area in _MERGED.findall(data)]
    return {row: what for row, what in odd.items() if row > header}, warnings


def _pieces(path: Path, sheet: str) -> Iterator[bytes]:
    """The XML of a sheet in pieces that end where a cell ends."""
    with zipfile.ZipFile(path) as archive:
        part = _part_of(archive, sheet)
        if part not in archive.namelist():
            return
        rest = b""
        with archive.open(part) as stream:
            while chunk := stream.read(_CHUNK):
                block = rest + chunk
                end = block.rfind(b"</c>") + 4
                if end > 4:
                    yield block[:end]
                rest = block[end:] if end > 4 else block
        yield rest


def _part_of(archive: zipfile.ZipFile, sheet: str) -> str:
    """The part of the archive that holds a sheet: the workbook names a relation, the relation a file."""
    names = set(archive.namelist())
    if not {_BOOK, _RELATIONS} <= names:
        return ""
    relation = ""
    for tag in _SHEET.findall(archive.read(_BOOK)):
        said = _attributes(tag)
        if said.get("name") == sheet:
            relation = said.get("r:id", "")
    for tag in _RELATION.findall(archive.read(_RELATIONS)):
        said = _attributes(tag)
        if relation and said.get("Id") == relation:
            target = said.get("Target", "")
            return target.removeprefix("/") if target.startswith("/") else f"xl/{target}"
    return ""


def _attributes(tag: bytes) -> dict[str, str]:
    return {name.decode(): unescape((one or two).decode()) for name, one, two in _ATTRIBUTE.findall(tag)}


def _held(number: int, row: list[Any], names: dict[int, str], what: tuple[str, str, str]) -> Held:
    reason, cell, value = what
    return Held(
        reason=reason, line=number, column=names.get(_place(cell), ""), facts={"cell": cell, "value": value},
        raw=json.dumps({name: _text(row[place]) for place, name in names.items()}, ensure_ascii=False),
    )  # fmt: skip


def _place(cell: str) -> int:
    place = 0
    for sign in _letters(cell):
        place = place * 26 + ord(sign) - 64
    return place - 1


def _letters(cell: str) -> Iterator[str]:
    return (sign for sign in cell if sign.isalpha())
