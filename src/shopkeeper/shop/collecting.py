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
from shopkeeper.data.journal import EVENT, Entry, Journal, Outcome, make_entry
from shopkeeper.data.lake_orders import LakeOrders, shown
from shopkeeper.data.orders import order_in, orders_in, told_by
from shopkeeper.data.quarantine import Quarantine
from shopkeeper.data.rows import RAW_MAX, Held, Warn
from shopkeeper.data.schema import event_row
from shopkeeper.settings import ShopSection

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
    facts: Mapping[str, str | int | float] = field(default_factory=dict)
    warnings: Sequence[Warn] = ()
    """What was believed but changed."""


_verdict: Final = maker_of(Verdict)


def entry_of(event: Event, skew: timedelta = _NO_SKEW) -> Entry:
    """An event as the journal keeps it. Retries differ in when they were received (and so in when they happened, where
    the sender did not say), and in nothing else. ``skew``: what was added to its time."""
    received = event.received_at or event.at
    body = encode_event(event)
    told = encode_event(replace(event, at=event.at - skew)) if skew else body
    order = event.order if event.action is Action.ORDER and event.order else ""
    return make_entry(
        kind=EVENT, id=event.id, body=body, same_as=unreceived(told, now=event.at == event.received_at),
        person=event.person, day=(received - _EPOCH).days, forever=event.action in _FOREVER,
        order=order, order_says=told_by(event) if order else b"",
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
        self, journal: Intake, quarantine: Quarantine, wanted: ShopSection, clock: Callable[[], datetime],
        taken: Callable[[Sequence[Event], Sequence[Event]], None], orders: LakeOrders,
    ) -> None:  # fmt: skip
        self._journal, self._quarantine, self._wanted, self._clock = journal, quarantine, wanted, clock
        self._taken, self._orders = taken, orders

    def collect(self, raws: Sequence[Any], *, source: str, browser: bool, hold: bool = True) -> list[Verdict]:
        """Clean and keep a batch; returns when it is durable. ``hold``: what is not believed goes into the quarantine,
        where it does not stand there already.

        Raises:
            Unavailable: the journal cannot take it now; nothing of the batch was acknowledged.
        """
        now = self._clock()
        allowed = BROWSER_ACTIONS if browser else None
        notes: list[list[Warn]] = [[] for _ in raws]
        clean = partial(
            clean_event, received_at=now, currency=self._wanted.currency, free=self._wanted.free,
            timezone=self._wanted.timezone, allowed=allowed, source=source,
        )  # fmt: skip
        cleaned = [clean(raw, notes=its) for raw, its in zip(raws, notes, strict=True)]
        events = [item for item in cleaned if isinstance(item, Event)]
        entries = [
            entry_of(item, _skew(raw, now, self._wanted.timezone, its))
            for raw, item, its in zip(raws, cleaned, notes, strict=True)
            if isinstance(item, Event)
        ]
        if isinstance(self._journal, Journal):  # of a topic the drain judges
            self._orders.teach(events, self._journal)
        said = self._journal.append(entries)
        against = self._against(events, said)
        outcomes = iter(zip(events, said, strict=True))
        held: list[Held] = []
        stored: list[Event] = []
        again: list[Event] = []
        verdicts: list[Verdict] = []
        for raw, item, its in zip(raws, cleaned, notes, strict=True):
            wrong = item if isinstance(item, Held) else None
            if isinstance(item, Event):
                event, outcome = next(outcomes)
                if outcome == "conflict" or outcome == "order_known":
                    wrong = conflicting(event.id, event.order, outcome, against, _json(raw))
                else:
                    verdicts.append(_verdict(id=event.id, status=outcome, warnings=its))
                    (stored if outcome == "stored" else again).append(event)
            if wrong is not None:
                held.append(wrong)
                verdicts.append(Verdict(id=_id_of(raw), status="quarantined", reason=wrong.reason, facts=wrong.facts))
        self._taken(stored, again)
        self._quarantine.add(held if hold else (), import_id=new_id("r"), kind="event", file=source, at=now)
        return verdicts

    def _against(self, events: Sequence[Event], said: Sequence[Outcome]) -> Mapping[str, str]:
        """What is known under the ids and orders of the events that are in conflict with it, where it still is."""
        if "conflict" not in said and "order_known" not in said:
            return {}
        pairs = list(zip(events, said, strict=True))
        known = {event.id: self._waiting(event.id) for event, outcome in pairs if outcome == "conflict"}
        orders = list(orders_in(event for event, outcome in pairs if outcome == "order_known"))
        return known | {f"order:{name}": its for name, its in sides_of(orders, self._kept_order, self._orders).items()}

    def _waiting(self, event_id: str) -> str:
        kept = self._journal.find(event_id, EVENT)
        return "…" if kept is None else said_by("events", event_row(decode_event(kept)))

    def _kept_order(self, order: str) -> Event | None:
        body = self._journal.find_order(order)
        return None if body is None else order_in(body)


def sides_of(orders: Sequence[str], kept: Callable[[str], Event | None], lake: LakeOrders) -> dict[str, str]:
    """What is known of orders that are told otherwise now: by who keeps them on their way into the lake, or there."""
    found = {name: kept(name) for name in orders}
    there = lake.read(absent) if (absent := [name for name, its in found.items() if its is None]) else {}
    return {name: shown(its or there.get(name)) for name, its in found.items()}


def conflicting(event_id: str, order: str | None, outcome: Outcome, known: Mapping[str, str], raw: str) -> Held:
    """What says something else than is known under its id, or of its order: both sides are kept for people."""
    if outcome == "conflict":
        facts = {"column": "id", "value": event_id, "known": known.get(event_id, "…")}
        return Held(reason="id_conflict", column="id", facts=facts, raw=raw)
    facts = {"column": "order", "value": order or "", "known": known.get(f"order:{order}", "…")}
    return Held(reason="order_known", column="order", facts=facts, raw=raw)


def _skew(raw: Mapping[str, Any], now: datetime, timezone: str, notes: Sequence[Warn]) -> timedelta:
    """What was added to an event's time."""
    changed = notes and any(note.key == "clock_corrected" for note in notes)
    return (skew_of(raw, now, timezone) if changed else None) or _NO_SKEW


def _id_of(raw: Any) -> str:
    found = raw.get("id") if isinstance(raw, Mapping) else None
    return found[:256] if isinstance(found, str) else ""


def _json(raw: Any) -> str:
    return json.dumps(raw, ensure_ascii=True, default=str)[:RAW_MAX]
