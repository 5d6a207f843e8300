"""What people did lately, as it is shared between processes: the words of the live profile store."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

from shopkeeper.core.figures import ProfilesFigures
from shopkeeper.core.ids import PersonKey


class Deed(NamedTuple):
    """One thing that somebody did with one product, or one search. Times are microseconds since 1970-01-01 UTC."""

    at: int
    id: str
    """The event's, with the line's number where it is a line of an order."""
    product: str
    """Of a search its words."""
    action: int
    """A code of ``Action``."""
    quantity: float
    price: float
    """Paid per unit, in major units of the shop's currency; NaN where unknown."""
    order: str
    """Empty outside of orders."""
    received: int


SIGN_INS_KEPT: Final = 1_000
"""Of a browser, at most: the newest."""


class SignIn(NamedTuple):
    """A browser was seen signed in. Sign-ins sort by time, then event, then customer."""

    at: int
    event: str
    customer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Doing:
    """What one event says of its person."""

    person: PersonKey
    deeds: tuple[Deed, ...] = ()
    visitor: str = ""
    """The key of the browser that is signed in; empty where the event names none."""
    sign_in: SignIn | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One look at a person, at whoever signed in last on that browser, and at the browsers of these."""

    deeds: Mapping[PersonKey, Sequence[Deed]]
    """By person key; in order of (time, id), each id once."""
    signed: Mapping[PersonKey, Sequence[SignIn]]
    """By browser, sorted."""
    known: Mapping[PersonKey, frozenset[PersonKey]]
    """By customer: the browsers they were seen with."""

    def sign_ins(self, browser: PersonKey) -> Sequence[SignIn]:
        """A browser's."""
        return self.signed.get(browser, ())

    def browsers(self, customer: PersonKey) -> frozenset[PersonKey]:
        """A customer's."""
        return self.known.get(customer, frozenset())


class ProfileStore(Protocol):
    """Where several processes keep what people did. Adding is repeatable: an id counts once, whoever adds it again.

    Raises:
        Unavailable: the store does not answer (``profiles_unreachable``).
    """

    def add(self, doings: Sequence[Doing]) -> None:
        """Let events count, for everybody who looks from now on."""
        ...

    def look(self, person: PersonKey, also: Sequence[PersonKey] = (), most: int = 100) -> Seen:
        """One person, and others of whom it is known that they belong to them, in one round trip.

        Of a customer with more than ``most`` browsers the deeds in these are left out.
        """
        ...

    def once(self) -> AbstractContextManager[None]:
        """Within it, this thread looks at each person once and remembers what it saw."""
        ...

    def forget(self, people: Sequence[PersonKey]) -> None:
        """Remove everything about them."""
        ...

    def fresh(self) -> bool:
        """Whether the store has lost what it was given, or never was given anything."""
        ...

    def try_write(self) -> None:
        """Whether anything can be told to it now."""
        ...

    def filled(self) -> None:
        """Note that it now has everything."""
        ...

    def announce(self, told: Sequence[bytes]) -> None:
        """Tell every process something; ``forget`` announces itself."""
        ...

    def news(self, after: str) -> tuple[list[bytes], bool, str]:
        """What was announced after a place ("" is the beginning), whether anybody was forgotten, and the place now."""
        ...

    def figures(self) -> ProfilesFigures:
        """How it answered this process."""
        ...

    def close(self) -> None: ...
