"""What is known of a person and a product together, as of a moment: whether its price, category and brand fit them, and
what they had to do with it before."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shopkeeper.core.action import Action
from shopkeeper.core.histories import MICROSECONDS_PER_DAY, Float32, Histories, Int32, Int64
from shopkeeper.core.opinion import places

Float64 = NDArray[np.float64]
_HALF_LIFE_DAYS = 60.0
"""After so long an action tells half as much of a taste."""
_FEW = 2.0
"""A person's price level is held to the middle as by so many orders at it."""
_DECIMALS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Goods:
    """What is looked up of products; (products,) each."""

    price: Float32
    kind: Int32
    """Category, -1 = none."""
    brand: Int32
    popularity: Float64
    """0 = the least popular, 1 = the most."""
    usual: Float64
    """(categories + 1,) the mean of ln(price), first of those in no category, then of each."""
    spread: Float64
    """(categories + 1,) and its standard deviation."""
    brands: int
    """How many there are."""

    def __len__(self) -> int:
        return len(self.kind)

    def level(self, products: Int64 | Int32) -> Float64:
        """How dear products are among those of their category, in standard deviations of ln(price): NaN without a
        price, 0 where all of a category cost the same."""
        price, group = self.price[products].astype(np.float64), self.kind[products] + 1
        known = price > 0
        far = np.log(np.where(known, price, 1.0)) - self.usual[group]
        spread = self.spread[group]
        return np.where(known, np.divide(far, spread, out=np.zeros(len(far)), where=spread > 1e-9), np.nan)


def goods_of(price: Float32, kind: Int32, brand: Int32, popularity: Float64) -> Goods:
    """The same with what is usual in each category by today's prices."""
    priced = np.flatnonzero(price > 0)
    log, group = np.log(price[priced].astype(np.float64)), kind[priced] + 1
    size = int(kind.max(initial=-1)) + 2
    count = np.maximum(np.bincount(group, minlength=size), 1)
    usual = np.bincount(group, log, size) / count
    spread = np.sqrt(np.bincount(group, np.square(log - usual[group]), size) / count)
    return Goods(
        price=price, kind=kind, brand=brand, popularity=popularity, usual=usual, spread=spread,
        brands=int(brand.max(initial=-1)) + 1,
    )  # fmt: skip


def fits(person: Histories, products: Int64, goods: Goods, now: int) -> dict[str, Float64]:
    """Columns (products,) about one person's row and some products; NaN = not known, rounded so that the log can keep
    them exactly.

    ``price_level``: how dear it is among its like; ``price_fit``: 0 = as dear as what the person buys, -1 = a standard
    deviation away. ``category_fit`` and ``brand_fit``: which part of what they did was with products of the category or
    brand. ``own_days``: ln(1 + days) since they last had to do with the product; ``own_orders``: how often they ordered
    it. ``history``: ln(1 + events).
    """
    known = person.product < len(goods)
    past, at, action = person.product[known], person.at[known], person.action[known]
    worth = np.maximum(person.weights.of(action, person.quantity[known]), np.float32(0)).astype(np.float64)
    worth *= 0.5 ** ((now - at) / (_HALF_LIFE_DAYS * MICROSECONDS_PER_DAY))
    level = goods.level(products)
    columns = {
        "price_level": level,
        "price_fit": -np.abs(level - _usual_level(past, action, worth, goods)),
        "category_fit": _share(goods.kind, len(goods.usual) - 1, past, worth, products),
        "brand_fit": _share(goods.brand, goods.brands, past, worth, products),
        "popularity": goods.popularity[products],
        "history": np.full(len(products), np.log1p(len(past))),
        **_own(past, at, action, products, now),
    }
    rounded = np.round(np.stack(list(columns.values())), _DECIMALS)
    return dict(zip(columns, rounded, strict=True))


def _usual_level(past: Int32, action: NDArray[np.int8], worth: Float64, goods: Goods) -> float:
    """The mean price level of what was ordered, held to the middle; NaN without any order."""
    level = goods.level(past)
    bought = (action == Action.ORDER) & np.isfinite(level)
    if not bought.any():
        return float("nan")
    return float((worth[bought] * level[bought]).sum() / (worth[bought].sum() + _FEW))


def _share(group: Int32, groups: int, past: Int32, worth: Float64, products: Int64) -> Float64:
    """(products,) the part of the worth that lies in a product's group; 0 of those in none."""
    total = worth.sum()
    if not total > 0:
        return np.zeros(len(products))
    mine = np.bincount(group[past] + 1, worth, groups + 1) / total
    mine[0] = 0.0
    found: Float64 = mine[group[products] + 1]
    return found


def _own(past: Int32, at: Int64, action: NDArray[np.int8], products: Int64, now: int) -> dict[str, Float64]:
    turn = np.argsort(products)
    place, here = places(products[turn], past.astype(np.int64))
    row = turn[place[here]]
    days = np.full(len(products), np.nan)
    days[row] = np.maximum(now - at[here], 0) / MICROSECONDS_PER_DAY  # events stand in order of time: the newest stays
    orders = np.bincount(row[action[here] == Action.ORDER], minlength=len(products))
    return {"own_days": np.log1p(days), "own_orders": orders.astype(np.float64)}
