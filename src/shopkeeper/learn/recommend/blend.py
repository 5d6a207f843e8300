"""How to add up scores of different kinds: bring each to 0..1, then find the weights that rank best."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from shopkeeper.core.histories import Bool, Float32

Float64 = NDArray[np.float64]
SHAPES = ("spread", "rank", "chance")
_DISCOUNT = (1 / np.log2(np.arange(10) + 2)).astype(np.float32)
_STEPS = (0.03, 0.1, 0.3, 1.0, 3.0)
_FACTORS = (0.0, 0.25, 0.5, 0.8, 1.25, 2.0, 4.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What one member's score counts for.

    ``shape`` brings the member's scores to 0..1, unknown = 0. ``spread``: from the person's ``depth``-th best score
    to the best one, evenly. ``rank``: 1 / log2(rank + 1) of the person's best ``depth``. ``chance``: the logistic
    function of ``slope * score + offset``, which alone says the same of equal scores of two people.
    """

    weight: float
    shape: str
    slope: float = 0.0
    offset: float = 0.0
    depth: int = 100

    def of(self, scores: Float32) -> Float32:
        """(people, products) contributions, weight included."""
        known = _Known.of(scores)
        return known.dense(self._said(known))

    def of_one(self, scores: Float32) -> Float32:
        """The contributions to one person, given only the scores that are known: ``of`` bit for bit."""
        if self.shape != "rank" or not len(scores):
            count = len(scores)
            known = _Known(shape=(1, count), cell=np.arange(count), row=np.zeros(count, np.intp), value=scores)
            return self._said(known)
        turned = -scores
        best = turned if len(turned) <= self.depth else np.partition(turned, self.depth - 1)[: self.depth]
        return _ranks(np.float32(self.weight), self.depth)[np.sort(best).searchsorted(turned)]

    def _said(self, known: "_Known") -> Float32:
        best = np.zeros((known.shape[0], 0), np.float32) if self.shape == "chance" else known.best(self.depth)
        return np.float32(self.weight) * known.shaped(self.shape, best, self.slope, self.offset)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """The scores that are known, flat, row by row: most members know few products, and most of the time goes here."""

    shape: tuple[int, int]
    cell: NDArray[np.intp]
    row: NDArray[np.intp]
    value: Float32

    @classmethod
    def of(cls, scores: Float32) -> "_Known":
        people, products = scores.shape
        cell = np.flatnonzero(np.isfinite(scores))
        row = np.zeros(len(cell), np.intp) if people == 1 else cell // max(products, 1)
        return cls(shape=(people, products), cell=cell, row=row, value=scores.ravel()[cell])

    def dense(self, said: Float32) -> Float32:
        out = np.zeros(self.shape, np.float32)
        out.ravel()[self.cell] = said
        return out

    def best(self, depth: int) -> Float32:
        """(people, at most ``depth``) each row's best scores, best first; -inf where there are fewer."""
        if self.shape[0] == 1:
            turned = -self.value[None]
        else:
            counts = np.bincount(self.row, minlength=self.shape[0])
            turned = np.full((len(counts), int(counts.max(initial=0))), np.inf, np.float32)
            turned[self.row, np.arange(len(self.row)) - (np.cumsum(counts) - counts)[self.row]] = -self.value
        if turned.shape[1] > depth:
            turned = np.partition(turned, depth - 1, axis=1)[:, :depth]
        best: Float32 = -np.sort(turned, axis=1)
        return best

    def shaped(self, shape: str, best: Float32, slope: float, offset: float) -> Float32:
        """One number in 0..1 a known score; see ``Part``."""
        if shape == "chance":
            with np.errstate(over="ignore"):
                odds: Float32 = np.float32(1) / (1 + np.exp(-(np.float32(slope) * self.value + np.float32(offset))))
            return odds
        floor: Float32 = np.where(np.isfinite(best), best, np.float32(np.inf)).min(axis=1, initial=np.inf)
        said = np.zeros(len(self.value), np.float32)
        high = np.flatnonzero(self.value >= floor[self.row])
        row, score = self.row[high], self.value[high]
        if shape == "rank":
            said[high] = 1 / np.log2(_ahead(best, row, score) + 2)
        elif len(high):
            width = np.where(np.isfinite(floor), best[:, 0] - floor, np.float32(0))[row]
            said[high] = np.where(width > 0, (score - floor[row]) / np.maximum(width, 1e-30), 1)
        return said


@lru_cache(64)
def _ranks(weight: np.float32, depth: int) -> Float32:
    """(depth + 1,) what the best score adds, the second, …; nothing beyond."""
    said = np.zeros(depth + 1, np.float32)
    said[:-1] = 1 / np.log2(np.arange(depth) + 2)
    return weight * said


def shaped(scores: Float32, shape: str, best: Float32, slope: float = 0.0, offset: float = 0.0) -> Float32:
    """(people, any) in 0..1; see ``Part``. ``best`` is ``best_of`` all products' scores; ``chance`` needs none."""
    known = _Known.of(scores)
    return known.dense(known.shaped(shape, best, slope, offset))


