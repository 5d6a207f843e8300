"""Which new item comes next in each person's sequence: settings chosen on the last given item, as published tables do.

Finders and networks are fitted without each line's last given item. Settings, weights and the order of candidates are
chosen by how well that item is foretold from the ones before it. The answer takes it as input, and with ``refit``
finders and networks learn from it too.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from shopkeeper.core.histories import MICROSECONDS_PER_DAY, Float32, Histories, Int32, Int64
from shopkeeper.core.ports import Progress, quiet
from shopkeeper.learn.benchmarks.learned_next_item import LEAST_PEOPLE, LEAST_SECONDS, WHOLE, Given, Learned, learned
from shopkeeper.learn.benchmarks.rivals import rivals
from shopkeeper.learn.benchmarks.search import Chosen, climb
from shopkeeper.learn.benchmarks.vocabulary import Vocabulary
from shopkeeper.learn.rank.likeness import AttributeLikeness
from shopkeeper.learn.recommend.sequence.attributes import Attributes
from shopkeeper.learn.recommend.sequential_knn import SequentialItemKNN, SequentialItemKNNModel
from shopkeeper.learn.snapshot import ArraySnapshot
from shopkeeper.learn.top import block_size, top
from shopkeeper.measure.bootstrap import Interval, mean_intervals
from shopkeeper.measure.ranking import Relevant, hit_rate, hits, ndcg

_CHOICES: dict[str, Sequence[float]] = {
    "query_decay": (0.5, 0.7, 0.8), "beta": (0.15, 0.2, 0.25, 0.4, 0.5), "alpha": (0.4, 0.5, 0.6, 0.85, 1.0),
    "backward": (0.2, 0.3, 0.6, 0.8), "shrink": (0.5, 1.0, 2.0, 5.0, 10.0), "decay": (0.6, 0.7, 0.9),
    "window": (5, 20),
}  # fmt: skip
_BLEND: dict[str, Sequence[float]] = {
    "times_likeness": (0.0, 1.0, 3.0, 10.0), "likeness": (0.0, 0.1, 0.2, 0.4, 0.8), "likeness_decay": (0.5, 0.85),
}  # fmt: skip
_NO_LIKENESS = {"times_likeness": 0.0, "likeness": 0.0, "likeness_decay": 0.7}
_LIKENESS = {"times_likeness": 3.0, "likeness": 0.2, "likeness_decay": 0.7}
_CHOOSING_PEOPLE = 6_000
_CHOOSING_SHARE, _CHOOSING_SECONDS = 0.1, 60.0
"""Of the budget of the whole hybrid: how much goes into the settings of the counts."""
_AFTER_ALL = 10**6 * MICROSECONDS_PER_DAY


@dataclass(frozen=True, slots=True, kw_only=True)
class NextItem:
    """How to answer. With ``refit`` finders and networks learn from the last given items too, after all is chosen."""

    count: int = 20
    budget_seconds: float = 1200.0
    """Time for learning and choosing settings. Below a minute counts alone answer, without networks and trees."""
    seed: int = 0
    refit: bool = False
    checkpoint: str = ""
    """A folder in which an interrupted learning of networks is kept, to go on from; "" = none."""
    alone: bool = False
    """Whether to answer as each member, and as others on the same split, would alone: to compare the whole with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NextItemResult:
    """``lists[u]`` are the best unseen items of ``users[u]``, best first.

    ``validation`` (``hit_rate@10``, ``ndcg@10``) is of the last given items, on which the settings were chosen too: a
    little too good for what follows.
    """

    users: tuple[str, ...]
    lists: list[list[str]]
    items: int
    settings: Mapping[str, float]
    tried: int
    validation: Mapping[str, Interval]
    seconds: float
    facts: Mapping[str, Any] = field(default_factory=dict)
    alone: Mapping[str, list[list[str]]] = field(default_factory=dict)
    """What each member, and others, alone would answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Model:
    sequential: SequentialItemKNNModel
    popular: Float32
    likeness: AttributeLikeness | None
    settings: Mapping[str, float]

    def score(self, profiles: Histories) -> Float32:
        """(people, items): order of purchase, likeness and both at once; popularity only where those say nothing."""
        walk = _scaled(self.sequential.score(profiles, _AFTER_ALL))
        if self.likeness is not None:
            like = _scaled(self.likeness.score(profiles, self.settings["likeness_decay"]))
            walk *= 1.0 + np.float32(self.settings["times_likeness"]) * like
            walk += np.float32(self.settings["likeness"]) * like
        walk += self.popular
        walk[profiles.row_of_event(), profiles.product] = np.nan
        return walk


def next_item(
    sequences: Mapping[str, Sequence[str]], how: NextItem, attributes: Mapping[str, Sequence[str]] | None = None,
    progress: Progress = quiet,
) -> NextItemResult:  # fmt: skip
    """The ``count`` most likely next items of every user, none of them in the user's sequence."""
    began = time.monotonic()
    items = Vocabulary.of((item for sequence in sequences.values() for item in sequence), how.seed)
    given = items.histories(list(sequences.values()))
    known = Attributes.of_names(attributes, items.numbers) if attributes else None
    likeness = AttributeLikeness.of(known) if known else None
    past = given.keep(given.age_rank() > 0)
    judged = np.flatnonzero(np.diff(given.offsets) > 1).astype(np.int64)
    wanted = given.product[given.offsets[1:][judged] - 1]
    progress("choose", 0, 3)
    whole = how.budget_seconds >= LEAST_SECONDS and len(judged) >= LEAST_PEOPLE
    until = began + (min(_CHOOSING_SHARE * how.budget_seconds, _CHOOSING_SECONDS) if whole else how.budget_seconds)
    chosen = _choose(past, judged, wanted, None if whole else likeness, len(items), how, until)
    progress("fit", 1, 3)
    if whole:
        own = {name: value for name, value in chosen.settings.items() if name in _CHOICES}
        parts = Given(
            past=past, judged=judged, wanted=wanted, items=len(items), attributes=known, seed=how.seed,
            settings=SequentialItemKNN(**own), seconds=how.budget_seconds, checkpoint=how.checkpoint,
            progress=progress, again_from=given if how.refit else None,
        )  # fmt: skip
        return _learned(learned(parts), tuple(sequences), items, given, past, chosen, how, began)
    model = _fit(past, len(items), likeness, chosen.settings, how.seed)
    validation = _validate(model, past.rows(judged), wanted, how.seed)
    progress("rank", 2, 3)
    if how.refit:
        model = _fit(given, len(items), likeness, chosen.settings, how.seed)
    ranked = _rank(model, given, how.count, how.seed)
    progress("", 3, 3)
    return NextItemResult(
        users=tuple(sequences), lists=items.named(ranked), items=len(items), settings=chosen.settings,
        tried=chosen.tried, validation=validation, seconds=time.monotonic() - began,
        alone=_rivals(given, past, items, how),
    )  # fmt: skip


