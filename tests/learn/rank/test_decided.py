"""An order learned from decided lists, on simulated logs whose truth is known: nothing here is measured on a shop."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from shopkeeper.core.shortlist import Shortlist, Words
from shopkeeper.learn.rank.decided import Decided, FromDecisions, pairs_of, slopes
from shopkeeper.learn.rank.ranker import RankerModel, matrix
from shopkeeper.learn.rank.trees import LambdaMARTModel

_PRODUCTS, _SLOTS = 8, 4
_NUMBERS = np.arange(_PRODUCTS)
FAVOURED = np.eye(_PRODUCTS)[-1]
"""What the models of then liked: the last product, which stands first nine times of ten."""
UNLIKED = np.zeros(_PRODUCTS)
EASY = FromDecisions(least_lists=300, least_effective=100.0, trees=30, least_pairs=50)

Truth = Callable[[np.ndarray, np.ndarray], np.ndarray]


def wanted(product: np.ndarray, _: np.ndarray) -> np.ndarray:
    """People want it the less, the later its number."""
    return 0.55 - 0.25 * product / (_PRODUCTS - 1)


def listed(product: np.ndarray, hour: np.ndarray, liked: np.ndarray = FAVOURED) -> Shortlist:
    """Candidates as a ranker sees them."""
    late = (product >= _PRODUCTS // 2).astype(np.int32)
    return Shortlist(
        size=len(product),
        numbers={"product": product.astype(np.float64), "hour": hour, "says:mix": liked[product]},
        words={
            "category": Words(codes=late, code_of={"early": 0, "late": 1}),
            "placement": Words.same("home", len(product)),
        },
    )  # fmt: skip


def simulated(
    lists: int, truth: Truth, *, liked: np.ndarray = FAVOURED, seed: int = 0, temperature: float = 0.25
) -> Decided:
    """Lists by Plackett-Luce dice that favour what is liked, and what was clicked: each place is looked at by a third
    of those who look at the one above it. ``truth(product, hour)``: how often what is looked at is clicked."""
    dice = np.random.default_rng(seed)
    rows, hour = np.arange(lists), dice.integers(0, 24, lists).astype(np.float64)
    open_ = np.ones((lists, _PRODUCTS), bool)
    parts = []
    for slot in range(_SLOTS):
        chance = np.where(open_, np.exp(liked / temperature), 0.0)
        chance /= chance.sum(axis=1, keepdims=True)
        item = (chance.cumsum(axis=1) > dice.random((lists, 1))).argmax(axis=1)
        open_[rows, item] = False
        looked = dice.random(lists) < 0.35**slot
        parts.append((item, chance[rows, item], looked & (dice.random(lists) < truth(item, hour))))
    product, propensity, clicked = (np.stack(part, axis=1).ravel() for part in zip(*parts, strict=True))
    return Decided(
        candidates=listed(product, np.repeat(hour, _SLOTS), liked), offsets=np.arange(lists + 1) * _SLOTS,
        slot=np.tile(np.arange(_SLOTS), lists), propensity=propensity, gain=clicked.astype(np.float64),
        mixed=liked[product], person=rows % 400,
    )  # fmt: skip


def agreement(left: np.ndarray, right: np.ndarray) -> float:
    """Spearman's rank correlation."""
    return float(np.corrcoef(np.argsort(np.argsort(left)), np.argsort(np.argsort(right)))[0, 1])


def test_weighed_neighbours_stand_either_way_alike() -> None:
    """Law: of two neighbours at the top, weighed by 1 / (p q), either is above the other equally often; unweighed, the
    favoured one is."""
    shown = simulated(60_000, wanted, temperature=0.33)
    decided = replace(shown, gain=np.where(shown.slot == 0, 1.0, 0.0))
    pairs = pairs_of(decided, 1e9)
    top = decided.slot[pairs.better] == 0
    product = decided.candidates.numbers["product"]
    up, down, weight = product[pairs.better][top], product[pairs.worse][top], pairs.weight[top]
    for other in range(_PRODUCTS - 1):
        below, above = (up == other) & (down == 7), (up == 7) & (down == other)
        assert above.sum() > 2.5 * below.sum()
        assert weight[below].sum() == pytest.approx(weight[above].sum(), rel=0.15)


def test_inverse_propensities_undo_what_the_log_favours() -> None:
    """Planted: the models of then liked best what people want least. Weighed, the trees find people's order; the same
    trees without weights put first what was favoured."""
    decided = simulated(12_000, wanted)
    pairs = pairs_of(decided, EASY.most_weight)
    plain = replace(pairs, weight=np.ones(len(pairs)))
    columns = matrix(("product",), decided.candidates)
    trees = (EASY._learn(decided, some, columns, 0) for some in (pairs, plain))
    weighed, unweighed = (one.raw(_NUMBERS[:, None].astype(np.float64)) for one in trees)
    assert agreement(weighed, -_NUMBERS) > 0.85
    assert weighed.argmin() == 7
    assert agreement(unweighed, -_NUMBERS) < 0.5
    assert unweighed.argmax() == 7


def test_the_hour_counts_where_it_was_planted() -> None:
    """Planted: late products are wanted in the evening, early ones in the morning. The order of the two changes with
    the hour, and that hardly anybody sees the lower places does not hide it."""
    decided = simulated(6_000, lambda item, hour: np.where((item >= 4) == (hour >= 12), 0.6, 0.2), liked=UNLIKED)
    taught = EASY.fit_decided(decided)
    assert taught.model is not None
    assert taught.gain is not None
    assert taught.gain.low > 0.1
    assert taught.model.placements == ("home",)
    assert {"hour", "category:early", "category:late", "placement:home"} <= set(taught.model.names)
    for hour, late_first in ((9.0, False), (20.0, True)):
        score = taught.model.rank(listed(_NUMBERS, np.full(_PRODUCTS, hour), UNLIKED))
        assert (score[4:].min() > score[:4].max()) == late_first
        assert (score[4:].max() < score[:4].min()) != late_first


