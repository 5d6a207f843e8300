"""How far said numbers lie from what came: root mean squared and mean absolute error, with intervals.

Source: Herlocker, Konstan, Terveen, Riedl (2004), Evaluating collaborative filtering recommender systems.
"""

from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from shopkeeper.measure.bootstrap import Interval, ratio_intervals

RESAMPLES: Final = 400


def errors_of(
    truth: ArrayLike, said: ArrayLike, people: ArrayLike | None = None, *, resamples: int = RESAMPLES, seed: int = 0
) -> dict[str, Interval]:
    """``rmse`` and ``mae`` with 95 % bootstrap intervals; ``people`` (rows,) numbers of whom each row is about: people
    are drawn, not rows, for one person's rows are alike."""
    off = np.asarray(said, np.float64) - np.asarray(truth, np.float64)
    who = np.arange(len(off)) if people is None else np.unique(np.asarray(people), return_inverse=True)[1]
    rows = np.bincount(who).astype(np.float64)
    tops = np.stack([np.bincount(who, weights=off**2), np.bincount(who, weights=np.abs(off))], axis=1)
    squared, absolute = ratio_intervals(tops, np.stack([rows, rows], axis=1), resamples=resamples, seed=seed)
    rooted = (float(np.sqrt(max(end, 0.0))) for end in (squared.value, squared.low, squared.high))
    value, low, high = rooted
    return {"rmse": Interval(value=value, low=low, high=high), "mae": absolute}
