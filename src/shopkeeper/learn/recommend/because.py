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
    if not len(share) or share.max() <= 0:
        return None
    best = int(np.flatnonzero(share == share.max()).max())
    named = int(event[best])
    index = int(profile.product[named])
    ordered = np.flatnonzero((profile.product == index) & _BOUGHT[profile.action])
    key = "because_bought" if len(ordered) else "because_viewed"
    at = profile.at[ordered[-1] if len(ordered) else named]
    return Reason(key=key, facts={"product_index": index, "at": int(at)}, scorer=scorer)
