"""What processes that share a shop must hear of each other beside profiles: stock, prices, and who was erased."""

import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from shopkeeper.core.action import Action
from shopkeeper.core.errors import Unavailable
from shopkeeper.core.event import Event
from shopkeeper.core.live import ProfileStore
from shopkeeper.data.drain import decode_event, encode_event
from shopkeeper.shop.shop import Shop

_log: Final = logging.getLogger(__name__)
_GOODS: Final = frozenset({Action.STOCK_CHANGE, Action.PRICE_CHANGE})
_LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)


class News:
    """A listener of one shop: tells what it heard here, and ``hear`` takes in what others told."""

    def __init__(self, shop: Shop, store: ProfileStore) -> None:
        self._shop, self._store = shop, store
        self._heard_until, self._version, self._deaf = "", "", False

    def heard(self, events: Sequence[Event]) -> None:
        """Tell the others what changed of goods."""
        goods = [encode_event(event) for event in events if event.action in _GOODS]
        try:
            self._store.announce(goods)
        except Unavailable as error:
            _log.error("other processes were not told of stock and prices: %s", error)

    def forget(self, people: Sequence[str]) -> None:
        """Whoever forgets people in the store announces it by that."""

    def hear(self) -> bool:
        """Take in what was told since the last time, all of it where other models answer now. Whether somebody was
        erased, so that the models were read again."""
        if self._shop.serving.version != self._version:
            self._heard_until, self._version = "", self._shop.serving.version
        first = not self._heard_until
        try:
            told, erased, self._heard_until = self._store.news(self._heard_until)
        except Unavailable as error:
            if not self._deaf:
                _log.error("news of other processes: %s", error)
            self._deaf = True
            return False
        self._deaf = False
        if erased and not first:
            self._shop.reload(anew=True)
            self._heard_until = ""
            return self.hear() or True
        since = self._shop.serving.until or _LONG_AGO
        events = [event for body in told if _received(event := decode_event(body)) > since]
        self._shop.serving.fold_many(events)
        for listener in self._shop.listeners:
            if listener is not self:
                listener.heard(events)
        return False


def _received(event: Event) -> datetime:
    return event.received_at or event.at
