"""Where an encoding was guessed: how the same bytes read in others, so that a person can choose by looking."""

import re
from pathlib import Path
from typing import Final

from shopkeeper.data.rows import Warn

_SAMPLE: Final = 1 << 18
_CHOICES: Final = ("cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "gb18030", "big5", "shift_jis", "euc_kr")
_SHOWN: Final = 5
_AROUND: Final = re.compile(r"[^\s,;\t|\"]*[^\x00-\x7f][^\s,;\t|\"]*")


def guessed(path: Path, encoding: str) -> Warn:
    """The warning that names the guess with a word as it reads, and the other readings that are possible."""
    with path.open("rb") as file:
        data = file.read(_SAMPLE)
    data = data[: data.rfind(b"\n") + 1] or data
    first = _word(data, encoding) or "-"
    others: dict[str, str] = {}
    for name in _CHOICES:
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
