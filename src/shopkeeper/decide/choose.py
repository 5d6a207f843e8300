"""Who fills which slot: the one place where dice are thrown, with the exact probability of every throw.

A slate is filled slot by slot. Before each draw, caps close groups that are full and diversity lowers what resembles
the items already chosen; then the chooser states a probability for every open candidate and one is drawn. So the
logged propensity of an item is exact, and the product over slots is the probability of the slate.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from shopkeeper.core.histories import Bool, Int32

Float64 = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """The candidates when the dice are thrown, best first; equal ones in the order that breaks their tie."""

    utility: Float64
    """(candidates,) never NaN; about 0 to 1, fillers below 0."""
    weights: Float64 = field(default_factory=lambda: np.empty(0))
    """(kinds,) how much it makes two candidates alike to be in one group of a kind; sums to at most 1."""
    groups: Int32 = field(default_factory=lambda: np.empty((0, 0), np.int32))
    """(kinds, candidates) each one's group of each kind, -1 = none."""
    caps: tuple[tuple[int, Int32], ...] = ()
    """(most items of one group, group of each candidate, -1 = none)."""
    pins: Mapping[int, int] = field(default_factory=dict)
    """slot (0 = first) -> candidate; only candidates named here may be pinned."""

    def __len__(self) -> int:
        return len(self.utility)


