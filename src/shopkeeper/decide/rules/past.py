"""Filters about what the person did before. They allow everything where the person may not be read."""

import math
from dataclasses import dataclass

import numpy as np

from shopkeeper.core.action import Action
from shopkeeper.core.histories import MICROSECONDS_PER_DAY, Bool
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


def _not_done(context: Context, action: Action, days: float) -> Bool | None:
    past = context.profile
    if past is None:
        return None
    since = context.now - days * MICROSECONDS_PER_DAY
    done = past.product[(past.action == action) & (past.at >= since)]
    allowed = np.ones(len(context.shelf), np.bool_)
    allowed[done[done < len(allowed)]] = False
    return allowed
