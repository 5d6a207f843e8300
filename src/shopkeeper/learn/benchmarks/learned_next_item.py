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
from shopkeeper.learn.recommend.sequence.fitting import judge_of, learn
from shopkeeper.learn.recommend.sequence.learning import Circumstances, Judged
from shopkeeper.learn.recommend.sequence.model import SequenceModel
from shopkeeper.learn.recommend.sequence.sequences import Sequences
from shopkeeper.learn.recommend.sequential_knn import SequentialItemKNN

LEAST_SECONDS: Final = 60.0
LEAST_PEOPLE: Final = 500
"""With less time or fewer people to learn from, counts alone answer."""
_TWO_NETWORKS_SECONDS = 480.0
_NETWORK_SHARE = 0.3
"""of the budget, each"""
_PER_FINDER = 40
_TEACHERS = 20_000
_TEACHERS_A_SECOND = 40
_CHOOSERS = 6_000
_BLOCK = 512
_TREES = "trees"
_START: Final[Mapping[str, float]] = {
    "next": 0.4, "together": 0.1, "likeness": 0.2, "attention": 0.5, "attention_2": 0.5, _TREES: 1.0,
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
    """Networks first (the clock decides how many), then trees, then the weights of all."""
    chosen = np.random.default_rng(given.seed).permutation(len(given.judged))[:_CHOOSERS]
    networks = _networks(given, chosen)
    given.progress("trees", 0, 1)
    trees, names = _trees(given)
    given.progress("weights", 0, 1)
    signals = Signals.of(given.past, given.items, given.attributes, given.settings, networks, given.seed)
    people, wanted = given.past.rows(given.judged[chosen]), given.wanted[chosen]
    parts = [_said(signals, trees, names, block, _PER_FINDER, given.seed) for block in people.blocks(_BLOCK)]
    pairs = Candidates.joined([pairs for pairs, _ in parts])
    said = {name: np.concatenate([one[name] for _, one in parts]) for name in parts[0][1]}
    opinions = [*signals.finders, *([_TREES] if trees is not None else [])]
    weights = weights_of(pairs, said, wanted, _START, opinions)
    if given.again_from is not None:
        networks = _again(given, given.again_from, networks)
        signals = Signals.of(given.again_from, given.items, given.attributes, given.settings, networks, given.seed)
    found = float(np.isfinite(pairs.place_of(fused(said, weights), wanted)).mean())
    facts = {
        "networks": {name: model.facts()["learning"] for name, model in networks.items()},
        "weights": {name: round(weight, 3) for name, weight in weights.items()}, "candidates_found": round(found, 4),
    }  # fmt: skip
    return Learned(signals=signals, trees=trees, names=names, weights=weights, facts=facts, seed=given.seed)


def _networks(given: Given, chosen: Int64) -> dict[str, SequenceModel]:
    """One network, or two that differ; none where torch is not installed: the rest answers without."""
    known = Sequences.of(given.past, given.items)
    rows = given.judged[chosen]
    able = known.sizes[rows] > 0
    judged = judge_of(known, rows[able], given.wanted[chosen][able].astype(np.int64), SelfAttention().length)
    names = ["attention", "attention_2"] if given.seconds >= _TWO_NETWORKS_SECONDS else ["attention"]
    minutes = given.seconds * _NETWORK_SHARE / 60
    settings = replace(SelfAttention(), minutes=minutes, checkpoint=given.checkpoint)
    try:
        return {name: _network(given, settings, known, judged, name) for name in names}
    except Unavailable:
        return {}


def _network(
    given: Given, settings: SelfAttention, known: Sequences, judged: Judged | None, name: str
) -> SequenceModel:
    """The first network knows the attributes, if there are any; the second never does, so that they differ."""
    first = name == "attention"
    attributes = given.attributes if first and given.attributes else Attributes.none(given.items)
    around = Circumstances(seed=given.seed * 101 + (not first), progress=given.progress, task=name)
    return learn(settings, known, attributes, judged, around).model


def _again(given: Given, past: Histories, networks: Mapping[str, SequenceModel]) -> dict[str, SequenceModel]:
    """Networks of everything, with as many epochs as were best when something was kept back."""
    known = Sequences.of(past, given.items)
    best = {name: int(np.argmax(model.facts_of_learning["quality"])) + 1 for name, model in networks.items()}
    return {name: _network(given, replace(SelfAttention(), epochs=best[name]), known, None, name) for name in networks}


def _trees(given: Given) -> tuple[LambdaMARTModel | None, tuple[str, ...]]:
    """Trees that learned what people chose last in the past, from finders that do not know it yet."""
    newest = given.past.age_rank() == 0
    able = np.flatnonzero(np.diff(given.past.offsets) > 1)
    most = min(_TEACHERS, int(_TEACHERS_A_SECOND * given.seconds))
    able = np.random.default_rng(given.seed).permutation(able)[:most]
    earlier = given.past.keep(~newest)
    wanted = given.past.product[given.past.offsets[1:][able] - 1]
    signals = Signals.of(earlier, given.items, given.attributes, given.settings, {}, given.seed)
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
