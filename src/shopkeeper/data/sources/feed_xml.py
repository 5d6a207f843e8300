"""Product feeds as XML (RSS and Atom): one row an item, its fields by their names without ``g:``; read as a stream.

A document type with entities is refused before anything of it is read.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from xml.parsers import expat  # the parser itself, with entities forbidden below

from shopkeeper.core.errors import DataError
from shopkeeper.data.mapping import NO_MAPPING, MapFile
from shopkeeper.data.rows import Rows
from shopkeeper.data.sources.chunks import SIZE, Chunks

_CHUNK: Final = 1 << 16
_ITEMS: Final = ("item", "entry")
_LONGEST: Final = 200_000


class _Entities(Exception):  # a signal inside this file
    """The document declares entities."""


@dataclass(slots=True)
class _Reader:
    """What the parser has seen of the item it is in."""

    done: list[tuple[int, dict[str, str | None]]] = field(default_factory=list)
    item: dict[str, str | None] | None = None
    line: int = 0
    depth: int = 0
    name: str = ""
    text: list[str] = field(default_factory=list)

    def start(self, name: str, attributes: dict[str, str], line: int) -> None:
        name = name.rpartition(":")[2].lower()
        if self.item is None:
            if name in _ITEMS:
                self.item, self.line, self.depth = {}, line, 0
            return
        self.depth += 1
        if self.depth == 1:
            self.name, self.text = name, []
            if name == "link" and "href" in attributes:
                self.text.append(attributes["href"])

    def characters(self, text: str) -> None:
        if self.item is not None and self.depth == 1:
            self.text.append(text)

    def end(self) -> None:
        if self.item is None:
            return
        if self.depth == 0:
            self.done.append((self.line, self.item))
            self.item = None
        elif self.depth == 1:
            self.item.setdefault(self.name, "".join(self.text)[:_LONGEST])
        self.depth -= 1


class FeedXml:
    """XML product feeds."""

    def open(self, con: Any, path: Path, mapping: MapFile = NO_MAPPING, scratch: Path = Path()) -> Rows:  # noqa: ARG002
        chunks = Chunks(scratch)
        try:
            for piece in _pieces(path):
                chunks.add([line for line, _ in piece], [item for _, item in piece])
        except expat.ExpatError as error:
            raise DataError("file_damaged", file=str(path), why=str(error)) from error
        except _Entities:
            raise DataError("xml_entities", file=str(path)) from None
        if not chunks.names:
            raise DataError("file_empty", file=str(path))
        return Rows(relation=chunks.relation, columns=tuple(chunks.names), numbered=True)


def _pieces(path: Path) -> Iterator[list[tuple[int, dict[str, str | None]]]]:
    reader, parser = _Reader(), expat.ParserCreate()
    parser.StartElementHandler = lambda name, its: reader.start(name, its, parser.CurrentLineNumber)
    parser.EndElementHandler = lambda _name: reader.end()
    parser.CharacterDataHandler = reader.characters
    parser.EntityDeclHandler = _refuse
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            parser.Parse(chunk, False)
            while len(reader.done) >= SIZE:
                yield reader.done[:SIZE]
                del reader.done[:SIZE]
        parser.Parse(b"", True)
    if reader.done:
        yield reader.done


def _refuse(*_: object) -> None:
    raise _Entities
