"""Orders by what they say: one order has one effect, under whatever event ids it is told."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final, Protocol

import msgspec

from shopkeeper.core.action import Action
from shopkeeper.core.event import Event, OrderLine

AMOUNTS: Final = ("subtotal", "total", "revenue", "value", "shipping", "tax", "discount")
"""Properties of an order that are money."""
_ORDER: Final = b',"action":11,'
"""What the bytes of an encoded order hold."""
_event = msgspec.json.Decoder(Event)
_encode = msgspec.json.Encoder().encode


class Memory(Protocol):
    """What remembers the orders that were accepted."""

    def knows(self, orders: Collection[str]) -> set[str]:
        """Those of some orders that are remembered."""
        ...

    def learn(self, orders: Mapping[str, bytes]) -> None:
        """Remember orders with what they say, where they are not remembered yet."""
        ...


def orders_in(events: Iterable[Event]) -> dict[str, Event]:
    """The orders among events, each as it is told first. What takes one back is none."""
    found: dict[str, Event] = {}
    for event in events:
        if event.action is Action.ORDER and event.order:
            found.setdefault(event.order, event)
    return found


def order_in(body: bytes) -> Event | None:
    """The order that an encoded event is; None where it is something else."""
    event = _event.decode(body) if _ORDER in body else None
    return event if event is not None and orders_in([event]) else None


def told_by(event: Event) -> bytes:
    """What an order says: its customer, its lines in whatever order, its amounts. When, from where and under which id
    it was told is no part of that."""
    lines = sorted(map(_encode, event.lines))
    amounts = [event.properties.get(name) for name in AMOUNTS]
    return _encode([event.customer, event.price, amounts, list(map(msgspec.Raw, lines))])


def agree(told: Event, known: Event) -> bool:
    """Whether two tell the same of an order. Files say less than shops: an amount of the whole order, or a tax, that
    only one of them names contradicts nothing."""
    if told.customer != known.customer or len(told.lines) != len(known.lines):
        return False
    pairs = zip(sorted(told.lines, key=_place), sorted(known.lines, key=_place), strict=True)
    if any(_place(one) != _place(other) or not _same(one.tax, other.tax) for one, other in pairs):
        return False
    return _same(told.price, known.price) and all(
        _same(told.properties.get(name), known.properties.get(name)) for name in AMOUNTS
    )


def _place(line: OrderLine) -> tuple[Any, ...]:
    price, discount = line.price, line.discount
    money = ("", 0) if price is None else (price.currency, price.minor)
    return line.product, line.variant, line.quantity, money, 0 if discount is None else discount.minor


def _same(one: Any, other: Any) -> bool:
    return one is None or other is None or one == other
