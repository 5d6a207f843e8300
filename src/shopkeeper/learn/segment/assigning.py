"""Asks a grouper about portraits: each model names the numbers it needs."""

import numpy as np

from shopkeeper.core.histories import Int32
from shopkeeper.core.ports import Grouper
from shopkeeper.learn.propensity.columns import Float64
from shopkeeper.learn.segment.portraits import Portraits


def numbers_for(fields: tuple[str, ...], known: Portraits) -> Float64:
    """(people, fields) of the named numbers; NaN where the portraits have none."""
    return np.stack([known.column(name) for name in fields], axis=1)


def assigned(model: Grouper, known: Portraits) -> Int32:
    """(people,) everybody's group; -1 where it cannot be said."""
    return model.assign(numbers_for(model.fields, known))
