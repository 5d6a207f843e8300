"""The rules that need more than one cell of a row, each once as SQL (files) and once as Python (requests)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from shopkeeper.core.action import BACK, PRODUCT_ACTIONS, Action
from shopkeeper.data.cleaning.columns import Kind
from shopkeeper.data.cleaning.values import quoted
from shopkeeper.data.mapping import MapFile

_NOBODYS: Final = BACK | {Action.STOCK_CHANGE, Action.PRICE_CHANGE}
"""What is about a product, or about an order, which says itself whose it is."""
NEEDS_PRODUCT: Final = frozenset(action.word for action in PRODUCT_ACTIONS)
NEEDS_PERSON: Final = frozenset(action.word for action in Action if action not in _NOBODYS)


@dataclass(frozen=True, slots=True)
class Rule:
    """A check of a whole row: it is bad where all of ``absent`` are, though its action is one of ``actions``."""

    name: str
    column: str
    absent: tuple[str, ...]
    actions: frozenset[str]

    def sql(self, value: Callable[[str], str]) -> str:
        """True for bad rows; ``value`` gives a column's typed expression."""
        missing = " AND ".join(f"{value(name)} IS NULL" for name in self.absent)
        return f"{missing} AND {value('action')} IN ({_among(self.actions)})"

    def good(self, value: Callable[[str], str]) -> str:
        """True for good rows."""
        there = " OR ".join(f"{value(name)} IS NOT NULL" for name in self.absent)
        return f"({there} OR {value('action')} NOT IN ({_among(self.actions)}))"

    def bad(self, row: Mapping[str, Any]) -> bool:
        """The same of one row."""
        if row.get("action") not in self.actions:
            return False
        for name in self.absent:  # noqa: SIM110  # asked of every event: all() takes twice as long
            if row.get(name) is not None:
                return False
        return True


@dataclass(frozen=True, slots=True)
class ZeroQuantity:
    """Nothing cannot be bought, viewed or returned: a quantity of zero is bad, but as a stock level."""

    name: str = "zero_quantity"
    column: str = "quantity"
    level: str = Action.STOCK_CHANGE.word

    def sql(self, value: Callable[[str], str]) -> str:
        """True for bad rows; ``value`` gives a column's typed expression."""
        return f"coalesce({value('quantity')} = 0, false) AND {value('action')} <> {quoted(self.level)}"

    def good(self, value: Callable[[str], str]) -> str:
        """True for good rows."""
        quantity = value("quantity")
        return f"({quantity} IS NULL OR {quantity} <> 0 OR {value('action')} = {quoted(self.level)})"

    def bad(self, row: Mapping[str, Any]) -> bool:
        """The same of one row."""
        return row.get("quantity") == 0 and row.get("action") != self.level


@dataclass(frozen=True, slots=True)
class ZeroPrice:
    """What costs nothing is a gift or a mistake: it is kept where the file, or the shop, is declared to give things
    away. ``sums``: the actions whose price is that of something whole, of which nothing may be left to pay."""

    name: str = "zero_price"
    column: str = "price"
    sums: frozenset[str] = frozenset()

    def sql(self, value: Callable[[str], str]) -> str:
        """True for bad rows; ``value`` gives a column's typed expression."""
        zero = f"coalesce({value('price')} = 0, false)"
        return f"{zero} AND coalesce({value('action')} NOT IN ({_among(self.sums)}), true)" if self.sums else zero

    def good(self, value: Callable[[str], str]) -> str:
        """True for good rows."""
        summed = f" OR {value('action')} IN ({_among(self.sums)})" if self.sums else ""
        return f"({value('price')} IS NULL OR {value('price')} <> 0{summed})"

    def bad(self, row: Mapping[str, Any]) -> bool:
        """The same of one row."""
        return row.get("price") == 0 and row.get("action") not in self.sums


@dataclass(frozen=True, slots=True)
class LargeDiscount:
    """A discount is an amount of money of the whole line; more than the line costs is a rate, or a mistake."""

    name: str = "discount_too_large"
    column: str = "discount"

    def _most(self, value: Callable[[str], str]) -> str:
        return f"{value('price')} * greatest(abs(coalesce({value('quantity')}, 1)), 1)"

    def sql(self, value: Callable[[str], str]) -> str:
        """True for bad rows; ``value`` gives a column's typed expression."""
        return f"coalesce({value('discount')} > {self._most(value)}, false)"

    def good(self, value: Callable[[str], str]) -> str:
        """True for good rows."""
        return f"NOT {self.sql(value)}"

    def bad(self, row: Mapping[str, Any]) -> bool:
        """The same of one row."""
        discount, price, quantity = row.get("discount"), row.get("price"), row.get("quantity")
        return discount is not None and price is not None and discount > price * max(abs(quantity or 1), 1)


AnyRule = Rule | ZeroQuantity | ZeroPrice | LargeDiscount


MISSING_PRODUCT = Rule("missing_product", "product", ("product",), NEEDS_PRODUCT)
MISSING_PERSON = Rule("missing_person", "customer", ("customer", "visitor"), NEEDS_PERSON)
MISSING_PRICE = Rule("missing_price", "price", ("price",), frozenset({"price_change"}))
MISSING_ORDER = Rule("missing_order", "order", ("order",), frozenset({"order", "order_cancel", "order_return"}))
WHOLE_SUMS: Final = frozenset(
    action.word for action in BACK | {Action.ORDER, Action.CHECKOUT, Action.COUPON_ISSUED, Action.COUPON_REDEEMED}
)
"""Actions whose price is no product's."""
RULES: Final[Mapping[Kind, tuple[AnyRule, ...]]] = {
    "events": (
        MISSING_PRODUCT, MISSING_PERSON, MISSING_PRICE, MISSING_ORDER, ZeroQuantity(), ZeroPrice(sums=WHOLE_SUMS),
    ),
    "order_lines": (ZeroPrice(), LargeDiscount()), "products": (ZeroPrice(),), "customers": (),
    "prices": (ZeroPrice(),), "competitor_prices": (ZeroPrice(),), "attributes": (),
}  # fmt: skip


def rules_of(kind: Kind, mapping: MapFile, names: set[str]) -> list[AnyRule]:
    """The rules that apply to a file with these columns of ours."""
    return [
        rule
        for rule in RULES[kind]
        if not (isinstance(rule, ZeroPrice) and (mapping.free or "price" not in names))
        and not (isinstance(rule, LargeDiscount) and (mapping.free or not {"discount", "price"} <= names))
    ]


def _among(words: frozenset[str]) -> str:
    return ", ".join(quoted(word) for word in sorted(words))
