"""Events in, visitor ids out."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import UNSET, UnsetType
from starlette.responses import Response

from shopkeeper.apps.http.answers import answer
from shopkeeper.apps.http.body import Batch, events_of, read_body
from shopkeeper.apps.http.engine import Verdict
from shopkeeper.apps.http.identity import is_customer, is_visitor, new_visitor
from shopkeeper.apps.http.refusal import Refused
from shopkeeper.apps.http.routes import Visit
from shopkeeper.apps.http.shapes import EventsOut, Fault, VerdictOut, VisitorOut
from shopkeeper.apps.http.work import collected
from shopkeeper.data.rows import Warn
from shopkeeper.locale import say
from shopkeeper.shop.held import why_held


async def post_events(visit: Visit) -> Response:
    """Answers when what was accepted is durable: 200, or 207 where some events are held."""
    batch = events_of(await read_body(visit))
    raws = batch.events
    visit.charge(len(raws))
    if visit.is_browser:
        own_only(visit, raws, "events")
    raws = [_without_token(raw) for raw in raws]
    source = "browser" if visit.is_browser else "api"
    verdicts = await collected(visit.engine.collect, raws, source=source, browser=visit.is_browser)
    counts = Counter(verdict.status for verdict in verdicts)
    for status, count in counts.items():
        visit.metrics.events.labels(status).inc(count)
    out = EventsOut(
        stored=counts["stored"], duplicate=counts["duplicate"], quarantined=counts["quarantined"],
        verdicts=[verdict_out(verdict, visit.language) for verdict in verdicts],
        warnings=twice_out(batch, visit.language),
    )  # fmt: skip
    return answer(out, 207 if counts["quarantined"] else 200)


async def post_visitors(visit: Visit) -> Response:
    """A fresh signed id."""
    return answer(VisitorOut(visitor=new_visitor(visit.engine.keys.identity_secret)), 201)


def own_only(visit: Visit, raws: list[Any], where: str) -> None:
    """A browser speaks for its own visitor, and for a customer only with the shop's token.

    Raises:
        Refused: 403, with the place in the list called ``where``.
    """
    secret = visit.engine.keys.identity_secret
    known: dict[tuple[object, ...], str | None] = {}
    for number, raw in enumerate(raws):
        if not isinstance(raw, Mapping):
            continue  # held as no event at all
        claim = tuple(
            value if value is None or isinstance(value, str) else str(value)
            for value in (raw.get("visitor"), raw.get("customer"), raw.get("customer_token"))
        )
        if claim not in known:
            known[claim] = _forged(secret, *claim)
        if key := known[claim]:
            raise Refused(403, key, where=f"$.{where}[{number}]")
    visit.person = next((str(claim[0]) for claim in known), "")


def _forged(secret: str, visitor: str | None, customer: str | None, token: str | None) -> str | None:
    if not visitor or not is_visitor(secret, visitor):
        return "visitor_not_signed"
    if customer and not is_customer(secret, customer, token or ""):
        return "customer_not_signed"
    return None


def _without_token(raw: Any) -> Any:
    if isinstance(raw, dict) and "customer_token" in raw:
        return {name: value for name, value in raw.items() if name != "customer_token"}
    return raw


def verdict_out(verdict: Verdict, language: str) -> VerdictOut:
    """A verdict in the reader's language."""
    status: Any = verdict.status
    if verdict.reason is None:
        return VerdictOut(id=verdict.id, status=status, warnings=_warnings_out(verdict.warnings, language))
    column = str(verdict.facts.get("column", ""))
    message = why_held(language, verdict.reason, verdict.facts, column=column)
    return VerdictOut(
        id=verdict.id, status=status, reason=verdict.reason, message=message, facts=dict(verdict.facts)
    )  # fmt: skip


def twice_out(batch: Batch, language: str) -> list[Fault] | UnsetType:
    """A warning where names stood twice in an object."""
    names = ", ".join(batch.twice)[:200]
    return _warnings_out([Warn(key="name_twice", facts={"names": names})] if names else (), language)


def _warnings_out(warnings: Sequence[Warn], language: str) -> list[Fault] | UnsetType:
    """Warnings in the reader's language; nothing at all where there are none."""
    if not warnings:
        return UNSET
    return [
        Fault(key=one.key, message=say(language, "checks", one.key, **one.facts), facts=dict(one.facts))
        for one in warnings
    ]
