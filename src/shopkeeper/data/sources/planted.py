"""*Simulated* kinds of customers for ``SyntheticShop(segments=…)``: how often they order, how much at once, on which
days and at what discount is planted, so that what finds groups can be held to the truth."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
_DAY: Final = 86_400
_YEAR: Final = 365


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """How one kind of customer buys."""

    rate: float
    """Orders, relative to the other kinds."""
    lines: float
    """Mean lines of an order."""
    discount: float
    """Share of the price that is taken off."""
    quiet_days: int
    """No order in so many days before the end."""


KINDS: Final = (
    Kind(rate=1.2, lines=14, discount=0.04, quiet_days=0),
    Kind(rate=4.0, lines=2, discount=0.04, quiet_days=0),
    Kind(rate=0.9, lines=4, discount=0.45, quiet_days=0),
    Kind(rate=0.5, lines=5, discount=0.02, quiet_days=110),
)
"""Weekly shoppers, frequent small baskets, bargain hunters, and those who stayed away lately."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """Lines of orders: (lines,) each."""

    order: Ints
    customer: Ints
    seconds: Ints
    """Since the start of the year."""
    discount: NDArray[np.float64]
    """Share of the price."""


def kind_of(customer: Ints, segments: int) -> Ints:
    """The planted kind of each customer."""
    found: Ints = customer % min(segments, len(KINDS))
    return found


def draw(rng: np.random.Generator, count: int, customers: int, segments: int) -> Drawn:
    """``count`` lines of orders of all kinds of customers."""
    kinds = KINDS[:segments]
    mean_lines = np.array([kind.lines for kind in kinds])
    rate = np.array([kind.rate for kind in kinds])
    orders = int(count / (rate * mean_lines).sum() * rate.sum() * 1.3) + 10
    everybody = kind_of(np.arange(customers), segments)
    weight = rate[everybody] / rate[everybody].sum()
    customer = rng.choice(customers, orders, p=weight)
    kind = kind_of(customer, segments)
    size = 1 + rng.poisson(mean_lines[kind] - 1)
    quiet = np.array([one.quiet_days for one in kinds])[kind]
    at = (rng.random(orders) * (_YEAR - quiet) * _DAY).astype(np.int64)
    off = np.clip(np.array([one.discount for one in kinds])[kind] + rng.normal(0, 0.02, orders), 0, 0.9)
    row = np.repeat(np.arange(orders), size)[:count]
    if len(row) < count:
        row = np.concatenate([row, np.full(count - len(row), orders - 1)])
    return Drawn(order=row, customer=customer[row], seconds=at[row], discount=off[row])
