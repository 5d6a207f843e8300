"""What others would answer on the same split: plain recommenders, each with its defaults, and implicit's models."""

from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any, Final

import numpy as np

from shopkeeper.core.histories import MICROSECONDS_PER_DAY, Histories, Int32
from shopkeeper.core.ports import Estimator
from shopkeeper.learn.recommend.als import ALS
from shopkeeper.learn.recommend.bpr import BPR
from shopkeeper.learn.recommend.ease import EASE
from shopkeeper.learn.recommend.item_knn import ItemKNN
from shopkeeper.learn.recommend.popularity import Popularity
from shopkeeper.learn.recommend.sequential_knn import SequentialItemKNN
from shopkeeper.learn.recommend.user_knn import UserKNN
from shopkeeper.learn.snapshot import ArraySnapshot
from shopkeeper.learn.top import block_size, top

_FOREVER = 1e6
"""Days: bare sequences have one event a day, and order is left to those that know it."""
RIVALS: Final[Mapping[str, Estimator[Any]]] = {
    "popularity": Popularity(half_life_days=_FOREVER), "item_knn": ItemKNN(half_life_days=_FOREVER),
    "user_knn": UserKNN(half_life_days=_FOREVER), "sequential_knn": SequentialItemKNN(),
    "ease": EASE(half_life_days=_FOREVER, asked_half_life_days=_FOREVER, least_buyers=2),
    "als": ALS(half_life_days=_FOREVER), "bpr": BPR(half_life_days=_FOREVER),
}  # fmt: skip


def rivals(past: Histories, given: Histories, items: int, count: int, seed: int) -> dict[str, Int32]:
    """name -> (people, count) the best unseen items after ``given`` of models fitted on ``past``; those whose library
    is not installed are left out."""
    known = ArraySnapshot.of(past, items)
    now = int(given.at.max(initial=0)) + MICROSECONDS_PER_DAY
    found: dict[str, Int32] = {}
    for name, settings in RIVALS.items():
        if find_spec(getattr(settings, "needs", "numpy")) is None:
            continue
        model, parts = settings.fit(known, seed=seed), [np.zeros((0, count), np.int32)]
        for block in given.blocks(min(1024, block_size(items))):
            scores = model.score(block, now)
            scores[block.row_of_event(), block.product] = np.nan
            parts.append(top(scores, count, seed))
        found[name] = np.concatenate(parts)
    return found
