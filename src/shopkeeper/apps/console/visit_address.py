"""Addresses inside the console."""

from typing import Final
from urllib.parse import urlencode

PREFIX: Final = "/console"


def address(path: str, **query: object) -> str:
    """An address inside the console."""
    told = {name: value for name, value in query.items() if value not in ("", None)}
    return f"{PREFIX}{path}" + (f"?{urlencode(told)}" if told else "")
