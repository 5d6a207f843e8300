"""Everybody's history at serving time: arrays until the last training, and what happened since, folded in."""

import threading
from bisect import insort
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

from shopkeeper.core.event import Event
from shopkeeper.core.histories import Histories
from shopkeeper.core.ids import PersonKey
from shopkeeper.core.live import SignIn
from shopkeeper.features.past import NEWEST, Fact, Past, Search, doing_of, no_search, time_and_id


@dataclass(slots=True)
class _Since:
    """What was done under one person key since the base was made, in order of (time, id), each fact once."""

    facts: list[Fact] = field(default_factory=list)
    ids: set[str] = field(default_factory=set)

    def add(self, fact: Fact) -> None:
        if fact[1] in self.ids:
            return
        self.ids.add(fact[1])
        if not self.facts or time_and_id(self.facts[-1]) < time_and_id(fact):
            self.facts.append(fact)
        else:
            insort(self.facts, fact, key=time_and_id)
        if len(self.facts) > NEWEST:
            self._forget_oldest()

    def _forget_oldest(self) -> None:
        for gone in self.facts[:-NEWEST]:
            self.ids.discard(gone[1])
        del self.facts[:-NEWEST]


class LiveProfiles:
    """``history`` gives one person's newest events as one row; ``fold`` lets an event count from then on.

    The order in which events arrive does not matter, nor do repetitions: facts are kept sorted by time and id, and what
    the base has already is recognised by its time, product and action. A visitor who was seen signed in is that
    customer, with what they did before signing in (the newest sign-in counts, where several people share a browser).
    Ids that stand for nobody ("guest") name nobody, products the catalogue does not know are left out, and at most
    ``NEWEST`` facts a person key are kept live. Safe to call from any thread.
    """

    def __init__(
        self, *, base: Histories, product_index: Mapping[str, int], currency: str, search: Search = no_search
    ) -> None:
        self._past = Past(base=base, product_index=product_index, search=search)
        self._currency = currency
        self._since: dict[str, _Since] = {}
        self._signed_in: dict[str, SignIn] = {}
        """visitor key -> time, event id and customer of the newest event that names both."""
        self._browsers: dict[str, set[str]] = {}
        """customer -> visitor keys that are theirs now"""
        self._lock = threading.Lock()

    # --- taking in

    def fold(self, event: Event) -> None:
        """Let an event count from now on."""
        doing = doing_of(event, self._currency)
        if doing is None:
            return
        person, facts = doing.person, self._past.facts(doing.deeds)
        with self._lock:
            if doing.sign_in is not None:
                self._sign_in(doing.visitor, doing.sign_in)
            new = [fact for fact in facts if not self._past.has(person, fact)]
            if new:
                since = self._since.get(person)
                if since is None:
                    since = self._since[person] = _Since()
                for fact in new:
                    since.add(fact)

    def fold_many(self, events: Sequence[Event]) -> None:
        """Let events count from now on."""
        for event in events:
            self.fold(event)

    def _sign_in(self, visitor: str, sighting: SignIn) -> None:
        known = self._signed_in.get(visitor)
        if known is not None and known >= sighting:
            return
        if known is not None:
            self._browsers[known.customer].discard(visitor)
        self._signed_in[visitor] = sighting
        self._browsers.setdefault(sighting.customer, set()).add(visitor)

    # --- answering

    def once(self) -> AbstractContextManager[None]:
        """Within it, nobody is looked at twice: memory may be."""
        return nullcontext()

    def customer_of(self, person: PersonKey) -> PersonKey | None:
        """The customer whose history a visitor's requests are answered with; None while they have not signed in."""
        sighting = self._signed_in.get(person)
        return None if sighting is None else PersonKey(sighting.customer)

    def history(self, person: PersonKey, newest: int = NEWEST) -> Histories:
        """One person's newest events, oldest first; a row without events for somebody unknown."""
        with self._lock:
            sighting = self._signed_in.get(person)
            who = person if sighting is None else sighting.customer
            keys = [who, *sorted(self._browsers.get(who, ()))]
            since = [list(self._since[key].facts) for key in keys if key in self._since]
        return self._past.history(who, keys, since, newest)

    def forget(self, person: PersonKey) -> None:
        """Drop a person: from now on they are unknown here."""
        with self._lock:
            self._past.forget(person)
            self._since.pop(person, None)
            for visitor in [*self._browsers.pop(person, ()), person]:
                sighting = self._signed_in.pop(visitor, None)
                if sighting is not None:
                    self._browsers.get(sighting.customer, set()).discard(visitor)
