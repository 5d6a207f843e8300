"""Which products a group buys more than others."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from shopkeeper.core.action import Action
from shopkeeper.core.histories import Histories, Int32
from shopkeeper.learn.recommend.rule_mining import presence

_MOST: Final = 12


def top_products(histories: Histories, group_of: Mapping[str, int], groups: int, products: int, floor: int) -> Any:
    """For each group the products with the most buyers above what everybody's share would give: (product index,
    buyers, lift), only such as at least ``floor`` of the group bought.

    Ranked by (share of the group's customers who bought it - everybody's share) x square root of the lift.
    """
    bought = histories.of(Action.ORDER)
    row = bought.row_of_event().astype(np.int64)
    held = presence(row, bought.product, (len(histories), products))
    group: Int32 = np.array([group_of.get(person, -1) for person in histories.people.tolist()], np.int32)
    known = group >= 0
    everybody = np.asarray(held[np.flatnonzero(known)].sum(axis=0)).ravel() / max(known.sum(), 1)
    found = []
    for number in range(groups):
        mine = np.flatnonzero(group == number)
        buyers = np.asarray(held[mine].sum(axis=0)).ravel()
        share = buyers / max(len(mine), 1)
        lift = np.divide(share, everybody, out=np.zeros_like(share), where=everybody > 0)
        worth = np.where((buyers >= floor) & (lift > 1), (share - everybody) * np.sqrt(lift), 0)
        best = [int(place) for place in np.argsort(-worth, kind="stable")[:_MOST] if worth[place] > 0]
        found.append([(place, int(buyers[place]), float(lift[place])) for place in best])
    return found