def best_of(scores: Float32, depth: int) -> Float32:
    """(people, at most ``depth``) each row's best known scores, best first; -inf where there are fewer."""
    return _Known.of(scores).best(depth)


def _ahead(best: Float32, row: NDArray[np.intp], score: Float32) -> NDArray[np.intp]:
    """How many of the row's best scores are higher."""
    if len(best) == 1:
        found: NDArray[np.intp] = np.searchsorted(-best[0], -score, side="left")
        return found
    merged = np.lexsort((np.r_[np.ones(best.size), np.zeros(len(row))], -np.r_[best.ravel(), score],
                         np.r_[np.repeat(np.arange(len(best)), best.shape[1]), row]))  # fmt: skip
    passed = np.empty(len(merged), np.intp)
    passed[merged] = np.cumsum(merged < best.size)
    ahead: NDArray[np.intp] = passed[best.size :] - row * best.shape[1]
    return ahead


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What the members said of each person's candidates, and what came true. Shapes (people, candidates)."""

    scores: tuple[Float32, ...]
    """One a member, on the candidates; NaN = unknown or no candidate."""
    shapes: tuple[dict[str, Float32], ...]
    """The same in each shape."""
    hit: Bool
    novel: Bool
    """Whether the person had not chosen it before; candidates only."""
    wanted: NDArray[np.int64]
    """(people, 2) how many products the person chose, and of those, the novel ones."""


def quality(trial: Trial, parts: Sequence[Part | None], novel_share: float) -> float:
    """Mean NDCG@10 of the blend, with ``novel_share`` of it on novel products alone."""
    total = np.zeros(trial.hit.shape, np.float32)
    for shapes, part in zip(trial.shapes, parts, strict=True):
        if part is not None and part.weight:
            total += np.float32(part.weight) * shapes[part.shape]
    everything = _ndcg(total, trial.hit, trial.wanted[:, 0])
    fresh = _ndcg(np.where(trial.novel, total, np.float32(-1)), trial.hit & trial.novel, trial.wanted[:, 1])
    return (1 - novel_share) * everything + novel_share * fresh


def _ndcg(total: Float32, hit: Bool, wanted: NDArray[np.int64]) -> float:
    size = min(10, total.shape[1])
    if not (wanted > 0).any():
        return 0.0
    top = np.argpartition(-total, size - 1, axis=1)[:, :size]
    place = np.take_along_axis(top, np.argsort(-np.take_along_axis(total, top, 1), axis=1, kind="stable"), 1)
    good = np.take_along_axis(hit, place, 1) & (np.take_along_axis(total, place, 1) > 0)
    ideal = np.cumsum(_DISCOUNT)[np.clip(wanted, 1, 10) - 1]
    return float(((good * _DISCOUNT[:size]).sum(axis=1) / ideal)[wanted > 0].mean())


def find_parts(
    trial: Trial, slopes: Sequence[tuple[float, float]], novel_share: float, least: float
) -> list[Part | None]:
    """Weights and shapes by coordinate ascent from the best single member; None for members that do not help.

    A member stays only if leaving it out costs more than ``least`` of the quality.
    """
    options = [[Part(weight=1.0, shape=s, slope=a, offset=b) for s in SHAPES] for a, b in slopes]
    blank: list[Part | None] = [None] * len(options)
    alone = [
        (quality(trial, _with(blank, at, part), novel_share), at, part)
        for at, some in enumerate(options)
        for part in some
    ]
    best, at, part = max(alone, key=lambda tried: tried[0])
    parts = _with(blank, at, part)
    for _ in range(4):
        before = best
        for member in range(len(options)):
            for part in list(_moves(options[member], parts[member])):
                tried = _with(parts, member, part)
                if any(tried) and (value := quality(trial, tried, novel_share)) > best + 1e-6:
                    best, parts = value, tried
        if best - before < 1e-4:
            break
    return _prune(trial, parts, best, novel_share, least)


def _with(parts: Sequence[Part | None], at: int, part: Part | None) -> list[Part | None]:
    return [*parts[:at], part if part is not None and part.weight else None, *parts[at + 1 :]]


def _moves(options: Sequence[Part], now: Part | None) -> "chain[Part]":
    if now is None:
        return chain(replace(part, weight=step) for part in options for step in _STEPS)
    scaled = (replace(now, weight=now.weight * factor) for factor in _FACTORS)
    return chain(scaled, (replace(part, weight=now.weight) for part in options))


def _prune(
    trial: Trial, parts: list[Part | None], best: float, novel_share: float, least: float
) -> list[Part | None]:  # fmt: skip
    while sum(part is not None for part in parts) > 1:
        costs = [
            (best - quality(trial, _with(parts, at, None), novel_share), at) for at, part in enumerate(parts) if part
        ]
        cost, at = min(costs)
        if cost > least:
            break
        parts, best = _with(parts, at, None), best - cost
    return parts
