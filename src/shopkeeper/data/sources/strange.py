"""Bytes of UTF-8 that may be signs nobody sees, separate accents, blanks of other scripts, or text garbled before."""

from typing import Final

_INVISIBLE: Final = (
    *(b"\xe2\x80" + bytes([last]) for last in (0x8B, 0x8E, 0x8F, *range(0xAA, 0xAF))),
    *(b"\xe2\x81" + bytes([last]) for last in (*range(0xA0, 0xA5), *range(0xA6, 0xAA))),
    b"\xef\xbb\xbf", b"\xc2\xad",
)  # fmt: skip
_ACCENTS: Final = (
    b"\xcc", b"\xcd", *(b"\xe1" + bytes([last]) for last in range(0x84, 0x88)), b"\xe3\x82\x99", b"\xe3\x82\x9a",
)  # fmt: skip
_BLANKS: Final = (b"\xc2\xa0", b"\xe3\x80\x80", *(b"\xe2\x80" + bytes([last]) for last in range(0x80, 0x8B)))
_GARBLED: Final = ("锟斤拷".encode(), b"\xef\xbf\xbd", b"\xc3\x83\xc2", b"\xc3\x82\xc2", b"\xc3\xa2\xe2\x82\xac")
_ALL: Final = (*_INVISIBLE, *_ACCENTS, *_BLANKS, *_GARBLED)


def is_strange(block: bytes) -> bool:
    """Whether any of these stand in a block of UTF-8. Quick: ordinary text is let through by searches for bytes."""
    return not block.isascii() and any(sign in block for sign in _ALL)