def _rivals(given: Histories, past: Histories, items: Vocabulary, how: NextItem) -> dict[str, list[list[str]]]:
    ranked = rivals(past, given, len(items), how.count, how.seed) if how.alone else {}
    return {f"{name} alone": items.named(lists) for name, lists in ranked.items()}


def _learned(
    model: Learned, users: tuple[str, ...], items: Vocabulary, given: Histories, past: Histories, chosen: Chosen,
    how: NextItem, began: float,
) -> NextItemResult:  # fmt: skip
    """The answer of the whole hybrid. Its validation is of a sample of people."""
    lists = model.lists(given, how.count, alone=how.alone)
    return NextItemResult(
        users=users, lists=items.named(lists.pop(WHOLE)), items=len(items), settings=chosen.settings,
        tried=chosen.tried, validation=_figures(*model.early, how.seed),
        seconds=time.monotonic() - began, facts=model.facts,
        alone={name: items.named(one) for name, one in lists.items()} | _rivals(given, past, items, how),
    )  # fmt: skip


def _fit(
    past: Histories, items: int, likeness: AttributeLikeness | None, settings: Mapping[str, float], seed: int
) -> _Model:
    own = {name: value for name, value in settings.items() if name in _CHOICES}
    model = SequentialItemKNN(**own).fit(ArraySnapshot.of(past, items), seed=seed)  # type: ignore[arg-type]  # the grid holds each setting in its own type
    buyers = np.bincount(past.product, minlength=items).astype(np.float32)
    # Far below the smallest difference that means anything: it only fills up lists.
    popular = np.float32(1e-6) * (buyers + 1) / np.float32(buyers.max(initial=0) + 1)
    return _Model(sequential=model, popular=popular, likeness=likeness, settings=settings)


