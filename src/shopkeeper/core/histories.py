"""Who did what with which product and when, as arrays: the form in which everything learns and scores.

``Histories`` is a ragged table: row ``u`` (a person) owns the slice ``offsets[u]:offsets[u + 1]`` of the flat arrays,
sorted by time, ties in the order of arrival. A batch of people and a single person are the same type, so a model
has one definition of its score.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from shopkeeper.core.action import Action
from shopkeeper.core.weights import USUAL, Weights

Int8 = NDArray[np.int8]
Int32 = NDArray[np.int32]
Int64 = NDArray[np.int64]
Float32 = NDArray[np.float32]
Bool = NDArray[np.bool_]

MICROSECONDS_PER_DAY = 86_400_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """The products of a snapshot by column; a product's index is its row and never changes within a snapshot.

    Shapes are (products,). Absent numbers are NaN, absent texts are "".
    """

    ids: NDArray[np.str_] | NDArray[np.object_]
    names: NDArray[np.object_]
    brands: NDArray[np.object_]
    categories: tuple[NDArray[np.object_], ...]
    """One array per level, widest first; "" where a product's path is shorter."""
    price: Float32
    """Current list price in major units of the shop's currency."""
    cost: Float32
    in_stock: Bool
    tags: NDArray[np.object_] | None = None
    """What else the shop says of each product, as it was imported: a JSON list or object, or words parted by commas."""

    def __len__(self) -> int:
        return len(self.ids)


def taken(offsets: Int64, which: Int64 | Int32) -> tuple[Int64, Int64]:
    """Some rows of a ragged table (row ``u`` owns ``offsets[u]:offsets[u + 1]``), in the given order, repeats allowed:
    their offsets, and where their entries stood."""
    starts, sizes = offsets[:-1][which], np.diff(offsets)[which]
    fresh = np.zeros(len(which) + 1, np.int64)
    np.cumsum(sizes, out=fresh[1:])
    return fresh, np.repeat(starts - fresh[:-1], sizes) + np.arange(fresh[-1])


@dataclass(frozen=True, slots=True, kw_only=True)
class Histories:
    """People's product events. ``product`` holds catalogue indices; flat arrays have shape (events,)."""

    offsets: Int64
    """(people + 1,)"""
    product: Int32
    at: Int64
    """Microseconds since 1970-01-01 UTC."""
    action: Int8
    """Codes of ``Action``."""
    quantity: Float32
    """Units; of a rating, how it was meant: -1 (worst) to 1 (best), 1 where the stars are not known; of a product view,
    how long it was against half a minute, 0.25 to 2, 1 where that is not known."""
    price: Float32
    """Paid per unit, major units; NaN where unknown."""
    order: Int32
    """Basket number, growing with time within a person; -1 for events that are not order lines."""
    people: NDArray[np.object_]
    """(people,) PersonKey of each row."""
    weights: Weights = USUAL
    """What the shop takes each action to say."""

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def events(self) -> int:
        return int(self.offsets[-1] - self.offsets[0])

    def row_of_event(self) -> Int32:
        """(events,) the person's row of each event."""
        if len(self) == 1:
            return np.zeros(self.events, np.int32)
        return np.repeat(np.arange(len(self), dtype=np.int32), np.diff(self.offsets))

    def age_rank(self) -> Int32:
        """(events,) 0 for a person's newest event, 1 for the one before, …"""
        ends = np.repeat(self.offsets[1:], np.diff(self.offsets))
        return (ends - 1 - np.arange(self.offsets[0], self.offsets[-1])).astype(np.int32)

    def keep(self, mask: Bool) -> "Histories":
        """The same people with only the marked events."""
        counts = np.zeros(len(self.offsets), np.int64)
        np.cumsum(np.bincount(self.row_of_event()[mask], minlength=len(self)), out=counts[1:])
        return replace(
            self, offsets=counts, product=self.product[mask], at=self.at[mask], action=self.action[mask],
            quantity=self.quantity[mask], price=self.price[mask], order=self.order[mask],
        )  # fmt: skip

    def of(self, *actions: Action) -> "Histories":
        """The same people with only events of these actions."""
        return self.keep(np.isin(self.action, np.array(actions, np.int8)))

    def last(self, count: int) -> "Histories":
        """The same people with only each one's newest ``count`` events."""
        return self.keep(self.age_rank() < count)

    def rows(self, which: Int64 | Int32) -> "Histories":
        """Some people (by row, in the given order, repeats allowed), whole."""
        offsets, take = taken(self.offsets, which)
        return Histories(
            offsets=offsets, product=self.product[take], at=self.at[take], action=self.action[take],
            quantity=self.quantity[take], price=self.price[take], order=self.order[take], people=self.people[which],
            weights=self.weights,
        )  # fmt: skip

    def blocks(self, size: int) -> "list[Histories]":
        """Consecutive groups of at most ``size`` people, as views where possible."""
        return [self._slice(start, min(start + size, len(self))) for start in range(0, len(self), size)]

    def _slice(self, first: int, end: int) -> "Histories":
        begin, stop = int(self.offsets[first]), int(self.offsets[end])
        cut = slice(begin, stop)
        return Histories(
            offsets=self.offsets[first : end + 1] - begin, product=self.product[cut], at=self.at[cut],
            action=self.action[cut], quantity=self.quantity[cut], price=self.price[cut], order=self.order[cut],
            people=self.people[first:end], weights=self.weights,
        )  # fmt: skip

    @classmethod
    def of_sequences(cls, sequences: Sequence[Sequence[int]], *, action: Action = Action.ORDER) -> "Histories":
        """Histories of bare item sequences, oldest first, one event a day: for benchmarks and tests."""
        sizes = np.fromiter((len(s) for s in sequences), np.int64, len(sequences))
        offsets = np.zeros(len(sequences) + 1, np.int64)
        np.cumsum(sizes, out=offsets[1:])
        total = int(offsets[-1])
        flat = np.fromiter((item for s in sequences for item in s), np.int32, total)
        position = np.arange(total) - np.repeat(offsets[:-1], sizes)
        return cls(
            offsets=offsets, product=flat, at=position * MICROSECONDS_PER_DAY,
            action=np.full(total, action, np.int8), quantity=np.ones(total, np.float32),
            price=np.full(total, np.nan, np.float32), order=position.astype(np.int32),
            people=np.array([str(row) for row in range(len(sequences))], object),
        )  # fmt: skip
