"""Events of a few people, as a topic would hold them, and what live profiles must come of them."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

from shopkeeper.core.action import Action
from shopkeeper.core.event import Event, OrderLine
from shopkeeper.core.ids import CustomerId, EventId, ProductId
from shopkeeper.core.money import Money
from shopkeeper.data.stream.envelope import wrapped
from shopkeeper.data.stream.judge import Message
from shopkeeper.data.stream.reader import message_of
from shopkeeper.data.stream.redis_profiles import RedisProfiles
from shopkeeper.features.live_fold import hours_after, profile_after
from shopkeeper.features.trending import acts_of
from shopkeeper.shop.collecting import entry_of

AT = datetime(2026, 11, 1, tzinfo=UTC)


def some_events(count: int, seed: int = 3) -> list[Event]:
    """Views and orders of a few people with a few products; some come late, up to four days."""
    dice = random.Random(seed)  # noqa: S311 - events, not secrets
    events = []
    for number in range(count):
        late = timedelta(hours=dice.choice([0, 0, 0, 1, 30, 80]))
        received = AT + timedelta(minutes=7 * number)
        action = dice.choice([Action.PRODUCT_VIEW, Action.PRODUCT_VIEW, Action.CART_ADD, Action.ORDER, Action.SEARCH])
        line = OrderLine(
            product=ProductId(f"p{dice.randrange(6)}"), quantity=2.0, price=Money(dice.randint(1, 9), "CNY")
        )
        events.append(
            Event(
                id=EventId(f"e{number}"), at=received - late, received_at=received, action=action,
                customer=CustomerId(f"c{dice.randrange(5)}"), lines=(line,) if action is Action.ORDER else (),
                product=None if action in (Action.ORDER, Action.SEARCH) else ProductId(f"p{dice.randrange(6)}"),
            )
        )  # fmt: skip
    return events


def messages_of(events: list[Event], partitions: int = 3) -> list[Message]:
    """The events as a topic would hold them: a person's in one partition."""
    places = [0] * partitions
    found = []
    for event in events:
        number = int(str(event.customer)[1:]) % partitions
        message = message_of(f"kafka:x:{number}", places[number], wrapped(entry_of(event)))
        assert message is not None
        found.append(message)
        places[number] += 1
    return found


def expected(events: list[Event]) -> tuple[dict[str, str], dict[str, tuple[str, float]]]:
    """People's and products' states, each event folded once."""
    people: dict[str, str] = {}
    products: dict[str, tuple[str, float]] = {}
    for event in events:
        person = str(event.person)
        people[person] = profile_after(people.get(person, ""), event, "CNY")
        for product, hour, worth in acts_of(event):
            products[product] = hours_after(products.get(product, ("", 0.0))[0], hour, worth)
    return people, products


def kept(store: RedisProfiles) -> tuple[dict[str, str], dict[str, tuple[str, float]]]:
    """The same, as it is in Redis."""

    def ask(redis: Any) -> Any:
        keys = [key.decode() for key in redis.scan_iter(f"{store.prefix}*") if b":live:" in key or b":hours:" in key]
        states = {key.removeprefix(store.prefix): redis.hget(key, "state").decode() for key in keys}
        return states, {
            name.decode(): score for name, score in redis.zrange(f"{store.prefix}trending", 0, -1, withscores=True)
        }

    states, scores = store.asked(ask)
    people = {key.removeprefix("live:"): state for key, state in states.items() if key.startswith("live:")}
    hours = {key.removeprefix("hours:"): state for key, state in states.items() if key.startswith("hours:")}
    assert scores.keys() == hours.keys()
    return people, {product: (hours[product], scores[product]) for product in hours}
