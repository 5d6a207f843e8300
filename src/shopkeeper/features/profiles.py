"""Everybody's history at serving time: arrays until the last training, and what happened since, folded in."""

import math
import threading
from bisect import insort
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from heapq import merge
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from shopkeeper.core.action import Action
from shopkeeper.core.event import Event, OrderLine
from shopkeeper.core.histories import Histories, Int32, Int64
from shopkeeper.core.ids import PersonKey, is_placeholder, person_key
from shopkeeper.core.money import Money, exponent
from shopkeeper.features.state import micros_of

NEWEST: Final = 1_000
_NOT_SHOPPERS: Final = frozenset({Action.STOCK_CHANGE, Action.PRICE_CHANGE})
_ORDERS: Final = frozenset({Action.ORDER, Action.ORDER_RETURN})

Fact = tuple[int, str, int, int, float, float, str]
"""at (µs), id of the event with its line, product index, action code, quantity, price (NaN unknown), order id or ""."""


@dataclass(slots=True)
class _Since:
    """What was done under one person key since the base was made, in order of (time, id), each fact once."""

    facts: list[Fact] = field(default_factory=list)
    ids: set[str] = field(default_factory=set)

    def add(self, fact: Fact) -> None:
        if fact[1] in self.ids:
            return
        self.ids.add(fact[1])
        insort(self.facts, fact, key=_time_and_id)
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

    def __init__(self, *, base: Histories, product_index: Mapping[str, int], currency: str) -> None:
        self._base, self._index, self._currency = base, product_index, currency
        self._row = {person: row for row, person in enumerate(base.people.tolist())}
        self._since: dict[str, _Since] = {}
        self._signed_in: dict[str, tuple[int, str, str]] = {}
        """visitor key -> time, event id and customer of the newest event that names both."""
        self._browsers: dict[str, set[str]] = {}
        """customer -> visitor keys that are theirs now"""
        self._lock = threading.Lock()

    # --- taking in

    def fold(self, event: Event) -> None:
        """Let an event count from now on."""
        customer, visitor = _named(event.customer), _named(event.visitor)
        person = person_key(customer, visitor)
        if person is None or event.action in _NOT_SHOPPERS:
            return
        facts = self._facts(event)
        with self._lock:
            if customer and visitor:
                self._sign_in(f"visitor:{visitor}", (micros_of(event.at), event.id, customer))
            new = [fact for fact in facts if not self._in_base(person, fact)]
            if new:
                since = self._since.setdefault(person, _Since())
                for fact in new:
                    since.add(fact)

    def _sign_in(self, visitor: str, sighting: tuple[int, str, str]) -> None:
        known = self._signed_in.get(visitor)
        if known is not None and known >= sighting:
            return
        if known is not None:
            self._browsers[known[2]].discard(visitor)
        self._signed_in[visitor] = sighting
        self._browsers.setdefault(sighting[2], set()).add(visitor)

    def _in_base(self, person: PersonKey, fact: Fact) -> bool:
        """Whether the base has it already: for events that came in while it was being made."""
        cut = self._cut(person)
        first, last = np.searchsorted(self._base.at[cut], [fact[0], fact[0] + 1])
        same = slice(cut.start + int(first), cut.start + int(last))
        return bool(((self._base.product[same] == fact[2]) & (self._base.action[same] == fact[3])).any())

    def _facts(self, event: Event) -> list[Fact]:
        if event.action in _ORDERS:
            return [
                self._line(event, number, line)
                for number, line in enumerate(event.lines, 1)
                if line.product in self._index
            ]
        index = self._index.get(event.product or "")
        if index is None:
            return []
        quantity = 1.0 if event.quantity is None else event.quantity
        return [(micros_of(event.at), event.id, index, int(event.action), quantity, self._major(event.price), "")]

    def _line(self, event: Event, number: int, line: OrderLine) -> Fact:
        """One line, as the lake keeps it: a negative quantity comes back."""
        back = (event.action is Action.ORDER_RETURN) != (line.quantity < 0)
        return (
            micros_of(event.at), f"{event.id}#{number:04}", self._index[line.product],
            int(Action.ORDER_RETURN if back else Action.ORDER), abs(line.quantity), self._major(line.price),
            event.order or event.id,
        )  # fmt: skip

    def _major(self, price: Money | None) -> float:
        """An amount in major units; NaN where there is none or it is in another currency than the shop's."""
        if price is None or price.currency != self._currency:
            return math.nan
        return float(price.minor / 10 ** exponent(price.currency))

    # --- answering

    def customer_of(self, person: PersonKey) -> PersonKey | None:
        """The customer whose history a visitor's requests are answered with; None while they have not signed in."""
        sighting = self._signed_in.get(person)
        return None if sighting is None else PersonKey(sighting[2])

    def history(self, person: PersonKey, newest: int = NEWEST) -> Histories:
        """One person's newest events, oldest first; a row without events for somebody unknown."""
        with self._lock:
            sighting = self._signed_in.get(person)
            who = person if sighting is None else sighting[2]
            keys = [who, *sorted(self._browsers.get(who, ()))]
            cuts = [self._cut(key, newest) for key in keys]
            since = [list(self._since[key].facts) for key in keys if key in self._since]
        cuts = [cut for cut in cuts if cut.stop > cut.start] or cuts[:1]
        facts = since[0] if len(since) == 1 else list(merge(*since, key=_time_and_id))
        if not facts and len(cuts) == 1:
            return self._only_base(cuts[0], who)
        return self._joined(cuts, facts[-newest:], newest, who)

    def _cut(self, key: str, newest: int | None = None) -> slice:
        """Where somebody's newest events lie in the base."""
        row = self._row.get(key)
        if row is None:
            return slice(0, 0)
        begin, end = int(self._base.offsets[row]), int(self._base.offsets[row + 1])
        return slice(begin if newest is None else max(begin, end - newest), end)

    def _only_base(self, cut: slice, person: str) -> Histories:
        base = self._base
        return Histories(
            offsets=np.array([0, cut.stop - cut.start], np.int64), product=base.product[cut], at=base.at[cut],
            action=base.action[cut], quantity=base.quantity[cut], price=base.price[cut], order=base.order[cut],
            people=np.array([person], object),
        )  # fmt: skip

    def _joined(self, cuts: list[slice], facts: list[Fact], newest: int, person: str) -> Histories:
        base = self._base
        at, _, product, action, quantity, price, _ = zip(*facts, strict=True) if facts else ((),) * 7
        times = _column(base.at, cuts, at)
        rank = np.argsort(times, kind="stable")[-newest:]
        return Histories(
            offsets=np.array([0, len(rank)], np.int64), product=_column(base.product, cuts, product)[rank],
            at=times[rank], action=_column(base.action, cuts, action)[rank],
            quantity=_column(base.quantity, cuts, quantity)[rank], price=_column(base.price, cuts, price)[rank],
            order=_baskets([base.order[cut] for cut in cuts], _numbered(facts), times)[rank],
            people=np.array([person], object),
        )  # fmt: skip

    def forget(self, person: PersonKey) -> None:
        """Drop a person: from now on they are unknown here."""
        with self._lock:
            self._row.pop(person, None)
            self._since.pop(person, None)
            for visitor in [*self._browsers.pop(person, ()), person]:
                sighting = self._signed_in.pop(visitor, None)
                if sighting is not None:
                    self._browsers.get(sighting[2], set()).discard(visitor)


