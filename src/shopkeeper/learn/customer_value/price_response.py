"""How strongly each customer answers to price: an elasticity, drawn towards the segment's, and that towards the shop's.

Each customer's purchases are compared with the weeks in which the same product could have been bought at other prices.
Under a demand proportional to price^e the mean log price of purchases lies e x Var(log price) from the mean log price
on offer; so e = pull / room, with standard error 1 / sqrt(room). Segments are the high, middle and low spenders.

Source: conditional logit: McFadden (1974); one-step (score) estimate: Lehmann, Casella (1998), Theory of point
estimation, 6.4; shrinkage with the spread between customers from moments: DerSimonian, Laird (1986); in two steps:
Gelman, Hill (2007), Data analysis using regression and multilevel models.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from shopkeeper.core.errors import DataError
from shopkeeper.learn.customer_value.bands import Bands
from shopkeeper.learn.customer_value.bg_nbd import Float64

_LEAST_PEOPLE: Final = 10
_LEAST_ROOM: Final = 1e-6
_Z80: Final = 1.2815515655446004


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceResponse:
    """The shop's mean elasticity, each segment's, and the spread between customers (a standard deviation)."""

    mean: float
    spread: float
    bands: Bands
    """Their means: each segment's elasticity, already drawn towards the shop's."""

    def expected(self, pull: Float64, room: Float64, worth: Float64) -> tuple[Float64, Float64]:
        """(customers,) elasticity, shrunk, and its standard deviation. Without own data: the segment's. ``worth``: what
        each spends an order day, which tells the segment; NaN: unknown."""
        prior = 1 / max(self.spread**2, 1e-9)
        weight = room + prior
        return np.asarray((pull + prior * self.bands.mean_of(worth, self.mean)) / weight), np.asarray(
            1 / np.sqrt(weight)
        )

    def interval(self, pull: float, room: float, worth: float) -> tuple[float, float, float]:
        """One customer's elasticity with its 80 % range."""
        value, half = self.expected(np.array([pull]), np.array([room]), np.array([worth]))
        return float(value[0]), float(value[0] - _Z80 * half[0]), float(value[0] + _Z80 * half[0])

    def facts(self) -> Mapping[str, Any]:
        return {"mean": self.mean, "spread": self.spread, "bands": self.bands.facts()}

    @classmethod
    def restore(cls, facts: Mapping[str, Any]) -> "PriceResponse":
        return cls(mean=facts["mean"], spread=facts["spread"], bands=Bands.restore(facts["bands"]))


def fit_price_response(pull: Float64, room: Float64, worth: Float64 | None = None) -> PriceResponse:
    """From everybody's purchases; with what each spends an order day, segment by segment.

    Raises:
        DataError: prices hardly changed, so nothing can be learned (``prices_never_changed``).
    """
    use = room > _LEAST_ROOM
    if use.sum() < _LEAST_PEOPLE:
        raise DataError("prices_never_changed", have=int(use.sum()), needed=_LEAST_PEOPLE)
    worth = np.full(len(room), np.nan) if worth is None else worth
    own, weight, bands = pull[use] / room[use], room[use], Bands.of(worth)
    band = bands.place(worth[use])
    shop, _ = _drawn(own, 1 / weight)
    middles = [_drawn(own[band == place], 1 / weight[band == place]) if (band == place).sum() >= _LEAST_PEOPLE
               else (shop, np.inf) for place in range(bands.count)]  # fmt: skip
    means = bands.shrunk(np.array([one[0] for one in middles]), np.array([one[1] for one in middles]), shop)
    centre = np.where(band >= 0, means.means[np.maximum(band, 0)], shop)
    return PriceResponse(mean=shop, spread=float(np.sqrt(_between(own - centre, 1 / weight))), bands=means)


def _between(off: Float64, noise: Float64) -> float:
    """The variance between customers that their estimates' own noise does not explain."""
    weight = 1 / noise
    middle = float(weight @ off / weight.sum())
    scale = float(weight.sum() - (weight**2).sum() / weight.sum())
    return max((float(weight @ (off - middle) ** 2) - (len(off) - 1)) / scale, 0.0) if scale > 0 else 0.0


def _drawn(own: Float64, noise: Float64) -> tuple[float, float]:
    """The mean over customers who differ, and its variance."""
    again = 1 / (noise + _between(own, noise))
    return float(again @ own / again.sum()), float(1 / again.sum())