def _choose(
    past: Histories, judged: Int64, wanted: Int32, likeness: AttributeLikeness | None, items: int, how: NextItem,
    until: float,
) -> Chosen:  # fmt: skip
    """The settings with the highest NDCG@10 on the last given items of a sample of people."""
    start = {name: getattr(SequentialItemKNN(), name) for name in _CHOICES}
    start |= _NO_LIKENESS if likeness is None else _LIKENESS
    if not len(judged):
        return Chosen(settings=start, value=float("nan"), tried=0)
    drawn = np.random.default_rng(how.seed).permutation(len(judged))[:_CHOOSING_PEOPLE]
    people, target = past.rows(judged[drawn]), wanted[drawn]
    fitted: dict[tuple[float, ...], _Model] = {}

    def judge(settings: Mapping[str, float]) -> float:
        key = tuple(settings[name] for name in _CHOICES)
        if key not in fitted:
            fitted.clear()
            fitted[key] = _fit(past, items, likeness, settings, how.seed)
        model = fitted[key]
        own = _Model(sequential=model.sequential, popular=model.popular, likeness=likeness, settings=settings)
        return _gain(own, people, target)

    choices = _CHOICES if likeness is None else _BLEND | _CHOICES
    return climb(judge, start, choices, until=until)


def _gain(model: _Model, people: Histories, target: Int32) -> float:
    """Mean NDCG@10 of one wanted item each; ties count as their mean place."""
    total, start = 0.0, 0
    for block in people.blocks(min(1024, block_size(len(model.popular)))):
        scores = model.score(block)
        of_target = scores[np.arange(len(block)), target[start : start + len(block)]][:, None]
        start += len(block)
        place = (scores > of_target).sum(axis=1) + ((scores == of_target).sum(axis=1) - 1) / 2.0
        # A target that the person had before is not rankable (NaN): it is a miss.
        found = (place < 10) & ~np.isnan(of_target[:, 0])
        total += float((found / np.log2(place + 2.0)).sum())
    return total / len(target)


def _validate(model: _Model, people: Histories, wanted: Int32, seed: int) -> dict[str, Interval]:
    return _figures(_rank(model, people, 10, seed), wanted, seed)


def _figures(lists: Int32, wanted: Int32, seed: int) -> dict[str, Interval]:
    relevant = Relevant.of_pairs(np.arange(len(wanted)), wanted, people=len(wanted))
    hit = hits(lists, relevant)
    both = np.stack([hit_rate(hit, relevant, 10), ndcg(hit, relevant, 10)], axis=1)
    return dict(zip(("hit_rate@10", "ndcg@10"), mean_intervals(both, seed=seed), strict=True))


def _rank(model: _Model, people: Histories, count: int, seed: int) -> Int32:
    blocks = people.blocks(min(1024, block_size(len(model.popular))))
    parts = [top(model.score(block), count, seed) for block in blocks]
    return np.concatenate(parts) if parts else np.full((0, count), -1, np.int32)


def _scaled(scores: Float32) -> Float32:
    """Scores between 0 and 1, a person's best being 1; 0 where there is none."""
    table: Float32 = np.nan_to_num(scores, nan=0.0, copy=False)
    table /= np.maximum(table.max(axis=1, keepdims=True, initial=0.0), np.float32(1e-30))
    return table
