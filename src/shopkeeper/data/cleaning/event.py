"""One event from a request: strict, fast, and never guessing. ``clean_event`` believes it or says why not."""

import json
import re
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from itertools import islice
from math import isfinite
from typing import Any, Final
from unicodedata import normalize

from shopkeeper.core.action import Action
from shopkeeper.core.event import Event, OrderLine
from shopkeeper.core.ids import ID_MAX_CHARS
from shopkeeper.core.money import Money
from shopkeeper.core.swift import maker_of
from shopkeeper.data.cleaning.checks import CURRENCIES, FUTURE, IN_FUTURE, found
from shopkeeper.data.cleaning.clock import MAX_SKEW, local, skew_of, zoned
from shopkeeper.data.cleaning.oddities import odd_local, odd_text
from shopkeeper.data.cleaning.rules import RULES, Rule, ZeroPrice
from shopkeeper.data.cleaning.values import FORMS, Reading, epoch_of, trimmed
from shopkeeper.data.rows import RAW_MAX, Held, Warn

_NOT_TEXT = re.compile("[\0\ud800-\udfff]").search
_INT64: Final = 2**63
_EXACT: Final = 2**53
_MAX_LINES: Final = 1_000
_MAX_PROPERTIES: Final = 100
_MAX_TEXT: Final = 20_000

_FIELDS: Final[Mapping[str, str]] = {
    "id": "id", "visitor": "person", "customer": "person", "session": "id", "product": "id", "variant": "id",
    "order": "id", "decision": "id", "placement": "text", "query": "text", "path": "text", "text": "text",
    "coupon": "text", "campaign": "text", "channel": "text", "quantity": "level", "position": "position",
    "dwell_seconds": "seconds", "rating": "rating",
}  # fmt: skip
_AMOUNTS: Final = ("price", "discount", "tax", "refund")
_LINE_FIELDS: Final[Mapping[str, str]] = {"product": "id", "variant": "id", "quantity": "quantity"}
_KNOWN: Final = frozenset(_FIELDS) | {
    "at",
    "action",
    "price",
    "currency",
    "lines",
    "properties",
    "consent",
    "source",
    "sent_at",
}
_LINE_KNOWN: Final = frozenset(_LINE_FIELDS) | set(_AMOUNTS)
_NAMES: Final = frozenset({"visitor", "customer", "product", "order", "decision"})
"""Fields that name something: an empty text names nothing, and is not the same as saying nothing."""
_RULES: Final = {
    (action, free): tuple(
        rule
        for rule in RULES["events"]
        if not (isinstance(rule, Rule) and action.word not in rule.actions)
        and not (isinstance(rule, ZeroPrice) and (free or action.word in rule.sums))
    )
    for action in Action
    for free in (False, True)
}
"""The rules that an event of each action can break, in a shop that gives nothing away (or does: ``free``)."""
_EVIDENT: Final = {
    "id": re.compile(rf"[!-*,-~]{{1,{ID_MAX_CHARS}}}", re.ASCII).fullmatch,
    "person": re.compile(rf"[A-Za-z1-9][!-*,-~]{{0,{ID_MAX_CHARS - 2}}}[0-9]", re.ASCII).fullmatch,
}
"""Plain ids: nothing to trim, and no check of their form can find anything (no placeholder begins and ends so)."""
_made: Final = maker_of(Event)
_TEXT_FORMS: Final = frozenset({"id", "person", "text"})


class _Bad(Exception):  # a signal inside this file
    def __init__(self, reason: str, field: str, value: object = "") -> None:
        self.reason, self.field, self.value = reason, field, value
        super().__init__(reason)


