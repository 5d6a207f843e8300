"""Events in: cleaned, made durable, and only then acknowledged; the next answer already knows them."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final, Literal

from shopkeeper.core.action import BROWSER_ACTIONS, Action
from shopkeeper.core.event import Event
from shopkeeper.core.ids import new_id
from shopkeeper.core.swift import maker_of
from shopkeeper.data.cleaning.clock import skew_of
from shopkeeper.data.cleaning.event import clean_event
from shopkeeper.data.conflicts import said_by
from shopkeeper.data.drain import decode_event, encode_event
from shopkeeper.data.intake import Intake
from shopkeeper.data.journal import EVENT, Entry, make_entry
from shopkeeper.data.quarantine import Quarantine
from shopkeeper.data.rows import RAW_MAX, Held, Warn
from shopkeeper.data.schema import event_row

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NO_SKEW = timedelta()
_AT, _RECEIVED, _NEVER = b',"at":', b',"received_at":', b'"1970-01-01T00:00:00Z"'
_FOREVER = frozenset(
    {Action.ORDER, Action.ORDER_CANCEL, Action.ORDER_RETURN, Action.COUPON_ISSUED, Action.COUPON_REDEEMED}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What became of one event of a batch. ``reason`` is a message key of area ``checks`` where it was held; a held
    event's ``id`` is the one it was sent with, or empty."""

    id: str
    status: Literal["stored", "duplicate", "quarantined"]
    reason: str | None = None
    facts: Mapping[str, object] = field(default_factory=dict)
    warnings: Sequence[Warn] = ()
    """What was believed but changed."""


_verdict: Final = maker_of(Verdict)


def entry_of(event: Event, skew: timedelta = _NO_SKEW) -> Entry:
    """An event as the journal keeps it. Retries differ in when they were received (and so in when they happened, where
    the sender did not say), and in nothing else. ``skew``: what was added to its time."""
    received = event.received_at or event.at
    body = encode_event(event)
    told = encode_event(replace(event, at=event.at - skew)) if skew else body
    return make_entry(
        kind=EVENT, id=event.id, body=body, same_as=unreceived(told, now=event.at == event.received_at),
        person=event.person, day=(received - _EPOCH).days, forever=event.action in _FOREVER,
    )  # fmt: skip


def unreceived(body: bytes, *, now: bool) -> bytes:
    """An encoded event as if nobody had received it; ``now``: nor had said when it happened. An event is written in the
    order of its fields, and a quotation mark inside a text never stands bare, so that the first of these names are its
    own."""
    at, received = body.index(_AT) + len(_AT), body.index(_RECEIVED) + len(_RECEIVED)
    told = body[:at] + _NEVER + body[body.index(b",", at) : received] if now else body[:received]
    return told + b"null" + body[body.index(b",", received) :]


class Collector:
    """One shop's intake. ``taken`` is told what was stored, and what had been stored before and was sent again."""

    def __init__(
        self, journal: Intake, quarantine: Quarantine, currency: str, clock: Callable[[], datetime],
        taken: Callable[[Sequence[Event], Sequence[Event]], None],
    ) -> None:  # fmt: skip
        self._journal, self._quarantine, self._currency, self._clock = journal, quarantine, currency, clock
        self._taken = taken

    def collect(self, raws: Sequence[Any], *, source: str, browser: bool) -> list[Verdict]:
        """Clean and keep a batch; returns when it is durable.

        Raises:
            Unavailable: the journal cannot take it now; nothing of the batch was acknowledged.
        """
        now = self._clock()
        allowed = BROWSER_ACTIONS if browser else None
        notes: list[list[Warn]] = [[] for _ in raws]
        clean = partial(clean_event, received_at=now, currency=self._currency, allowed=allowed, source=source)
        cleaned = [clean(raw, notes=its) for raw, its in zip(raws, notes, strict=True)]
        events = [item for item in cleaned if isinstance(item, Event)]
        entries = [
            entry_of(item, _skew(raw, now, its))
            for raw, item, its in zip(raws, cleaned, notes, strict=True)
            if isinstance(item, Event)
        ]
        outcomes = iter(zip(events, self._journal.append(entries), strict=True))
        held: list[Held] = []
        stored: list[Event] = []
        again: list[Event] = []
        verdicts: list[Verdict] = []
        for raw, item, its in zip(raws, cleaned, notes, strict=True):
            wrong = item if isinstance(item, Held) else None
            if isinstance(item, Event):
                event, outcome = next(outcomes)
                if outcome == "conflict":
                    wrong = Held(reason="id_conflict", column="id", facts=self._against(event), raw=_json(raw))
                else:
                    verdicts.append(_verdict(id=event.id, status=outcome, warnings=its))
                if outcome != "conflict":
                    (stored if outcome == "stored" else again).append(event)
            if wrong is not None:
                held.append(wrong)
                verdicts.append(Verdict(id=_id_of(raw), status="quarantined", reason=wrong.reason, facts=wrong.facts))
        self._taken(stored, again)
        self._quarantine.add(held, import_id=new_id("r"), kind="event", file=source, at=now)
        return verdicts

    def _against(self, event: Event) -> dict[str, str]:
        """What the event with this id that is kept says, while the journal still has it."""
        kept = self._journal.find(event.id, EVENT)
        known = "…" if kept is None else said_by("events", event_row(decode_event(kept)))
        return {"column": "id", "value": event.id, "known": known}


def _skew(raw: Mapping[str, Any], now: datetime, notes: Sequence[Warn]) -> timedelta:
    """What was added to an event's time."""
    changed = notes and any(note.key == "clock_corrected" for note in notes)
    return (skew_of(raw, now) if changed else None) or _NO_SKEW


def _id_of(raw: Any) -> str:
    found = raw.get("id") if isinstance(raw, Mapping) else None
    return found[:256] if isinstance(found, str) else ""


def _json(raw: Any) -> str:
    return json.dumps(raw, ensure_ascii=True, default=str)[:RAW_MAX]
