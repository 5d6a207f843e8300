"""The drain keeps live profiles and trending products in Redis, each message once."""

from collections.abc import Sequence

from shopkeeper.core.event import Event
from shopkeeper.data.stream.judge import Message
from shopkeeper.data.stream.redis_live import Kept, RedisLive
from shopkeeper.features.live_fold import hours_after, person_of, profile_after
from shopkeeper.features.trending import acts_of


class LiveFolding:
    """Each state remembers up to which place of each partition it was made, so reading again changes nothing."""

    def __init__(self, live: RedisLive, currency: str) -> None:
        self._live, self._currency = live, currency

    def fold(self, messages: Sequence[Message]) -> None:
        """Let messages count; two round trips.

        Raises:
            Unavailable: Redis does not answer; nothing was changed.
        """
        events = [(message, message.event) for message in messages if message.event is not None]
        people, products = self._people(events), self._products(events)
        self._live.write(people, products)

    def _people(self, events: Sequence[tuple[Message, Event]]) -> dict[str, Kept]:
        named = [(person, message, event) for message, event in events if (person := person_of(event)) is not None]
        kept = self._live.people(list(dict.fromkeys(person for person, _, _ in named)))
        changed: dict[str, Kept] = {}
        for person, message, event in named:
            before = changed.get(person, kept[person])
            if message.place > before.upto.get(message.source, -1):
                state = profile_after(before.state, event, self._currency)
                changed[person] = Kept(state=state, upto={**before.upto, message.source: message.place})
        return changed

    def _products(self, events: Sequence[tuple[Message, Event]]) -> dict[str, tuple[Kept, float]]:
        acts = [(act, message) for message, event in events for act in acts_of(event)]
        kept = self._live.products(list(dict.fromkeys(product for (product, _, _), _ in acts)))
        changed: dict[str, tuple[Kept, float]] = {}
        for (product, hour, worth), message in acts:
            before = changed[product][0] if product in changed else kept[product]
            if message.place > before.upto.get(message.source, -1):
                state, score = hours_after(before.state, hour, worth)
                upto = {**before.upto, message.source: message.place}
                changed[product] = Kept(state=state, upto=upto), score
        return changed
