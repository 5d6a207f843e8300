"""What each person's next basket will hold, old favourites and discoveries alike.

A score is a weighted sum of opinions, each between 0 and 1: how often the person bought it (newer baskets count more),
the same with the nearest people (TIFU-kNN), whether it is due (buy it again), what was bought in the last few baskets,
what follows what, what people like them bought, what everybody buys. Weights and the decay are chosen on each person's
last given basket, foretold from the ones before it; then everything learns from all baskets.

Trees learn the same from these opinions and from facts of each person and item (when, how often and how regularly it
was bought, how it sells): from the basket before the last given one, judged on the last. Where they foretell that
better than the sum they answer, learned again from both baskets.

Source: personal frequency with decay and neighbours as in Hu et al. (2020), Modeling personalized item frequency
information for next-basket recommendation (TIFU-KNN); the protocol of Li et al. (2023), A next basket recommendation
reality check.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from shopkeeper.core.histories import MICROSECONDS_PER_DAY, Float32, Histories, Int32
from shopkeeper.core.ports import Progress, Scorer, quiet
from shopkeeper.learn.benchmarks.basket_facts import ItemFacts
from shopkeeper.learn.benchmarks.basket_trees import LEAST_PEOPLE, BasketTrees, Told, drawn, fit_trees
from shopkeeper.learn.benchmarks.search import Chosen, climb
from shopkeeper.learn.benchmarks.vocabulary import Vocabulary
from shopkeeper.learn.recommend.buy_again import BuyAgain
from shopkeeper.learn.recommend.sequential_knn import SequentialItemKNN
from shopkeeper.learn.recommend.tifu_knn import TIFUKNN
from shopkeeper.learn.recommend.user_knn import UserKNN
from shopkeeper.learn.snapshot import ArraySnapshot
from shopkeeper.learn.top import block_size, top
from shopkeeper.measure.bootstrap import Interval, mean_intervals
from shopkeeper.measure.protocol import leave_last_basket_out
from shopkeeper.measure.ranking import Relevant, hits, ndcg, recall

_START = {
    "decay": 0.95, "own": 1.0, "tifu": 1.0, "again": 0.3, "lately": 0.03, "walk": 0.1, "like": 0.1, "popular": 0.05,
}  # fmt: skip
_CHOICES: dict[str, Sequence[float]] = {
    "again": (0.0, 0.1, 1.0, 3.0), "tifu": (0.0, 0.3, 3.0), "own": (0.0, 0.3), "decay": (0.8, 0.9, 0.98, 1.0),
    "popular": (0.001, 0.02, 0.2, 0.5), "lately": (0.0, 0.1, 0.3), "like": (0.0, 0.03, 0.3, 1.0),
    "walk": (0.0, 0.03, 0.3, 1.0),
}  # fmt: skip
_LATELY = 0.6
_CHOOSING_CELLS = 20_000_000
_FOREVER_DAYS = 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class NextBasket:
    """How to answer; half of ``budget_seconds`` bounds the choosing of settings, and without some left nothing learns
    trees. The answer takes what it takes."""

    count: int = 20
    budget_seconds: float = 600.0
    seed: int = 0
    others: bool = False
    """Whether to answer in others' ways too, to be compared with: TIFU-kNN with the settings of its paper,
    buy-it-again, personal frequency, popularity."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NextBasketResult:
    """``lists[u]`` are the most likely items of the next basket of ``users[u]``, best first.

    ``validation`` (``recall@10``, ``ndcg@10``, and ``ndcg@10 own`` of personal frequency alone) is of the last given
    baskets, on which the settings were chosen too: a little too good for what follows.
    """

    users: tuple[str, ...]
    lists: list[list[str]]
    items: int
    baskets: int
    settings: Mapping[str, float]
    """Of the sum; ``trees``: 1 where trees answered, else 0."""
    tried: int
    validation: Mapping[str, Interval]
    seconds: float
    others: Mapping[str, list[list[str]]] = field(default_factory=dict)
    """The lists of others by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Model:
    walk: Scorer
    like: Scorer
    tifu: Scorer
    again: Scorer
    now: int
    popular: Float32

    def opinions(self, people: Histories) -> dict[str, Float32]:
        """What doesn't depend on the settings: name -> (people, items)."""
        names = ("walk", "like", "tifu", "again")
        return {name: _scaled(getattr(self, name).score(people, self.now)) for name in names}

    def blend(self, people: Histories, opinions: Mapping[str, Float32], settings: Mapping[str, float]) -> Float32:
        scores = np.tile(np.float32(settings["popular"]) * self.popular, (len(people), 1))
        for name, opinion in opinions.items():
            if settings[name]:
                scores += np.float32(settings[name]) * opinion
        row, item, share = _favourites(people, settings["decay"])
        np.add.at(scores, (row, item), np.float32(settings["own"]) * share)
        if settings["lately"]:
            row, item, share = _favourites(people, _LATELY)
            np.add.at(scores, (row, item), np.float32(settings["lately"]) * share)
        return scores


