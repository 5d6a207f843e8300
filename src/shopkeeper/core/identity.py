"""When a browser is a customer's: the rules by which a visitor's past joins the customer they signed in as."""

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from shopkeeper.core.ids import PersonKey

Verdict = Literal["linked", "unlinked", "too_many_customers", "too_many_visitors", "no_consent"]
"""What became of a browser and a customer who were seen together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkRules:
    """``[identity]``: how far a browser's nameless events are a customer's.

    From a sign-in on they are that customer's, until another signs in; those of the days before the first sign-in are
    the first customer's. Customers never become one another: a browser only ever lends its nameless events, and a
    telephone number by which alone somebody ordered lends its orders to the one customer whose number it is.
    """

    window_days: float = 30.0
    """So long before the first sign-in a browser's events are taken for the customer's."""
    most_customers: int = 10
    """A browser that more customers signed in with (a till, a library) is nobody's."""
    most_visitors: int = 100
    """A customer who was seen with more browsers (a test account, a call centre) takes in none of them."""

    @property
    def window_micros(self) -> int:
        """The window in microseconds; a century at most."""
        return round(min(self.window_days, 36_500.0) * 86_400_000_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Runs:
    """Who signed in on which browser until a training, as arrays of equal length, ordered by (visitor, time).

    A run begins with the first of a browser's sign-ins in a row by the same customer.
    """

    visitor: NDArray[np.bytes_]
    """Ids (not person keys) in UTF-8; telephone numbers as ``PHONE`` has it."""
    customer: NDArray[np.bytes_]
    at: NDArray[np.int64]
    """When each began, in microseconds since 1970-01-01 UTC."""

    def __len__(self) -> int:
        return len(self.at)

    def of_browser(self, visitor: str) -> list[tuple[int, str]]:
        """(when, customer) of a browser's runs, oldest first."""
        begin, end = np.searchsorted(self.visitor, visitor.encode(), "left"), len(self)
        found = []
        for place in range(int(begin), end):
            if self.visitor[place] != visitor.encode():
                break
            found.append((int(self.at[place]), self.customer[place].decode()))
        return found

    def without(self, visitors: set[str], customers: set[str]) -> "Runs":
        """The runs in which none of these browsers and customers took part."""
        gone = np.isin(self.visitor, _bytes(visitors)) | np.isin(self.customer, _bytes(customers))
        return Runs(visitor=self.visitor[~gone], customer=self.customer[~gone], at=self.at[~gone])


PHONE: Final = "phone:"
"""What a telephone number that lends its orders is called, beside browsers. A number begins with ``+``."""
IS_PHONE: Final = f"visitor LIKE '{PHONE}%'"
"""SQL: whether what lends its past is a telephone number."""
_BROWSER: Final = "visitor:"


def is_phone(lender: str) -> bool:
    """Whether what lends its past is a telephone number, and not a browser."""
    return lender.startswith(PHONE)


def key_of(lender: str) -> PersonKey:
    """The person key of a browser or telephone number."""
    return PersonKey(lender.removeprefix(PHONE) if is_phone(lender) else _BROWSER + lender)


def lender_of(person: PersonKey) -> str:
    """What a person key is called among those that lend: a browser's id, a telephone number; "" for other customers."""
    if person.startswith(_BROWSER):
        browser = person.removeprefix(_BROWSER)
        return "" if is_phone(browser) else browser
    return PHONE + person if person.startswith("+") else ""


NO_RUNS: Final = Runs(visitor=np.array([], "S1"), customer=np.array([], "S1"), at=np.array([], np.int64))


def _bytes(names: set[str]) -> NDArray[np.bytes_]:
    return np.array([name.encode() for name in names], "S" if names else "S1")
