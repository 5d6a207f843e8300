"""What is sought after just now: each product's acts by the hour, halved every day.

Counts are whole numbers by the hour in which something happened, so they are the same in whatever order events come. An
event that was received more than three days after it happened says nothing about now and is left out, whoever counts.
"""

from collections.abc import Iterator, Mapping
from math import log2
from typing import Final

from shopkeeper.core.action import Action
from shopkeeper.core.event import Event
from shopkeeper.features.state import micros_of

HOUR: Final = 3_600 * 1_000_000
HOURS: Final = 72
_HALF_LIFE_HOURS: Final = 24
_WORTH: Final[Mapping[Action, int]] = {
    Action.PRODUCT_VIEW: 1, Action.CLICK: 1, Action.WISHLIST_ADD: 2, Action.CART_ADD: 3, Action.ORDER: 5,
}  # fmt: skip


def acts_of(event: Event) -> Iterator[tuple[str, int, int]]:
    """(product, hour since 1970, worth) of what an event says is sought after."""
    worth, at = _WORTH.get(event.action), micros_of(event.at)
    late = micros_of(event.received_at or event.at) - at
    if worth is None or late > HOURS * HOUR:
        return
    products = [line.product for line in event.lines] if event.action is Action.ORDER else [event.product]
    for product in dict.fromkeys(products):
        if product:
            yield product, at // HOUR, worth


def with_act(hours: Mapping[int, int], hour: int, worth: int) -> dict[int, int]:
    """A product's hours with one more act; those that are older than three days before the newest go."""
    joined = {**hours, hour: hours.get(hour, 0) + worth}
    newest = max(joined)
    return {each: joined[each] for each in sorted(joined) if each > newest - HOURS}


def score(hours: Mapping[int, int]) -> float:
    """What products are ordered by, the greatest first; the order is right at any moment after the newest act.

    log2 of the sum of worth × 2^(hour / 24): every day that passes takes one from the score of every product alike.
    """
    newest = max(hours)
    total = sum(hours[hour] * 2.0 ** ((hour - newest) / _HALF_LIFE_HOURS) for hour in sorted(hours))
    return newest / _HALF_LIFE_HOURS + log2(total)