def next_basket(
    histories: Mapping[str, Sequence[Sequence[str]]], how: NextBasket, progress: Progress = quiet
) -> NextBasketResult:
    """The ``count`` most likely items of every user's next basket, repeats allowed."""
    began = time.monotonic()
    items = Vocabulary.of((item for baskets in histories.values() for basket in baskets for item in basket), how.seed)
    given = _ending_today(items.baskets(list(histories.values())))
    split = leave_last_basket_out(given)
    past = _ending_today(split.known)
    judged = np.flatnonzero(split.wanted.sizes > 0)
    people, wanted = past.rows(judged), split.wanted.rows(judged)
    progress("choose", 0, 4)
    model = _fit(past, len(items), how.seed)
    chosen = _choose(model, people, wanted, how, began + how.budget_seconds / 2)
    progress("trees", 1, 4)
    ahead = _Ahead(people=people, wanted=wanted, model=model, facts=ItemFacts.learned(past, len(items)))
    in_time = time.monotonic() < began + how.budget_seconds
    trees = _better_trees(past, ahead, chosen.settings, how.seed) if in_time else None
    progress("fit", 2, 4)
    validation = _validate(ahead, chosen.settings, trees, how.seed)
    model = _fit(given, len(items), how.seed)
    progress("rank", 3, 4)
    ranked = _rank(model, given, chosen.settings, how.count, how.seed)
    if trees is not None:
        told = _told(given, model, ItemFacts.learned(given, len(items)), how.seed)
        ranked = told.best(trees.both.score(told), how.count)
    others = _others(model, given, how) if how.others else {}
    progress("", 4, 4)
    settings = {**chosen.settings, "trees": float(trees is not None)}
    return NextBasketResult(
        users=tuple(histories), lists=items.named(ranked), items=len(items),
        baskets=sum(map(len, histories.values())), settings=settings, tried=chosen.tried, validation=validation,
        seconds=time.monotonic() - began, others={name: items.named(lists) for name, lists in others.items()},
    )  # fmt: skip


def _others(model: _Model, given: Histories, how: NextBasket) -> dict[str, Int32]:
    """name -> (users, count) what somebody else would say."""
    alone = dict.fromkeys(_START, 0.0) | {"decay": 1.0}
    own = _rank(model, given, alone | {"own": 1.0}, how.count, how.seed)
    popular = _rank(model, given, alone | {"popular": 1.0}, how.count, how.seed)
    blocks = given.blocks(min(1024, block_size(4 * len(model.popular))))
    scored = {"tifu_knn": model.tifu, "buy_again": model.again}
    ranked = {name: np.concatenate([top(one.score(block, model.now), how.count, how.seed) for block in blocks])
              for name, one in scored.items()}  # fmt: skip
    return ranked | {"own_frequency": own, "popularity": popular}


def _fit(given: Histories, items: int, seed: int) -> _Model:
    known = ArraySnapshot.of(given, items)
    now = int(given.at.max(initial=0)) + MICROSECONDS_PER_DAY
    popular = np.bincount(given.product, minlength=items) / max(len(given), 1)
    return _Model(
        walk=SequentialItemKNN(query_decay=0.8).fit(known, seed=seed),
        like=UserKNN(half_life_days=_FOREVER_DAYS).fit(known, seed=seed),
        tifu=TIFUKNN().fit(known, seed=seed),
        again=BuyAgain().fit(known, seed=seed),
        now=now,
        popular=(popular / max(float(popular.max(initial=0.0)), 1e-30)).astype(np.float32),
    )


def _ending_today(people: Histories) -> Histories:
    """Baskets a day apart, everybody's newest one on the same day: bare baskets have no dates."""
    row = people.row_of_event()
    newest = np.zeros(len(people), np.int64)
    np.maximum.at(newest, row, people.order)
    day = int(newest.max(initial=0)) - newest[row] + people.order
    return replace(people, at=day * MICROSECONDS_PER_DAY)


