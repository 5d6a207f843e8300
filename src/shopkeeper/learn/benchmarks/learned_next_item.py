"""The whole hybrid on bare sequences: finders, networks, trees and the weights between them, within a time budget.

Trees learn from steps that the finders they hear did not know: the last one of the past, and what people had after it
(``Given.wanted``), on which settings, weights and when to stop are chosen too. Each tree sees what one half of the
people wanted, and is judged by the other half: stacked generalization, Wolpert (1992). Finders and networks learn from
the past alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from shopkeeper.core.errors import Unavailable
from shopkeeper.core.histories import Bool, Float32, Histories, Int32, Int64
from shopkeeper.core.ports import Progress, quiet
from shopkeeper.learn.rank.candidates import Candidates
from shopkeeper.learn.rank.fusion import checked_weights_of, fused, ndcg_at_10, weights_of
from shopkeeper.learn.rank.signals import Signals, features_of
from shopkeeper.learn.rank.trees import LambdaMART, LambdaMARTModel
from shopkeeper.learn.recommend.sequence.attention import SelfAttention
from shopkeeper.learn.recommend.sequence.attributes import Attributes
from shopkeeper.learn.recommend.sequence.fitting import Parts, judge_of, learn
from shopkeeper.learn.recommend.sequence.learning import Circumstances, Judged
from shopkeeper.learn.recommend.sequence.model import SequenceModel
from shopkeeper.learn.recommend.sequence.sequences import Sequences
from shopkeeper.learn.recommend.sequential_knn import SequentialItemKNN

LEAST_SECONDS: Final = 60.0
LEAST_PEOPLE: Final = 500
"""With less time or fewer people to learn from, counts alone answer."""
NETWORKS: Final[Mapping[str, SelfAttention]] = {
    "attention": SelfAttention(),
    "attention_2": SelfAttention(dimensions=64, blocks=2, dropout=0.4, epochs=12),
    "attention_3": SelfAttention(dimensions=96, blocks=2, heads=4, epochs=10),
}
"""Unlike one another, so that they are wrong in different places: wide and flat, narrow and deep, between the two."""
_NETWORKS_SHARE = 0.6
"""of the budget, for all of them, a half before and a half after the trees"""
_SECONDS_A_NETWORK = 200
"""Of the budget: one network at least, and one more for every so many."""
_PER_FINDER = 50
_TEACHERS = 25_000
_TEACHERS_A_SECOND = 80
_ENSEMBLES = 4
"""of trees, whose mean counts; every other one learns from the same half of people"""
_TREES_OF_MANY: Final = LambdaMART(least_pairs=500)
_CHOOSERS = 6_000
_BLOCK = 512
_TREES = "trees"
WHOLE: Final = "whole"
_START: Final[Mapping[str, float]] = {
    "next": 0.4, "together": 0.1, "likeness": 0.2, _TREES: 1.0, **dict.fromkeys(NETWORKS, 0.3),
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What there is to learn from: ``past`` to fit, ``wanted`` (what ``judged`` people had next) to choose by."""

    past: Histories
    judged: Int64
    wanted: Int32
    items: int
    attributes: Attributes | None
    settings: SequentialItemKNN
    seed: int
    seconds: float
    """In which learning should be done."""
    checkpoint: str = ""
    again_from: Histories | None = None
    """What finders and networks learn from once more, after everything was chosen."""
    progress: Progress = quiet


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """Candidates of every finder, ordered by the weighted sum of what finders, networks and trees say."""

    signals: Signals
    trees: tuple[LambdaMARTModel, ...]
    """Their mean counts."""
    names: tuple[str, ...]
    weights: Mapping[str, float]
    facts: Mapping[str, Any]
    seed: int
    early: tuple[Int32, Int32]
    """(people, 10) the best of those it was chosen by, before anything was learned again, and what they wanted."""

    def lists(self, people: Histories, count: int, *, alone: bool = False) -> dict[str, Int32]:
        """name -> (people, count) the best unseen candidates, best first, -1 where there are fewer: of the whole
        (``WHOLE``) and, if asked, of each opinion alone."""
        names = [WHOLE, *(self.weights if alone else ())]
        found = {name: [np.zeros((0, count), np.int32)] for name in names}
        for block in people.blocks(_BLOCK):
            pairs, said = _said(self.signals, self.trees, self.names, block, max(_PER_FINDER, 2 * count), self.seed)
            said[WHOLE] = fused(said, self.weights)
            for name in names:
                found[name].append(_best(pairs, said[name], count))
        return {name: np.concatenate(parts) for name, parts in found.items()}


