"""Those of whom little is known, judged in rows of their own: unknown, new and lapsed customers, and new products.

Source: Schein, Popescul, Ungar, Pennock (2002), Methods and metrics for cold-start recommendations.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from shopkeeper.core.action import Action
from shopkeeper.core.histories import MICROSECONDS_PER_DAY, Bool, Histories, Int32, Int64
from shopkeeper.measure.bootstrap import Interval, mean_intervals
from shopkeeper.measure.ranking import Float64, Relevant, accuracy

GROUPS = ("unknown", "new", "lapsed", "new_products", "among_new", "unheard")
MEASURES = ("ndcg", "hit_rate", "recall")


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """Who is cold."""

    new_orders: int = 3
    """New: somebody with at most so many orders, and not lapsed."""
    lapsed_days: float = 84.0
    """Lapsed: somebody without an order for so long."""
    product_days: float = 28.0
    """New: a product that nobody had to do with before these last days, or ever."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ColdRow:
    """One estimator's figures on one group. ``against`` as in ``Row``."""

    people: int
    metrics: Mapping[str, Interval]
    against: Mapping[str, Interval] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cold:
    """The groups among the judged people, the people who are not among them, and the new products."""

    new: Int64
    """Rows of the judged people,"""
    lapsed: Int64
    """the same."""
    unknown: Relevant
    """What people wanted of whom nothing was known; each is given a stranger's list."""
    products: Bool
    """(products,) which are new,"""
    unheard: Bool
    """and of which nobody had ever heard."""


def cold_of(judged: Histories, unknown: Relevant, before: Histories, products: int, now: int, who: Thresholds) -> Cold:
    """Tell them apart. ``judged``: the judged people's pasts; ``before``: everybody's."""
    orders = judged.of(Action.ORDER)
    row, width = orders.row_of_event().astype(np.int64), int(orders.order.max(initial=0)) + 1
    baskets = np.bincount(np.unique(row * width + orders.order) // width, minlength=len(judged))
    newest = np.full(len(judged), np.iinfo(np.int64).min)
    np.maximum.at(newest, row, orders.at)
    late = newest >= now - int(who.lapsed_days * MICROSECONDS_PER_DAY)
    since = now - int(who.product_days * MICROSECONDS_PER_DAY)
    return Cold(
        new=np.flatnonzero((baskets <= who.new_orders) & late), lapsed=np.flatnonzero(~late), unknown=unknown,
        products=_new_products(before, products, since), unheard=_new_products(before, products, now),
    )  # fmt: skip


def _new_products(before: Histories, products: int, since: int) -> Bool:
    new = np.ones(products, np.bool_)
    old = before.product[before.at < since]
    new[old[(old >= 0) & (old < products)]] = False
    return new


def cold_tables(
    cold: Cold, wanted: Relevant, lists: Int32, among: Sequence[Int32], strangers: Int32, k: int
) -> dict[str, Float64]:
    """Group -> (its people, ``MEASURES``).

    ``lists`` (judged people, k): what each is shown of everything; ``among``: of the new products alone, and of those
    unheard of alone; ``strangers`` (1, k): what is shown to somebody of whom nothing is known.
    """
    everybody = _table(lists, wanted, k)
    new = wanted.keep(cold.products[wanted.items])
    tables = {
        "unknown": _table(np.repeat(strangers, len(cold.unknown), axis=0), cold.unknown, k),
        "new": everybody[cold.new], "lapsed": everybody[cold.lapsed],
        "new_products": _table(lists, new, k), "among_new": _table(among[0], new, k),
        "unheard": _table(among[1], wanted.keep(cold.unheard[wanted.items]), k),
    }  # fmt: skip
    return {name: table[~np.isnan(table).any(axis=1)] for name, table in tables.items()}


def _table(lists: Int32, wanted: Relevant, k: int) -> Float64:
    found = accuracy(lists, wanted, k)
    return np.stack([found[name] for name in MEASURES], axis=1)


def cold_rows(
    tables: Mapping[str, Float64], base: Mapping[str, Float64] | None, resamples: int, seed: int
) -> dict[str, ColdRow]:
    """Means with intervals, and what each adds to the baseline's, person by person."""

    def means(table: Float64) -> dict[str, Interval]:
        return dict(zip(MEASURES, mean_intervals(table, resamples=resamples, seed=seed), strict=True))

    return {
        name: ColdRow(
            people=len(table), metrics=means(table), against={} if base is None else means(table - base[name])
        )
        for name, table in tables.items()
    }
