"""Answers as JSON."""

import dataclasses
from datetime import date, datetime
from typing import Any

import msgspec
from starlette.responses import Response

from shopkeeper.core.money import Money


def _plain(value: Any) -> Any:
    if isinstance(value, Money):
        return str(value)
    if isinstance(value, datetime | date):
        return value.isoformat()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {part.name: getattr(value, part.name) for part in dataclasses.fields(value)}
    if hasattr(value, "tolist"):
        return value.tolist()
    return str(value)


_encode = msgspec.json.Encoder(enc_hook=_plain).encode


def encoded(value: Any) -> bytes:
    """A struct, or plain values, as JSON. NaN and infinities become null."""
    return _encode(value)


def sent(body: bytes, status: int = 200) -> Response:
    """JSON that is written already."""
    return Response(body, status, media_type="application/json")


def answer(value: Any, status: int = 200) -> Response:
    """``encoded``, on its way."""
    return sent(_encode(value), status)
