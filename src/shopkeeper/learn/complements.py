"""Whether "goes well with" shows complements or substitutes: judged on what was bought in one basket and on what was
looked at in one visit.

What people look at together takes one another's place; what they buy together goes together.
Source: McAuley, Pandey, Leskovec (2015), Inferring networks of substitutable and complementary products.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from shopkeeper.core.action import Action
from shopkeeper.core.histories import Bool, Catalogue, Float32, Histories, Int32, Int64
from shopkeeper.core.ports import Scorer
from shopkeeper.learn.top import block_size, top
from shopkeeper.measure.bootstrap import Interval, mean_interval
from shopkeeper.measure.ranking import Relevant, accuracy

_VISIT: int = 30 * 60 * 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Together:
    """Products that were asked about, and what came with each: in the same basket, or in the same visit."""

    asked: Int32
    wanted: Relevant
    same_kind: float
    """Of all that came with them, the share that is of the asked product's own kind; NaN where nothing came."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GoesWith:
    """What a model lists for a product's page. ``bought``, ``viewed``: how often one of the list's products is among
    those of another kind that came with it; ``own_kind``: the share of the list that is of the product's own kind."""

    name: str
    bought: Interval
    viewed: Interval
    own_kind: float


def kinds_of(catalogue: Catalogue, level: int) -> Int64:
    """(products,) a number for each category path down to a level (1 = widest), -1 = unknown; beyond the catalogue's
    depth it means the deepest."""
    path, known = np.zeros(len(catalogue), np.int64), np.ones(len(catalogue), np.bool_)
    for texts in catalogue.categories[:level]:
        names, code = np.unique(texts.astype(np.str_), return_inverse=True)
        if (code == 0).all() and names[0] == "":
            break  # nothing has a category at this level
        path = np.unique(path * len(names) + code, return_inverse=True)[1].astype(np.int64)
        known &= names[code] != ""
    return np.where(known, path, -1)


def in_baskets(later: Histories, kinds: Int64, most: int, seed: int = 0) -> Together:
    """Products bought, with what else their basket held."""
    lines = later.of(Action.ORDER)
    return _together(lines.row_of_event().astype(np.int64) * (1 << 32) + lines.order, lines.product, kinds, most, seed)


def in_visits(later: Histories, kinds: Int64, most: int, seed: int = 0) -> Together:
    """Products looked at, with what else was looked at in the visit (a pause of half an hour ends it)."""
    views = later.of(Action.PRODUCT_VIEW)
    row = views.row_of_event()
    fresh = np.ones(views.events, np.bool_)
    fresh[1:] = (row[1:] != row[:-1]) | (np.diff(views.at) > _VISIT)
    return _together(np.cumsum(fresh), views.product, kinds, most, seed)


def _together(group: Int64, product: Int32, kinds: Int64, most: int, seed: int) -> Together:
    pairs = np.unique(np.stack([group, product.astype(np.int64)], axis=1), axis=0)
    _, at, sizes = np.unique(pairs[:, 0], return_inverse=True, return_counts=True)
    starts = np.cumsum(sizes) - sizes
    able = np.flatnonzero(sizes[at] > 1)
    if len(able) > most:
        able = np.sort(np.random.default_rng(seed).choice(able, most, replace=False))
    count = sizes[at[able]]
    row = np.repeat(np.arange(len(able)), count)
    other = np.repeat(starts[at[able]] - (np.cumsum(count) - count), count) + np.arange(count.sum())
    asked, came = pairs[able, 1], pairs[other, 1]
    same = (kinds[came] == kinds[asked[row]]) & (kinds[came] >= 0)
    self_ = came == asked[row]
    other_kind = ~(same | self_)
    return Together(
        asked=asked.astype(np.int32),
        wanted=Relevant.of_pairs(row[other_kind], came[other_kind], people=len(able)),
        same_kind=float(same[~self_].mean()) if (~self_).any() else float("nan"),
    )  # fmt: skip


def goes_with(
    models: Mapping[str, Scorer], bought: Together, viewed: Together, kinds: Int64, *, now: int, k: int = 10,
    other_kind: bool = False, seed: int = 0,
) -> list[GoesWith]:  # fmt: skip
    """Every model's lists for the asked products; with ``other_kind`` nothing of a product's own kind is listed."""
    found = []
    for name, model in models.items():
        lists = [lists_for(model, some.asked, kinds, now, k, other_kind, seed) for some in (bought, viewed)]
        hit = [
            accuracy(ranked, some.wanted, k)["hit_rate"] for ranked, some in zip(lists, (bought, viewed), strict=True)
        ]
        shown = lists[0] if len(bought.asked) else lists[1]
        asked = bought.asked if len(bought.asked) else viewed.asked
        found.append(GoesWith(
            name=name, bought=mean_interval(hit[0], seed=seed), viewed=mean_interval(hit[1], seed=seed),
            own_kind=_own_kind(shown, asked, kinds),
        ))  # fmt: skip
    return found


def lists_for(
    model: Scorer, asked: Int32, kinds: Int64, now: int, k: int, other_kind: bool, seed: int = 0
) -> Int32:  # fmt: skip
    """(asked, k) what a model lists for each product's page, without the product itself."""
    pages = replace(
        Histories.of_sequences([[0]] * len(asked), action=Action.PRODUCT_VIEW), product=asked,
        at=np.full(len(asked), now, np.int64), order=np.full(len(asked), -1, np.int32),
    )  # fmt: skip
    parts = []
    for page in pages.blocks(block_size(len(kinds))):
        scores = model.score(page, now)
        _without(scores, page.product, kinds[: scores.shape[1]], other_kind)
        parts.append(top(scores, k, seed))
    return np.concatenate(parts) if parts else np.full((0, k), -1, np.int32)


def _without(scores: Float32, asked: Int32, kinds: Int64, other_kind: bool) -> None:
    inside = np.flatnonzero(asked < scores.shape[1])
    scores[inside, asked[inside]] = np.nan
    if other_kind:
        same: Bool = (kinds[None] == kinds[asked[inside]][:, None]) & (kinds >= 0)[None]
        scores[inside] = np.where(same, np.nan, scores[inside])


def _own_kind(ranked: Int32, asked: Int32, kinds: Int64) -> float:
    row, place = np.nonzero(ranked >= 0)
    same = kinds[ranked[row, place]] == kinds[asked[row]]
    return float((same & (kinds[asked[row]] >= 0)).mean()) if len(row) else float("nan")
