"""Filters about what the person did before. They allow everything where the person may not be read."""

import math
from dataclasses import dataclass

import numpy as np

from shopkeeper.core.action import Action
from shopkeeper.core.histories import MICROSECONDS_PER_DAY, Bool, Histories, Int64
from shopkeeper.decide.context import Context


@dataclass(frozen=True, slots=True, kw_only=True)
class AlreadyBought:
    """Nothing the person bought in the last ``days`` days; infinite = ever."""

    days: float = math.inf
    name: str = "already_bought"

    def allowed(self, context: Context) -> Bool | None:
        return _not_done(context, Action.ORDER, self.days)


@dataclass(frozen=True, slots=True, kw_only=True)
class AlreadySeen:
    """Nothing whose page the person looked at in the last ``days`` days; infinite = ever."""

    days: float = math.inf
    name: str = "already_seen"

    def allowed(self, context: Context) -> Bool | None:
        return _not_done(context, Action.PRODUCT_VIEW, self.days)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dismissed:
    """Nothing the person said no to in the last ``days`` days, unless they took it into the cart or bought it since."""

    days: float = 180.0
    name: str = "dismissed"

    def allowed(self, context: Context) -> Bool | None:
        past = context.profile
        if past is None or not (said_no := past.action == Action.DISMISS).any():
            return None
        said_no &= past.at >= context.now - self.days * MICROSECONDS_PER_DAY
        wanted = (past.action == Action.CART_ADD) | (past.action == Action.ORDER)
        return _but(_newest(past, said_no, len(context.shelf)) > _newest(past, wanted, len(context.shelf)))


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownEnough:
    """Nothing that was shown to the person ``times`` times in the last ``days`` days while they did nothing with it."""

    times: int
    days: float = 7.0
    name: str = "shown_enough"

    def allowed(self, context: Context) -> Bool | None:
        past = context.profile
        if past is None:
            return None
        lately = (past.at >= context.now - self.days * MICROSECONDS_PER_DAY) & (past.product < len(context.shelf))
        shown = past.action == Action.IMPRESSION
        counts = np.bincount(past.product[lately & shown], minlength=len(context.shelf))
        acted = np.bincount(past.product[lately & ~shown], minlength=len(context.shelf))
        return _but((counts >= self.times) & (acted == 0))


def _newest(past: Histories, which: Bool, products: int) -> Int64:
    """(products,) when the newest of some events with each product was; the least there is where none was."""
    newest = np.full(products, np.iinfo(np.int64).min, np.int64)
    inside = which & (past.product < products)
    np.maximum.at(newest, past.product[inside], past.at[inside])
    return newest


def _but(refused: Bool) -> Bool | None:
    """Everything but these; None where that is everything."""
    return ~refused if refused.any() else None


def _not_done(context: Context, action: Action, days: float) -> Bool | None:
    past = context.profile
    if past is None:
        return None
    since = context.now - days * MICROSECONDS_PER_DAY
    done = past.product[(past.action == action) & (past.at >= since)]
    allowed = np.ones(len(context.shelf), np.bool_)
    allowed[done[done < len(allowed)]] = False
    return allowed
