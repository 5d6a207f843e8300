"""Which browsers' pasts a customer is answered with: sign-ins until the training and since, rules, consent and wishes.

The same as the lake's views say (``data/identity.py``), at any moment, from what one process or a shared store knows.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Protocol

import numpy as np

from shopkeeper.core.histories import Int64
from shopkeeper.core.identity import NO_RUNS, LinkRules, Runs, is_phone, key_of, lender_of
from shopkeeper.core.ids import PersonKey
from shopkeeper.core.live import SIGN_INS_KEPT, SignIn

_DAY: Final = 86_400_000_000
_EVER: Final = 2**63 - 1
_LOOK: Final = 64
"""So many sign-ins of a browser are kept before it is looked which of them say nothing."""


class Seen(Protocol):
    """What came since the training."""

    def sign_ins(self, browser: PersonKey) -> Sequence[SignIn]:
        """A browser's, sorted."""
        ...

    def browsers(self, customer: PersonKey) -> Collection[PersonKey]:
        """Those that a customer was seen with."""
        ...


class Part(NamedTuple):
    """One key's share of a history: all of it, or what lies in these times (from, before; microseconds)."""

    key: PersonKey
    times: tuple[tuple[int, int], ...] | None = None

    def holds(self, at: Int64) -> "np.ndarray[tuple[int], np.dtype[np.bool_]]":
        """Which of some moments are its."""
        if self.times is None:
            return np.ones(len(at), bool)
        inside = np.zeros(len(at), bool)
        for begin, end in self.times:
            inside |= (at >= begin) & (at < end)
        return inside


def everybody(person: PersonKey) -> bool:  # noqa: ARG001  # a default: consent is asked where people are asked for it
    """Whom anything may be joined of."""
    return True


@dataclass(frozen=True, kw_only=True)
class Joining:
    """The rules of who is whom, and what the training knew of it."""

    runs: Runs = NO_RUNS
    rules: LinkRules = field(default_factory=LinkRules)
    may_join: Callable[[PersonKey], bool] = everybody
    """Whether somebody (a browser, a customer) agreed that pasts are joined."""
    apart: Callable[[], Collection[str]] = frozenset
    """The ids of browsers that were unlinked."""
    _gone: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        order = np.argsort(self.runs.customer, kind="stable")
        object.__setattr__(self, "_by_customer", (order, self.runs.customer[order]))

    def forget(self, person: PersonKey) -> None:
        """From now on the training knew nothing of them."""
        self._gone.add(person)

    @property
    def most_told(self) -> int:
        """With more browsers a customer takes in none, even where all who may be unlinked are among them."""
        return self.rules.most_visitors + len(self.apart())

    def known_browsers(self, customer: PersonKey) -> list[PersonKey]:
        """Those that the training knew of a customer."""
        if customer in self._gone:
            return []
        order, sorted_ = self._by_customer  # type: ignore[attr-defined]  # set in __post_init__, of a frozen class
        begin, end = (
            np.searchsorted(sorted_, customer.encode(), "left"),
            np.searchsorted(sorted_, customer.encode(), "right"),
        )
        names = sorted({self.runs.visitor[place].decode() for place in order[begin:end]})
        return [key for name in names if (key := key_of(name)) not in self._gone]

    def known_customer(self, browser: PersonKey) -> PersonKey | None:
        """Who signed in last on a browser, as the training knew it."""
        known = self._known(browser)
        return PersonKey(known[-1].customer) if known else None

    def _known(self, browser: PersonKey) -> list[SignIn]:
        lender = lender_of(browser)
        if browser in self._gone or not lender:
            return []
        runs = self.runs.of_browser(lender)
        return [
            SignIn(at, f"\0{place:06}", customer)  # of one moment they stay in the order in which they were known
            for place, (at, customer) in enumerate(runs)
            if customer not in self._gone
        ]

    def sign_ins(self, browser: PersonKey, seen: Seen) -> list[SignIn]:
        """All of a browser's, oldest first; none where it was unlinked."""
        if lender_of(browser) in self.apart():
            return []
        return sorted({*self._known(browser), *seen.sign_ins(browser)})

    def signed_in(self, person: PersonKey, seen: Seen) -> PersonKey | None:
        """Who signed in last on a browser, whatever may be joined (of a telephone number: the only one whose it is);
        None for other customers and unknown browsers."""
        found = self.sign_ins(person, seen)
        if is_phone(lender_of(person)) and len({each.customer for each in found}) > 1:
            return None
        return PersonKey(found[-1].customer) if found else None

    def parts(self, person: PersonKey, seen: Seen) -> list[Part]:
        """The keys that a history is made of, the one who is answered first."""
        return _Look(self, seen).parts(person)


