"""Rules about the whole slate. They only state themselves: the chooser holds them inside its slot loop."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from shopkeeper.core.histories import Int32
from shopkeeper.decide.shelf import Shelf


@dataclass(frozen=True, slots=True, kw_only=True)
class CategoryCap:
    """At most ``most`` items of one category in an answer. ``level`` 1 is the widest; beyond the catalogue's depth it
    means the deepest. Products without a category at that level are not counted."""

    most: int
    level: int = 1
    name: str = "category_cap"

    def groups(self, shelf: Shelf) -> Int32:
        """(products,) the group of each product, -1 = in none."""
        if not shelf.paths:
            return np.full(len(shelf), -1, np.int32)
        return shelf.paths[min(self.level, shelf.depth) - 1]


@dataclass(frozen=True, slots=True, kw_only=True)
class BrandCap:
    """At most ``most`` items of one brand in an answer. Products without a brand are not counted."""

    most: int
    name: str = "brand_cap"

    def groups(self, shelf: Shelf) -> Int32:
        """(products,) the group of each product, -1 = in none."""
        return shelf.brands


Cap = CategoryCap | BrandCap


@dataclass(frozen=True, slots=True, kw_only=True)
class Pinned:
    """Products with a fixed place: position (1 = first) -> product id.

    A pinned product that a filter refuses, that the catalogue lacks, or that would break a cap is left out, and its
    place is filled like any other. Pins count towards caps before anything else is chosen.
    """

    places: Mapping[int, str] = field(default_factory=dict)
    name: str = "pinned"
