"""In which encoding a file is written. A byte order mark decides, then whether it decodes; a guess is shown with its
alternatives, so that a person can choose by looking."""

import codecs
import re
from pathlib import Path
from typing import Final

from charset_normalizer import from_bytes

from shopkeeper.data.rows import Warn

SAMPLE: Final = 1 << 18
_BOMS: Final = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_EAST: Final = ("big5", "shift_jis", "euc_kr")
_CHOICES: Final = ("cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "gb18030", *_EAST)
_SHOWN: Final = 5
_AROUND: Final = re.compile(r"[^\s,;\t|\"]*[^\x00-\x7f][^\s,;\t|\"]*")


def detect_encoding(path: Path) -> tuple[str, bool]:
    """(encoding, sure): a byte order mark decides; then UTF-8 and GB18030 by whether the file decodes; then a guess."""
    with path.open("rb") as file:
        head = file.read(SAMPLE)
    for mark, name in _BOMS:
        if head.startswith(mark):
            return name, True
    if wide := _wide(head):
        return wide, False
    cut = head[: head.rfind(b"\n") + 1] or head
    bad = _bad_lines(cut, "utf-8")
    if bad == 0 or bad * 10 < cut.count(b"\n"):
        return "utf-8", True
    if _bad_lines(cut, "gb18030") == 0 and _everyday_share(cut, "gb18030") >= 0.7:
        return "gb18030", True
    east = max(_EAST, key=lambda name: _everyday_share(cut, name))
    if _everyday_share(cut, east) >= 0.8:
        return east, False
    best = from_bytes(cut).best()
    return (best.encoding if best else "latin-1"), False


def _wide(head: bytes) -> str:
    """UTF-16 without a mark: the upper bytes of ASCII signs are zero, and all on one side."""
    low, high = head[0::2].count(0), head[1::2].count(0)
    if max(low, high) * 10 < len(head) // 2 or min(low, high) * 10 > max(low, high):
        return ""
    return "utf-16-le" if high > low else "utf-16-be"


def _bad_lines(data: bytes, encoding: str) -> int:
    try:
        data.decode(encoding)
    except UnicodeDecodeError:
        return sum(not _decodes(line, encoding) for line in data.splitlines())
    return 0


def _decodes(data: bytes, encoding: str) -> bool:
    try:
        data.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _everyday_share(data: bytes, encoding: str) -> float:
    """Which share of what is not ASCII are everyday signs of that encoding's language: rare ones mean that the guess is
    wrong (two Latin letters of another encoding, such as those of "Crème", make a rare one). 0 where it is no text."""
    try:
        strange = [sign for sign in data.decode(encoding) if sign > "\x7f"]
    except UnicodeDecodeError:
        return 0.0
    return sum(_everyday(sign, encoding) for sign in strange) / len(strange) if strange else 0.0


def _everyday(sign: str, encoding: str) -> bool:
    if "\u3000" <= sign <= "\u303f" or "\uff01" <= sign <= "\uff5e":
        return True
    if encoding == "shift_jis":
        return "\u3041" <= sign <= "\u30ff" or _code(sign, encoding)[:1] < b"\x98"  # kana, and JIS level 1
    if encoding == "euc_kr":
        return "\uac00" <= sign <= "\ud7a3"
    if encoding == "big5":
        return b"\xa4" <= _code(sign, encoding)[:1] <= b"\xc6"  # the 5,401 most used signs
    return b"\xb0" <= _code(sign, "gb2312")[:1] <= b"\xd7"  # the 3,755 most used signs: the first level of GB 2312


def _code(sign: str, encoding: str) -> bytes:
    code = sign.encode(encoding, "ignore")
    return code if len(code) == 2 else b"\xff"


def guessed(path: Path, encoding: str) -> Warn:
    """The warning that names the guess with a word as it reads, and the other readings that are possible."""
    with path.open("rb") as file:
        data = file.read(SAMPLE)
    end = b"\n\x00" if encoding == "utf-16-le" else b"\n"
    data = data[: data.rfind(end) + len(end)] or data
    first = _word(data, encoding) or "-"
    others: dict[str, str] = {}
    for name in () if encoding.startswith("utf-16") else _CHOICES:
        word = _word(data, name)
        if word is not None and word != first and word not in others.values():
            others[name] = word
    shown = ", ".join(f"{name}: {word}" for name, word in list(others.items())[:_SHOWN])
    return Warn(key="encoding_guessed", facts={"encoding": encoding, "sample": first, "others": shown or "-"})


def _word(data: bytes, encoding: str) -> str | None:
    """The first word with a letter beyond ASCII; None where the bytes are no text in this encoding."""
    try:
        text = data.decode(encoding)
    except (UnicodeDecodeError, LookupError):
        return None
    found = _AROUND.search(text)
    return None if found is None or not found[0].isprintable() else found[0][:40]
