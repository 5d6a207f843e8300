"""Events into live profiles and trending products, given the states before: what every keeper of them calls."""

import json
from collections.abc import Mapping
from typing import Final

from shopkeeper.core.action import Action
from shopkeeper.core.event import Event
from shopkeeper.core.ids import PersonKey
from shopkeeper.features.live_profile import LiveProfile
from shopkeeper.features.trending import score, with_act

_NOT_SHOPPERS: Final = frozenset({Action.STOCK_CHANGE, Action.PRICE_CHANGE})


def person_of(event: Event) -> PersonKey | None:
    """Whose live profile an event changes."""
    return None if event.action in _NOT_SHOPPERS else event.person


def profile_after(state: str, event: Event, currency: str) -> str:
    """A person's state after one more of their events; "" is the state of somebody unknown."""
    person = person_of(event)
    if person is None:
        return state
    before = LiveProfile.decoded(state) if state else LiveProfile()
    return before.folded(event, person, currency).encoded()


def hours_after(state: str, hour: int, worth: int) -> tuple[str, float]:
    """A product's state after one more act, and its score."""
    hours = with_act(hours_of(state), hour, worth)
    told = {str(each): hours[each] for each in sorted(hours)}
    return json.dumps(told, separators=(",", ":")), score(hours)


def hours_of(state: str) -> Mapping[int, int]:
    """The hours of a product's state."""
    return {int(hour): worth for hour, worth in json.loads(state).items()} if state else {}