def _best(pairs: Candidates, score: Float32, count: int) -> Int32:
    place = pairs.places(score)
    best = np.full((len(pairs), count), -1, np.int32)
    shown = place < count
    best[pairs.row[shown], place[shown]] = pairs.item[shown]
    return best


def learned(given: Given) -> Learned:
    """Networks, trees that learned from steps unknown to them, and weights found on what is chosen by."""
    most = min(_TEACHERS, int(_TEACHERS_A_SECOND * given.seconds))
    earlier = given.past.keep(given.past.age_rank() > 0)
    rows, wanted = _newest_of(given.past, given.seed, most)
    before = _networks(given, earlier, (rows[:_CHOOSERS], wanted[:_CHOOSERS]), "earlier")
    signals = Signals.of(earlier, given.items, given.attributes, given.settings, _models(before), given.seed)
    past = _lessons(given, signals, earlier.rows(rows), wanted) if len(rows) else None
    some = _drawn(len(given.judged), given.seed, most)
    rows, wanted = given.judged[some], given.wanted[some]
    networks = _networks(given, given.past, (rows[:_CHOOSERS], wanted[:_CHOOSERS]), "")
    signals = Signals.of(given.past, given.items, given.attributes, given.settings, _models(networks), given.seed)
    lessons = _lessons(given, signals, given.past.rows(rows), wanted)
    trees, foretold = _trees(past, lessons, given.seed)
    del past
    given.progress("weights", 0, 1)
    said = {name: lessons.features[:, lessons.names.index(name)] for name in signals.finders}
    opinions = list(signals.finders)
    if trees:
        said, opinions = said | {_TREES: foretold}, [_TREES, *opinions]
    choose = checked_weights_of if trees else weights_of
    weights = choose(lessons.pairs, said, wanted, _START, opinions)
    score = fused(said, weights)
    found = float(np.isfinite(lessons.pairs.place_of(score, wanted)).mean())
    if given.again_from is not None:
        again = _models(_networks(given, given.again_from, None, "again", networks))
        signals = Signals.of(given.again_from, given.items, given.attributes, given.settings, again, given.seed)
    facts = {
        "networks": [part.model.facts()["learning"] for part in (*before.values(), *networks.values())],
        "weights": {name: round(weight, 3) for name, weight in weights.items()}, "candidates_found": round(found, 4),
        "alone": {name: round(ndcg_at_10(lessons.pairs, said[name], wanted), 5) for name in opinions},
    }  # fmt: skip
    return Learned(
        signals=signals, trees=trees, names=lessons.names, weights=weights, facts=facts, seed=given.seed,
        early=(_best(lessons.pairs, score, 10), wanted),
    )  # fmt: skip


def _models(networks: Mapping[str, Parts]) -> dict[str, SequenceModel]:
    return {name: parts.model for name, parts in networks.items()}


def _drawn(people: int, seed: int, most: int) -> Int64:
    """At most so many of them, in an order of chance."""
    rows: Int64 = np.random.default_rng(seed).permutation(people)[:most]
    return rows


def _newest_of(past: Histories, seed: int, most: int) -> tuple[Int64, Int32]:
    """Some people's rows, and what they had last."""
    able = np.flatnonzero(np.diff(past.offsets) > 1)
    rows = able[_drawn(len(able), seed, most)]
    return rows, past.product[past.offsets[1:][rows] - 1]


