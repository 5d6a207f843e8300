"""A product, and the variants of it that can be bought."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from shopkeeper.core.ids import ProductId
from shopkeeper.core.money import Money


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """One buyable version of a product (a size, a colour)."""

    sku: str
    name: str = ""
    price: Money | None = None
    stock: int | None = None
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """What the shop sells. ``categories`` is a path from the widest to the narrowest; ``stock`` None = not counted."""

    id: ProductId
    name: str = ""
    categories: tuple[str, ...] = ()
    brand: str = ""
    description: str = ""
    price: Money | None = None
    cost: Money | None = None
    stock: int | None = None
    active: bool = True
    url: str = ""
    image_url: str = ""
    tags: tuple[str, ...] = ()
    variants: tuple[Variant, ...] = ()

    @property
    def in_stock(self) -> bool:
        """Whether at least one can be bought: its own stock, or any variant's; uncounted stock is in stock."""
        if not self.active:
            return False
        if self.variants and any(variant.stock is not None for variant in self.variants):
            return any(variant.stock is None or variant.stock > 0 for variant in self.variants)
        return self.stock is None or self.stock > 0
