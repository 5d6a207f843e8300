"""JSON Lines: one object a line. Numbers keep their digits, nested values stay JSON text."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import msgspec

from shopkeeper.core.errors import DataError
from shopkeeper.data.cleaning.columns import COLUMNS
from shopkeeper.data.held_pile import HeldPile
from shopkeeper.data.mapping import NO_MAPPING, MapFile
from shopkeeper.data.rows import RAW_MAX, Held, Rows, Warn
from shopkeeper.data.sources.chunks import SIZE, Chunks
from shopkeeper.data.sources.strange import is_strange

_MAX_COLUMNS: Final = 1_000
_SHOWN: Final = 200
_CERTAIN: Final = frozenset(
    word.casefold()
    for kind, columns in COLUMNS.items()
    for column in columns
    if kind != "attributes"
    if column.form in ("id", "person", "amount", "time", "currency", "quantity", "level")
    for word in (column.name, column.lake, *column.synonyms)
)
"""Names of money, identity and time, which must not be said twice (an attribute's name is none)."""
_name = re.compile(rb'"\s*:').findall
_decode = msgspec.json.Decoder(dict[str, Any], float_hook=str).decode
_encode = msgspec.json.Encoder().encode
_NOT_TEXT = re.compile("[\0\ud800-\udfff]")


class JsonLines:
    """NDJSON files, as exported by Segment, GA4, Gorse and others."""

    def open(self, con: Any, path: Path, mapping: MapFile = NO_MAPPING, scratch: Path = Path()) -> Rows:  # noqa: ARG002
        reader, chunks = _Reader(path, HeldPile(scratch)), Chunks(scratch)
        for numbers, objects in reader.batches():
            chunks.add(numbers, objects)
        if not chunks.names and not len(reader.held):
            raise DataError("file_empty", file=str(path))
        if not chunks.names:
            raise DataError("file_other_format", file=str(path), format="-")
        return Rows(
            relation=chunks.relation, columns=tuple(chunks.names), numbered=True, held=reader.held,
            strange=reader.strange, warnings=reader.warnings(),
        )  # fmt: skip


@dataclass(slots=True)
class _Reader:
    """One pass over a file: its objects, the lines that are none, and what was odd."""

    path: Path
    held: HeldPile
    names: set[str] = field(default_factory=set)
    beyond: dict[str, None] = field(default_factory=dict)
    twice: dict[str, None] = field(default_factory=dict)
    strange: bool = False

    def batches(self) -> Iterator[tuple[list[int], list[dict[str, str | None]]]]:
        numbers: list[int] = []
        objects: list[dict[str, str | None]] = []
        with self.path.open("rb") as file:
            for number, line in enumerate(file, 1):
                body = line.strip().removeprefix(b"\xef\xbb\xbf")
                if not body or (row := self._row(number, body)) is None:
                    continue
                numbers.append(number)
                objects.append(row)
                if len(objects) == SIZE:
                    yield numbers, objects
                    numbers, objects = [], []
        if objects:
            yield numbers, objects

    def warnings(self) -> tuple[Warn, ...]:
        said = []
        if self.twice:
            said.append(Warn(key="name_twice", facts={"names": ", ".join(self.twice)[:_SHOWN]}))
        if self.beyond:
            names = ", ".join(self.beyond)[:_SHOWN]
            said.append(
                Warn(key="names_capped", facts={"limit": _MAX_COLUMNS, "count": len(self.beyond), "names": names})
            )
        return tuple(said)

    def _row(self, number: int, body: bytes) -> dict[str, str | None] | None:
        """The object of a line; None where it is held."""
        try:
            found = _decode(body)
            if len(_name(body)) > len(found) and (doubled := _doubled(body)):
                if certain := next((name for name in doubled if name.casefold() in _CERTAIN), None):
                    facts = {"column": certain, "value": certain}
                    self._hold(Held(reason="name_twice_held", line=number, column=certain, facts=facts), body)
                    return None
                self.twice |= doubled
            row = {name: _cell(value) for name, value in found.items()}
        except (msgspec.DecodeError, UnicodeDecodeError, ValueError, RecursionError):
            self._hold(Held(reason="not_json", line=number), body)
            return None
        for text in (*row, *row.values()):
            if text and (place := _NOT_TEXT.search(text)):
                self._hold(Held(reason="not_text", line=number, facts={"offset": place.start() + 1}), body)
                return None
        self.strange = self.strange or b"\\u" in body or is_strange(body)
        return row if row.keys() <= self.names else self._capped(row)

    def _hold(self, one: Held, body: bytes) -> None:
        self.held.append(replace(one, raw=body[:RAW_MAX].decode("utf-8", "backslashreplace")))

    def _capped(self, row: dict[str, str | None]) -> dict[str, str | None]:
        """A row with a name that was not seen before: kept while there are few."""
        for name in row.keys() - self.names:
            if len(self.names) < _MAX_COLUMNS:
                self.names.add(name)
            else:
                self.beyond[name] = None
        return {name: value for name, value in row.items() if name in self.names}


def _doubled(body: bytes) -> dict[str, None]:
    """Names that stand twice in one object of a document, at any depth."""
    found: dict[str, None] = {}

    def seen(pairs: list[tuple[str, Any]]) -> None:
        if len(dict(pairs)) < len(pairs):
            found.update(dict.fromkeys(name for name, count in Counter(name for name, _ in pairs).items() if count > 1))

    json.loads(body, object_pairs_hook=seen)
    return found


def _cell(value: Any) -> str | None:
    """A value as text; null is absent."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict | list):
        return _encode(value).decode()
    return str(value)
