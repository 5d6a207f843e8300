"""In which order candidates belong, learned by trees from what came of lists that dice have put together.

A product that stands higher is looked at more, and what the models of then liked stood higher: so clicks alone say
again what those models said. What is compared here are neighbours in a list, of which one was taken. Dice chose both,
with known probabilities *p*, *q*; weighed by 1 / (p q), either of the two stands above the other equally often, whoever
was liked, after the same list before them. So being looked at first cancels, and which of two is taken says what people
want.

Source: LambdaMART: Burges (2010), From RankNet to LambdaRank to LambdaMART: an overview; neighbours: Radlinski,
Joachims (2006), Minimally invasive randomization for collecting unbiased preferences from clickthrough logs
(FairPairs); inverse propensities: Schnabel, Swaminathan, Singh, Chandak, Joachims (2016), Recommendations as
treatments; their clipping: Ionides (2008), Truncated importance sampling. Library: LightGBM.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from shopkeeper.core.histories import Bool, Int64
from shopkeeper.core.shortlist import WORDS, Float64, Shortlist
from shopkeeper.learn.rank.logged import importance
from shopkeeper.learn.rank.ranker import RankerModel, matrix
from shopkeeper.learn.rank.trees import LambdaMARTModel
from shopkeeper.measure.bootstrap import NO_INTERVAL, Interval, ratio_intervals

_MOST_WORDS: Final = 32
"""Of one kind; the ones that are shown oftenest."""
_SMALL: Final = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """Lists that were shown, in order of time, and what came of them. Entries (items,) stand list by list, in the order
    shown."""

    candidates: Shortlist
    offsets: Int64
    """(lists + 1,)"""
    slot: Int64
    """0 = the first place; what stood there without being chosen for the person is left out."""
    propensity: Float64
    gain: Float64
    """What was done: 0 = nothing, more for more."""
    mixed: Float64
    """What the mix of models says of it."""
    person: Int64
    """(lists,) whose list it was: people are what intervals are drawn of."""

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def row(self) -> Int64:
        """(items,) whose entry it is."""
        return np.repeat(np.arange(len(self)), np.diff(self.offsets))


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """Neighbours of which one was taken, or more was done with it: ``better`` and ``worse`` are entries."""

    better: Int64
    worse: Int64
    weight: Float64
    """How much a pair counts; of mean 1."""
    more: Float64
    """By how much more was done."""

    def __len__(self) -> int:
        return len(self.better)

    @property
    def effective(self) -> float:
        """So many pairs of equal weight say as much. Source: Kish (1965), Survey sampling."""
        return float(self.weight.sum() ** 2 / np.square(self.weight).sum()) if len(self) else 0.0

    def keep(self, which: Bool) -> "Pairs":
        return Pairs(**{name: getattr(self, name)[which] for name in self.__slots__})


def pairs_of(decided: Decided, most: float) -> Pairs:
    """All such pairs; a weight is at most so many times the middle one. Where there was no dice, there is no pair."""
    row, gain = decided.row, decided.gain
    thrown = (decided.propensity > 0) & (decided.propensity < 1)
    beside = (row[1:] == row[:-1]) & (np.diff(decided.slot) == 1) & thrown[1:] & thrown[:-1]
    upper = np.flatnonzero(beside & (gain[1:] != gain[:-1]))
    first = gain[upper] > gain[upper + 1]
    return Pairs(
        better=np.where(first, upper, upper + 1), worse=np.where(first, upper + 1, upper),
        weight=importance(decided.propensity[upper] * decided.propensity[upper + 1], most),
        more=np.abs(gain[upper] - gain[upper + 1]),
    )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class FromDecisions:
    """When a log is enough for trees, and how they learn from it."""

    least_lists: int = 2000
    """Fewer lists with such a pair teach nothing yet,"""
    least_effective: float = 1000.0
    """nor do pairs that weigh like fewer than this."""
    most_weight: float = 20.0
    """A pair counts at most so many times the middle one."""
    held_out: float = 0.3
    """The newest share of the lists says whether the order is better; only then it is used."""
    trees: int = 60
    leaves: int = 8
    learning_rate: float = 0.1
    least_pairs: int = 100
    """in a leaf"""

    def fit_decided(self, decided: Decided, *, seed: int = 0) -> "Taught":
        """The order that such lists teach, judged on the newest of them against the mix of models."""
        pairs = pairs_of(decided, self.most_weight)
        row = decided.row
        lists = np.unique(row[pairs.better])
        told = Taught(lists=len(lists), pairs=len(pairs), effective=pairs.effective)
        if len(lists) < self.least_lists or pairs.effective < self.least_effective:
            return told
        cut = lists[int((1 - self.held_out) * len(lists))]
        late = row[pairs.better] >= cut
        names = names_of(decided.candidates)
        columns = matrix(names, decided.candidates)
        scores = self._learn(decided, pairs.keep(~late), columns, seed).raw(columns)
        before, after, gain = judged(decided, pairs.keep(late), scores)
        told = Taught(
            lists=len(lists), pairs=len(pairs), effective=pairs.effective, judged=int(late.sum()), before=before,
            after=after, gain=gain,
        )  # fmt: skip
        if not gain.low > 0:
            return told
        trees = self._learn(decided, pairs, columns, seed)
        placements = self._known(decided, lists)
        return told.with_model(RankerModel(names=names, placements=placements, trees=trees))

    def _learn(self, decided: Decided, pairs: Pairs, columns: Float64, seed: int) -> LambdaMARTModel:
        """Trees from the lists that have such pairs."""
        import lightgbm  # here: it takes a second, and few shops need it

        row = decided.row
        some = np.zeros(len(decided), np.bool_)
        some[row[pairs.better]] = True
        taken = some[row]
        place = np.cumsum(taken) - 1
        mine = Pairs(
            better=place[pairs.better], worse=place[pairs.worse], weight=pairs.weight, more=pairs.more
        )  # fmt: skip
        settings = {
            "objective": slopes(mine, row[taken], decided.gain[taken]), "learning_rate": self.learning_rate,
            "num_leaves": self.leaves, "min_data_in_leaf": self.least_pairs, "min_sum_hessian_in_leaf": 1.0,
            "feature_fraction": 0.7, "bagging_fraction": 0.7, "bagging_freq": 1, "lambda_l2": 5.0, "verbose": -1,
            "seed": seed, "deterministic": True, "force_row_wise": True,
        }  # fmt: skip
        data = lightgbm.Dataset(columns[taken], label=np.zeros(int(taken.sum())), params={"verbose": -1})
        return LambdaMARTModel(booster=lightgbm.train(settings, data, self.trees))

    def _known(self, decided: Decided, lists: Int64) -> tuple[str, ...]:
        """The placements of which there are enough such lists to be asked there."""
        words = decided.candidates.words.get("placement")
        if words is None:
            return ()
        first = decided.offsets[:-1][lists]
        least = max(self.least_lists / 20, 1)
        return tuple(sorted(word for word in words.code_of if np.count_nonzero(words.are(word)[first]) >= least))


@dataclass(frozen=True, slots=True, kw_only=True)
class Taught:
    """What decided lists taught.

    ``before`` and ``after``: of the held-out pairs, which weighted part the mix of models, and the trees, put in the
    right order (ties half); ``gain``: the difference, drawn by person; None where the log was not enough.
    """

    lists: int
    """with such a pair"""
    pairs: int
    effective: float
    judged: int = 0
    """pairs that were held out"""
    before: float = float("nan")
    after: float = float("nan")
    gain: Interval | None = None
    model: RankerModel | None = None
    """None where it is not better for certain."""

    def with_model(self, model: RankerModel) -> "Taught":
        return Taught(**{name: getattr(self, name) for name in self.__slots__ if name != "model"}, model=model)

    def facts(self) -> dict[str, Any]:
        """The same as JSON holds it."""
        plain = {"lists": self.lists, "pairs": self.pairs, "effective": round(self.effective, 1)}
        if self.gain is None:
            return {**plain, "used": False, "gain": None}
        return {
            **plain, "judged": self.judged, "before": self.before, "after": self.after, "gain": asdict(self.gain),
            "used": self.model is not None, "placements": list(self.model.placements) if self.model else [],
        }  # fmt: skip


def names_of(candidates: Shortlist) -> tuple[str, ...]:
    """What there is to look at: every number, and the words that are shown oftenest."""
    words = []
    for column in WORDS:
        known = candidates.words.get(column)
        if known is None:
            continue
        shown = np.bincount(known.codes[known.codes >= 0], minlength=len(known.code_of) + 1)
        often = sorted((word for word in known.code_of if word), key=lambda word: -shown[known.code_of[word]])
        words += [f"{column}:{word}" for word in often[:_MOST_WORDS] if shown[known.code_of[word]]]
    return (*sorted(candidates.numbers), *words)


def slopes(pairs: Pairs, row: Int64, gain: Float64) -> Callable[[Float64, Any], tuple[Float64, Float64]]:
    """LightGBM's objective: the gradients of LambdaMART over weighted pairs.

    Of each, log(1 + exp(worse - better)) times its weight times what NDCG would lose if the two changed places.
    """
    order = np.lexsort((-gain, row))
    discount = 1 / np.log2(_places(order, row) + 2)
    ideal = np.bincount(row, gain * discount)[row[pairs.better]]
    worth = pairs.weight * pairs.more / np.maximum(ideal, _SMALL)
    size = len(row)

    def objective(score: Float64, _: Any) -> tuple[Float64, Float64]:
        at = 1 / np.log2(_places(np.lexsort((-score, row)), row) + 2)
        weight = worth * np.abs(at[pairs.better] - at[pairs.worse])
        wrong = 1 / (1 + np.exp(np.clip(score[pairs.better] - score[pairs.worse], -50, 50)))
        push, bend = weight * wrong, weight * wrong * (1 - wrong)
        slope = np.bincount(pairs.worse, push, size) - np.bincount(pairs.better, push, size)
        curve = np.bincount(pairs.worse, bend, size) + np.bincount(pairs.better, bend, size)
        return np.asarray(slope, np.float64), np.asarray(curve + _SMALL, np.float64)

    return objective


def _places(order: NDArray[np.intp], row: Int64) -> Int64:
    """(items,) 0 for the first of its list, given all items list by list in their order."""
    starts = np.concatenate([[0], np.cumsum(np.bincount(row))])
    place = np.empty(len(row), np.int64)
    place[order] = np.arange(len(row)) - starts[row[order]]
    return place


def judged(decided: Decided, pairs: Pairs, scores: Float64) -> tuple[float, float, Interval]:
    """The weighted parts of pairs that the mix of models and other scores put right, and the difference by person."""
    if not len(pairs):
        return float("nan"), float("nan"), NO_INTERVAL
    worth = pairs.weight * pairs.more
    before, after = (_right(values, pairs) for values in (decided.mixed, scores))
    _, person = np.unique(decided.person[decided.row[pairs.better]], return_inverse=True)
    tops, bottoms = np.bincount(person, worth * (after - before)), np.bincount(person, worth)
    gain = ratio_intervals(tops[:, None], bottoms[:, None])[0]
    return float((worth * before).sum() / worth.sum()), float((worth * after).sum() / worth.sum()), gain


def _right(scores: Float64, pairs: Pairs) -> Float64:
    """(pairs,) 1 where the better one is first, 0 where it is not, a half where they are equal."""
    ahead: Float64 = 0.5 + 0.5 * np.sign(scores[pairs.better] - scores[pairs.worse])
    return ahead