class Chooser(Protocol):
    """A rule that turns values into probabilities."""

    @property
    def diversity(self) -> float:
        """0 = only the value counts, 1 = only being unlike the items before."""
        ...

    def probabilities(self, value: Float64, open_: Bool) -> Float64:
        """(candidates,) sums to 1 over the open ones, 0 elsewhere. At least one is open; the first of equals wins."""
        ...

    def draw(self, value: Float64, open_: Bool, dice: np.random.Generator) -> tuple[int, float]:
        """One of the candidates by these probabilities, and its own. ``value`` is -inf where it is not open."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Greedy:
    """Always the best one left: no exploration, every propensity is 1."""

    diversity: float = 0.0

    def probabilities(self, value: Float64, open_: Bool) -> Float64:
        return _best(value, open_, 1.0)

    def draw(self, value: Float64, open_: Bool, dice: np.random.Generator) -> tuple[int, float]:  # noqa: ARG002
        """The best, without a throw."""
        return int(value.argmax()), 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class EpsilonGreedy:
    """The best one left, but with probability ``epsilon`` any of those left, each alike."""

    epsilon: float = 0.1
    diversity: float = 0.0

    def probabilities(self, value: Float64, open_: Bool) -> Float64:
        return _best(value, open_, 1.0 - self.epsilon) + open_ * (self.epsilon / np.count_nonzero(open_))

    def draw(self, value: Float64, open_: Bool, dice: np.random.Generator) -> tuple[int, float]:
        return _draw(self.probabilities(value, open_), dice.random())


@dataclass(frozen=True, slots=True, kw_only=True)
class PlackettLuce:
    """Each one left with a probability proportional to exp(value / temperature).

    Source: Plackett 1975, "The analysis of permutations"; Luce 1959.
    """

    temperature: float = 0.1
    diversity: float = 0.0

    def probabilities(self, value: Float64, open_: Bool) -> Float64:
        logits = np.where(open_, value, -np.inf)
        weights = np.exp((logits - logits.max()) / self.temperature)
        return np.asarray(weights / weights.sum(), np.float64)

    def draw(self, value: Float64, open_: Bool, dice: np.random.Generator) -> tuple[int, float]:
        return _draw(self.probabilities(value, open_), dice.random())


def choose(pool: Pool, count: int, chooser: Chooser, dice: np.random.Generator) -> tuple[list[int], list[float]]:
    """The chosen candidates in order, and the propensity of each given those before it.

    Fewer than ``count`` where candidates or caps run out; a later pin then moves up.
    """
    return _walk(pool, count, chooser.diversity, lambda value, open_, _: chooser.draw(value, open_, dice))


def slate_probability(pool: Pool, count: int, chooser: Chooser, slate: Sequence[int]) -> float:
    """How likely ``choose`` gives exactly this slate."""

    def follow(value: Float64, open_: Bool, position: int) -> tuple[int, float]:
        if position >= len(slate):
            return -1, 0.0
        return slate[position], float(chooser.probabilities(value, open_)[slate[position]])

    chosen, propensities = _walk(pool, count, chooser.diversity, follow)
    return float(np.prod(propensities)) if chosen == list(slate) else 0.0


def _walk(
    pool: Pool, count: int, diversity: float, pick: Callable[[Float64, Bool, int], tuple[int, float]]
) -> tuple[list[int], list[float]]:
    room = _Room(pool.caps, len(pool))
    pins = _pin(pool, count, room)
    utility = np.asarray(pool.utility, np.float64)
    value = np.where(room.open, utility, -np.inf)
    room.worth = worth = np.where(room.open, (1.0 - diversity) * utility, -np.inf) if diversity > 0 else value
    groups, penalty = _told_apart(pool.groups), np.zeros(len(pool))
    chosen: list[int] = []
    propensities: list[float] = []
    for slot in range(count):
        if slot in pins:
            item, propensity = pins[slot], 1.0
        elif not room.left:
            continue
        else:
            item, propensity = pick(value, room.open, len(chosen))
            if item < 0 or propensity <= 0.0:
                return chosen, [*propensities, 0.0]  # only when following a slate that cannot happen
            room.take(item)
        chosen.append(item)
        propensities.append(propensity)
        if diversity > 0 and slot + 1 < count:
            np.maximum(penalty, _likeness(pool.weights, groups, item, diversity), out=penalty)
            value = worth - penalty
    return chosen, propensities


class _Room:
    """Who is still open, and how many more of each group the caps allow."""

    def __init__(self, caps: Sequence[tuple[int, Int32]], candidates: int) -> None:
        self.caps = caps
        self.taken: list[dict[int, int]] = [{} for _ in caps]
        self.open, self.left = np.ones(candidates, np.bool_), candidates
        self.worth = np.zeros(candidates)
        """(candidates,) -inf is written to it where a candidate is closed."""

    def has(self, item: int) -> bool:
        return all(
            group[item] < 0 or taken.get(int(group[item]), 0) < most
            for (most, group), taken in zip(self.caps, self.taken, strict=True)
        )

    def take(self, item: int) -> None:
        """Count an item and close it, and every group that it fills."""
        self.open[item], self.worth[item] = False, -np.inf
        self.left -= 1
        for (most, group), taken in zip(self.caps, self.taken, strict=True):
            mine = int(group[item])
            if mine >= 0:
                taken[mine] = taken.get(mine, 0) + 1
                if taken[mine] >= most:
                    full = group == mine
                    self.open[full], self.worth[full] = False, -np.inf
                    self.left = int(np.count_nonzero(self.open))


def _pin(pool: Pool, count: int, room: _Room) -> dict[int, int]:
    """The pins that hold, earliest slot first: their candidates and their share of the caps are taken beforehand."""
    kept: dict[int, int] = {}
    for slot in sorted(slot for slot in pool.pins if 0 <= slot < count):
        item = pool.pins[slot]
        if item not in kept.values() and room.has(item):
            room.take(item)
            kept[slot] = item
    return kept


def _told_apart(groups: Int32) -> Int32:
    """The same groups, where each candidate in none (-1) is in one of its own."""
    if not groups.size or groups.min() >= 0:
        return groups
    return np.where(groups < 0, -1 - np.arange(groups.shape[1], dtype=np.int32), groups)


def _likeness(weights: Float64, groups: Int32, item: int, most: float) -> Float64:
    """(candidates,) how alike each other one is to one candidate, 0 to ``most``.

    Source: the idea of MMR, Carbonell & Goldstein 1998.
    """
    if not len(weights):
        return np.zeros(groups.shape[1])
    alike: Float64 = weights.dot(groups == groups[:, item, None])
    alike *= most
    return alike


def _best(value: Float64, open_: Bool, probability: float) -> Float64:
    odds = np.zeros(len(value))
    odds[np.where(open_, value, -np.inf).argmax()] = probability
    return odds


def _draw(odds: Float64, throw: float) -> tuple[int, float]:
    """The candidate a throw in [0, 1) falls on, never one without a chance; and its chance."""
    edges = odds.cumsum()
    item = int(edges.searchsorted(throw * edges[-1], side="right"))
    if item >= len(odds):
        item = int(odds.nonzero()[0][-1])
    return item, float(odds[item])
