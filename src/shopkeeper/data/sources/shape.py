"""How a delimited file is written: whether DuckDB may read it as it is, and whether its cells need trimming."""

import codecs
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from shopkeeper.data.sources.strange import is_strange

MAX_RECORD: Final = 2_000_000
"""Characters of the longest record."""
_CHUNK: Final = 1 << 20
_LARGE: Final = 1 << 24
"""Bytes from which the halves of a file are looked at side by side."""


@dataclass(frozen=True, slots=True)
class Shape:
    """How a file is written. ``regular``: each line is one record of UTF-8 text with the same line end; ``plain``: no
    cell has blanks round it or control characters in it; ``strange``: signs that nobody sees may be in it;
    ``open_end``: the number of the last line, where it has no end."""

    regular: bool
    plain: bool
    strange: bool = True
    open_end: int = 0


IRREGULAR: Final = Shape(regular=False, plain=False)
_WIDE_BLANKS: Final = (
    b"\xc2\x85", b"\xc2\xa0", b"\xe1\x9a\x80", b"\xe2\x80", b"\xe2\x81\x9f", b"\xe3\x80\x80", b"\xef\xbb\xbf",
)  # fmt: skip
"""UTF-8 of the blanks that are not ASCII (of those in U+20xx, what they begin with)."""


def is_regular(path: Path) -> bool:
    """Whether each line of the file is one record. Reads it once."""
    return shape_of(path).regular


def shape_of(path: Path, delimiter: str = ",") -> Shape:
    """Read a file once to see how it is written; the halves of a large one side by side."""
    bounds = _halves(path)
    with ThreadPoolExecutor(len(bounds)) as pool:
        parts = list(pool.map(lambda part: _shape_between(path, part[0], part[1], delimiter), bounds))
    ends = {returns for _, returns, _ in parts if returns is not None}
    if len(ends) > 1 or not all(shape.regular for shape, _, _ in parts):
        return IRREGULAR
    lines = sum(count for _, _, count in parts)
    return Shape(
        regular=True, plain=all(shape.plain for shape, _, _ in parts),
        strange=any(shape.strange for shape, _, _ in parts), open_end=lines + 1 if parts[-1][0].open_end else 0,
    )  # fmt: skip


def _halves(path: Path) -> list[tuple[int, int]]:
    """(first, past the last) byte of the parts of a file, each of whole lines."""
    size = path.stat().st_size
    if size < _LARGE:
        return [(0, size)]
    with path.open("rb") as file:
        file.seek(size // 2)
        whole = file.readline(MAX_RECORD * 4).endswith(b"\n")
        middle = file.tell()
    return [(0, middle), (middle, size)] if whole else [(0, size)]


def _shape_between(path: Path, first: int, last: int, delimiter: str) -> tuple[Shape, bool | None, int]:
    """How whole lines of a file are written, whether they end with returns, and how many of them end."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    rest, returns, plain, strange, lines = b"", None, True, False, 0
    with path.open("rb") as file:
        marked = first == 0 and file.read(3) == codecs.BOM_UTF8
        file.seek(3 if marked else first)
        while chunk := file.read(min(_CHUNK, last - file.tell())):
            block = rest + chunk
            end = block.rfind(b"\n") + 1
            rest = block[end:]
            if not _decodes_on(decoder, block, end) or b"\0" in block or len(rest) > MAX_RECORD * 4:
                return IRREGULAR, None, 0
            low = _low(block, end)
            ends = bool((low[1] == 13).any())
            if end and returns is not None and ends != returns:
                return IRREGULAR, None, 0
            returns = ends if end else returns
            if (ends and not _same_ends(block[:end])) or not _whole_records(block, end, low):
                return IRREGULAR, None, 0
            plain = plain and _plain(block, end, delimiter, low)
            strange = strange or is_strange(block)
            lines += int(np.count_nonzero(low[1] == 10))
    if not _decodes_on(decoder, rest, len(rest), final=True) or b"\r" in rest or b"\0" in rest:
        return IRREGULAR, None, 0
    tail = rest + b"\n"
    low = _low(tail, len(tail))
    if rest and not _whole_records(tail, len(tail), low):
        return IRREGULAR, None, 0
    plain = plain and _plain(tail, len(tail), delimiter, low)
    shape = Shape(regular=True, plain=plain, strange=strange or is_strange(rest), open_end=1 if rest else 0)
    return shape, returns, lines


def _decodes_on(decoder: codecs.IncrementalDecoder, data: bytes, end: int, *, final: bool = False) -> bool:
    """Whether what comes before ``end`` is UTF-8."""
    if data.isascii() and not final:
        return True  # lines end where characters end, so the decoder waits for nothing
    try:
        decoder.decode(data[:end], final=final)
    except UnicodeDecodeError:
        return False
    return True


def _same_ends(block: bytes) -> bool:
    return block.count(b"\r") == block.count(b"\n") == block.count(b"\r\n")


Low = tuple[NDArray[np.intp], NDArray[np.uint8]]
"""Where the blanks and control characters (but the last of them, 127) of a block stand, and which they are."""


def _low(block: bytes, end: int) -> Low:
    data = np.frombuffer(block, np.uint8, end)
    places = np.flatnonzero(data <= 32)
    return places, data[places]


def _plain(block: bytes, end: int, delimiter: str, low: Low) -> bool:
    """Whether no cell of the whole lines before ``end`` has a blank at its edge or a control character."""
    if b"\x7f" in block or (not block.isascii() and any(blank in block for blank in _WIDE_BLANKS)):
        return False
    places, signs = low
    spaces = places[signs == 32]
    known = len(spaces) + sum(
        np.count_nonzero(signs == sign) for sign in (10, 13, *(b"\t" if delimiter == "\t" else b""))
    )
    if known < len(signs):
        return False
    data = np.frombuffer(block, np.uint8, end)
    edge = np.zeros(256, np.bool_)
    edge[list(b'\r\n"' + delimiter.encode())] = True
    before, after = data[np.maximum(spaces - 1, 0)], data[np.minimum(spaces + 1, len(data) - 1)]
    touching = edge[before].any() or edge[after].any()
    return not touching and not (len(spaces) and spaces[0] == 0)


def _whole_records(block: bytes, end: int, low: Low) -> bool:
    """No empty lines before ``end``, and an even number of quotes in each line."""
    if block.startswith((b"\n", b"\r\n")):
        return False
    data = np.frombuffer(block, np.uint8, end)
    ends = low[0][low[1] == 10]
    shortest = 2 if b"\r" in block else 1
    if len(ends) > 1 and int(np.diff(ends).min()) <= shortest:
        return False
    if not len(ends) or b'"' not in block:
        return True
    starts = np.concatenate((np.zeros(1, ends.dtype), ends[:-1] + 1))
    odd = np.bitwise_xor.reduceat((data == 34).view(np.uint8), starts)
    return not bool(odd.any())
