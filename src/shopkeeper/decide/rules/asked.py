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
