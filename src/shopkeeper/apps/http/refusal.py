"""Errors as answers: one shape, in the reader's language, telling a browser nothing of the server."""

import logging
from collections.abc import Mapping
from typing import Any

import msgspec

from shopkeeper.apps.http.shapes import Fault, FaultAnswer
from shopkeeper.core.errors import ShopkeeperError, Unavailable
from shopkeeper.decide.failure import where, why
from shopkeeper.locale import say

_log = logging.getLogger(__name__)
_STATUS = {"disk_full": 507, "rate_limited": 429}
_INWARD = frozenset({"folder", "file", "why", "pid"})
"""Facts that speak of the server's machine: only who holds the secret key is told them."""


class Refused(ShopkeeperError):
    """A request that is turned away at the door."""

    def __init__(self, status: int, key: str, **facts: object) -> None:
        super().__init__(key, **facts)
        self.http_status = status


def status_of(error: Exception) -> int:
    """507 for a full disk, 429 for a key that asks too much."""
    if not isinstance(error, ShopkeeperError):
        return 500
    return _STATUS.get(error.key, error.http_status)


def headers_of(error: Exception) -> dict[str, str]:
    """What a client needs to do better: when to come again, how to sign in, which methods exist."""
    if isinstance(error, Unavailable):
        return {"Retry-After": str(error.retry_after_seconds)}
    if isinstance(error, Refused) and error.http_status == 401:
        return {"WWW-Authenticate": 'Bearer realm="shopkeeper"'}
    if isinstance(error, Refused) and error.http_status == 405:
        return {"Allow": str(error.facts["allowed"])}
    return {}


def body_of(error: Exception, language: str, *, trusted: bool) -> bytes:
    """The JSON of an error."""
    key, facts = "internal", {}
    if isinstance(error, ShopkeeperError):
        key, facts = error.key, {name: _plain(value) for name, value in error.facts.items()}
        if not trusted and _INWARD & facts.keys() and not isinstance(error, Refused):
            key, facts = "unavailable", {}
    else:
        _log.error("a request failed: %s at %s", why(error), where(error))
    return msgspec.json.encode(FaultAnswer(error=Fault(key=key, message=_sentence(language, key, facts), facts=facts)))


def _sentence(language: str, key: str, facts: Mapping[str, Any]) -> str:
    try:
        return say(language, "errors", key, **facts)
    except (KeyError, IndexError):
        return key


def _plain(value: object) -> str | int | float | bool | None:
    plain = value if isinstance(value, str | int | float | bool) or value is None else str(value)
    return plain.encode("utf-8", "replace").decode() if isinstance(plain, str) else plain
