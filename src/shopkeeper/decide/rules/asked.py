"""Filters that follow from the request."""

from dataclasses import dataclass

import numpy as np

from shopkeeper.core.histories import Bool
from shopkeeper.decide.context import Context


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedCategories:
    """Only products of one of the categories asked for; all where none was."""

    name: str = "asked_categories"

    def allowed(self, context: Context) -> Bool | None:
        wanted = context.request.categories
        return context.shelf.within(wanted) if wanted else None


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedBrands:
    """Only products of one of the brands asked for; all where none was."""

    name: str = "asked_brands"

    def allowed(self, context: Context) -> Bool | None:
        wanted = context.request.brands
        return context.shelf.of_brands(wanted) if wanted else None


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedTags:
    """Only products that have every tag asked for."""

    name: str = "asked_tags"

    def allowed(self, context: Context) -> Bool | None:
        wanted = context.request.tags
        return np.logical_and.reduce([context.shelf.tagged(tag) for tag in wanted]) if wanted else None


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedPrice:
    """Only products whose price is known and in the range asked for."""

    name: str = "asked_price"

    def allowed(self, context: Context) -> Bool | None:
        least, most = context.request.price_min, context.request.price_max
        if least is None and most is None:
            return None
        price = context.shelf.catalogue.price
        # to a thousandth: prices are float32, and 9.99 is within 9.99
        low = -np.inf if least is None else least - 1e-3
        high = np.inf if most is None else most + 1e-3
        allowed: Bool = (price >= low) & (price <= high)  # NaN is in no range
        return allowed


@dataclass(frozen=True, slots=True, kw_only=True)
class Excluded:
    """Nothing that the request says it does not want."""

    name: str = "excluded"

    def allowed(self, context: Context) -> Bool | None:
        unwanted = context.request.exclude
        if not unwanted:
            return None
        allowed = np.ones(len(context.shelf), np.bool_)
        allowed[context.shelf.indices(unwanted)] = False
        return allowed


@dataclass(frozen=True, slots=True, kw_only=True)
class NotOfItsKind:
    """Nothing of the same category path as the page's product or what lies in the cart: what goes with a thing, not
    what takes its place. ``level`` 1 is the widest; beyond the catalogue's depth it means the deepest."""

    level: int
    name: str = "of_its_kind"

    def allowed(self, context: Context) -> Bool | None:
        shelf, request = context.shelf, context.request
        shown = shelf.indices((request.product or "", *request.cart))
        if not len(shown) or not shelf.paths:
            return None
        kinds = shelf.paths[min(self.level, shelf.depth) - 1]
        known = kinds[shown]
        refused: Bool = np.isin(kinds, known[known >= 0])
        return ~refused


@dataclass(frozen=True, slots=True, kw_only=True)
class NotOnPage:
    """Not the product whose page it is, and nothing that lies in the cart."""

    name: str = "on_page"

    def allowed(self, context: Context) -> Bool | None:
        request = context.request
        if not request.product and not request.cart:
            return None
        allowed = np.ones(len(context.shelf), np.bool_)
        allowed[context.shelf.indices((request.product or "", *request.cart))] = False
        return allowed
