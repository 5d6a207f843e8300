"""Bytes that are a little wrong: mutations of the corpus, each from its own seed, so that it can be made again."""

import random
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).parent
LONGEST: Final = 20_000
TOKENS: Final = (
    b'"', b'""', b"'", b",", b";", b"\t", b"|", b"\n", b"\r", b"\r\n", b"\n\n", b"\0", b"\xff", b"\xef\xbb\xbf",
    b"\xff\xfe", b"\xc0\xaf", b"\xe2\x80\xae", b"\xcc\x81", b"\xe3\x80\x80", b"\xc2\xa0", b"\x1b[31m", b"=1+1",
    b"NaN", b"Infinity", b"1e999", b"-0.0", b"1E10", b"6.22E+17", b"9" * 40, b"0", b"null", b"guest",
    b"03/04/2026", b"1970-01-01", b"9999-12-31", b"2026-02-30", b"24:00:00", b"1793527200", b"17935272000",
    b"\xef\xbc\x91\xef\xbc\x92", b"12,50", b"1.299,00", "¥".encode(), "合计".encode(), "下午".encode(), b"{}",
    b"[]", b'{"a":1}', b"\\ud800", b"\\u0000", b"<!DOCTYPE html>", b"PK\x03\x04", b"\x1f\x8b", b"]]>",
    b"<item>", b"__line",
)  # fmt: skip
"""What is worth writing anywhere: signs that divide, bytes that are no text, values that look like others."""

Change = Callable[[random.Random, bytearray], None]


@cache
def small_files() -> tuple[Path, ...]:
    """The files of the corpus that are kept, but for those of the HTTP API."""
    kept = [path for path in sorted(HERE.glob("[0-9]*-*")) if path.stat().st_size <= LONGEST]
    return tuple(path for path in kept if path.suffix != ".json")


def bodies() -> tuple[Path, ...]:
    """The bodies of the corpus that are kept."""
    return tuple(sorted(HERE.glob("[0-9]*-*.json")))


def mutated(data: bytes, others: Sequence[bytes], seed: int) -> bytes:
    """A file with one to five changes."""
    chance = random.Random(seed)  # noqa: S311  # a test's
    changed = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 2, 3, 5))):
        chance.choice(_CHANGES)(chance, changed)
        if chance.random() < 0.1:
            _splice(chance, changed, chance.choice(others))
    return bytes(changed[: 2 * LONGEST])


def _span(chance: random.Random, data: bytearray, longest: int = 60) -> slice:
    first = chance.randint(0, len(data))
    return slice(first, min(len(data), first + chance.randint(0, longest)))


def _flip(chance: random.Random, data: bytearray) -> None:
    if data:
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)


def _delete(chance: random.Random, data: bytearray) -> None:
    del data[_span(chance, data)]


def _repeat(chance: random.Random, data: bytearray) -> None:
    span = _span(chance, data)
    data[span.start : span.start] = data[span] * chance.randint(1, 3)


def _write(chance: random.Random, data: bytearray) -> None:
    at = chance.randint(0, len(data))
    data[at:at] = chance.choice(TOKENS)


def _replace(chance: random.Random, data: bytearray) -> None:
    data[_span(chance, data, 12)] = chance.choice(TOKENS)


def _cut(chance: random.Random, data: bytearray) -> None:
    del data[chance.randint(0, len(data)) :]


def _again(chance: random.Random, data: bytearray) -> None:
    lines = bytes(data).splitlines(keepends=True)
    if lines:
        data += chance.choice(lines)


def _splice(chance: random.Random, data: bytearray, other: bytes) -> None:
    at = chance.randint(0, len(data))
    first = chance.randint(0, len(other))
    data[at:at] = other[first : first + 200]


_CHANGES: Final[tuple[Change, ...]] = (_flip, _flip, _delete, _repeat, _write, _write, _replace, _replace, _cut, _again)
