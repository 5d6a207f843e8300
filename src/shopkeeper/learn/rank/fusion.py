"""Several opinions as one: a weighted sum of logarithms, whose weights are found on what people chose next."""

from collections.abc import Mapping, Sequence

import numpy as np

from shopkeeper.core.histories import Float32, Int32
from shopkeeper.learn.rank.candidates import Candidates
from shopkeeper.learn.rank.signals import features_of

_FACTORS = (0.0, 0.25, 0.6, 1.6, 4.0)
_FRESH = (0.1, 0.4)
_PASSES = 4
_LEAST_GAIN = 1e-5


def fused(said: Mapping[str, Float32], weights: Mapping[str, float]) -> Float32:
    """(pairs,) the sum of each opinion times its weight.

    Source: logarithmic opinion pools, Genest, Zidek (1986), Combining probability distributions.
    """
    score: Float32 = features_of(said, list(weights)) @ np.array(list(weights.values()), np.float32)
    return score


def ndcg_at_10(pairs: Candidates, score: Float32, wanted: Int32) -> float:
    """Mean NDCG@10 of one wanted product each; one that is not a candidate is a miss."""
    place = pairs.place_of(score, wanted)
    return float(np.where(place < 10, 1 / np.log2(np.minimum(place, 1e6) + 2), 0.0).mean())


def weights_of(
    pairs: Candidates, said: Mapping[str, Float32], wanted: Int32, start: Mapping[str, float], names: Sequence[str]
) -> dict[str, float]:
    """Weights (none negative) that rank best: coordinate ascent from ``start``, one opinion after the other.

    Source: Metzler, Croft (2007), Linear feature-based models for information retrieval.
    """
    weights = {name: start.get(name, 0.0) for name in names}
    able = np.flatnonzero(np.bincount(pairs.row[pairs.item == wanted[pairs.row]], minlength=len(pairs)))
    pairs, place = pairs.rows(able)  # whose choice is no candidate is missed with any weights
    said, wanted = {name: said[name][place] for name in names}, wanted[able]
    if not len(able):
        return weights
    best = ndcg_at_10(pairs, fused(said, weights), wanted)
    for _ in range(_PASSES):
        before = best
        for name in names:
            tried = [weights[name] * factor for factor in _FACTORS] if weights[name] else _FRESH
            rest = fused(said, weights | {name: 0.0})
            for weight in tried:
                reached = ndcg_at_10(pairs, rest + np.float32(weight) * said[name], wanted)
                if reached > best:
                    best, weights = reached, weights | {name: weight}
        if best - before < _LEAST_GAIN:
            break
    return weights


def checked_weights_of(
    pairs: Candidates, said: Mapping[str, Float32], wanted: Int32, start: Mapping[str, float], names: Sequence[str]
) -> dict[str, float]:
    """``weights_of`` where such weights are worth it, else the first opinion alone.

    Worth it: found on one half of the people, they rank better for the other half, both ways round. An opinion that was
    learned from all the others already knows what they say, and weights besides it mostly learn by heart.
    """
    half = np.arange(len(pairs)) % 2
    alone = {name: float(name == names[0]) for name in names}
    for side in (0, 1):
        (own, mine), (other, theirs) = (pairs.rows(np.flatnonzero(half == which)) for which in (side, 1 - side))
        weights = weights_of(own, {name: said[name][mine] for name in names}, wanted[half == side], start, names)
        rest = {name: said[name][theirs] for name in names}
        answers = wanted[half != side]
        if ndcg_at_10(other, fused(rest, weights), answers) <= ndcg_at_10(other, rest[names[0]], answers):
            return alone
    return weights_of(pairs, said, wanted, start, names)
