"""Segment's libraries may report here: ``POST /v1/batch`` takes their messages, the write key as the user's name."""

from collections import Counter
from typing import Any

from starlette.responses import Response

from shopkeeper.apps.http.answers import answer
from shopkeeper.apps.http.body import events_of, read_body
from shopkeeper.apps.http.events import own_only, twice_out, verdict_out
from shopkeeper.apps.http.routes import Visit
from shopkeeper.apps.http.shapes import BatchOut, VerdictOut
from shopkeeper.apps.http.work import collected
from shopkeeper.data.sources.known.segment_words import wire_of


async def post_batch(visit: Visit) -> Response:
    """Answers when what was accepted is durable: 200, or 207 where some messages are held."""
    batch = events_of(await read_body(visit), "batch", "sentAt")
    messages = batch.events
    visit.charge(len(messages))
    wires = [wire_of(message) for message in messages]
    passed = [wire is None and message is not None for message, wire in zip(messages, wires, strict=True)]
    kept = [wire for wire, over in zip(wires, passed, strict=True) if not over]
    if visit.is_browser:
        own_only(visit, kept, "batch")
    source = "browser" if visit.is_browser else "segment"
    verdicts = iter(
        await collected(visit.engine.collect, kept, source=source, browser=visit.is_browser) if kept else ()
    )
    said = [
        _skipped(message) if over else verdict_out(next(verdicts), visit.language)
        for message, over in zip(messages, passed, strict=True)
    ]
    counts = Counter(one.status for one in said)
    for status, count in counts.items():
        visit.metrics.events.labels(status).inc(count)
    out = BatchOut(
        success=True, stored=counts["stored"], duplicate=counts["duplicate"], quarantined=counts["quarantined"],
        skipped=counts["skipped"], verdicts=said, warnings=twice_out(batch, visit.language),
    )  # fmt: skip
    return answer(out, 207 if counts["quarantined"] else 200)


def _skipped(message: Any) -> VerdictOut:
    found = message.get("messageId")
    return VerdictOut(id=found[:256] if isinstance(found, str) else "", status="skipped")