@lru_cache(maxsize=1_000)
def _fields_of(names: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Which of an event's names are fields of one cell, in our order, and their forms: nearly all events are written
    in one of a few ways.

    Raises:
        _Bad: a name is none of ours.
    """
    for name in names:
        if name not in _KNOWN:
            raise _Bad("unknown_field", str(name)[:100], name)
    return tuple((name, form) for name, form in _FIELDS.items() if name in names)


@lru_cache(maxsize=8)
def _reading(currency: str) -> Reading:
    return Reading(currency=currency)


def clean_event(
    raw: Mapping[str, Any], *, received_at: datetime, currency: str, allowed: frozenset[Action] | None = None,
    source: str = "", notes: list[Warn] | None = None, free: bool = False, timezone: str = "UTC",
) -> Event | Held:  # fmt: skip
    """An event as the wire format writes it, or what is wrong with it: ``Held`` with reason, field and event.

    ``notes``: gets what was believed but changed, such as the time of a clock that was wrong.

    Identity, money and time are never guessed: a number for an id, a float with too many places, a date whose order of
    day and month is not certain are held. ``timezone``: the shop's, of times that name none. ``allowed``: the actions
    this key may report. Without ``at`` the event happened when it was received.
    ``source``: whose event it is, whatever it says of that itself. ``free``: the shop gives things away, so a price may
    be zero and a discount more than its line costs.
    """
    try:
        return _event(raw, received_at, currency, allowed, source, [] if notes is None else notes, free, timezone)
    except _Bad as bad:
        said = json.dumps(bad.value) if isinstance(bad.value, bool) else str(bad.value)
        shown = said[:200].encode("utf-8", "backslashreplace").decode().replace("\0", "\\0")
        facts: dict[str, str | int] = {"column": bad.field, "value": shown}
        if bad.reason == "not_text" and (place := _NOT_TEXT(str(bad.value))):
            facts["offset"] = place.start() + 1
        return Held(reason=bad.reason, column=bad.field, facts=facts, raw=_as_json(raw))


def _as_json(raw: object) -> str:
    try:
        return json.dumps(raw, ensure_ascii=True, default=str)[:RAW_MAX]
    except (ValueError, RecursionError):
        return repr(raw)[:RAW_MAX]


def _event(
    raw: Mapping[str, Any], received_at: datetime, shop_currency: str, allowed: frozenset[Action] | None, source: str,
    notes: list[Warn], free: bool, timezone: str,
) -> Event:  # fmt: skip
    if not isinstance(raw, Mapping):
        raise _Bad("not_an_object", "event", type(raw).__name__)
    fields = _fields_of(tuple(raw))
    reading = _reading(_currency(raw.get("currency"), shop_currency))
    action = _action(raw.get("action"), allowed)
    values = {
        name: value for name, form in fields if (value := _value(name, form, raw[name], reading, notes)) is not None
    }
    if "id" not in values:
        raise _Bad("missing_value", "id")
    price = _amount("price", raw.get("price"), reading)
    judged = {**values, "action": action.word, "price": None if price is None else price.minor}
    for rule in _RULES[action, free]:
        if rule.bad(judged):
            raise _Bad(rule.name, rule.column)
    return _made(
        at=_time(raw, received_at, action, timezone, notes), action=action, price=price,
        lines=_lines(raw.get("lines"), action, reading, free, notes),
        received_at=received_at, properties=_properties(raw.get("properties"), notes),
        source=_source(raw.get("source"), source),
        **values,
    )  # fmt: skip


def _currency(value: object, shop: str) -> str:
    if value is None:
        return shop
    if not isinstance(value, str) or value not in CURRENCIES:
        raise _Bad("unknown_currency", "currency", value)
    return value


def _action(value: object, allowed: frozenset[Action] | None) -> Action:
    if value is None:
        raise _Bad("missing_value", "action")
    action = Action.of(value) if isinstance(value, str) else None
    if action is None:
        raise _Bad("unknown_action", "action", value)
    if allowed is not None and action not in allowed:
        raise _Bad("action_not_allowed", "action", action.word)
    return action


def _value(name: str, form: str, value: object, reading: Reading, notes: list[Warn]) -> Any:
    """A field's value; None where it is null or blank."""
    if form in _EVIDENT and isinstance(value, str) and _EVIDENT[form](value):
        return value
    text = _words(name, value) if form in _TEXT_FORMS else _digits(name, value)
    if text is None:
        if value is not None and name in _NAMES:
            raise _Bad("empty_text", name)
        return None
    if isinstance(value, str) and not value.isascii():
        _note_odd(notes, name, form, value)
        text = normalize("NFC", text) if form in ("id", "person") else text
    its = text if form in _TEXT_FORMS else FORMS[form].python(text, reading)
    reason = found(form, text, its, reading)
    if reason is not None:
        raise _Bad(reason, name, value)
    return its


def _note_odd(notes: list[Warn], name: str, form: str, text: str) -> None:
    """Warn of what is odd in a text that is not ASCII; of each kind once an event."""
    said = {note.key for note in notes}
    notes += [note for note in odd_text(name, form, text) if note.key not in said]


def _words(name: str, value: object) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise _Bad("not_a_text", name, value)
    if not value.isprintable() and _NOT_TEXT(value):
        raise _Bad("not_text", name, value)
    if len(value) > _MAX_TEXT:
        raise _Bad("text_too_long", name, value)
    return trimmed(value)


def _digits(name: str, value: object) -> str | None:
    """The decimal digits of a JSON number; a float by its shortest form. Texts and truth values are no numbers."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _Bad("not_a_number", name, value)
    return _plain(name, value)


def _plain(name: str, value: int | float) -> str:
    if isinstance(value, int):
        if not -_INT64 <= value < _INT64:
            raise _Bad("number_too_large", name, "")
        return str(value)
    if not isfinite(value) or abs(value) >= _EXACT:
        raise _Bad("not_a_number", name, value)
    text = repr(value)
    return f"{value:.12f}".rstrip("0") + "0" if "e" in text else text


def _amount(name: str, value: object, reading: Reading) -> Money | None:
    """Money from a JSON number or a decimal text."""
    if value is None:
        return None
    if isinstance(value, str):
        text = _words(name, value)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        text = _plain(name, value)
    else:
        raise _Bad("not_an_amount", name, value)
    if text is None:
        return None
    if len(text) > 40:
        raise _Bad("not_an_amount", name, text)
    minor = FORMS["amount"].python(text, reading)
    reason = found("amount", text, minor, reading)
    if reason is not None:
        raise _Bad(reason, name, value)
    return Money(minor, reading.currency)


def _time(raw: Mapping[str, Any], received_at: datetime, action: Action, timezone: str, notes: list[Warn]) -> datetime:
    """When it happened by the sender's clock, put right by when it says it was sent. What would still lie in the future
    happened when it was received."""
    value = raw.get("at")
    if value is None:
        return received_at
    if value == "":
        raise _Bad("empty_text", "at")
    skew = skew_of(raw, received_at, timezone)
    if skew is None:
        raise _Bad("not_a_time", "sent_at", raw.get("sent_at"))
    at = _moment(value, received_at, timezone, notes)
    if not isinstance(value, str):
        notes.append(Warn(key="epoch_times", facts={"column": "at", "value": str(value), "at": at.isoformat()}))
    if skew and not -MAX_SKEW < skew < MAX_SKEW:
        notes.append(Warn(key="clock_corrected", facts={"column": "at", "seconds": round(-skew.total_seconds())}))
        at += skew
    if at > received_at + FUTURE:
        if action is Action.PRICE_CHANGE:  # it may be meant so: when a price begins is not guessed
            raise _Bad(IN_FUTURE.name, "at", value)
        notes.append(Warn(key="future_time", facts={"column": "at", "value": at.isoformat()}))
        return received_at
    return at


def _moment(value: object, received_at: datetime, timezone: str, notes: list[Warn]) -> datetime:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise _Bad("not_a_time", "at", value)
    if not isinstance(value, str):
        at = epoch_of(int(value)) if isinstance(value, int) or (isfinite(value) and value.is_integer()) else None
        text = str(value)
    else:
        text = trimmed(value[:64]) or ""
        at = zoned(text)
        if at is None and (at := local(text, timezone)) is not None:
            notes += odd_local("at", text, at, timezone)
    reason = found("time", text, at, Reading(now=received_at))
    if reason is not None and reason != IN_FUTURE.name:
        raise _Bad(reason, "at", value)
    assert at is not None  # noqa: S101  # found() names a time that could not be read
    return at


def _lines(value: object, action: Action, reading: Reading, free: bool, notes: list[Warn]) -> tuple[OrderLine, ...]:
    if value is None:
        return ()
    if not isinstance(value, list):
        raise _Bad("lines_not_a_list", "lines", value)
    if len(value) > _MAX_LINES:
        raise _Bad("too_many_lines", "lines", len(value))
    if value and action not in (Action.ORDER, Action.ORDER_RETURN, Action.ORDER_CANCEL, Action.CHECKOUT):
        raise _Bad("lines_without_order", "lines", action.word)
    return tuple(_line(one, f"lines[{place}]", reading, free, notes) for place, one in enumerate(value))


def _line(one: object, where: str, reading: Reading, free: bool, notes: list[Warn]) -> OrderLine:
    if not isinstance(one, Mapping):
        raise _Bad("not_an_object", where, one)
    for name in one:
        if name not in _LINE_KNOWN:
            raise _Bad("unknown_field", f"{where}.{name}"[:100], name)
    values = {
        name: _value(f"{where}.{name}", form, one[name], reading, notes)
        for name, form in _LINE_FIELDS.items()
        if name in one
    }
    if values.get("product") is None:
        raise _Bad("missing_product", f"{where}.product")
    amounts: dict[str, Any] = {name: _amount(f"{where}.{name}", one[name], reading) for name in _AMOUNTS if name in one}
    if not free and amounts:
        judged = {name: None if its is None else its.minor for name, its in amounts.items()}
        for rule in RULES["order_lines"]:
            if rule.bad({**judged, "quantity": values.get("quantity")}):
                raise _Bad(rule.name, f"{where}.{rule.column}", one[rule.column])
    return OrderLine(**{name: value for name, value in values.items() if value is not None}, **amounts)


def _properties(value: object, notes: list[Warn]) -> Mapping[str, str]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise _Bad("not_an_object", "properties", value)
    if len(value) > _MAX_PROPERTIES:
        notes.append(Warn(key="properties_capped", facts={"count": len(value), "limit": _MAX_PROPERTIES}))
    several = islice(value.items(), _MAX_PROPERTIES)
    return {_key(name): _property(str(name), its, notes) for name, its in several if its is not None}


def _key(name: object) -> str:
    text = _words("properties", name)
    if text is None or len(text) > 256:
        raise _Bad("not_a_text", "properties", name)
    return text


def _property(name: str, value: object, notes: list[Warn]) -> str:
    field = f"properties.{name}"[:100]
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return _plain(field, value)
    text = _words(field, value) or ""
    if not text.isascii():
        _note_odd(notes, field, "text", text)
    return text


def _source(value: object, ours: str) -> str:
    """What we know of where it came from, before what it says itself."""
    said = None if value is None else _words("source", value)
    return ours or said or ""
