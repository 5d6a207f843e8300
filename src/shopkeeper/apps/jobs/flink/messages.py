"""What the job reads of a message."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import msgspec

from shopkeeper.core.event import Event
from shopkeeper.data.journal import EVENT
from shopkeeper.data.orders import orders_in
from shopkeeper.data.stream.envelope import unwrapped
from shopkeeper.features.state import micros_of

_APART: Final = "\x1f"
"""What no id begins with."""
_events = msgspec.json.Decoder(Event)


@dataclass(frozen=True, slots=True)
class Told:
    """An event with its key in the topic and its moment in milliseconds."""

    key: str
    at_ms: int
    event: Event

    @property
    def names(self) -> tuple[str, ...]:
        """Under what it must not have been told before: its id and, where it is an order, that order."""
        return (str(self.event.id), *(f"{_APART}{order}" for order in orders_in([self.event])))


@lru_cache(4)
def told_of(message: str) -> Told | None:
    """The event of a message; None for decisions and for what is no message of ours."""
    envelope = unwrapped(message.encode())
    if envelope is None or envelope.kind != EVENT:
        return None
    try:
        event = _events.decode(envelope.body)
    except msgspec.DecodeError:
        return None
    return Told(envelope.person or envelope.id, micros_of(event.at) // 1_000, event)
