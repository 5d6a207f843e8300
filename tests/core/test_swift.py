"""What a maker makes is what the class itself makes, and stays as it is."""

from dataclasses import FrozenInstanceError, dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from shopkeeper.core.action import Action
from shopkeeper.core.event import Event
from shopkeeper.core.live import Doing
from shopkeeper.core.money import Money
from shopkeeper.core.swift import maker_of
from shopkeeper.data.journal import Entry
from shopkeeper.shop.collecting import Verdict

_AT = datetime(2026, 11, 2, 10, tzinfo=UTC)
_SEVERAL: list[tuple[type, dict[str, Any]]] = [
    (Event, {"id": "e1", "at": _AT, "action": Action.CLICK}),
    (Event, {"id": "e2", "at": _AT, "action": Action.ORDER, "customer": "Li", "properties": {"a": "b"}, "rating": 4.0}),
    (Entry, {"kind": "event", "id": "e1", "body": b"{}"}),
    (Entry, {"kind": "event", "id": "e1", "body": b"{}", "same_as": b"x", "person": "Li", "day": 3, "forever": True}),
    (Verdict, {"id": "e1", "status": "stored"}),
    (Doing, {"person": "Li"}),
]


@pytest.mark.parametrize(("kind", "values"), _SEVERAL)
def test_made_quickly_is_the_same(kind: type, values: dict[str, Any]) -> None:
    """Class, fields, defaults, equality, text and JSON are those of the class's own instances."""
    made, own = maker_of(kind)(**values), kind(**values)
    assert type(made) is kind
    assert made == own
    assert repr(made) == repr(own)
    assert msgspec.json.encode(made) == msgspec.json.encode(own)


def test_made_quickly_is_frozen() -> None:
    """Nothing of it can be changed, and what is made anew for each is not shared."""
    make = maker_of(Event)
    one, other = (make(id=name, at=_AT, action=Action.CLICK) for name in ("a", "b"))
    with pytest.raises(FrozenInstanceError):
        one.id = "b"  # type: ignore[misc]  # that is the point
    assert one.properties is not other.properties


def test_unknown_and_lacking_arguments_are_refused() -> None:
    """As by the class itself."""
    with pytest.raises(TypeError):
        maker_of(Entry)(kind="event", id="e1")
    with pytest.raises(TypeError):
        maker_of(Entry)(kind="event", id="e1", body=b"", colour="red")


@dataclass(frozen=True)
class _Loose:
    name: str


@pytest.mark.parametrize("kind", [Money, _Loose])
def test_what_is_more_than_its_fields_has_no_maker(kind: type) -> None:
    """A class that checks its fields would not be asked, one without slots is another thing."""
    with pytest.raises(TypeError):
        maker_of(kind)