def _favourites(people: Histories, decay: float) -> tuple[Int32, Int32, Float32]:
    """(row, item, share of the person's baskets that hold it), baskets weighing ``decay ** age``; an item may
    come often and its shares add."""
    row = people.row_of_event()
    newest = np.zeros(len(people), np.int64)
    np.maximum.at(newest, row, people.order)
    weight = decay ** (newest[row] - people.order).astype(np.float64)
    baskets = newest + 1.0
    total = baskets if decay == 1 else (1 - decay**baskets) / (1 - decay)
    return row, people.product, (weight / total[row]).astype(np.float32)


def _choose(model: _Model, people: Histories, wanted: Relevant, how: NextBasket, until: float) -> Chosen:
    """The settings with the highest NDCG@10 + recall@20 on the last given baskets of a sample of people."""
    if not len(people):
        return Chosen(settings=_START, value=float("nan"), tried=0)
    most = max(50, min(2000, _CHOOSING_CELLS // len(model.popular)))
    drawn = np.random.default_rng(how.seed).permutation(len(people))[:most]
    some, target = people.rows(drawn), wanted.rows(drawn)
    opinions = model.opinions(some)

    def judge(settings: Mapping[str, float]) -> float:
        return _quality(top(model.blend(some, opinions, settings), 20, how.seed), target)

    return climb(judge, _START, _CHOICES, until=until)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ahead:
    """People before a basket that is known, and what is known of the items then."""

    people: Histories
    wanted: Relevant
    model: _Model
    facts: ItemFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class _Trees:
    """Lists of the last given basket by trees that have not seen it, and trees that have learned from it too."""

    validated: Int32
    both: BasketTrees


def _better_trees(past: Histories, ahead: _Ahead, settings: Mapping[str, float], seed: int) -> _Trees | None:
    """Trees, where they foretell the last given basket better than the sum does; None otherwise, or where too few
    people have three baskets."""
    split = leave_last_basket_out(past)
    rows = drawn(np.flatnonzero(split.wanted.sizes > 0), seed)
    if len(rows) < LEAST_PEOPLE:
        return None
    before, items = _ending_today(split.known), len(ahead.model.popular)
    earlier, facts = _fit(before, items, seed), ItemFacts.learned(before, items)
    learned = _told(before.rows(rows), earlier, facts, seed, split.wanted.rows(rows))
    told = _told(ahead.people, ahead.model, ahead.facts, seed, ahead.wanted)
    lists = told.best(fit_trees(learned, seed).score(told), 20)
    if not _quality(lists, ahead.wanted) > _quality(_rank(ahead.model, ahead.people, settings, 20, seed), ahead.wanted):
        return None
    return _Trees(validated=lists, both=fit_trees(learned.with_more(told), seed))


def _told(people: Histories, model: _Model, facts: ItemFacts, seed: int, wanted: Relevant | None = None) -> Told:
    block = min(512, block_size(4 * len(model.popular)))
    return Told.of(people, model.opinions, model.popular, facts, block, seed, wanted)


def _quality(lists: Int32, wanted: Relevant) -> float:
    """What settings and trees are chosen by: NDCG@10 + recall@20."""
    hit = hits(lists, wanted)
    return float((ndcg(hit, wanted, 10) + recall(hit, wanted, 20)).mean())


def _validate(
    ahead: _Ahead, settings: Mapping[str, float], trees: _Trees | None, seed: int
) -> dict[str, Interval]:  # fmt: skip
    model, people, wanted = ahead.model, ahead.people, ahead.wanted
    hit = hits(_rank(model, people, settings, 10, seed) if trees is None else trees.validated[:, :10], wanted)
    alone = dict.fromkeys(settings, 0.0) | {"decay": 1.0, "own": 1.0}
    own = hits(_rank(model, people, alone, 10, seed), wanted)
    columns: list[NDArray[np.float64]] = [recall(hit, wanted, 10), ndcg(hit, wanted, 10), ndcg(own, wanted, 10)]
    intervals = mean_intervals(np.stack(columns, axis=1), seed=seed)
    return dict(zip(("recall@10", "ndcg@10", "ndcg@10 own"), intervals, strict=True))


def _rank(model: _Model, people: Histories, settings: Mapping[str, float], count: int, seed: int) -> Int32:
    blocks = people.blocks(min(1024, block_size(4 * len(model.popular))))
    parts = [top(model.blend(block, model.opinions(block), settings), count, seed) for block in blocks]
    return np.concatenate(parts) if parts else np.full((0, count), -1, np.int32)


def _scaled(scores: Float32) -> Float32:
    table: Float32 = np.nan_to_num(scores, nan=0.0, copy=False)
    table /= np.maximum(table.max(axis=1, keepdims=True, initial=0.0), np.float32(1e-30))
    return table
