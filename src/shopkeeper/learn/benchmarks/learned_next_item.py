"""The whole hybrid on bare sequences: finders, networks, trees and the weights between them, within a time budget."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from shopkeeper.core.errors import Unavailable
from shopkeeper.core.histories import Float32, Histories, Int32, Int64
from shopkeeper.core.ports import Progress, quiet
from shopkeeper.learn.rank.candidates import Candidates
from shopkeeper.learn.rank.fusion import fused, weights_of
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
_NETWORK_SHARE = 0.3
"""of the budget, for each of the two networks"""
_PER_FINDER = 50
_TEACHERS = 20_000
_TEACHERS_A_SECOND = 40
_CHOOSERS = 6_000
_BLOCK = 512
_TREES = "trees"
_START: Final[Mapping[str, float]] = {
    "next": 0.4, "together": 0.1, "likeness": 0.2, "attention": 0.5, _TREES: 1.0,
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
    trees: LambdaMARTModel | None
    names: tuple[str, ...]
    weights: Mapping[str, float]
    facts: Mapping[str, Any]
    seed: int

    def lists(self, people: Histories, count: int) -> Int32:
        """(people, count) the best unseen candidates, best first, -1 where there are fewer."""
        found = [np.zeros((0, count), np.int32)]
        for block in people.blocks(_BLOCK):
            pairs, said = _said(self.signals, self.trees, self.names, block, max(_PER_FINDER, 2 * count), self.seed)
            place = pairs.places(fused(said, self.weights))
            best = np.full((len(pairs), count), -1, np.int32)
            shown = place < count
            best[pairs.row[shown], place[shown]] = pairs.item[shown]
            found.append(best)
        return np.concatenate(found)


def learned(given: Given) -> Learned:
    """A network and trees that foretell what is known already, a network of all that is known, and the weights."""
    chosen = np.random.default_rng(given.seed).permutation(len(given.judged))[:_CHOOSERS]
    earlier = given.past.keep(given.past.age_rank() > 0)
    before = _network(given, earlier, _newest_of(given.past, given.seed), "earlier")
    trees, names = _trees(given, earlier, _named(before))
    rows, wanted = given.judged[chosen], given.wanted[chosen]
    network = _network(given, given.past, (rows, wanted), "attention")
    given.progress("weights", 0, 1)
    signals = Signals.of(given.past, given.items, given.attributes, given.settings, _named(network), given.seed)
    parts = [_said(signals, trees, names, block, _PER_FINDER, given.seed)
             for block in given.past.rows(rows).blocks(_BLOCK)]  # fmt: skip
    pairs = Candidates.joined([pairs for pairs, _ in parts])
    opinions = [*signals.finders, *([_TREES] if trees is not None else [])]
    said = {name: np.concatenate([one[name] for _, one in parts]) for name in opinions}
    weights = weights_of(pairs, said, wanted, _START, opinions)
    found = float(np.isfinite(pairs.place_of(fused(said, weights), wanted)).mean())
    if given.again_from is not None:
        again = _named(_network(given, given.again_from, None, "again", network))
        signals = Signals.of(given.again_from, given.items, given.attributes, given.settings, again, given.seed)
    facts = {
        "networks": [part.model.facts()["learning"] for part in (before, network) if part is not None],
        "weights": {name: round(weight, 3) for name, weight in weights.items()}, "candidates_found": round(found, 4),
    }  # fmt: skip
    return Learned(signals=signals, trees=trees, names=names, weights=weights, facts=facts, seed=given.seed)


def _named(network: Parts | None) -> dict[str, SequenceModel]:
    return {} if network is None else {"attention": network.model}


def _newest_of(past: Histories, seed: int) -> tuple[Int64, Int32]:
    """Some people's rows, and what they had last."""
    able = np.flatnonzero(np.diff(past.offsets) > 1)
    rows = np.random.default_rng(seed).permutation(able)[:_CHOOSERS]
    return rows, past.product[past.offsets[1:][rows] - 1]


def _network(
    given: Given, past: Histories, judged: tuple[Int64, Int32] | None, name: str, like: Parts | None = None
) -> Parts | None:
    """A network of ``past`` that validates on what the ``judged`` had next, or learns as long as was best for ``like``.

    None where torch is not installed: the rest answers without.
    """
    known, settings = Sequences.of(past, given.items), SelfAttention()
    epochs = settings.epochs if like is None else 1 + int(np.argmax(like.learned.quality))
    settings = replace(
        settings, minutes=given.seconds * _NETWORK_SHARE / 60, checkpoint=given.checkpoint, epochs=epochs
    )
    around = Circumstances(seed=given.seed * 101, progress=given.progress, task=name)
    try:
        return learn(settings, known, given.attributes or Attributes.none(given.items), _judge(known, judged), around)
    except Unavailable:
        return None


def _judge(known: Sequences, judged: tuple[Int64, Int32] | None) -> Judged | None:
    if judged is None:
        return None
    rows, wanted = judged
    able = known.sizes[rows] > 0
    return judge_of(known, rows[able], wanted[able].astype(np.int64), SelfAttention().length)


def _trees(
    given: Given, earlier: Histories, networks: Mapping[str, SequenceModel]
) -> tuple[LambdaMARTModel | None, tuple[str, ...]]:
    """Trees that learned what people chose last in the past, from finders that do not know it yet."""
    able = np.flatnonzero(np.diff(given.past.offsets) > 1)
    most = min(_TEACHERS, int(_TEACHERS_A_SECOND * given.seconds))
    able = np.random.default_rng(given.seed).permutation(able)[:most]
    wanted = given.past.product[given.past.offsets[1:][able] - 1]
    signals = Signals.of(earlier, given.items, given.attributes, given.settings, networks, given.seed)
    parts: list[tuple[Candidates, Float32]] = []
    names: tuple[str, ...] = ()
    for block in earlier.rows(able).blocks(_BLOCK):
        pairs, said = signals.found(block, _PER_FINDER, given.seed)
        names = tuple(said)
        parts.append((pairs, features_of(said, names)))
        given.progress(_TREES, sum(len(one) for one, _ in parts), len(able))
    if not parts:
        return None, names
    pairs = Candidates.joined([pairs for pairs, _ in parts])
    features = np.concatenate([features for _, features in parts])
    return LambdaMART().fit_pairs(pairs, features, pairs.item == wanted[pairs.row], seed=given.seed), names


def _said(
    signals: Signals, trees: LambdaMARTModel | None, names: tuple[str, ...], people: Histories, count: int, seed: int
) -> tuple[Candidates, dict[str, Float32]]:
    pairs, said = signals.found(people, count, seed)
    if trees is not None:
        said[_TREES] = trees.score(pairs, features_of(said, names))
    return pairs, said
