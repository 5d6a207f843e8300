"""Everybody's history until the last training, as arrays, and what came since joined to it."""

import math
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from heapq import merge
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from shopkeeper.core.action import BACK, Action
from shopkeeper.core.event import Event, OrderLine
from shopkeeper.core.histories import Histories, Int32, Int64
from shopkeeper.core.ids import PersonKey, is_placeholder, person_key
from shopkeeper.core.live import Deed, Doing, SignIn
from shopkeeper.core.money import Money, exponent
from shopkeeper.core.swift import maker_of
from shopkeeper.features.browsers import Part
from shopkeeper.features.state import micros_of

NEWEST: Final = 1_000
_doing: Final = maker_of(Doing)
_NOT_SHOPPERS: Final = frozenset({Action.STOCK_CHANGE, Action.PRICE_CHANGE})
_RATINGS: Final = frozenset({Action.RATING, Action.REVIEW})

_SEARCH: Final = int(Action.SEARCH)
_SEARCHES: Final = 5
"""So many of the newest searches count."""

Search = Callable[[str], Sequence[tuple[int, float]]]
"""Words -> products of the catalogue and how well they match, 0 to 1."""
Fact = tuple[int, str, int, int, float, float, str]
"""at (µs), id of the event with its line, product index, action code, quantity, price (NaN unknown), order id or "".

Of a search the product is -1 and the last its words."""
Cut = slice | Int64
"""Places in the base."""


def no_search(text: str) -> Sequence[tuple[int, float]]:  # noqa: ARG001 - where there is no index
    """What words speak of where nothing is known of words."""
    return ()


class Past:
    """The arrays of one version, in its catalogue's numbering. Reading is safe from any thread."""

    def __init__(self, *, base: Histories, product_index: Mapping[str, int], search: Search = no_search) -> None:
        self._base, self._index, self._search = base, product_index, search
        self._row = {person: row for row, person in enumerate(base.people.tolist())}

    def facts(self, deeds: Iterable[Deed]) -> list[Fact]:
        """Deeds in the catalogue's numbering; products it does not know are left out, words are kept as they are."""
        index = self._index
        return [
            (deed.at, deed.id, index[deed.product], deed.action, deed.quantity, deed.price, deed.order)
            if deed.action != _SEARCH
            else (deed.at, deed.id, -1, _SEARCH, deed.quantity, deed.price, deed.product)
            for deed in deeds
            if deed.product in index or deed.action == _SEARCH
        ]

    def has(self, person: PersonKey, fact: Fact) -> bool:
        """Whether the base has it already: for events that came in while it was being made."""
        cut = self._cut(person)
        if cut.stop == cut.start or self._base.at[cut.stop - 1] < fact[0]:
            return False  # nearly always: it happened after the base was made
        first, last = np.searchsorted(self._base.at[cut], [fact[0], fact[0] + 1])
        same = slice(cut.start + int(first), cut.start + int(last))
        return bool(((self._base.product[same] == fact[2]) & (self._base.action[same] == fact[3])).any())

    def history(self, parts: Sequence[Part], since: Mapping[PersonKey, Sequence[Fact]], newest: int) -> Histories:
        """The newest events of some keys in their times, oldest first, with what came since (sorted, by key), as one
        row of the first key."""
        cuts = [self._theirs(part, newest) for part in parts]
        cuts = [cut for cut in cuts if _size(cut)] or cuts[:1]
        lists = [_within(part, since[part.key]) for part in parts if part.key in since]
        facts = lists[0] if len(lists) == 1 else list(merge(*lists, key=time_and_id))
        if any(fact[3] == _SEARCH for fact in facts):
            facts = self._searched(facts)
        if not facts and len(cuts) == 1:
            return self._only_base(cuts[0], parts[0].key)
        return self._joined(cuts, facts[-newest:], newest, parts[0].key)

    def _theirs(self, part: Part, newest: int) -> Cut:
        """Where a key's newest events lie in the base, of those that are in its times."""
        if part.times is None:
            return self._cut(part.key, newest)
        whole = self._cut(part.key)
        inside = part.holds(self._base.at[whole])
        if inside.all():
            return slice(max(whole.start, whole.stop - newest), whole.stop)
        places: Int64 = whole.start + np.flatnonzero(inside)
        return places[-newest:]

    def _searched(self, facts: Sequence[Fact]) -> Sequence[Fact]:
        """The newest searches as the products that their words speak of, quantity being how well; others are left
        out."""
        newest = {fact[1] for fact in [fact for fact in facts if fact[3] == _SEARCH][-_SEARCHES:]}
        found: list[Fact] = []
        for fact in facts:
            if fact[3] != _SEARCH:
                found.append(fact)
            elif fact[1] in newest:
                found += [
                    (*fact[:2], item, _SEARCH, strength, math.nan, "") for item, strength in self._search(fact[6])
                ]
        return found

    def _cut(self, key: str, newest: int | None = None) -> slice:
        """Where somebody's newest events lie in the base."""
        row = self._row.get(key)
        if row is None:
            return slice(0, 0)
        begin, end = int(self._base.offsets[row]), int(self._base.offsets[row + 1])
        return slice(begin if newest is None else max(begin, end - newest), end)

    def _only_base(self, cut: Cut, person: str) -> Histories:
        base = self._base
        return Histories(
            offsets=np.array([0, _size(cut)], np.int64), product=base.product[cut], at=base.at[cut],
            action=base.action[cut], quantity=base.quantity[cut], price=base.price[cut], order=base.order[cut],
            people=np.array([person], object), weights=base.weights,
        )  # fmt: skip

    def _joined(self, cuts: Sequence[Cut], facts: Sequence[Fact], newest: int, person: str) -> Histories:
        base = self._base
        at, _, product, action, quantity, price, _ = zip(*facts, strict=True) if facts else ((),) * 7
        times = _column(base.at, cuts, at)
        rank = np.argsort(times, kind="stable")[-newest:]
        return Histories(
            offsets=np.array([0, len(rank)], np.int64), product=_column(base.product, cuts, product)[rank],
            at=times[rank], action=_column(base.action, cuts, action)[rank],
            quantity=_column(base.quantity, cuts, quantity)[rank], price=_column(base.price, cuts, price)[rank],
            order=_baskets([base.order[cut] for cut in cuts], _numbered(facts), times)[rank],
            people=np.array([person], object), weights=base.weights,
        )  # fmt: skip

    def forget(self, person: str) -> None:
        """Drop a person."""
        self._row.pop(person, None)


