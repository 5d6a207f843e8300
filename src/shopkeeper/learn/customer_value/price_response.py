"""How strongly each customer answers to price: an elasticity, drawn towards the shop's.

Each customer's purchases are compared with the weeks in which the same product could have been bought at other prices.
Under a demand proportional to price^e the mean log price of purchases lies e x Var(log price) from the mean log price
on offer; so e = pull / room, with standard error 1 / sqrt(room).

Source: conditional logit: McFadden (1974); one-step (score) estimate: Lehmann, Casella (1998), Theory of point
estimation, 6.4; shrinkage with the spread between customers from moments: DerSimonian, Laird (1986).
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from shopkeeper.core.errors import DataError
from shopkeeper.learn.customer_value.bg_nbd import Float64

_LEAST_PEOPLE: Final = 10
_LEAST_ROOM: Final = 1e-6
_Z80: Final = 1.2815515655446004


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceResponse:
    """The shop's mean elasticity and its spread between customers (a standard deviation)."""

    mean: float
    spread: float

    def expected(self, pull: Float64, room: Float64) -> tuple[Float64, Float64]:
        """(customers,) elasticity, shrunk, and its standard deviation. Without own data: the shop's."""
        prior = 1 / max(self.spread**2, 1e-9)
        weight = room + prior
        return np.asarray((pull + prior * self.mean) / weight), np.asarray(1 / np.sqrt(weight))

    def interval(self, pull: float, room: float) -> tuple[float, float, float]:
        """One customer's elasticity with its 80 % range."""
        value, half = self.expected(np.array([pull]), np.array([room]))
        return float(value[0]), float(value[0] - _Z80 * half[0]), float(value[0] + _Z80 * half[0])


def fit_price_response(pull: Float64, room: Float64) -> PriceResponse:
    """From everybody's purchases.

    Raises:
        DataError: prices hardly changed, so nothing can be learned (``prices_never_changed``).
    """
    use = room > _LEAST_ROOM
    if use.sum() < _LEAST_PEOPLE:
        raise DataError("prices_never_changed", have=int(use.sum()), needed=_LEAST_PEOPLE)
    own, weight = pull[use] / room[use], room[use]
    mean = float(weight @ own / weight.sum())
    between = float(weight @ (own - mean) ** 2) - (len(own) - 1)
    scale = float(weight.sum() - (weight**2).sum() / weight.sum())
    variance = max(between / scale, 0.0) if scale > 0 else 0.0
    again = 1 / (1 / weight + variance)
    return PriceResponse(mean=float(again @ own / again.sum()), spread=float(np.sqrt(variance)))
