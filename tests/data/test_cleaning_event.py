# ruff: noqa: E501  # tables are easier to read in long lines
"""One event from a request."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shopkeeper import locale
from shopkeeper.core.action import BROWSER_ACTIONS, Action
from shopkeeper.core.event import Event, OrderLine
from shopkeeper.core.money import Money, exponent
from shopkeeper.data.cleaning.event import _AMOUNTS, _FIELDS, clean_event
from shopkeeper.data.rows import Held, Warn

NOW = datetime(2026, 11, 24, tzinfo=UTC)
VIEW = {"id": "e1", "at": "2026-11-01T10:00:00Z", "action": "product_view", "visitor": "v", "product": "p"}


def clean(raw: Any, allowed: frozenset[Action] | None = None) -> Event | Held:
    return clean_event(raw, received_at=NOW, currency="USD", allowed=allowed)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"action": "fly"}, "unknown_action"), ({"action": None}, "missing_value"), ({"id": None}, "missing_value"),
        ({"id": 5}, "not_a_text"), ({"visitor": "null"}, "placeholder_identity"), ({"product": ""}, "empty_text"),
        ({"visitor": None}, "missing_person"), ({"product": "a\0b"}, "not_text"), ({"query": "\ud800"}, "not_text"),
        ({"price": True}, "not_an_amount"), ({"price": float("nan")}, "not_a_number"), ({"price": "1_000"}, "not_an_amount"),
        ({"price": -1}, "negative_amount"), ({"price": 1.005}, "too_many_decimals"), ({"price": 10**12}, "absurd_amount"),
        ({"price": "12.50", "currency": "XXX"}, "unknown_currency"), ({"quantity": "2"}, "not_a_number"),
        ({"quantity": 0}, "zero_quantity"), ({"quantity": float("inf")}, "not_a_number"), ({"position": 2**63}, "number_too_large"),
        ({"at": "2026-11-01T10:00:60Z"}, "not_a_time"), ({"at": "03/04/2026"}, "not_a_time"), ({"at": True}, "not_a_time"),
        ({"at": 12345678901}, "not_a_time"), ({"at": 0}, "placeholder_time"), ({"at": ""}, "empty_text"), ({"at": "2026-11-26T00:00:00Z", "sent_at": "soon"}, "not_a_time"),
        ({"rating": 11}, "rating_out_of_range"), ({"visitor": "x" * 300}, "id_too_long"), ({"extra": 1}, "unknown_field"),
        ({"properties": {"a": {"b": 1}}}, "not_a_text"), ({"lines": [{"product": "p"}]}, "lines_without_order"),
        ({"action": "order", "order": "o", "lines": [{"quantity": 1}]}, "missing_product"),
        ({"product": "6.22E+17"}, "digits_lost"), ({"action": "order"}, "missing_order"),
    ],
)  # fmt: skip
def test_what_is_not_certain_is_held(change: dict[str, Any], reason: str) -> None:
    """With the reason, whose sentence its facts fill."""
    held = clean(VIEW | change)
    assert isinstance(held, Held)
    assert held.reason == reason
    assert locale.say("en", "checks", reason, **held.facts)
    held.raw.encode()


@pytest.mark.parametrize(
    ("at", "sent_at", "becomes", "note"),
    [
        ("2026-11-26T00:00:00Z", None, NOW, "future_time"),
        ("2026-11-24T20:00:00Z", None, NOW + timedelta(hours=20), None),
        ("2026-12-24T00:00:00Z", "2026-12-24T01:00:00Z", NOW - timedelta(hours=1), "clock_corrected"),
        ("2001-01-01T00:00:00Z", "2001-01-01T01:00:00Z", NOW - timedelta(hours=1), "clock_corrected"),
        ("2026-11-23T23:00:00Z", "2026-11-23T23:59:30Z", NOW - timedelta(hours=1), None),
        ("2026-12-26T00:00:00Z", "2026-11-24T01:00:00Z", NOW, "future_time"),
    ],
)
def test_a_clock_that_is_wrong_is_put_right(at: str, sent_at: str | None, becomes: datetime, note: str | None) -> None:
    """By when the sender says it sent, where that is a minute off; what lies in the future even so happened now."""
    notes: list[Warn] = []
    event = clean_event(VIEW | {"at": at, "sent_at": sent_at}, received_at=NOW, currency="USD", notes=notes)
    assert isinstance(event, Event)
    assert event.at == becomes
    assert (notes[-1].key if notes else None) == note
    assert all(locale.say("zh", "checks", one.key, **one.facts) for one in notes)


def test_a_stock_level_of_zero_is_a_fact() -> None:
    """Sold out is what stock events are for; of every other action nothing is not a quantity."""
    sold_out = clean({"id": "e", "action": "stock_change", "product": "p", "quantity": 0})
    assert isinstance(sold_out, Event)
    assert sold_out.quantity == 0
    assert isinstance(clean({"id": "e", "action": "stock_change", "product": "p", "quantity": -1}), Held)


def test_a_key_reports_only_what_it_may() -> None:
    """An action outside ``allowed`` is held."""
    held = clean({"id": "e", "action": "order", "order": "o", "visitor": "v"}, BROWSER_ACTIONS)
    assert isinstance(held, Held)
    assert held.reason == "action_not_allowed"


def test_a_discount_is_no_more_than_its_line_costs() -> None:
    """Three of 5.00 may be 15.00 cheaper, and not a cent more."""
    for discount, kept in (("15.00", True), ("15.01", False)):
        line = {"product": "p", "quantity": 3, "price": "5.00", "discount": discount}
        found = clean({"id": "e", "action": "order", "order": "o", "customer": "c", "lines": [line]})
        assert isinstance(found, Event) == kept
        assert kept or (isinstance(found, Held) and found.reason == "discount_too_large")


@pytest.mark.parametrize("at", ["2026-11-01T10:00:00Z", "2026-11-01T18:00:00+08:00", 1793527200, 1793527200000])
def test_one_moment_in_many_ways(at: object) -> None:
    """ISO with any zone and epoch seconds or milliseconds are the same instant."""
    event = clean(VIEW | {"at": at})
    assert isinstance(event, Event)
    assert event.at == datetime(2026, 11, 1, 10, tzinfo=UTC)


IDS = st.from_regex(r"[a-z]{2}[0-9]{1,8}", fullmatch=True)
AMOUNTS = st.none() | st.integers(0, 10**9).map(lambda minor: Money(minor, "CNY"))
LINES = st.builds(
    OrderLine, product=IDS, variant=st.just("") | IDS, quantity=st.sampled_from([1.0, 0.5, 3.0]), price=AMOUNTS,
    discount=AMOUNTS, tax=AMOUNTS, refund=AMOUNTS,
).filter(lambda line: not (line.discount and line.price) or line.discount.minor <= line.price.minor)  # fmt: skip
"""No line is discounted by more than it costs: such a one is held."""


@given(
    event=st.builds(
        Event, id=IDS, at=st.integers(0, 10**9).map(lambda s: datetime(2020, 1, 1, tzinfo=UTC) + timedelta(seconds=s % 10**8)),
        action=st.sampled_from([Action.ORDER, Action.ORDER_RETURN]), customer=IDS, order=IDS,
        price=AMOUNTS, lines=st.lists(LINES, max_size=3).map(tuple), query=st.sampled_from(["", "红 x"]),
        properties=st.dictionaries(IDS, IDS, max_size=2), received_at=st.just(NOW),
    )
)  # fmt: skip
@settings(max_examples=100, deadline=None)
def test_the_wire_loses_nothing(event: Event) -> None:
    """``clean_event`` reads what an event says in the wire format, in a shop that gives things away too."""
    assert clean_event(_to_wire(event), received_at=NOW, currency="CNY", free=True) == event


@given(st.dictionaries(st.sampled_from([*VIEW, "price", "lines", "properties", "quantity"]), st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3), max_leaves=6,
)))  # fmt: skip
@settings(max_examples=200, deadline=None)
def test_nothing_crashes_it(raw: dict[str, Any]) -> None:
    """Any JSON is an event or is held."""
    assert isinstance(clean(raw), Event | Held)
    assert isinstance(clean(VIEW | raw), Event | Held)


@pytest.mark.parametrize(
    ("at", "read", "warned"),
    [
        ("2026-11-01T10:00:00", "2026-11-01T09:00:00+00:00", ["local_times"]),
        ("2026/11/1 10:00", "2026-11-01T09:00:00+00:00", ["local_times"]),
        ("2026-11-01 10:00:00+08:00", "2026-11-01T02:00:00+00:00", []),
        ("2026-03-29T02:30:00", "2026-03-29T01:30:00+00:00", ["local_times", "clock_changed"]),
        ("2026-03-29T03:30:00", "2026-03-29T01:30:00+00:00", ["local_times", "clock_changed"]),
        ("2025-10-26T02:30:00", "2025-10-26T01:30:00+00:00", ["local_times", "clock_changed"]),
        ("2025-10-26T04:30:00", "2025-10-26T03:30:00+00:00", ["local_times"]),
    ],
)
def test_a_time_without_a_zone_is_the_shops(at: str, read: str, warned: list[str]) -> None:
    """With a warning, and another where the clocks changed; as files are read."""
    notes: list[Warn] = []
    event = clean_event(VIEW | {"at": at}, received_at=NOW, currency="USD", timezone="Europe/Berlin", notes=notes)
    assert isinstance(event, Event)
    assert event.at == datetime.fromisoformat(read)
    assert [note.key for note in notes] == warned
    for note in notes:
        assert [locale.say(language, "checks", note.key, **note.facts) for language in locale.LANGUAGES]


def test_a_price_that_begins_later_is_not_moved() -> None:
    """What happens in the future happened now; when a price begins is not guessed."""
    later = "2026-12-24T00:00:00Z"
    held = clean({"id": "e1", "at": later, "action": "price_change", "product": "p", "price": "1.00"})
    assert isinstance(held, Held)
    assert held.reason == "in_future"
    event = clean(VIEW | {"at": later})
    assert isinstance(event, Event)
    assert event.at == NOW


_TO_WIRE: Final = tuple(name for name in _FIELDS if name != "id")


def _to_wire(event: Event) -> dict[str, Any]:
    """The wire format of an event: ``clean_event`` of it gives the event again (amounts as decimal text)."""
    wire: dict[str, Any] = {"id": event.id, "at": event.at.isoformat(), "action": event.action.word}
    for name in _TO_WIRE:
        value = getattr(event, name)
        if value is not None and value != "":
            wire[name] = value
    if event.price is not None:
        wire |= {"price": _decimal(event.price), "currency": event.price.currency}
    if event.lines:
        wire["lines"] = [_wire_line(line) for line in event.lines]
        money = next((amount for line in event.lines for amount in _line_amounts(line) if amount is not None), None)
        if money is not None:
            wire["currency"] = money.currency
    if event.properties:
        wire["properties"] = dict(event.properties)
    if event.source:
        wire["source"] = event.source
    return wire


def _line_amounts(line: OrderLine) -> tuple[Money | None, ...]:
    return (line.price, line.discount, line.tax, line.refund)


def _wire_line(line: OrderLine) -> dict[str, Any]:
    wire: dict[str, Any] = {"product": line.product, "quantity": line.quantity}
    if line.variant:
        wire["variant"] = line.variant
    amounts = zip(_AMOUNTS, _line_amounts(line), strict=True)
    return wire | {name: _decimal(amount) for name, amount in amounts if amount is not None}


def _decimal(amount: Money) -> str:
    places = exponent(amount.currency)
    sign, digits = "-" if amount.minor < 0 else "", str(abs(amount.minor)).rjust(places + 1, "0")
    return f"{sign}{digits[:-places]}.{digits[-places:]}" if places else sign + digits