def doing_of(event: Event, currency: str) -> Doing | None:
    """What an event says of its person; None where it names nobody, or is about the product alone."""
    customer, visitor = _named(event.customer), _named(event.visitor)
    person = person_key(customer, visitor)
    if person is None or event.action in _NOT_SHOPPERS:
        return None
    deeds = _deeds(event, currency)
    if customer and visitor:
        sighting = SignIn(micros_of(event.at), event.id, customer)
        return _doing(person=person, deeds=deeds, visitor=f"visitor:{visitor}", sign_in=sighting)
    return _doing(person=person, deeds=deeds)


def _deeds(event: Event, currency: str) -> tuple[Deed, ...]:
    at, moment = micros_of(event.at), event.received_at
    received = at if moment is None or moment == event.at else micros_of(moment)
    if event.action is Action.ORDER or event.action in BACK:
        return tuple(_line(event, number, line, currency, at, received) for number, line in enumerate(event.lines, 1))
    if event.action is Action.SEARCH and event.query:
        return (Deed(at, event.id, event.query, _SEARCH, 1.0, math.nan, "", received),)
    if not event.product or event.action is Action.SEARCH:
        return ()
    price = _major(event.price, currency)
    return (Deed(at, event.id, event.product, int(event.action), meant(event), price, "", received),)


def meant(event: Event) -> float:
    """How much an event says, as ``Histories.quantity`` has it."""
    if event.action in _RATINGS:
        return 1.0 if event.rating is None else max(-1.0, min(1.0, (event.rating - 3.0) / 2.0))
    if event.action is Action.PRODUCT_VIEW:
        return 1.0 if event.dwell_seconds is None else max(0.25, min(2.0, event.dwell_seconds / 30.0))
    return 1.0 if event.quantity is None else event.quantity


def _line(event: Event, number: int, line: OrderLine, currency: str, at: int, received: int) -> Deed:
    """One line, as the lake keeps it: a negative quantity comes back."""
    back = (event.action in BACK) != (line.quantity < 0)
    return Deed(
        at, f"{event.id}#{number:04}", line.product,
        int(Action.ORDER_RETURN if back else Action.ORDER), abs(line.quantity), _major(line.price, currency),
        event.order or event.id, received,
    )  # fmt: skip


def _major(price: Money | None, currency: str) -> float:
    """An amount in major units; NaN where there is none or it is in another currency than the shop's."""
    if price is None or price.currency != currency:
        return math.nan
    return float(price.minor / 10 ** exponent(price.currency))


def time_and_id(fact: Fact) -> tuple[int, str]:
    """What live facts are sorted by."""
    return fact[:2]


def _size(cut: Cut) -> int:
    return cut.stop - cut.start if isinstance(cut, slice) else len(cut)


def _within(part: Part, facts: Sequence[Fact]) -> Sequence[Fact]:
    """The live facts that lie in a part's times."""
    if part.times is None:
        return facts
    begins, inside = [begin for begin, _ in part.times], []
    for fact in facts:
        place = bisect_right(begins, fact[0]) - 1
        if place >= 0 and fact[0] < part.times[place][1]:
            inside.append(fact)
    return inside


def _named(text: str | None) -> str | None:
    """An id, or None where it stands for nobody."""
    return None if not text or is_placeholder(text) else text


def _column(old: NDArray[Any], cuts: Sequence[Cut], new: Iterable[Any]) -> NDArray[Any]:
    return np.concatenate([*(old[cut] for cut in cuts), np.array(tuple(new), old.dtype)])


def _numbered(facts: Sequence[Fact]) -> Int32:
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
