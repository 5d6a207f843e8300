"""When a browser is a customer's: the rules by which a visitor's past joins the customer they signed in as."""

from dataclasses import dataclass
from typing import Literal

Verdict = Literal["linked", "unlinked", "too_many_customers", "too_many_visitors", "no_consent"]
"""What became of a browser and a customer who were seen together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkRules:
    """``[identity]``: how far a browser's nameless events are a customer's.

    From a sign-in on they are that customer's, until another signs in; those of the days before the first sign-in are
    the first customer's. Customers never become one another: a browser only ever lends its nameless events.
    """

    window_days: float = 30.0
    """So long before the first sign-in a browser's events are taken for the customer's."""
    most_customers: int = 10
    """A browser that more customers signed in with (a till, a library) is nobody's."""
    most_visitors: int = 100
    """A customer who was seen with more browsers (a test account, a call centre) takes in none of them."""
