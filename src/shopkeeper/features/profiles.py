"""Everybody's history at serving time: arrays until the last training, and what happened since, folded in as it comes."""

import threading
from bisect import insort
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np

from shopkeeper.core.action import Action
from shopkeeper.core.event import Event
from shopkeeper.core.histories import Histories
from shopkeeper.core.ids import PersonKey
from shopkeeper.core.money import Money, exponent

NEWEST: Final = 1_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_NOT_SHOPPERS: Final = frozenset({Action.STOCK_CHANGE, Action.PRICE_CHANGE})

Fact = tuple[int, str, int, int, float, float, str]
"""at (µs), id of the event with its line, product index, action code, quantity, price (NaN unknown), order id or ""."""


@dataclass(slots=True)
class _Since:
    """What one person did since the base was made, in order of (time, id), each fact once."""

    facts: list[Fact] = field(default_factory=list)
    ids: set[str] = field(default_factory=set)


class LiveProfiles:
    """``history`` gives one person's newest events as one row; ``fold`` lets an event count from then on.

    The order in which events arrive does not matter, nor do repetitions: facts are kept sorted by time and id. A visitor
    who was seen signed in answers with the customer's history. Products the catalogue does not know are left out. At most
    ``NEWEST`` facts a person are kept live.
    """

    def __init__(self, *, base: Histories, product_index: Mapping[str, int]) -> None:
        self._base, self._index = base, product_index
        self._row = {person: row for row, person in enumerate(base.people.tolist())}
        self._since: dict[str, _Since] = {}
        self._customer_of: dict[str, str] = {}
        self._lock = threading.Lock()

    def fold(self, event: Event) -> None:
        """Let an event count from now on."""
        person = event.person
        if person is None or event.action in _NOT_SHOPPERS:
            return
        facts = [fact for fact in self._facts(event) if not self._in_base(person, fact)]
        with self._lock:
            if event.customer and event.visitor:
                self._customer_of[f"visitor:{event.visitor}"] = event.customer
            if not facts:
                return
            since = self._since.setdefault(person, _Since())
            for fact in facts:
                if fact[1] not in since.ids:
                    since.ids.add(fact[1])
                    insort(since.facts, fact)
            for gone in since.facts[:-NEWEST]:
                since.ids.discard(gone[1])
            del since.facts[:-NEWEST]

    def _in_base(self, person: PersonKey, fact: Fact) -> bool:
        """Whether the base has it already: for events that came in while it was being made."""
        row = self._row.get(person)
        if row is None:
            return False
        cut = slice(int(self._base.offsets[row]), int(self._base.offsets[row + 1]))
        first, last = np.searchsorted(self._base.at[cut], [fact[0], fact[0] + 1])
        same = slice(cut.start + int(first), cut.start + int(last))
        return bool(((self._base.product[same] == fact[2]) & (self._base.action[same] == fact[3])).any())

    def _facts(self, event: Event) -> list[Fact]:
        at = (event.at - _EPOCH) // timedelta(microseconds=1)
        if event.action in (Action.ORDER, Action.ORDER_RETURN):
            order = event.order or event.id
            return [
                (at, f"{event.id}#{number}", self._index[line.product], int(event.action), line.quantity,
                 _major(line.price), order)
                for number, line in enumerate(event.lines, 1) if line.product in self._index
            ]  # fmt: skip
        index = self._index.get(event.product or "")
        if index is None:
            return []
        return [(at, event.id, index, int(event.action), event.quantity or 1.0, _major(event.price), "")]

    def history(self, person: PersonKey, newest: int = NEWEST) -> Histories:
        """One person's newest events, oldest first; a row without events for somebody unknown."""
        person = PersonKey(self._customer_of.get(person, person))
        row = self._row.get(person)
        begin, end = (int(self._base.offsets[row]), int(self._base.offsets[row + 1])) if row is not None else (0, 0)
        with self._lock:
            since = self._since.get(person)
            facts = list(since.facts) if since is not None else []
        cut = slice(max(begin, end - newest), end)
        if not facts:
            return self._only_base(cut, person)
        return self._joined(cut, facts, newest, person)

    def _only_base(self, cut: slice, person: str) -> Histories:
        base = self._base
        return Histories(
            offsets=np.array([0, cut.stop - cut.start], np.int64), product=base.product[cut], at=base.at[cut],
            action=base.action[cut], quantity=base.quantity[cut], price=base.price[cut], order=base.order[cut],
            people=np.array([person], object),
        )  # fmt: skip

    def _joined(self, cut: slice, facts: list[Fact], newest: int, person: str) -> Histories:
        base = self._base
        at, _, product, action, quantity, price, order = zip(*facts, strict=True)
        first = int(base.order[cut].max(initial=-1)) + 1
        number: dict[str, int] = {}
        orders = [number.setdefault(name, first + len(number)) if name else -1 for name in order]
        times = np.concatenate([base.at[cut], np.array(at, np.int64)])
        rank = np.argsort(times, kind="stable")[-newest:]

        def column(old: np.ndarray, new: object) -> np.ndarray:  # type: ignore[type-arg]  # of any element type
            joined: np.ndarray = np.concatenate([old, np.array(new, old.dtype)])[rank]
            return joined

        return Histories(
            offsets=np.array([0, len(rank)], np.int64), product=column(base.product[cut], product), at=times[rank],
            action=column(base.action[cut], action), quantity=column(base.quantity[cut], quantity),
            price=column(base.price[cut], price), order=column(base.order[cut], orders),
            people=np.array([person], object),
        )  # fmt: skip

    def forget(self, person: PersonKey) -> None:
        """Drop a person: from now on they are unknown here."""
        with self._lock:
            self._row.pop(person, None)
            self._since.pop(person, None)
            self._customer_of = {
                visitor: customer
                for visitor, customer in self._customer_of.items()
                if person not in (visitor, customer)
            }


def _major(price: Money | None) -> float:
    from shopkeeper.core.money import Money, exponent

    return float("nan") if price is None else price.minor / 10 ** exponent(price.currency)
