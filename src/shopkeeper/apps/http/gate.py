"""The one gate of every route: how busy, who asks, may they, in which language, how long it took, what went wrong."""

import base64
import binascii
import hashlib
import hmac
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from starlette.requests import Request as Call
from starlette.responses import Response

from shopkeeper.apps.http.engine import Engine
from shopkeeper.apps.http.limits import Limits
from shopkeeper.apps.http.metrics import Metrics
from shopkeeper.apps.http.refusal import Refused, body_of, headers_of, status_of
from shopkeeper.apps.http.routes import ApiRoute, Visit
from shopkeeper.core.errors import Unavailable
from shopkeeper.locale import LANGUAGES, language_of

_log: Final = logging.getLogger("shopkeeper.http.requests")
MOST_AT_ONCE: Final = 512
"""Requests in work at the same time that bring something, and as many that ask; more are told to come again, so that a
flood of events leaves room for answers."""
ALWAYS: Final = {
    "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
}  # fmt: skip
CROSS_ORIGIN: Final = {"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": "Retry-After"}


@dataclass(slots=True)
class Load:
    """How many requests are in work: those that bring something (POST, DELETE) and those that only ask."""

    bringing: int = 0
    asking: int = 0

    def add(self, method: str, more: int) -> int:
        """Count a request in (1) or out (-1); how many of its sort are in work now."""
        if method == "GET":
            self.asking += more
            return self.asking
        self.bringing += more
        return self.bringing


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """Wraps a route's handler."""

    engine: Engine
    metrics: Metrics
    load: Load
    limits: Limits

    async def answer(self, route: ApiRoute, call: Call) -> Response:
        """The handler's answer, or its error in our shape. Nothing is raised."""
        began = time.perf_counter()
        visit = Visit(
            call=call, engine=self.engine, metrics=self.metrics, limits=self.limits, language=self.engine.language
        )  # fmt: skip
        busy = self.load.add(route.method, 1) > MOST_AT_ONCE
        try:
            response = await self._handled(route, visit, busy=busy)
        except Exception as error:  # noqa: BLE001  # the last line of defence: no stack trace leaves the server
            response = error_response(error, visit.language, trusted=visit.role == "secret")
        finally:
            self.load.add(route.method, -1)
            self.limits.bytes -= visit.weight
        _mark(response, public=route.public)
        self._note(route, visit, response.status_code, time.perf_counter() - began)
        return response

    async def _handled(self, route: ApiRoute, visit: Visit, *, busy: bool) -> Response:
        visit.language = language_for(visit.call, self.engine.language)
        if busy and not route.path.startswith("/health"):
            raise Unavailable("overloaded", retry_after_seconds=1)
        self._admit(route, visit)
        return await route.handler(visit)

    def _admit(self, route: ApiRoute, visit: Visit) -> None:
        if route.needs == "open":
            return
        key, in_address = key_of(visit.call)
        found = self.engine.keys.find(key) if key else None
        if found is None:
            raise Refused(401, "unknown_key")
        if in_address and found[0] == "secret":
            raise Refused(401, "key_in_address")
        visit.role, visit.key_id = found
        self.limits.request(visit.key_id, visit.role)
        if route.needs == "secret" and visit.role != "secret":
            raise Refused(403, "key_not_allowed", needs=route.needs)

    def _note(self, route: ApiRoute, visit: Visit, status: int, seconds: float) -> None:
        self.metrics.answered(route.path, route.method, status, seconds)
        if _log.isEnabledFor(logging.INFO):
            person = hashed(self.engine.keys.identity_secret, visit.person) if visit.person else None
            facts = {
                "route": route.name, "status": status, "ms": round(seconds * 1000, 2), "key": visit.key_id or None,
                "person": person,
            }  # fmt: skip
            _log.info("request", extra={"facts": facts})


def _mark(response: Response, *, public: bool) -> None:
    """Set the headers that every answer carries."""
    names, raw = _MARKS[public]
    response.raw_headers[:] = [pair for pair in response.raw_headers if pair[0] not in names] + raw


def _raw(headers: Mapping[str, str]) -> tuple[frozenset[bytes], list[tuple[bytes, bytes]]]:
    raw = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    return frozenset(name for name, _ in raw), raw


_MARKS: Final = {False: _raw(ALWAYS), True: _raw(ALWAYS | CROSS_ORIGIN)}


def error_response(error: Exception, language: str, *, trusted: bool) -> Response:
    """An error as an answer."""
    return Response(
        body_of(error, language, trusted=trusted), status_of(error), headers_of(error), "application/json"
    )  # fmt: skip


def hashed(secret: str, person: str) -> str:
    """A person as logs may name them: the same within a shop, worth nothing outside it."""
    text = b"log\0" + person.encode("utf-8", "replace")
    return hmac.new(secret.encode(), text, hashlib.sha256).hexdigest()[:16]


def key_of(call: Call) -> tuple[str, bool]:
    """The key of a request and whether it stood in the address: bearer, X-API-Key, Basic user name, ``?key=``."""
    scheme, _, value = call.headers.get("authorization", "").partition(" ")
    match scheme.lower():
        case "bearer":
            return value.strip(), False
        case "basic":
            return _basic_user(value.strip()), False
    if own := call.headers.get("x-api-key"):
        return own.strip(), False
    return call.query_params.get("key", ""), True


def _basic_user(value: str) -> str:
    try:
        return base64.b64decode(value, validate=True).decode().partition(":")[0]
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return ""


def language_for(call: Call, default: str) -> str:
    """``?lang=``, else the first language of Accept-Language that we speak, else the shop's."""
    if asked := call.query_params.get("lang"):
        return language_of(asked)
    wanted = call.headers.get("accept-language", "")
    for part in wanted[:200].split(",") if wanted else ():
        tag = part.partition(";")[0].strip()
        if tag.replace("_", "-").partition("-")[0].lower() in LANGUAGES:
            return language_of(tag)
    return default
