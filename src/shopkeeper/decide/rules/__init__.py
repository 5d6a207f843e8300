"""What may be shown: filters look at each product, caps and pins at the whole slate.

A filter says of every product whether it may be shown. Caps and pins are held by the chooser inside its slot loop, so
that the logged propensities stay exact.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from shopkeeper.core.histories import Bool
from shopkeeper.decide.context import Context


class Filter(Protocol):
    """Says which products may be shown at all.

    One that looks at nothing but the catalogue has ``of_goods = True``: it is asked once for each state of it.
    """

    @property
    def name(self) -> str:
        """The word in ``Decision.removed``."""
        ...

    def allowed(self, context: Context) -> Bool | None:
        """(products,) True where this rule has nothing against it; None where that is everywhere."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdicts:
    """What all filters say of all products."""

    names: tuple[str, ...]
    each: tuple[Bool | None, ...]
    """One (products,) array per filter, None where it refuses nothing."""
    allowed: Bool
    """(products,) what no filter refuses."""

    def refusal(self, product: int) -> str:
        """The first filter that refuses a product; "" where none does."""
        return next(
            (name for name, mask in zip(self.names, self.each, strict=True) if mask is not None and not mask[product]),
            "",
        )


def judge(filters: Sequence[Filter], context: Context) -> Verdicts:
    """Ask every filter once."""
    each = tuple(_verdict(rule, context) for rule in filters)
    allowed = np.ones(len(context.shelf), np.bool_)
    for mask in each:
        if mask is not None:
            allowed &= mask
    return Verdicts(names=tuple(rule.name for rule in filters), each=each, allowed=allowed)


def _verdict(rule: Filter, context: Context) -> Bool | None:
    if not getattr(rule, "of_goods", False):
        return rule.allowed(context)
    kept = context.shelf.judged.get(id(rule))
    if kept is None:
        mask = rule.allowed(context)
        kept = context.shelf.judged[id(rule)] = (rule, None if mask is None or mask.all() else mask)
    return kept[1]