def _networks(
    given: Given,
    past: Histories,
    judged: tuple[Int64, Int32] | None,
    task: str,
    like: Mapping[str, Parts] | None = None,
) -> dict[str, Parts]:
    """Networks of ``past`` that validate on what the ``judged`` had next, or learn as long as was best for ``like``.

    Empty where torch is not installed: the rest answers without.
    """
    known, found = Sequences.of(past, given.items), dict[str, Parts]()
    some = list(NETWORKS.items())[: max(1, int(given.seconds / _SECONDS_A_NETWORK))]
    for number, (name, settings) in enumerate(some):
        epochs = settings.epochs if like is None else 1 + int(np.argmax(like[name].learned.quality))
        settings = replace(
            settings, minutes=given.seconds * _NETWORKS_SHARE / 2 / len(some) / 60, checkpoint=given.checkpoint,
            epochs=epochs,
        )  # fmt: skip
        around = Circumstances(
            seed=given.seed * 101 + number, progress=given.progress, task=" ".join((task, name)).strip()
        )
        attributes = given.attributes or Attributes.none(given.items)
        try:
            found[name] = learn(settings, known, attributes, _judge(known, judged), around)
        except Unavailable:
            return {}
    return found


def _judge(known: Sequences, judged: tuple[Int64, Int32] | None) -> Judged | None:
    if judged is None:
        return None
    rows, wanted = judged
    able = known.sizes[rows] > 0
    return judge_of(known, rows[able], wanted[able].astype(np.int64), SelfAttention().length)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Lessons:
    """Candidates of some people, all that is said of each, and what the people had next."""

    pairs: Candidates
    features: Float32
    """(pairs, names)"""
    names: tuple[str, ...]
    wanted: Int32

    def of(self, people: Int64) -> tuple["_Lessons", Int64]:
        """Only some people's, and where those were."""
        pairs, place = self.pairs.rows(people)
        some = replace(self, pairs=pairs, features=self.features[place], wanted=self.wanted[people])
        return some, place

    @property
    def chosen(self) -> Bool:
        """(pairs,) whether it is what the person had next."""
        right: Bool = self.pairs.item == self.wanted[self.pairs.row]
        return right

    @property
    def told(self) -> tuple[Candidates, Float32, Bool]:
        return self.pairs, self.features, self.chosen


def _lessons(given: Given, signals: Signals, people: Histories, wanted: Int32) -> _Lessons:
    parts: list[tuple[Candidates, Float32]] = []
    names: tuple[str, ...] = ()
    for block in people.blocks(_BLOCK):
        pairs, said = signals.found(block, _PER_FINDER, given.seed)
        names = tuple(said)
        parts.append((pairs, features_of(said, names)))
        given.progress(_TREES, sum(len(one) for one, _ in parts), len(people))
    pairs = Candidates.joined([pairs for pairs, _ in parts])
    features = np.concatenate([features for _, features in parts])
    return _Lessons(pairs=pairs, features=features, names=names, wanted=wanted)


def _trees(past: _Lessons | None, newest: _Lessons, seed: int) -> tuple[tuple[LambdaMARTModel, ...], Float32]:
    """Trees that learned from all of the past's lessons and one half of the newest ones, each from other samples; and
    (newest pairs,) what those say of each person that did not learn what this person wanted. No trees where there was
    too little to learn from."""
    half = np.arange(len(newest.pairs)) % 2
    found: list[LambdaMARTModel] = []
    foretold = np.zeros(len(newest.pairs.item), np.float32)
    for side in (0, 1):
        taught, _ = newest.of(np.flatnonzero(half == side))
        others, place = newest.of(np.flatnonzero(half != side))
        for number in range(side, _ENSEMBLES, 2):
            trees = _TREES_OF_MANY.fit_pairs(
                *taught.told, more=[past.told] if past else [], seed=seed * _ENSEMBLES + number
            )  # fmt: skip
            if trees is None:
                return (), foretold
            found.append(trees)
            foretold[place] += trees.score(others.pairs, others.features) / (_ENSEMBLES // 2)
    return tuple(found), foretold


def _said(
    signals: Signals, trees: Sequence[LambdaMARTModel], names: tuple[str, ...], people: Histories, count: int, seed: int
) -> tuple[Candidates, dict[str, Float32]]:
    pairs, said = signals.found(people, count, seed)
    if trees:
        features = features_of(said, names)
        said[_TREES] = np.mean([each.score(pairs, features) for each in trees], axis=0)
    return pairs, said
