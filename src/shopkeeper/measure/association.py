"""Whether two things happen together more often than chance would have it, when very many pairs are looked at.

Source: Fisher (1922), the exact test (one-sided: the upper tail of the hypergeometric distribution); Holm (1979),
A simple sequentially rejective multiple test procedure; Benjamini, Hochberg (1995), Controlling the false discovery
rate.
"""

import numpy as np
from numpy.typing import NDArray

Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]


def fisher_greater(both: Int64, left: Int64, right: Int64, total: int) -> Float64:
    """(pairs,) the chance of at least ``both`` common cases, given ``left`` and ``right`` cases of ``total``."""
    from scipy.stats import hypergeom  # here: it takes half a second, and few programs need it

    if not len(both):
        return np.zeros(0)
    tail = hypergeom.sf(both - 1, total, left, right)
    return np.asarray(np.clip(np.nan_to_num(tail, nan=1.0), 0.0, 1.0), np.float64)


def holm(p: Float64) -> Float64:
    """(tests,) p-values corrected so that the chance of any false finding stays below the level."""
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(p[order] * (len(p) - np.arange(len(p))))
    found = np.empty(len(p))
    found[order] = np.minimum(stepped, 1.0)
    return found


def benjamini_hochberg(p: Float64) -> Float64:
    """(tests,) the share of false findings among all that are at least as significant."""
    order = np.argsort(-p, kind="stable")
    rank = len(p) - np.arange(len(p))
    stepped = np.minimum.accumulate(p[order] * len(p) / rank)
    found = np.empty(len(p))
    found[order] = np.minimum(stepped, 1.0)
    return found
