"""Everybody's history at serving time where several processes serve: what happened since the training is in a store
that they share."""

import logging
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Final

from shopkeeper.core.action import Action
from shopkeeper.core.errors import Unavailable
from shopkeeper.core.event import Event
from shopkeeper.core.histories import Histories
from shopkeeper.core.identity import is_phone, lender_of
from shopkeeper.core.ids import PersonKey
from shopkeeper.core.live import Deed, ProfileStore, Seen
from shopkeeper.features.browsers import Joining
from shopkeeper.features.past import NEWEST, Fact, Past, Search, doing_of, no_search
from shopkeeper.features.state import micros_of

_log: Final = logging.getLogger(__name__)
_SECOND: Final = 1_000_000
_ORDER: Final = int(Action.ORDER)


class ProfileWriter:
    """Tells the store what happened. What could not be told leaves ``behind`` set, until ``refill`` mends it."""

    def __init__(self, store: ProfileStore, currency: str) -> None:
        self._store, self._currency = store, currency
        self.behind = False

    def tell(self, events: Sequence[Event]) -> None:
        """Let events count from now on, in every process; where the store does not answer, be behind."""
        try:
            self._store.add([doing for event in events if (doing := doing_of(event, self._currency)) is not None])
        except Unavailable as error:
            if not self.behind:
                _log.error("live profiles are behind: %s", error)
            self.behind = True

    def wanting(self) -> bool:
        """Whether something that was taken may be missing in the store, and can be told to it now."""
        try:
            if not (self._store.fresh() or self.behind):
                return False
            self._store.try_write()
        except Unavailable:
            return False
        return True

    def refill(self, events: Sequence[Event]) -> None:
        """Tell what was received since the training; what the store has already stays as it is."""
        self.behind = False
        self.tell(events)
        if not self.behind:
            try:
                self._store.filled()
            except Unavailable:
                self.behind = True


class SharedProfiles:
    """The same answers as ``LiveProfiles`` gives, whichever process an event came to.

    Where the store does not answer, ``history`` raises and the fallback answers.
    """

    def __init__(
        self, *, base: Histories, product_index: Mapping[str, int], store: ProfileStore, received_until: datetime,
        joining: Joining | None = None, search: Search = no_search,
    ) -> None:  # fmt: skip
        self._past, self._store = Past(base=base, product_index=product_index, search=search), store
        self._since, self._joining = micros_of(received_until), joining or Joining()

    def once(self) -> AbstractContextManager[None]:
        """Within it, this thread asks the store once for each person."""
        return self._store.once()

    def customer_of(self, person: PersonKey) -> PersonKey | None:
        """The customer who signed in last on a browser; None while nobody has."""
        return self._joining.signed_in(person, self._look(person))

    def history(self, person: PersonKey, newest: int = NEWEST) -> Histories:
        """One person's newest events, oldest first; a row without events for somebody unknown."""
        seen = self._look(person)
        parts = self._joining.parts(person, seen)
        since = {key: facts for key, deeds in seen.deeds.items() if (facts := self._facts(key, deeds))}
        return self._past.history(parts, since, newest)

    def _look(self, person: PersonKey) -> Seen:
        """What the store has of everybody who may have a part: one round trip, but two where somebody signed in since
        the training of whom it knew other browsers."""
        joining, most = self._joining, self._joining.most_told
        owner = joining.known_customer(person)
        also = self._older(person) if owner is None else [owner, *self._older(owner)]
        seen = self._store.look(person, also, most)
        now = joining.signed_in(person, seen)
        wanted = [] if now is None else [now, *self._older(now)]
        return seen if seen.deeds.keys() >= {*wanted} else self._store.look(person, wanted, most)

    def _older(self, customer: PersonKey) -> list[PersonKey]:
        """The browsers that the training knew of a customer and their telephone numbers, where they may have a part."""
        found = self._joining.known_browsers(customer)
        found += [each for phone in found if is_phone(lender_of(phone)) for each in self._joining.known_browsers(phone)]
        return found if len(found) <= self._joining.most_told else []

    def _facts(self, key: PersonKey, deeds: Sequence[Deed]) -> list[Fact]:
        """What came after the training, as a training would hand it over to memory."""
        since = self._since
        late = [deed for deed in told_once(deeds) if deed.received > since - _SECOND and deed.received != since]
        return [fact for fact in self._past.facts(late) if not self._past.has(key, fact)]

    def forget(self, person: PersonKey) -> None:
        """Drop a person: from now on they are unknown, here and in the store.

        Raises:
            Unavailable: the store does not answer, and so has not forgotten them.
        """
        self._past.forget(person)
        self._joining.forget(person)
        self._store.forget([person])


def told_once(deeds: Sequence[Deed]) -> Sequence[Deed]:
    """Somebody's deeds without what tells of an order that they told before under another event id: what was received
    first counts, as it does for whoever judges the topic later."""
    first: dict[str, tuple[int, str]] = {}
    several = False
    for deed in deeds:
        if deed.action == _ORDER:
            told = (deed.received, _event(deed))
            before = first.setdefault(deed.order, told)
            several |= before[1] != told[1]
            first[deed.order] = min(told, before)
    if not several:
        return deeds
    return [deed for deed in deeds if deed.action != _ORDER or first[deed.order][1] == _event(deed)]


def _event(deed: Deed) -> str:
    """Of which event a line of an order is told."""
    return deed.id.rpartition("#")[0]
