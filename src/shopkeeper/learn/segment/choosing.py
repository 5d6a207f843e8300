"""How many groups there are: how apart they lie, whether chance would do as well, and whether they come back.

For each k: the mean silhouette (Rousseeuw 1987); the gap statistic against uniform points in the box of the principal
axes (Tibshirani, Walther, Hastie 2001); and the adjusted Rand index (Hubert, Arabie 1985) between the groups of all
customers and the groups learned on bootstrap resamples of them (Hennig 2007, Cluster-wise assessment of stability).
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from shopkeeper.core.histories import Int32
from shopkeeper.learn.propensity.columns import Float64

STABLE: Final = 0.8
"""Groups whose bootstrapped ARI is below this are not shown as groups."""
_WORTH: Final = 0.07
"""Where two groups look best, more are preferred while the silhouette is at most so far below."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What speaks for one number of groups."""

    k: int
    silhouette: float
    gap: float
    gap_error: float
    ari: float
    """Mean over the resamples; ``ari_low`` and ``ari_high``: 5 % and 95 % of them."""
    ari_low: float
    ari_high: float
    smallest: int

    def facts(self) -> dict[str, Any]:
        return asdict(self)


def lloyd(points: Float64, k: int, seed: int, starts: int = 10) -> Any:
    """K-means with k-means++ starts. Source: Arthur, Vassilvitskii (2007)."""
    from sklearn.cluster import KMeans  # here: only learning needs it

    return KMeans(k, n_init=starts, random_state=seed).fit(points)


def nearest(points: Float64, centres: Float64) -> Int32:
    """(rows,) the nearest centre of each point; each row by itself."""
    far = (points**2).sum(axis=1)[:, None] - 2 * _product(points, centres) + (centres**2).sum(axis=1)
    return np.asarray(far.argmin(axis=1), np.int32)


def _product(points: Float64, centres: Float64) -> Float64:
    """Row by row the same, whatever the batch: no blocked matrix product."""
    return np.stack([(points * centre).sum(axis=1) for centre in centres], axis=1)


def tried(
    points: Float64, counts: Sequence[int], *, resamples: int, references: int, sample: int, seed: int,
    progress: Callable[[int, int], None] = lambda *_: None,
) -> list[Trial]:  # fmt: skip
    """One trial a number of groups; at most ``sample`` points are looked at."""
    rng = np.random.default_rng(seed)
    if len(points) > sample:
        points = points[np.sort(rng.choice(len(points), sample, replace=False))]
    draws = [rng.integers(0, len(points), len(points)) for _ in range(resamples)]
    chance = [_uniform(points, rng) for _ in range(references)]
    found = []
    for place, k in enumerate(counts):
        progress(place, len(counts))
        if len(np.unique(points, axis=0)) <= k:
            break
        found.append(_trial(points, k, draws, chance, seed))
    return found


def _trial(
    points: Float64, k: int, draws: list[NDArray[np.int64]], chance: list[Float64], seed: int
) -> Trial:  # fmt: skip
    from sklearn.metrics import adjusted_rand_score, silhouette_score  # here: only learning needs it

    whole = lloyd(points, k, seed)
    own = nearest(points, whole.cluster_centers_)
    again = [
        adjusted_rand_score(own, nearest(points, lloyd(points[draw], k, seed + 1 + number).cluster_centers_))
        for number, draw in enumerate(draws)
    ]
    at_random = np.array([np.log(max(lloyd(box, k, seed, 3).inertia_, 1e-12)) for box in chance])
    low, high = np.quantile(again, [0.05, 0.95])
    return Trial(
        k=k, silhouette=float(silhouette_score(points, own, sample_size=min(len(points), 2_000), random_state=seed))
        if 1 < len(np.unique(own)) < len(points) else -1.0,
        gap=float(at_random.mean() - np.log(max(whole.inertia_, 1e-12))),
        gap_error=float(at_random.std() * np.sqrt(1 + 1 / max(len(chance), 1))),
        ari=float(np.mean(again)), ari_low=float(low), ari_high=float(high), smallest=int(np.bincount(own).min()),
    )  # fmt: skip


def _uniform(points: Float64, rng: np.random.Generator) -> Float64:
    """As many points, evenly in the box of the principal axes."""
    middle = points.mean(axis=0)
    _, _, axes = np.linalg.svd(points - middle, full_matrices=False)
    turned = (points - middle) @ axes.T
    drawn = rng.uniform(turned.min(axis=0), turned.max(axis=0), turned.shape)
    return np.asarray(drawn @ axes + middle, np.float64)


def gap_choice(trials: Sequence[Trial]) -> int:
    """The smallest k whose gap is within one error of the next k's; the last where none is."""
    for one, after in pairwise(trials):
        if one.gap >= after.gap - after.gap_error:
            return one.k
    return trials[-1].k


def chosen(trials: Sequence[Trial], floor: int) -> Trial | None:
    """Among the numbers of groups that come back (ARI >= 0.8) and hold at least ``floor`` customers each: the one with
    the best silhouette. Where that is the trivial two (customers without clear-cut kinds always look best in two), the
    largest whose silhouette is at most 0.07 below. None where none comes back."""
    able = [trial for trial in trials if trial.ari >= STABLE and trial.smallest >= floor]
    if not able:
        return None
    best = max(able, key=lambda trial: trial.silhouette)
    if best.k > able[0].k:
        return best
    return max((trial for trial in able if trial.silhouette >= best.silhouette - _WORTH), key=lambda trial: trial.k)
