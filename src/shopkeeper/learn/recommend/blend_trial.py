"""What each member of a hybrid said of people's candidates, and what came true: the ground weights are learned on."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from shopkeeper.core.action import Action
from shopkeeper.core.histories import Bool, Float32, Histories, Int64
from shopkeeper.learn.recommend.blend import SHAPES, Trial, best_of, shaped

_CANDIDATES = 40
_DEPTH = 100
_BLOCK = 64


def sample(histories: Histories, now: int, most: int, seed: int) -> Int64:
    """Rows of people who were known before ``now`` and chose something after it."""
    row = histories.row_of_event()
    before = np.bincount(row[histories.at < now], minlength=len(histories)) > 0
    after = np.bincount(row[_chosen(histories) & (histories.at >= now)], minlength=len(histories)) > 0
    rows = np.flatnonzero(before & after)
    if len(rows) > most:
        rows = np.sort(np.random.default_rng(seed).choice(rows, most, replace=False))
    return rows


def _chosen(histories: Histories) -> Bool:
    """Events that count as a choice: orders, or, in a shop without any, carts and views."""
    orders: Bool = histories.action == Action.ORDER
    return orders if orders.any() else np.isin(histories.action, np.array([Action.CART_ADD, Action.PRODUCT_VIEW]))


def trial_of(models: Sequence[Any], people: Histories, now: int) -> Trial:
    """Every member's scores for the people, on each person's union of the members' best candidates."""
    chosen = _chosen(people)
    before, bought = people.keep(people.at < now), people.keep(chosen & (people.at < now))
    later = people.keep(chosen & (people.at >= now))
    zipped = zip(before.blocks(_BLOCK), bought.blocks(_BLOCK), later.blocks(_BLOCK), strict=True)
    blocks = [_block(models, *three, now) for three in zipped]

    def joined(name: str, at: int) -> Float32:
        return np.concatenate([block[name][at] for block in blocks])

    return Trial(
        scores=tuple(joined("scores", at) for at in range(len(models))),
        shapes=tuple({s: joined(s, at) for s in SHAPES[:2]} for at in range(len(models))),
        hit=joined("hit", 0) > 0, novel=joined("novel", 0) > 0, wanted=joined("wanted", 0).astype(np.int64),
    )  # fmt: skip


def _block(
    models: Sequence[Any], before: Histories, bought: Histories, later: Histories, now: int
) -> dict[str, list[Float32]]:  # fmt: skip
    scores = [model.score(before, now) for model in models]
    people, products = scores[0].shape
    target, had = np.zeros((people, products), np.bool_), np.zeros((people, products), np.bool_)
    for table, events in ((target, later), (had, bought)):
        real = events.product < products
        table[events.row_of_event()[real], events.product[real]] = True
    best = [best_of(s, _DEPTH) for s in scores]
    place, real = _candidates(scores, best)

    def picked(values: Any, blank: float) -> Float32:
        return np.where(real, np.take_along_axis(values, place, 1), blank).astype(np.float32)

    said = [picked(s, np.nan) for s in scores]
    both = {shape: [shaped(s, shape, b) for s, b in zip(said, best, strict=True)] for shape in SHAPES[:2]}
    return {
        "scores": said, **both,
        "hit": [picked(target, 0)], "novel": [picked(~had, 0)],
        "wanted": [np.stack([target.sum(axis=1), (target & ~had).sum(axis=1)], axis=1).astype(np.float32)],
    }  # fmt: skip


def _candidates(scores: Sequence[Float32], best: Sequence[Float32]) -> tuple[Any, Bool]:
    """(people, members * 40) products, each once a row, and which of the cells are real."""
    tables = [_foremost(*pair) for pair in zip(scores, best, strict=True)]
    place = -np.sort(-np.concatenate(tables, axis=1), axis=1)
    again = np.concatenate([np.zeros((len(place), 1), np.bool_), place[:, 1:] == place[:, :-1]], axis=1)
    return np.maximum(place, 0), (place >= 0) & ~again


def _foremost(scores: Float32, best: Float32) -> Any:
    """(people, 40) products that score at least the 40th best score; -1 where there are fewer."""
    table = np.full((len(scores), _CANDIDATES), -1, np.int64)
    if not best.shape[1]:
        return table
    floor = best[:, min(_CANDIDATES, best.shape[1]) - 1][:, None]
    row, product = np.nonzero(np.isfinite(scores) & (scores >= floor))
    spot = np.arange(len(row)) - np.searchsorted(row, row)
    kept = spot < _CANDIDATES
    table[row[kept], spot[kept]] = product[kept]
    return table


def slope(scores: Float32, hit: Bool) -> tuple[float, float]:
    """Slope (not below zero) and offset of the logistic function that best says how often a score comes true."""
    from sklearn.linear_model import LogisticRegression  # here: only learning needs it

    known = np.isfinite(scores)
    value, came = scores[known].astype(np.float64), hit[known]
    if not came.any() or came.all():
        return 0.0, -20.0
    middle, width = value.mean(), max(float(value.std()), 1e-12)
    line = LogisticRegression(max_iter=200).fit(((value - middle) / width)[:, None], came)
    steep = max(float(line.coef_[0, 0]), 0.0) / width
    return steep, float(line.intercept_[0]) - steep * float(middle)


def with_chance(trial: Trial, slopes: Sequence[tuple[float, float]]) -> Trial:
    chance = [shaped(s, "chance", s, *line) for s, line in zip(trial.scores, slopes, strict=True)]
    shapes = tuple({**old, "chance": new} for old, new in zip(trial.shapes, chance, strict=True))
    return Trial(scores=trial.scores, shapes=shapes, hit=trial.hit, novel=trial.novel, wanted=trial.wanted)