def test_no_gain_leaves_the_mix() -> None:
    """Law: where the mix of models is right already, where clicks mean nothing, and where there are too few, no model
    comes out; the first two were judged, the third was not."""
    right = EASY.fit_decided(simulated(6_000, wanted, liked=-_NUMBERS / _PRODUCTS))
    blind = EASY.fit_decided(simulated(4_000, lambda product, _: np.full(len(product), 0.4)))
    few = FromDecisions().fit_decided(simulated(3_000, wanted))
    for taught in (right, blind, few):
        assert taught.model is None
        assert not taught.facts()["used"]
    assert right.gain is not None
    assert not right.gain.low > 0
    assert blind.gain is not None
    assert few.gain is None
    assert 0 < few.lists < FromDecisions().least_lists


def test_the_newest_lists_judge() -> None:
    """Law: lists are parted by time. An order that was true until people changed their minds is not put to work."""
    before, after = (
        simulated(8_000, wanted, liked=UNLIKED),
        simulated(8_000, lambda product, hour: 0.85 - wanted(product, hour), liked=UNLIKED, seed=1),
    )
    numbers = {
        name: np.concatenate([before.candidates.numbers[name], after.candidates.numbers[name]])
        for name in before.candidates.numbers
    }
    whole = replace(
        before, candidates=Shortlist(size=before.candidates.size + after.candidates.size, numbers=numbers, words={}),
        offsets=np.arange(16_001) * _SLOTS,
        **{name: np.concatenate([getattr(before, name), getattr(after, name)])
           for name in ("slot", "propensity", "gain", "mixed", "person")},
    )  # fmt: skip
    taught = replace(EASY, held_out=0.5).fit_decided(whole)
    assert taught.gain is not None
    assert taught.gain.high < 0.0
    assert taught.model is None


def test_fixed_places_teach_nothing() -> None:
    """Law: where no dice were thrown there is no pair, nor across a place that was not chosen for the person."""
    decided = simulated(2_000, wanted)
    assert not len(pairs_of(replace(decided, propensity=np.ones(len(decided.slot))), 20.0))
    assert not len(pairs_of(replace(decided, slot=decided.slot * 2), 20.0))
    gaps = pairs_of(replace(decided, slot=decided.slot + (decided.slot > 0)), 20.0)
    assert (decided.slot[gaps.better] > 0).all()


def test_gradients_are_those_of_the_loss() -> None:
    """Law: while places stay, the objective's slope is the derivative of the weighted pair loss it states."""
    decided = simulated(50, wanted)
    pairs = pairs_of(decided, 20.0)
    row = decided.row
    score = np.random.default_rng(3).normal(size=len(row))
    slope, curve = slopes(pairs, row, decided.gain)(score, None)

    def places(list_: int) -> np.ndarray:
        mine = score[row == list_]
        return 1 / np.log2(np.argsort(np.argsort(-mine)) + 2)

    discount = np.concatenate([places(list_) for list_ in range(len(decided))])
    best = 1 / np.log2(np.arange(_SLOTS) + 2)
    ideal = np.array([np.sort(decided.gain[row == list_])[::-1] @ best for list_ in range(len(decided))])
    worth = pairs.weight * pairs.more * np.abs(discount[pairs.better] - discount[pairs.worse])
    worth /= ideal[row[pairs.better]]

    def loss(at: np.ndarray) -> float:
        return float((worth * np.log1p(np.exp(at[pairs.worse] - at[pairs.better]))).sum())

    step = 1e-5
    for item in (*pairs.better[:3], *pairs.worse[:3]):
        moved = np.eye(len(row))[item] * step
        assert slope[item] == pytest.approx((loss(score + moved) - loss(score - moved)) / (2 * step), abs=1e-6)
    assert (curve > 0).all()


def test_served_trees_say_what_was_learned() -> None:
    """Law: restored from arrays that may be mapped from disk, the trees say bit for bit what LightGBM's booster says;
    candidates by themselves the same as together, and a name that is not known there counts as not known."""
    decided = simulated(6_000, wanted)
    names = ("category:late", "hour", "own_days", "product", "says:absent", "says:mix")
    trees = EASY._learn(decided, pairs_of(decided, 20.0), matrix(names, decided.candidates), 0)
    model = RankerModel(names=names, placements=("home",), trees=trees)
    arrays = {name: array.copy() for name, array in model.arrays().items()}
    for array in arrays.values():
        array.flags.writeable = False
    again = RankerModel.restore(arrays, model.facts())
    asked = listed(_NUMBERS, np.full(_PRODUCTS, 20.0))
    told = again.rank(asked)
    table = matrix(names, asked)
    assert told.tolist() == trees.booster.predict(table).tolist()
    assert len(np.unique(told)) > 2
    alone = [again.rank(listed(_NUMBERS[item : item + 1], np.full(1, 20.0)))[0] for item in range(_PRODUCTS)]
    assert told.tolist() == alone
    assert np.isnan(table[:, names.index("own_days")]).all()
    assert (table[:, names.index("says:absent")] == 0).all()
    because = again.because(asked)
    assert because.shape == (_PRODUCTS, len(names))
    offset = told - because.sum(axis=1)
    assert offset == pytest.approx(np.full(_PRODUCTS, offset[0]))
    assert isinstance(again.trees, LambdaMARTModel)
