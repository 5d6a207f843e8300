"""Filters about the product itself: stock, price, margin, the shop's own ban list."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from shopkeeper.core.histories import Bool
from shopkeeper.decide.context import Context


@dataclass(frozen=True, slots=True, kw_only=True)
class InStock:
    """Only what can be bought now."""

    name: str = "in_stock"

    of_goods: ClassVar[bool] = True

    def allowed(self, context: Context) -> Bool:
        return context.shelf.catalogue.in_stock


@dataclass(frozen=True, slots=True, kw_only=True)
class HasPrice:
    """Only products with a known price."""

    name: str = "has_price"

    of_goods: ClassVar[bool] = True

    def allowed(self, context: Context) -> Bool:
        return np.isfinite(context.shelf.catalogue.price)


@dataclass(frozen=True, slots=True, kw_only=True)
class MarginFloor:
    """Only products that earn at least ``least`` of their price: (price - cost) / price.

    An unknown price or cost, or a price of 0, passes unless ``strict``.
    """

    least: float
    strict: bool = False
    name: str = "margin_floor"

    of_goods: ClassVar[bool] = True

    def allowed(self, context: Context) -> Bool:
        price, cost = context.shelf.catalogue.price, context.shelf.catalogue.cost
        known = np.isfinite(price) & np.isfinite(cost) & (price > 0)
        # in float64 and with a hair of tolerance: prices are float32, and a margin of exactly the floor is good enough
        enough = price.astype(np.float64) - cost >= self.least * price.astype(np.float64) - 1e-6 * np.abs(price)
        allowed: Bool = np.where(known, enough, not self.strict)
        return allowed


@dataclass(frozen=True, slots=True, kw_only=True)
class Banned:
    """Never these products, and nothing of these categories (at any level)."""

    products: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    name: str = "banned"

    of_goods: ClassVar[bool] = True

    def allowed(self, context: Context) -> Bool:
        allowed = ~context.shelf.within(self.categories)
        allowed[context.shelf.indices(self.products)] = False
        return allowed
