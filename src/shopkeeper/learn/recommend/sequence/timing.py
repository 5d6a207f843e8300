"""When a person will buy again: read off from where a network looks, and from the person's own rhythm."""

from dataclasses import dataclass

import numpy as np

from shopkeeper.core.histories import MICROSECONDS_PER_DAY, Float32, Histories, Int64
from shopkeeper.learn.recommend.sequence.sequences import Sequences, Windows

_SAMPLE = 20_000
_RIDGE = 10.0
_LEAST = 30
"""With fewer pauses than this nothing is learned."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moments:
    """Points in people's sequences: the windows that end there, the rhythm up to there, and the pause after."""

    windows: Windows
    item: Int64
    """(moments,) the product at that moment."""
    rhythm: Float32
    """(moments, 3) logarithms of 1 + days: the last pause, the mean pause; and of the number of products."""
    pause: Float32
    """(moments,) logarithm of 1 + days until the next purchase; NaN where none is known."""


def pauses(sequences: Sequences, histories: Histories, length: int, seed: int) -> Moments:
    """A sample of moments after which some time passed before the same person's next product."""
    at, row = histories.at[sequences.event], np.repeat(np.arange(len(sequences)), sequences.sizes)
    same = row[1:] == row[:-1]
    ends = np.flatnonzero(same & (at[1:] > at[:-1]))
    ends = np.sort(np.random.default_rng(seed).permutation(ends)[:_SAMPLE])
    after = _log_days(at[ends + 1] - at[ends])
    return _moments(sequences, at, row[ends], ends, after, length)


def newest(sequences: Sequences, histories: Histories, length: int) -> Moments:
    """The last moment of each person who has a history."""
    at, rows = histories.at[sequences.event], np.flatnonzero(sequences.sizes)
    ends = sequences.offsets[1:][rows] - 1
    return _moments(sequences, at, rows, ends, np.full(len(rows), np.nan, np.float32), length)


def _moments(sequences: Sequences, at: Int64, rows: Int64, ends: Int64, pause: Float32, length: int) -> Moments:
    first = sequences.offsets[:-1][rows]
    count = ends - first
    last = at[ends] - at[np.maximum(ends - 1, first)]
    mean = (at[ends] - at[first]) // np.maximum(count, 1)
    start = np.maximum(first, ends + 1 - length)
    rhythm = np.stack([_log_days(last), _log_days(mean), np.log1p(count)], axis=1).astype(np.float32)
    return Moments(
        windows=Windows(start=start, size=ends + 1 - start), item=sequences.item[ends], rhythm=rhythm, pause=pause
    )


def _log_days(pause: Int64) -> Float32:
    return np.log1p(np.maximum(pause, 0) / MICROSECONDS_PER_DAY).astype(np.float32)


def learn_pauses(points: Float32, moments: Moments) -> Float32:
    """Weights of ``log(1 + days)`` by ridge regression: the points, the rhythm, a constant.

    ``points`` (moments, any): where the network looks and what the newest product is. Empty with too few pauses.

    Source: Hoerl, Kennard (1970), Ridge regression; logarithms of waiting times: the log-normal duration model.
    """
    if len(moments.pause) < _LEAST:
        return np.zeros(0, np.float32)
    table = _features(points, moments).astype(np.float64)
    penalty = np.full(table.shape[1], _RIDGE)
    penalty[-1] = 0.0  # the constant is free
    found = np.linalg.solve(table.T @ table + np.diag(penalty), table.T @ moments.pause.astype(np.float64))
    return found.astype(np.float32)


def foretell_pauses(weights: Float32, points: Float32, moments: Moments) -> Float32:
    """(moments,) days from the last purchase to the next: the median of the log-normal, none below 0."""
    days: Float32 = np.maximum(np.expm1(_features(points, moments) @ weights), 0).astype(np.float32)
    return days


def _features(points: Float32, moments: Moments) -> Float32:
    return np.concatenate([points, moments.rhythm, np.ones((len(points), 1), np.float32)], axis=1)
