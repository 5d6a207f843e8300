"""What is known about a person and a product they have bought before: the numbers a repurchase is foreseen from."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shopkeeper.core.action import Action
from shopkeeper.core.histories import MICROSECONDS_PER_DAY, Catalogue, Float32, Histories, Int32, Int64

Float64 = NDArray[np.float64]
_DAYS = (28, 14, 90, 7)
_OWN_GAPS = 2.0
"""So many gaps of a person's own outweigh the product's typical one."""
_PRIOR = 5.0
_HALVING = np.array([[30.0], [120.0], [13.5]])
"""Days, days and orders in which an old purchase loses half its weight."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductFacts:
    """How products sell, as of a moment."""

    group: Int32
    """(products,) the narrowest category it has."""
    interval_days: Float32
    """(products,) the usual gap between two orders of one person, shrunk to that of all products."""
    columns: Float32
    """(products, 6): log orders in four weeks; orders in two weeks over 90 days (a season's end shows here), in a week
    over four (an offer or a holiday), in four weeks over all; the share of buyers who came back; log interval."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bought:
    """Products people bought: one row a (person, product), in that order. Shapes are (pairs,) but for ``facts``."""

    row: Int64
    product: Int64
    times: Int64
    """Different orders."""
    newest: Int64
    """µs of the last one."""
    facts: Float64
    """(7, pairs): log of purchases, each halved every 30 days, 120 days, 13.5 orders; log days since the last; log of
    that over the interval; the share of its category's purchases; log of the category's purchases."""


def groups_of(catalogue: Catalogue) -> Int32:
    """(products,) the number of each product's narrowest category, by its text."""
    narrow = catalogue.categories[0].astype(np.str_)
    for level in catalogue.categories[1:]:
        text = level.astype(np.str_)
        narrow = np.where(text == "", narrow, text)
    return np.unique(narrow, return_inverse=True)[1].astype(np.int32)


def product_facts(bought: Histories, group: Int32, now: int) -> ProductFacts:
    """From orders only, all before ``now``."""
    products = len(group)
    age = (now - bought.at) / MICROSECONDS_PER_DAY
    month, fortnight, quarter, week = (np.bincount(bought.product[age < d], minlength=products) for d in _DAYS)
    ever = np.bincount(bought.product, minlength=products)
    _, product, first, last, times = _pairs(bought, products)
    buyers, again = np.bincount(product, minlength=products), np.bincount(product[times > 1], minlength=products)
    span = np.bincount(product, (bought.at[last] - bought.at[first]) / MICROSECONDS_PER_DAY, products)
    gaps = np.bincount(product, times - 1, products)
    usual = (span.sum() + 30.0) / (gaps.sum() + 1.0)
    interval = (span + _PRIOR * usual) / (gaps + _PRIOR)
    over = ((fortnight, quarter, 2), (week, month, 2), (month, ever, 5), (again, buyers, 5))
    shares = [(part + 1) / (whole + more) for part, whole, more in over]
    columns = np.stack([np.log1p(month), *shares, np.log(interval)], axis=1)
    return ProductFacts(
        group=group, interval_days=interval.astype(np.float32), columns=columns.astype(np.float32)
    )  # fmt: skip


def _pairs(bought: Histories, products: int) -> tuple[Int64, Int64, Int64, Int64, Int64]:
    """(row, product, first event, last event, different orders) of each (person, product)."""
    row = bought.row_of_event()
    place, starts = _grouped(bought, products, row)
    ends = np.append(starts[1:], len(place))[: len(starts)] - 1
    first = place[starts]
    return (
        row[first].astype(np.int64), bought.product[first].astype(np.int64), first, place[ends],
        ends - starts + 1,
    )  # fmt: skip


def _grouped(bought: Histories, products: int, row: Int32) -> tuple[Int64, Int64]:
    """One event of each (person, product, order), grouped by person and product; and where each group starts."""
    key = row.astype(np.int64) * max(products, 1) + bought.product
    place = np.argsort(key, kind="stable")
    key, order = key[place], bought.order[place]
    fresh = np.ones(len(key), np.bool_)
    fresh[1:] = (key[1:] != key[:-1]) | (order[1:] != order[:-1]) | (order[1:] < 0)
    place, key = place[fresh], key[fresh]
    begins = np.ones(len(key), np.bool_)
    begins[1:] = key[1:] != key[:-1]
    return place, np.flatnonzero(begins)


def orders_of(histories: Histories, products: int) -> Histories:
    """Only order lines of known products."""
    wanted = (histories.action == Action.ORDER) & (histories.product >= 0) & (histories.product < products)
    return histories if wanted.all() else histories.keep(wanted)


def bought_before(bought: Histories, group: Int32, interval_days: Float32, now: int) -> Bought:
    """Everything each person has bought, with its facts. ``bought`` holds orders only."""
    row = bought.row_of_event()
    place, starts = _grouped(bought, len(group), row)
    if not len(place):
        none = np.zeros(0, np.int64)
        return Bought(row=none, product=none, times=none, newest=none, facts=np.zeros((7, 0)))
    ends = np.append(starts[1:], len(place)) - 1
    latest = bought.order[np.maximum(bought.offsets[1:] - 1, 0)]
    age = np.maximum(now - bought.at[place], 0) / MICROSECONDS_PER_DAY
    back = (latest[row[place]] - bought.order[place]).astype(np.float64)
    sums = np.add.reduceat(np.exp2(-np.minimum(np.stack([age, age, back]) / _HALVING, 60.0)), starts, axis=1)
    first = place[starts]
    who, product, times = row[first].astype(np.int64), bought.product[first].astype(np.int64), ends - starts + 1
    newest = age[ends]
    gap = (age[starts] - newest + _OWN_GAPS * interval_days[product]) / (times - 1 + _OWN_GAPS)
    family = who * (int(group.max(initial=0)) + 1) + group[product]
    category = np.bincount(family, sums[1])[family]
    facts = np.concatenate([np.log(sums), [
        np.log1p(newest), np.log1p(newest / np.maximum(gap, 1.0)), sums[1] / (category + 0.3), np.log(category),
    ]])  # fmt: skip
    return Bought(row=who, product=product, times=times, newest=bought.at[place[ends]], facts=facts)
