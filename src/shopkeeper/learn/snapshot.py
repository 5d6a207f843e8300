"""A snapshot held in memory: for benchmarks, protocols and tests, where there is no shop folder behind the data."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import numpy as np

from shopkeeper.core.histories import MICROSECONDS_PER_DAY, Catalogue, Histories

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class ArraySnapshot:
    """Events and products that are already arrays. All events are before ``moment``: ``of`` makes sure of that."""

    moment: datetime
    events: Histories
    products: Catalogue

    def histories(self) -> Histories:
        return self.events

    def catalogue(self) -> Catalogue:
        return self.products

    def as_of(self, moment: datetime) -> "ArraySnapshot":
        """The same people and products, with only the events before an earlier moment.

        Raises:
            ValueError: ``moment`` is later than this snapshot's.
        """
        if moment > self.moment:
            raise ValueError(f"a snapshot of {self.moment.isoformat()} does not know {moment.isoformat()}")
        before = self.events.at < microseconds(moment)
        return replace(self, moment=moment, events=self.events.keep(before))

    @classmethod
    def of(cls, events: Histories, products: Catalogue | int, moment: datetime | None = None) -> "ArraySnapshot":
        """From arrays. ``products`` may be a number of nameless ones; no ``moment`` = just after the newest event."""
        shown = nameless(products) if isinstance(products, int) else products
        newest = int(events.at.max(initial=0))
        if moment is None:
            moment = EPOCH + timedelta(microseconds=newest + MICROSECONDS_PER_DAY)
        cut = events.keep(events.at < microseconds(moment)) if microseconds(moment) <= newest else events
        return cls(moment=moment, events=cut, products=shown)

    @classmethod
    def of_sequences(cls, sequences: Sequence[Sequence[int]], products: int | None = None) -> "ArraySnapshot":
        """From bare item sequences, oldest first (one event a day, each an order of its own)."""
        events = Histories.of_sequences(sequences)
        return cls.of(events, int(events.product.max(initial=-1)) + 1 if products is None else products)


def microseconds(moment: datetime) -> int:
    """µs since 1970-01-01 UTC, exact."""
    return (moment - EPOCH) // timedelta(microseconds=1)


def nameless(count: int) -> Catalogue:
    """A catalogue of ``count`` products of which nothing is known but that they are in stock."""
    blank = np.full(count, "", object)
    unknown = np.full(count, np.nan, np.float32)
    return Catalogue(
        ids=np.array([str(index) for index in range(count)], object), names=blank, brands=blank,
        categories=(blank,), price=unknown, cost=unknown, in_stock=np.ones(count, np.bool_),
    )  # fmt: skip