def _time_and_id(fact: Fact) -> tuple[int, str]:
    return fact[:2]


def _named(text: str | None) -> str | None:
    """An id, or None where it stands for nobody."""
    return None if not text or is_placeholder(text) else text


def _column(old: NDArray[Any], cuts: list[slice], new: Iterable[Any]) -> NDArray[Any]:
    return np.concatenate([*(old[cut] for cut in cuts), np.array(tuple(new), old.dtype)])


def _numbered(facts: list[Fact]) -> Int32:
    """The basket of each live fact: orders numbered by time, ties by order id; -1 outside of orders."""
    orders = sorted({(fact[0], fact[6]) for fact in facts if fact[6]})
    number = {order: place for place, order in enumerate(orders)}
    return np.array([number.get((fact[0], fact[6]), -1) for fact in facts], np.int32)


def _baskets(old: list[Int32], new: Int32, times: Int64) -> Int32:
    """Basket numbers over several histories and the live facts, growing with time; -1 stays -1."""
    parts = [*old, new]
    joined: Int32 = np.concatenate(parts)
    late = len(new) and len(new) < len(times) and times[-len(new) :].min() < times[: -len(new)].max()
    if len(old) == 1 and not late:
        first = int(old[0].max(initial=-1)) + 1
        joined[len(old[0]) :][new >= 0] += first
        return joined
    mine = joined >= 0
    part = np.repeat(np.arange(len(parts)), [len(each) for each in parts])
    _, number = np.unique(np.stack([times[mine], part[mine], joined[mine]]), axis=1, return_inverse=True)
    joined[mine] = number.reshape(-1)
    return joined
