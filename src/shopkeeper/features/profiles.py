"""Everybody's history at serving time: arrays until the last training, and what happened since, folded in."""

import threading
from bisect import insort
from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

from shopkeeper.core.event import Event
from shopkeeper.core.histories import Histories
from shopkeeper.core.ids import PersonKey
from shopkeeper.core.live import Doing, SignIn
from shopkeeper.features.browsers import Joining, add_sign_in
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
    """``history`` gives one person's newest events as one row; ``fold_many`` lets events count from then on.

    The order in which events arrive does not matter, nor do repetitions: facts are kept sorted by time and id, and what
    the base has already is recognised by its time, product and action. A visitor who was seen signed in is answered as
    that customer, with what was done in their time with the browser (``browsers.py``).
    Ids that stand for nobody ("guest") name nobody, products the catalogue does not know are left out, and at most
    ``NEWEST`` facts a person key are kept live. Safe to call from any thread.
    """

    def __init__(
        self, *, base: Histories, product_index: Mapping[str, int], currency: str, joining: Joining | None = None,
        search: Search = no_search,
    ) -> None:  # fmt: skip
        self._past = Past(base=base, product_index=product_index, search=search)
        self._currency, self._joining = currency, joining or Joining()
        self._since: dict[str, _Since] = {}
        self._sign_ins: dict[str, list[SignIn]] = {}
        """visitor key -> when who signed in"""
        self._browsers: dict[str, set[PersonKey]] = {}
        """customer -> visitor keys they were seen with"""
        self._lock = threading.Lock()

    # --- taking in

    def fold_many(self, events: Sequence[Event]) -> None:
        """Let events count from now on, all at once."""
        doings = [doing for event in events if (doing := doing_of(event, self._currency)) is not None]
        facts = [self._past.facts(doing.deeds) for doing in doings]
        with self._lock:  # once for all: who gets it and who waits for it is dearer than what is done with it
            for doing, its in zip(doings, facts, strict=True):
                self._fold(doing, its)

    def _fold(self, doing: Doing, facts: list[Fact]) -> None:
        if doing.sign_in is not None:
            self._sign_in(PersonKey(doing.visitor), doing.sign_in)
        new = [fact for fact in facts if not self._past.has(doing.person, fact)]
        if new:
            since = self._since.get(doing.person)
            if since is None:
                since = self._since[doing.person] = _Since()
            for fact in new:
                since.add(fact)

    def _sign_in(self, visitor: PersonKey, sighting: SignIn) -> None:
        add_sign_in(self._sign_ins.setdefault(visitor, []), sighting)
        self._browsers.setdefault(sighting.customer, set()).add(visitor)

    def sign_ins(self, browser: PersonKey) -> Sequence[SignIn]:
        """A browser's sign-ins since the base was made."""
        return tuple(self._sign_ins.get(browser, ()))

    def browsers(self, customer: PersonKey) -> Collection[PersonKey]:
        """The browsers that a customer was seen with since then."""
        return tuple(self._browsers.get(customer, ()))

    # --- answering

    def once(self) -> AbstractContextManager[None]:
        """Within it, nobody is looked at twice: memory may be."""
        return nullcontext()

    def customer_of(self, person: PersonKey) -> PersonKey | None:
        """The customer who signed in last on a browser; None while nobody has."""
        return self._joining.signed_in(person, self)

    def history(self, person: PersonKey, newest: int = NEWEST) -> Histories:
        """One person's newest events, oldest first; a row without events for somebody unknown."""
        parts = self._joining.parts(person, self)
        with self._lock:
            since = {part.key: list(self._since[part.key].facts) for part in parts if part.key in self._since}
        return self._past.history(parts, since, newest)

    def forget(self, person: PersonKey) -> None:
        """Drop a person: from now on they are unknown here."""
        with self._lock:
            self._past.forget(person)
            self._joining.forget(person)
            self._since.pop(person, None)
            for browser in self._browsers.pop(person, ()):
                self._sign_ins[browser] = [each for each in self._sign_ins.get(browser, ()) if each.customer != person]
            for each in self._sign_ins.pop(person, ()):
                self._browsers.get(each.customer, set()).discard(person)
