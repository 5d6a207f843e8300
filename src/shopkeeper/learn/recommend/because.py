"""The reason of every model that goes from a product of the history to another one."""

from typing import Final

import numpy as np

from shopkeeper.core.action import Action
from shopkeeper.core.decision import Reason
from shopkeeper.core.histories import Histories, Int64
from shopkeeper.learn.recommend.sparse import Float64

_BOUGHT: Final = np.isin(np.arange(256), [int(Action.ORDER), int(Action.REVIEW), int(Action.RATING)])
"""By action code: whether it shows that the person has the product."""


def because(profile: Histories, event: Int64, share: Float64, *, scorer: str) -> Reason | None:
    """``because_bought`` or ``because_viewed`` with the history's product that adds most; None where none adds.

    ``event`` are indices into ``profile``, ``share`` what each adds to the score. Of equals the newest is named.
    """
    return because_of(profile, event, share[None], scorer=scorer)[0]


def because_of(profile: Histories, event: Int64, shares: Float64, *, scorer: str) -> list[Reason | None]:
    """``because`` of several products at once: ``shares`` is (products, events)."""
    if not shares.shape[1]:
        return [None] * len(shares)
    newest_first = shares[:, ::-1]
    best = newest_first.argmax(axis=1)
    adds = newest_first[np.arange(len(best)), best] > 0
    named = event[shares.shape[1] - 1 - best].tolist()
    known: dict[int, Reason] = {}
    for one in named:
        if one not in known:
            known[one] = _reason(profile, one, scorer)
    return [known[one] if some else None for one, some in zip(named, adds.tolist(), strict=True)]


def _reason(profile: Histories, event: int, scorer: str) -> Reason:
    index = int(profile.product[event])
    ordered = ((profile.product == index) & _BOUGHT[profile.action]).nonzero()[0]
    key = "because_bought" if len(ordered) else "because_viewed"
    at = int(profile.at[ordered[-1] if len(ordered) else event])
    return Reason(key=key, facts={"product_index": index, "at": at}, scorer=scorer)
