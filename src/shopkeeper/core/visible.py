"""Texts of strangers as people may see them."""

from typing import Final
from unicodedata import category

_OBEYED: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_JOINER: Final = "\u200d"
"""It makes one picture of several, and nothing else."""


def visible(text: str) -> str:
    """A text in which each sign that a screen would obey or hide, instead of showing it, is written as its number."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        sign.encode("unicode_escape").decode() if category(sign) in _OBEYED and sign != _JOINER else sign
        for sign in text
    )
