"""Held rows of one import, however many: few are in memory, the others in the scratch folder until they are kept."""

import struct
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import msgspec

from shopkeeper.core.ids import new_id
from shopkeeper.data.rows import Held

PIECE: Final = 5_000
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[Held]).decode
_SIZE: Final = struct.Struct("<Q")


class HeldPile:
    """Can be read again and again, in the order in which they came."""

    def __init__(self, folder: Path, *, piece: int = PIECE) -> None:
        self._folder, self._piece = folder, piece
        self._path: Path | None = None
        self._last: list[Held] = []
        self.by_reason: Counter[str] = Counter()
        self.lines = array("q")
        """The lines of those that have one."""

    def __len__(self) -> int:
        return self.by_reason.total()

    def append(self, one: Held) -> None:
        """One more."""
        self.by_reason[one.reason] += 1
        if one.line is not None:
            self.lines.append(one.line)
        self._last.append(one)
        if len(self._last) == self._piece:
            self._put_away()

    def extend(self, more: Iterable[Held]) -> None:
        """Some more."""
        for one in more:
            self.append(one)

    def __iter__(self) -> Iterator[Held]:
        if self._path is not None:
            yield from put_away(self._path)
        yield from self._last

    def whole(self) -> Path | None:
        """The file with all of it, for another process; None where there is nothing."""
        if self._last:
            self._put_away()
        return self._path

    def _put_away(self) -> None:
        if self._path is None:
            self._path = self._folder / f"_{new_id('h')}.pile"
        data = _encode(self._last)
        with self._path.open("ab") as file:
            file.write(_SIZE.pack(len(data)) + data)
        self._last = []


def put_away(path: Path) -> Iterator[Held]:
    """The rows of a pile's file."""
    with path.open("rb") as file:
        while head := file.read(_SIZE.size):
            yield from _decode(file.read(_SIZE.unpack(head)[0]))
