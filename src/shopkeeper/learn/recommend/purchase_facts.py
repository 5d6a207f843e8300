"""What is known about a person and a product they have bought before: the numbers a repurchase is foreseen from."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shopkeeper.core.action import Action
from shopkeeper.core.histories import MICROSECONDS_PER_DAY, Catalogue, Float32, Histories, Int32, Int64

Float64 = NDArray[np.float64]
_DAYS = (28, 14, 90, 7)
_HABIT = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductFacts:
    """How a product sells, as of a moment. Shapes are (products,)."""

    group: Int32
    """The narrowest category it has."""
    sold: Float32
    """Log of 1 + orders in four weeks."""
    trend: Float32
    """Its orders in two weeks over those in 90 days: the end of a season or of a product shows here."""
    rise: Float32
    """Its orders in a week over those in four: an offer or a holiday shows here."""
    season: Float32
    """Its orders in four weeks over all."""
    repeat: Float32
    """How many of its buyers bought it twice."""
    usual: Float32
    """Mean price paid."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bought:
    """Products people bought: one row a (person, product), persons in order. Shapes are (pairs,) but for ``facts``."""

    row: Int32
    product: Int32
    times: Int32
    """Different orders."""
    newest: Int64
    """µs of the last one."""
    facts: Float32
    """(pairs, numbers) see ``_columns``."""

    def foremost(self, count: int) -> "Bought":
        """Only each person's ``count`` most bought products, newer orders counting more."""
        place = np.lexsort((self.product, -self.facts[:, _HABIT], self.row))
        row = self.row[place]
        kept = np.sort(place[np.arange(len(row)) - np.searchsorted(row, row) < count])
        return Bought(
            row=self.row[kept], product=self.product[kept], times=self.times[kept], newest=self.newest[kept],
            facts=self.facts[kept],
        )  # fmt: skip


def groups_of(catalogue: Catalogue) -> Int32:
    """(products,) the number of each product's narrowest category, by its whole path."""
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
    pair = np.unique(bought.row_of_event().astype(np.int64) * products + bought.product, return_counts=True)
    buyers = np.bincount(pair[0] % products, minlength=products)
    again = np.bincount(pair[0][pair[1] > 1] % products, minlength=products)
    paid = np.bincount(bought.product, np.nan_to_num(bought.price), products)
    priced = np.bincount(bought.product, ~np.isnan(bought.price), products)
    over = ((fortnight, quarter, 2), (week, month, 2), (month, ever, 5), (again, buyers, 5))
    trend, rise, season, repeat = (((part + 1) / (whole + more)).astype(np.float32) for part, whole, more in over)
    sold = np.log1p(month).astype(np.float32)
    usual = (paid / np.maximum(priced, 1)).astype(np.float32)
    return ProductFacts(group=group, sold=sold, trend=trend, rise=rise, season=season, repeat=repeat, usual=usual)


def orders_of(histories: Histories, products: int) -> Histories:
    """Only order lines of known products."""
    return histories.keep((histories.action == Action.ORDER) & (histories.product < products))


def bought_before(bought: Histories, products: ProductFacts, now: int) -> Bought:
    """Everything each person has bought, with its facts. ``bought`` holds orders only."""
    width = len(products.group)
    row, age = bought.row_of_event(), np.maximum(now - bought.at, 0) / MICROSECONDS_PER_DAY
    trip = np.cumsum(np.r_[True, (np.diff(row) != 0) | (np.diff(bought.order) != 0)][: len(row)]) - 1
    key = row.astype(np.int64) * width + bought.product
    place = np.argsort(key, kind="stable")
    key, line_trip = key[place], trip[place]
    again = np.r_[False, (key[1:] == key[:-1]) & (line_trip[1:] == line_trip[:-1])][: len(key)]
    place, key, line_trip = place[~again], key[~again], line_trip[~again]
    starts = np.flatnonzero(np.r_[True, key[1:] != key[:-1]][: len(key)])
    of_row, of_product = (key[starts] // width).astype(np.int32), (key[starts] % width).astype(np.int32)
    times = np.diff(np.r_[starts, len(key)])
    last = starts + times - 1
    newest_trip = np.zeros(len(bought), np.int64)
    newest_trip[row] = trip
    lines = _Lines(starts=starts, age=age[place], back=newest_trip[row[place]] - line_trip)
    trips = np.flatnonzero(np.r_[True, np.diff(trip) != 0][: len(trip)])
    recent_trips = np.bincount(row[trips], age[trips] < 90, len(bought))
    active = np.bincount(row, np.exp2(-age / 60), len(bought))
    since = np.full(len(bought), np.inf)
    np.minimum.at(since, row, age)
    paid = bought.price[place[last]] / np.maximum(products.usual[of_product], 0.01)
    person = np.stack([recent_trips, active, since], axis=1)[of_row]
    facts = _columns(lines, times, lines.age[last], lines.age[starts], of_row, of_product, products, person)
    numbers = np.concatenate([facts, np.nan_to_num(paid, nan=1.0)[:, None]], axis=1).astype(np.float32)
    return Bought(
        row=of_row, product=of_product, times=times.astype(np.int32), newest=bought.at[place[last]], facts=numbers
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Lines:
    """Order lines grouped by (person, product), oldest first in each."""

    starts: Int64
    age: Float64
    back: Int64
    """How many orders ago."""

    def sum(self, value: Float64) -> Float64:
        total: Float64 = np.add.reduceat(value, self.starts) if len(value) else np.zeros(0)
        return total


def _columns(
    lines: _Lines, times: Int64, newest: Float64, oldest: Float64, row: Int32, product: Int32, of: ProductFacts,
    person: Float64,
) -> Float64:  # fmt: skip
    """times; decayed by 13.5 orders, 30, 120 and 365 days, 6.6 orders; days since; days between; since / between;
    the category's habit, own share of it, products in it; the product's sold, trend, rise, season, repeat; the
    person's orders in 90 days, activity, days since any order. (The price paid over the usual one comes last.)"""
    between = np.where(times > 1, (oldest - newest) / np.maximum(times - 1, 1), -1)
    due = np.where(times > 1, newest / np.maximum(between, 0.5), -1)
    month, season, trips = (lines.sum(np.exp2(-age)) for age in (lines.age / 30, lines.age / 120, lines.back / 13.5))
    family = row.astype(np.int64) * (int(of.group.max(initial=0)) + 1) + of.group[product]
    member = np.unique(family, return_inverse=True)[1]
    category = np.bincount(member, season)[member] if len(member) else season
    kinds = np.bincount(member)[member] if len(member) else season
    sells = [number[product] for number in (of.sold, of.trend, of.rise, of.season, of.repeat)]
    year, week = (lines.sum(np.exp2(-age)) for age in (lines.age / 365, lines.back / 6.6))
    own = [times, trips, month, season, year, week, newest, between, due, category, season / (category + 0.3), kinds]
    return np.stack([*own, *sells, *person.T], axis=1)
