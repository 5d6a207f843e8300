"""What is known of a person and an item they may want in their next basket: when and how often they had it, what
others say of it, how the item sells."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shopkeeper.core.histories import Float32, Histories, Int64
from shopkeeper.learn.rank.candidates import Candidates
from shopkeeper.learn.top import top

_OTHERS = 30
"""So many of each opinion's best are candidates, besides everything the person ever had."""
_DECAYS = (1.0, 0.9, 0.7)
_LATELY = (2, 5, 10)
_NEVER = 1e3

Float64 = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemFacts:
    """How items sell; (items,) each."""

    of: Mapping[str, Float32]

    @classmethod
    def learned(cls, past: Histories, items: int) -> "ItemFacts":
        """From everybody's baskets."""
        had = _Had.of(past, items)
        buyers = np.bincount(had.item, minlength=items).astype(np.float64)
        again = np.bincount(had.item[had.times > 1], minlength=items)
        gaps = np.bincount(had.item, np.where(had.times > 1, had.span, 0), minlength=items)
        turns = np.bincount(had.item, np.maximum(had.times - 1, 0), minlength=items)
        late = np.bincount(had.item[had.since <= 3], minlength=items)
        return cls(of={
            "buyers": np.log1p(buyers).astype(np.float32),
            "comes_back": ((again + 0.5) / (buyers + 5.0)).astype(np.float32),
            "gap": ((gaps + 40.0) / (turns + 4.0)).astype(np.float32),
            "times": ((turns + buyers) / np.maximum(buyers, 1.0)).astype(np.float32),
            "lately": ((late + 0.5) / (buyers + 2.0)).astype(np.float32),
        })  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class _Had:
    """Distinct (person, item) pairs, ascending, and how the person had the item; baskets are counted from the newest,
    which is 1."""

    key: Int64
    item: Int64
    times: Float64
    since: Float64
    """How many baskets ago it was last there."""
    span: Float64
    """Baskets between the first time and the last."""
    shares: Mapping[str, Float64]

    @classmethod
    def of(cls, people: Histories, items: int) -> "_Had":
        row, width = people.row_of_event().astype(np.int64), max(items, 1)
        newest = newest_of(people)
        triple = np.unique((row * width + people.product) * 4096 + np.minimum(people.order, 4095))
        pair, order = triple // 4096, triple % 4096
        key, at = np.unique(pair, return_inverse=True)
        ago = newest[pair // width] - order + 1.0
        times, last = np.bincount(at).astype(np.float64), np.full(len(key), np.inf)
        np.minimum.at(last, at, ago)
        first = np.zeros(len(key))
        np.maximum.at(first, at, ago)
        baskets = newest[key // width] + 1.0
        shares: dict[str, Float64] = {f"share {decay}": _share(at, ago, decay, baskets) for decay in _DECAYS}
        shares |= {f"last {count}": np.bincount(at, ago <= count).astype(np.float64) for count in _LATELY}
        squares = np.bincount(at, ago**2) / times - (np.bincount(at, ago) / times) ** 2
        shares["spread"] = np.sqrt(np.maximum(squares, 0.0)) / baskets
        return cls(key=key, item=key % width, times=times, since=last, span=first - last, shares=shares)


def newest_of(people: Histories) -> Int64:
    """(people,) the number of each one's newest basket."""
    newest = np.zeros(len(people), np.int64)
    np.maximum.at(newest, people.row_of_event(), people.order)
    return newest


def _share(at: Int64, ago: Float64, decay: float, baskets: Float64) -> Float64:
    total = baskets if decay == 1 else (1 - decay**baskets) / (1 - decay)
    return np.bincount(at, decay ** (ago - 1)) / total


def candidates(people: Histories, opinions: Mapping[str, Float32], popular: Float32, seed: int) -> Candidates:
    """Everything each person ever had, and the best of what others say."""
    width = len(popular)
    found = [top(table, _OTHERS, seed) for table in opinions.values()]
    found.append(np.tile(top(popular[None], _OTHERS, seed), (len(people), 1)))
    best = np.concatenate(found, axis=1).astype(np.int64)
    row, place = np.nonzero(best >= 0)
    own = people.row_of_event().astype(np.int64) * width + people.product
    key = np.unique(np.concatenate([own, row * width + best[row, place]]))
    sizes = np.bincount(key // width, minlength=len(people))
    return Candidates(offsets=np.concatenate([[0], np.cumsum(sizes)]), item=(key % width).astype(np.int32))


def features(people: Histories, pairs: Candidates, opinions: Mapping[str, Float32], items: ItemFacts) -> Float32:
    """(pairs, facts), in an order that never changes; NaN = not known."""
    width = len(next(iter(items.of.values())))
    had, row = _Had.of(people, width), pairs.row
    key = row * width + pairs.item
    place = np.minimum(np.searchsorted(had.key, key), max(len(had.key) - 1, 0))
    known = had.key[place] == key if len(had.key) else np.zeros(len(key), np.bool_)

    def own(values: Any, absent: float = 0.0) -> Float64:
        return np.where(known, values[place], absent) if len(had.key) else np.full(len(key), absent)

    since, times = own(had.since, _NEVER), own(had.times)
    usual = np.where(times > 1, own(had.span) / np.maximum(times - 1, 1), np.nan)
    sizes = np.bincount(people.row_of_event(), minlength=len(people)) / (newest_of(people) + 1.0)
    distinct = np.bincount(had.key // max(width, 1), minlength=len(people))
    told: dict[str, Any] = {
        "times": times, "since": since, "usual": usual, "late": since / usual,
        "late of all": since / items.of["gap"][pairs.item], "baskets": (newest_of(people) + 1)[row],
        "basket size": sizes[row], "distinct": distinct[row],
        **{name: own(values) for name, values in had.shares.items()},
        **{name: pairs.of(table) for name, table in opinions.items()},
        **{f"item {name}": values[pairs.item] for name, values in items.of.items()},
    }  # fmt: skip
    return np.stack([np.asarray(values, np.float32) for values in told.values()], axis=1)
