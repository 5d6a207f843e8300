"""How a delimited file is written: whether DuckDB may read it as it is, and whether its cells need trimming.

A block of lines is looked at as numbers with a bit for each byte, as simdjson does (Langdale, Lemire 2019, "Parsing
gigabytes of JSON per second"): what stands beside what, and what is inside quotes, are a few operations on whole words.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from shopkeeper.data.sources.strange import is_strange

MAX_RECORD: Final = 2_000_000
"""Characters of the longest record."""
_LONGEST: Final = MAX_RECORD * 4
"""Bytes of it."""
_CHUNK: Final = 1 << 21
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
_MARK: Final = b"\xef\xbb\xbf"
_WIDE_BLANKS: Final = (
    b"\xc2\x85", b"\xc2\xa0", b"\xe1\x9a\x80", b"\xe2\x80", b"\xe2\x81\x9f", b"\xe3\x80\x80", _MARK,
)  # fmt: skip
"""UTF-8 of the blanks that are not ASCII (of those in U+20xx, what they begin with)."""
_NUL, _TAB, _LINE, _RETURN, _BLANK, _QUOTE, _DELETE = b'\0\t\n\r "\x7f'


def is_regular(path: Path) -> bool:
    """Whether each line of the file is one record. Reads it once."""
    return shape_of(path).regular


def shape_of(path: Path, delimiter: str = ",") -> Shape:
    """Read a file once to see how it is written; the halves of a large one side by side."""
    bounds = _halves(path)
    with ThreadPoolExecutor(len(bounds)) as pool:
        parts = list(pool.map(lambda part: _look(path, part[0], part[1], delimiter), bounds))
    found = [part for part in parts if part is not None]
    if len(found) < len(parts) or len({part.returns for part in found if part.returns is not None}) > 1:
        return IRREGULAR
    return Shape(
        regular=True, plain=all(part.plain for part in found), strange=any(part.strange for part in found),
        open_end=sum(part.lines for part in found) + 1 if found[-1].open_end else 0,
    )  # fmt: skip


def _halves(path: Path) -> list[tuple[int, int]]:
    """(first, past the last) byte of the parts of a file, each of whole lines."""
    size = path.stat().st_size
    if size < _LARGE:
        return [(0, size)]
    with path.open("rb") as file:
        file.seek(size // 2)
        whole = file.readline(_LONGEST).endswith(b"\n")
        middle = file.tell()
    return [(0, middle), (middle, size)] if whole else [(0, size)]


def _look(path: Path, first: int, last: int, delimiter: str) -> "_Lines | None":
    """How the lines of a part of a file are written; None where they are not regular."""
    seen = _Lines(delimiter=delimiter.encode()[0])
    buffer = np.empty(_CHUNK + _LONGEST, np.uint8)
    with path.open("rb", buffering=0) as file:
        marked = first == 0 and file.read(len(_MARK)) == _MARK
        file.seek(len(_MARK) if marked else first)
        rest = 0
        while count := file.readinto(buffer.data[rest : rest + min(_CHUNK, last - file.tell())]):
            filled = rest + count
            end = _whole(buffer, rest, filled)
            if filled - end > _LONGEST or not seen.take(buffer[:end]):
                return None
            rest = filled - end
            buffer[:rest] = buffer[end:filled].copy()
    if not rest:
        return seen
    seen.open_end, buffer[rest] = True, _LINE
    return None if (buffer[:rest] == _RETURN).any() or not seen.take(buffer[: rest + 1], counted=False) else seen


def _whole(buffer: NDArray[np.uint8], first: int, last: int) -> int:
    """Where the whole lines among these bytes end, of which those before ``first`` hold no end; 0 where none does."""
    step = 1 << 12
    for place in range(last, first, -step):
        ends = np.flatnonzero(buffer[max(place - step, first) : place] == _LINE)
        if len(ends):
            return max(place - step, first) + int(ends[-1]) + 1
    return 0


@dataclass(slots=True)
class _Lines:
    """What was seen of some lines."""

    delimiter: int
    returns: bool | None = None
    """Whether they end with returns."""
    plain: bool = True
    strange: bool = False
    open_end: bool = False
    lines: int = 0

    def take(self, block: NDArray[np.uint8], *, counted: bool = True) -> bool:
        """Look at whole lines; False where they are not regular. ``counted``: their ends are their own."""
        if not len(block):
            return True
        highest = int(block.max())
        if highest > _DELETE and not self._wide(block.tobytes()):
            return False
        lines, low = _bits(block == _LINE), _bits(block <= _BLANK)
        quotes, blanks = _bits(block == _QUOTE), _bits(block == _BLANK)
        more = low & ~(lines | blanks)
        returns = _bits(block == _RETURN) if more.any() else np.zeros_like(lines)
        if counted:
            ends = bool(returns.any())
            if (ends and not np.array_equal(_next(returns), lines)) or self.returns not in (None, ends):
                return False
            self.returns, self.lines = ends, self.lines + int(np.bitwise_count(lines).sum())
        more &= ~returns
        if (_next(lines, first=True) & (lines | returns)).any() or (lines & _odd(quotes)).any():
            return False
        if more.any():
            if (block == _NUL).any():
                return False
            self.plain = self.plain and self.delimiter == _TAB and not (more & ~_bits(block == _TAB)).any()
        if self.plain:
            edges = quotes | lines | returns | _bits(block == self.delimiter)
            beside = (blanks & _next(edges, first=True)) | (edges & _next(blanks))
            self.plain = not beside.any() and not (highest >= _DELETE and (block == _DELETE).any())
        return True

    def _wide(self, block: bytes) -> bool:
        """Take note of what is not ASCII; False where it is not UTF-8."""
        try:
            block.decode()
        except UnicodeDecodeError:
            return False
        self.plain = self.plain and not any(blank in block for blank in _WIDE_BLANKS)
        self.strange = self.strange or is_strange(block)
        return True


Bits = NDArray[np.uint64]
"""A bit for each byte of a block, the first one the lowest of the first number; none beyond the block's end."""


def _bits(which: NDArray[np.bool_]) -> Bits:
    packed = np.zeros(-(-len(which) // 64) * 8, np.uint8)
    packed[: -(-len(which) // 8)] = np.packbits(which, bitorder="little")
    return packed.view("<u8")


def _next(bits: Bits, *, first: bool = False) -> Bits:
    """Whether the byte before has the bit. ``first``: as if one before the first byte had it."""
    shifted = bits << np.uint64(1)
    shifted[1:] |= bits[:-1] >> np.uint64(63)
    shifted[0] |= np.uint64(first)
    return shifted


def _odd(bits: Bits) -> Bits:
    """Whether an odd number of bytes so far, this one with them, have the bit."""
    sums, shifted = bits.copy(), np.empty_like(bits)
    for step in (1, 2, 4, 8, 16, 32):
        sums ^= np.left_shift(sums, np.uint64(step), out=shifted)
    before = np.bitwise_xor.accumulate(sums >> np.uint64(63))
    sums[1:] ^= np.uint64(0) - before[:-1]
    return sums
