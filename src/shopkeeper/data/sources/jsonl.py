"""JSON Lines: one object a line. Numbers keep their digits, nested values stay JSON text."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

from shopkeeper.core.errors import DataError
from shopkeeper.data.mapping import NO_MAPPING, MapFile
from shopkeeper.data.rows import RAW_MAX, Held, Rows
from shopkeeper.data.sources.chunks import SIZE, Chunks

_MAX_COLUMNS: Final = 1_000
_decode = msgspec.json.Decoder(dict[str, Any], float_hook=str).decode
_encode = msgspec.json.Encoder().encode
_NOT_TEXT = re.compile("[\0\ud800-\udfff]")


class JsonLines:
    """NDJSON files, as exported by Segment, GA4, Gorse and others."""

    def open(self, con: Any, path: Path, mapping: MapFile = NO_MAPPING, scratch: Path = Path()) -> Rows:  # noqa: ARG002
        held: list[Held] = []
        chunks = Chunks(scratch)
        for numbers, objects in _batches(path, held):
            chunks.add(numbers, objects)
            if len(chunks.names) > _MAX_COLUMNS:
                raise DataError("too_many_columns", file=str(path), columns=len(chunks.names), limit=_MAX_COLUMNS)
        if not chunks.names and not held:
            raise DataError("file_empty", file=str(path))
        if not chunks.names:
            raise DataError("file_other_format", file=str(path), format="-")
        return Rows(relation=chunks.relation, columns=tuple(chunks.names), numbered=True, held=tuple(held))


def _batches(path: Path, held: list[Held]) -> Iterator[tuple[list[int], list[dict[str, str | None]]]]:
    numbers: list[int] = []
    objects: list[dict[str, str | None]] = []
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            body = line.strip().removeprefix(b"\xef\xbb\xbf")
            if not body:
                continue
            try:
                row = {name: _cell(value) for name, value in _decode(body).items()}
            except (msgspec.DecodeError, UnicodeDecodeError, ValueError, RecursionError):
                held.append(
                    Held(reason="not_json", line=number, raw=body[:RAW_MAX].decode("utf-8", "backslashreplace"))
                )
                continue
            if any(_NOT_TEXT.search(text) for text in (*row, *row.values()) if text):
                held.append(Held(reason="not_text", line=number, facts={"offset": 0}, raw=json.dumps(row)[:RAW_MAX]))
                continue
            numbers.append(number)
            objects.append(row)
            if len(objects) == SIZE:
                yield numbers, objects
                numbers, objects = [], []
    if objects:
        yield numbers, objects


def _cell(value: Any) -> str | None:
    """A value as text; null is absent."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict | list):
        return _encode(value).decode()
    return str(value)
