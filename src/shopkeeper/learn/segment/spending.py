"""High, middle and low spenders, and where each customer stands by recency, frequency and money."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from shopkeeper.core.errors import DataError
from shopkeeper.core.histories import Int32
from shopkeeper.core.ports import Arrays
from shopkeeper.learn.propensity.columns import Float64
from shopkeeper.learn.segment.portraits import Portraits, enough

BANDS: Final = ("high", "middle", "low")
SCORES: Final = 5
_LEAST: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class SpendingBands:
    """The customers who spend most (above the quantile ``high``), least (below ``low``), and those between; equal
    spenders are never parted. Group 0 is high, 1 middle, 2 low."""

    low: float = 0.5
    high: float = 0.8

    def fit(self, known: Portraits, *, seed: int = 0) -> "SpendingModel":  # noqa: ARG002
        """The two amounts that part the bands.

        Raises:
            DataError: fewer than 20 customers, or all spend the same.
        """
        enough(known, _LEAST)
        spend = known.column("spend")
        spend = spend[np.isfinite(spend)]
        if not len(spend) or spend.min() == spend.max():
            raise DataError("segments_all_equal", have=len(known))
        return SpendingModel(edges=np.quantile(spend, [self.low, self.high]))


@dataclass(frozen=True, slots=True, kw_only=True)
class SpendingModel:
    """Amounts in minor units: from the second on high, from the first on middle."""

    edges: Float64
    fields: tuple[str, ...] = ("spend",)

    @property
    def groups(self) -> int:
        return len(BANDS)

    def assign(self, numbers: Float64) -> Int32:
        """(people,) 0 high, 1 middle, 2 low; -1 where nothing is known."""
        spend = numbers[:, 0]
        group = np.where(spend > self.edges[1], 0, np.where(spend > self.edges[0], 1, 2))
        return np.where(np.isfinite(spend), group, -1).astype(np.int32)

    def arrays(self) -> Arrays:
        return {"edges": self.edges}

    def facts(self) -> Mapping[str, Any]:
        return {}

    @classmethod
    def restore(cls, arrays: Arrays, facts: Mapping[str, Any]) -> "SpendingModel":  # noqa: ARG003  # the port's signature
        return cls(edges=arrays["edges"])


@dataclass(frozen=True, slots=True, kw_only=True)
class RFMGrid:
    """Recency, frequency and money, each in fifths from 1 to 5 (5 = newest, most often, most). The groups are the 25
    cells of recency and frequency, cell = (5 - R) x 5 + (5 - F).

    Source: Hughes (1994), Strategic database marketing; Fader, Hardie, Lee (2005), RFM and CLV.
    """

    def fit(self, known: Portraits, *, seed: int = 0) -> "RFMModel":  # noqa: ARG002
        """Where each fifth ends.

        Raises:
            DataError: fewer than 20 customers, or all alike.
        """
        enough(known, _LEAST)
        numbers = [known.column(name) for name in ("quiet_days", "orders", "spend")]
        if all(np.nanmin(each) == np.nanmax(each) for each in numbers):
            raise DataError("segments_all_equal", have=len(known))
        return RFMModel(edges=np.stack([np.nanquantile(each, [0.2, 0.4, 0.6, 0.8]) for each in numbers]))


@dataclass(frozen=True, slots=True, kw_only=True)
class RFMModel:
    """(3, 4) the ends of the lower four fifths of days since the last order, orders, and spending."""

    edges: Float64
    fields: tuple[str, ...] = ("quiet_days", "orders", "spend")

    @property
    def groups(self) -> int:
        return SCORES * SCORES

    def scores(self, numbers: Float64) -> Int32:
        """(people, 3) R, F and M from 1 to 5; 0 where a number is not known."""
        above = (numbers[:, :, None] > self.edges[None]).sum(axis=2)
        above[:, 0] = SCORES - 1 - (numbers[:, 0, None] > self.edges[0]).sum(axis=1)
        return np.where(np.isfinite(numbers), above + 1, 0).astype(np.int32)

    def assign(self, numbers: Float64) -> Int32:
        """(people,) the cell; -1 where recency or frequency is not known."""
        found = self.scores(numbers)
        cell = (SCORES - found[:, 0]) * SCORES + (SCORES - found[:, 1])
        return np.where((found[:, :2] > 0).all(axis=1), cell, -1).astype(np.int32)

    def arrays(self) -> Arrays:
        return {"edges": self.edges}

    def facts(self) -> Mapping[str, Any]:
        return {}

    @classmethod
    def restore(cls, arrays: Arrays, facts: Mapping[str, Any]) -> "RFMModel":  # noqa: ARG003  # the port's signature
        return cls(edges=arrays["edges"])