class _Look:
    """One look at one person; what was found out is remembered."""

    def __init__(self, joining: Joining, seen: Seen) -> None:
        self._joining, self._seen = joining, seen
        self._browsers: dict[PersonKey, list[PersonKey]] = {}
        self._lends: dict[PersonKey, bool] = {}
        self._apart = joining.apart()

    def parts(self, person: PersonKey) -> list[Part]:
        found = self._joining.sign_ins(person, self._seen)
        if not found:
            return self._of_customer(person)
        customer = PersonKey(found[-1].customer)
        if self._linked(person, found, customer):
            return self._of_customer(self._owner(customer))
        return [Part(person, _without(self._times(person, found)))]

    def _owner(self, customer: PersonKey) -> PersonKey:
        """The customer whose telephone number this is; any other themselves."""
        found = self._joining.sign_ins(customer, self._seen)
        owner = PersonKey(found[-1].customer) if found else customer
        return owner if found and self._linked(customer, found, owner) else customer

    def _of_customer(self, customer: PersonKey) -> list[Part]:
        """Theirs, their browsers', and what was bought by their telephone numbers alone."""
        parts = [Part(customer)]
        for browser in self._browsers_of(customer):
            found = self._joining.sign_ins(browser, self._seen)
            if not found or not self._linked(browser, found, customer):
                continue
            if is_phone(lender_of(browser)):
                parts += self._of_customer(browser)
            else:
                mine = [(begin, end) for begin, end, owner in self._times(browser, found) if owner == customer]
                parts.append(Part(browser, tuple(mine)))
        return parts

    def _browsers_of(self, customer: PersonKey) -> list[PersonKey]:
        """A customer's browsers, sorted, without those that are kept apart."""
        if customer not in self._browsers:
            everyone = {*self._joining.known_browsers(customer), *self._seen.browsers(customer)}
            self._browsers[customer] = sorted(each for each in everyone if lender_of(each) not in self._apart)
        return self._browsers[customer]

    def _may(self, person: PersonKey) -> bool:
        if person not in self._lends:
            self._lends[person] = self._joining.may_join(person)
        return self._lends[person]

    def _linked(self, browser: PersonKey, found: Sequence[SignIn], customer: PersonKey) -> bool:
        rules = self._joining.rules
        return (
            len({each.customer for each in found}) <= (1 if is_phone(lender_of(browser)) else rules.most_customers)
            and len(self._browsers_of(customer)) <= rules.most_visitors
            and self._may(browser)
            and self._may(customer)
        )

    def _times(self, browser: PersonKey, found: Sequence[SignIn]) -> list[tuple[int, int, str]]:
        """When a browser was whose: (from, before, customer), of those whose it may be."""
        window = _EVER if is_phone(lender_of(browser)) else self._joining.rules.window_micros
        ends = [each.at for each in found[1:]] + [_EVER]
        spans = [
            (each.at - (0 if place else window), end, each.customer)
            for place, (each, end) in enumerate(zip(found, ends, strict=True))
        ]
        allowed = {owner for _, _, owner in spans if self._linked(browser, found, PersonKey(owner))}
        return [(begin, end, owner) for begin, end, owner in spans if owner in allowed and begin < end]


def _without(times: Sequence[tuple[int, int, str]]) -> tuple[tuple[int, int], ...] | None:
    """The times outside of some that follow each other; None for all."""
    if not times:
        return None
    begins = [-_EVER, *(end for _, end, _ in times)]
    ends = [*(begin for begin, _, _ in times), _EVER]
    return tuple((begin, end) for begin, end in zip(begins, ends, strict=True) if begin < end)


def add_sign_in(kept: list[SignIn], new: SignIn) -> None:
    """Put a sign-in in its place; again is no error.

    Of many, those that say nothing go: with the same customer before and after them, a day older than the newest. An
    event that comes later than that may then be taken for another's until the next training.
    """
    place = bisect_left(kept, new)
    if place < len(kept) and kept[place] == new:
        return
    kept.insert(place, new)
    if len(kept) > _LOOK and len(kept) % (_LOOK // 2) == 0:
        kept[:] = telling(kept)


def telling(kept: Sequence[SignIn]) -> list[SignIn]:
    """Those of a browser's sorted sign-ins that say something; the newest of them."""
    day = bisect_right(kept, SignIn(kept[-1].at - _DAY, "\U0010ffff", ""))
    borders = [
        each
        for place, each in enumerate(kept[:day])
        if not 0 < place < len(kept) - 1 or not kept[place - 1].customer == each.customer == kept[place + 1].customer
    ]
    return [*borders, *kept[day:]][-SIGN_INS_KEPT:]
