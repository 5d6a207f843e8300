"""Bodies and query texts read strictly: bounded while they stream in, no NaN, nothing after the end, nothing twice."""

import asyncio
import json
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, Final, TypeVar

import msgspec
from starlette.requests import ClientDisconnect

from shopkeeper.apps.http.refusal import Refused
from shopkeeper.apps.http.routes import Visit
from shopkeeper.apps.http.shapes import MAX_BODY_BYTES, MAX_EVENTS

_SECONDS: Final = 20.0
"""How long a body may take to arrive."""
_GZIP: Final = 31
_TYPES: Final = ("application/json",)
_BEACONS: Final = (*_TYPES, "text/plain", "")
"""``text/plain`` or nothing is what a browser's sendBeacon sends without asking first."""
_ONCE: Final = frozenset(
    """
    id action at visitor customer customer_token product variant order order_id lines quantity price
    price_minor currency discount tax refund coupon events
    sent_at messageId anonymousId userId timestamp sentAt order_id product_id products batch
    """.split()
)
"""Names that must not stand twice in an object: money, identity, time."""

T = TypeVar("T", bound=msgspec.Struct)


@dataclass(frozen=True, slots=True)
class Batch:
    """Events as they were sent; ``sent_at``: when, as they say; ``twice``: names that stood twice in an object."""

    events: list[Any]
    sent_at: Any = None
    twice: tuple[str, ...] = ()


async def read_body(visit: Visit) -> bytes:
    """The body, unpacked.

    Raises:
        Refused: 400 cut off, 408 too slow, 413 too large, 415 of an unknown kind.
        Unavailable: too much is in work already.
    """
    call = visit.call
    kind = call.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in (_BEACONS if visit.is_browser else _TYPES):
        raise Refused(415, "media_type", found=kind[:100] or "-", allowed="application/json")
    encoding = call.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("identity", "gzip"):
        raise Refused(415, "content_encoding", found=encoding[:100], allowed="gzip")
    try:
        async with asyncio.timeout(_SECONDS):
            packed = await _stream(visit)
    except TimeoutError:
        raise Refused(408, "too_slow", seconds=int(_SECONDS)) from None
    except ClientDisconnect:
        raise Refused(400, "request_bad", where="body", why="the connection ended before it") from None
    if encoding == "gzip":
        plain = _unpacked(packed)
        visit.weigh(len(plain))
        return plain
    return packed


async def _stream(visit: Visit) -> bytes:
    parts, size = [], 0
    async for part in visit.call.stream():
        size += len(part)
        visit.weigh(len(part))
        if size > MAX_BODY_BYTES:
            raise Refused(413, "too_large", limit=MAX_BODY_BYTES)
        parts.append(part)
    return b"".join(parts)


def _unpacked(packed: bytes) -> bytes:
    reader = zlib.decompressobj(_GZIP)
    try:
        plain = reader.decompress(packed, MAX_BODY_BYTES + 1)
    except zlib.error as error:
        raise Refused(400, "request_bad", where="body", why=f"gzip: {error}") from None
    if len(plain) > MAX_BODY_BYTES:
        raise Refused(413, "too_large", limit=MAX_BODY_BYTES)
    if not reader.eof or reader.unused_data:
        raise Refused(400, "request_bad", where="body", why="gzip: truncated, or something follows it")
    return plain


def events_of(body: bytes, name: str = "events", sent: str = "sent_at") -> Batch:
    """The events of a batch (a list called ``name``, or a bare one), as they were sent: what is wrong with one of them
    is that one's verdict, also where it is no object. A list without any object is no batch.

    Raises:
        Refused: the batch as a whole makes no sense.
    """
    document, twice = _document(body)
    events = document.get(name) if isinstance(document, dict) else document
    if not isinstance(events, list):
        raise Refused(400, "request_bad", where="$", why=f'expected an array, or {{"{name}": [...]}}')
    if not events:
        raise Refused(400, "request_bad", where=f"$.{name}", why="no event in it")
    if not any(isinstance(one, dict) for one in events):
        raise Refused(400, "request_bad", where=f"$.{name}[0]", why="expected an object: there is no event in it")
    if len(events) > MAX_EVENTS:
        raise Refused(413, "too_many", limit=MAX_EVENTS)
    sent_at = document.get(sent) if isinstance(document, dict) else None
    if sent_at is not None:
        events = [{"sent_at": sent_at, **one} if isinstance(one, dict) else one for one in events]
    return Batch(events, sent_at, twice)


def object_of(body: bytes) -> Any:
    """A body as values; no name may stand twice in any object.

    Raises:
        Refused: it is no JSON, or names something twice.
    """
    document, twice = _document(body)
    if twice:
        raise Refused(400, "request_bad", where="$", why=f"the name {twice[0]} stands twice in one object")
    return document


def _document(body: bytes) -> tuple[Any, tuple[str, ...]]:
    twice: dict[str, None] = {}
    try:
        document = msgspec.json.decode(body)
        json.loads(body, object_pairs_hook=partial(_no_pair_twice, twice))
    except RecursionError:
        raise Refused(400, "request_bad", where="$", why="too many objects inside each other") from None
    except ValueError as error:  # msgspec's and json's errors, and bytes that are not UTF-8
        raise Refused(400, "request_bad", where="$", why=str(error)[:200]) from None
    return document, tuple(twice)


def _no_pair_twice(twice: dict[str, None], pairs: list[tuple[str, Any]]) -> None:
    if len(dict(pairs)) == len(pairs):
        return
    for name, count in Counter(name for name, _ in pairs).items():
        if count > 1:
            if name in _ONCE:
                raise ValueError(f"the name {name} stands twice in one object")
            twice[name[:100]] = None


def query_of(kind: type[T], pairs: Sequence[tuple[str, str]]) -> T:
    """A query string as a struct. Fields that are lists take repeated and comma-separated values.

    Raises:
        Refused: a value is impossible, or stands twice.
    """
    lists = _lists(kind)
    values: dict[str, Any] = {}
    for name, text in pairs:
        if name in lists:
            values.setdefault(name, []).extend(part for part in text.split(",") if part)
        elif name in values:
            raise Refused(400, "request_bad", where=name[:100], why="it stands twice")
        else:
            values[name] = text
    try:
        return msgspec.convert({name: value for name, value in values.items() if value}, kind, strict=False)
    except msgspec.ValidationError as error:
        raise Refused(400, "request_bad", where="query", why=str(error)[:200]) from None


@cache
def _lists(kind: type[msgspec.Struct]) -> frozenset[str]:
    """The fields that are lists: looking into a struct takes longer than reading a query."""
    return frozenset(part.name for part in msgspec.structs.fields(kind) if part.default_factory is list)
