"""How much an action says that a person wants a product: what every model that reads histories goes by."""

from dataclasses import dataclass, fields
from typing import Final

import numpy as np
from numpy.typing import NDArray

from shopkeeper.core.action import Action

Float32 = NDArray[np.float32]

_JUDGED: Final = np.zeros(256, np.bool_)
_JUDGED[[Action.RATING, Action.REVIEW]] = True


@dataclass(frozen=True, slots=True, eq=False)
class Weights:
    """What each action weighs."""

    by_code: Float32
    """(256,) by the action's code. Negative: it says that they do not want it; 0: nothing."""
    dwell: float = 1.0
    """How far the length of a view counts: 0 = all views alike, 1 = a look of a minute twice as much as one of half."""

    def of(self, action: NDArray[np.int8], quantity: Float32) -> Float32:
        """(events,) what each event says: the weight of its action; of a rating by how good it was, of a view by how
        long it was."""
        code = action.view(np.uint8)
        meaning: Float32 = self.by_code[code]
        judged = _JUDGED[code]
        meaning[judged] *= quantity[judged]
        viewed = code == int(Action.PRODUCT_VIEW)
        meaning[viewed] *= self._viewed(quantity[viewed])
        return meaning

    def of_one(self, action: Action, quantity: float) -> float:
        """The same of one event."""
        weight = float(self.by_code[action])
        if action is Action.PRODUCT_VIEW:
            return weight * (1.0 + self.dwell * (quantity - 1.0))
        return weight * quantity if _JUDGED[action] else weight

    def _viewed(self, length: Float32) -> Float32:
        return length if self.dwell == 1.0 else np.float32(1) + np.float32(self.dwell) * (length - np.float32(1))


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionWeights:
    """``[weights]`` of shop.toml; an action that is not here says nothing."""

    order: float = 1.0
    order_return: float = -1.0
    cart_add: float = 0.5
    cart_remove: float = -0.4
    wishlist_add: float = 0.4
    wishlist_remove: float = -0.3
    review: float = 0.3
    rating: float = 0.3
    share: float = 0.3
    product_view: float = 0.2
    click: float = 0.2
    question: float = 0.2
    dismiss: float = -1.0
    dwell: float = 1.0
    """As in ``Weights``."""

    def table(self) -> Weights:
        """The same for whoever reads histories."""
        by_code = np.zeros(256, np.float32)
        for part in fields(self):
            action = Action.of(part.name)
            if action is not None:
                by_code[action] = getattr(self, part.name)
        return Weights(by_code, self.dwell)


USUAL: Final = ActionWeights().table()
