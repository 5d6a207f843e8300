"""The hybrid: weights are learned from what people chose next."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shopkeeper.core.decision import Reason
from shopkeeper.core.errors import SettingsError
from shopkeeper.core.histories import MICROSECONDS_PER_DAY, Float32, Histories
from shopkeeper.core.ports import Snapshot
from shopkeeper.learn.recommend.blend import SHAPES, Part, best_of, shaped
from shopkeeper.learn.recommend.buy_again import BuyAgain
from shopkeeper.learn.recommend.hybrid import Hybrid, HybridModel
from shopkeeper.learn.recommend.item_knn import ItemKNN
from shopkeeper.learn.recommend.popularity import Popularity
from shopkeeper.learn.snapshot import ArraySnapshot

PRODUCTS, PEOPLE, DAYS = 40, 60, 60
NOW = DAYS * MICROSECONDS_PER_DAY


def habits(seed: int = 0) -> ArraySnapshot:
    """Every person buys one of their own four products every day, and nothing else."""
    dice = np.random.default_rng(seed)
    own = np.stack([dice.permutation(PRODUCTS)[:4] for _ in range(PEOPLE)])
    return ArraySnapshot.of_sequences([dice.choice(mine, DAYS).tolist() for mine in own], PRODUCTS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise:
    """Scores that mean nothing."""

    def fit(self, known: Snapshot, *, seed: int = 0) -> "NoiseModel":
        return NoiseModel(products=len(known.catalogue()))


@dataclass(frozen=True, slots=True, kw_only=True)
class NoiseModel:
    """A fixed random order of the products, another for each number of events."""

    products: int

    def score(self, profiles: Histories, now: int) -> Float32:
        sizes = np.diff(profiles.offsets)
        return np.stack([np.random.default_rng(int(n)).random(self.products, np.float32) for n in sizes])

    def reason(self, profile: Histories, product: int, now: int) -> Reason | None:
        return None


def fitted(*members: Any, **how: Any) -> HybridModel:
    return Hybrid(members=members, validation_days=20, **how).fit(habits())


def test_recovers_the_planted_best() -> None:
    """Where people only repeat themselves, buying again outweighs popularity by far."""
    model = fitted(Popularity(), BuyAgain(), novel_share=0.0)
    me = habits().histories().rows(np.array([3]))
    _, added = model.explain(me, [int(me.product[0])], NOW)[0]
    assert added["buy_again"] > 10 * added["popularity"]


def test_weights_are_never_negative() -> None:
    """No member counts against its own opinion."""
    assert all(weight > 0 for weight in fitted(Noise(), BuyAgain(), ItemKNN()).weights.values())


def test_equals_the_only_informative_member() -> None:
    """Beside noise, everybody's best four are the informative member's best four."""
    model = fitted(Noise(), BuyAgain(), novel_share=0.0)
    people = habits().histories()
    alone = BuyAgain().fit(habits()).score(people, NOW)
    best = np.argsort(-np.nan_to_num(alone, nan=-np.inf), axis=1, kind="stable")[:, :4]
    blend = np.argsort(-np.nan_to_num(model.score(people, NOW), nan=-np.inf), axis=1, kind="stable")[:, :4]
    assert (np.sort(best) == np.sort(blend)).mean() > 0.95


def test_a_stranger_gets_what_is_popular() -> None:
    """Without a history the order is popularity's, even where popularity adds nothing for others."""
    model = fitted(BuyAgain(), Popularity(), novel_share=0.0)
    stranger = Histories.of_sequences([[]])
    popular = Popularity().fit(habits()).score(stranger, NOW)[0]
    assert np.argmax(model.score(stranger, NOW)[0]) == np.argmax(popular)


def test_the_reason_is_of_the_member_that_adds_most() -> None:
    """Its parts add up to the score, and its reason is the largest part's."""
    model, me = fitted(Popularity(), BuyAgain()), habits().histories().rows(np.array([5]))
    product = int(np.nanargmax(model.score(me, NOW)[0]))
    _, parts = model.explain(me, [product], NOW)[0]
    assert sum(parts.values()) == pytest.approx(float(model.score(me, NOW)[0, product]), rel=1e-5)
    reason = model.reason(me, product, NOW)
    assert reason is not None
    assert reason.key == "buy_again"


def test_restored_is_the_same() -> None:
    """Kept as flat arrays and facts, it scores the same; a model of outside the package is refused."""
    model, people = fitted(Popularity(), BuyAgain(), ItemKNN()), habits().histories()
    again = HybridModel.restore(model.arrays(), model.facts())
    np.testing.assert_array_equal(again.score(people, NOW), model.score(people, NOW))
    foreign = {"members": [{"name": "x", "model": "os:path", "part": {"weight": 1.0, "shape": "rank"}, "facts": {}}]}
    with pytest.raises(SettingsError):
        HybridModel.restore({}, foreign)


def test_without_a_future_all_count_the_same() -> None:
    """Nothing happened in the validation days: equal weights, not an error."""
    snapshot = ArraySnapshot.of(habits().histories(), PRODUCTS, habits().moment + timedelta(days=400))
    weights = Hybrid(members=(Popularity(), BuyAgain())).fit(snapshot).weights
    assert weights == {"popularity": 1.0, "buy_again": 1.0}


def test_names_and_emptiness() -> None:
    """A member may be named; an unknown name or no member at all is refused."""
    assert fitted("popularity.Popularity").names == ("popularity",)
    for members in (("popularity.Nothing",), ()):
        with pytest.raises(SettingsError):
            Hybrid(members=members).fit(habits())


def test_shapes_by_hand() -> None:
    """Scores 4, 3, 2, unknown of which the best three count: rank 1, 1/log2 3, 1/2; spread 1, 1/2, 0."""
    scores = np.array([[3, np.nan, 4, 2, 1], [5, 5, np.nan, np.nan, np.nan]], np.float32)
    best = best_of(scores, 3)
    third = 1 / np.log2(3)
    assert shaped(scores, "rank", best) == pytest.approx(np.array([[third, 0, 1, 0.5, 0], [1, 1, 0, 0, 0]]))
    assert shaped(scores, "spread", best) == pytest.approx(np.array([[0.5, 0, 1, 0, 0], [1, 1, 0, 0, 0]]))
    chance = Part(weight=2.0, shape="chance", slope=1.0, offset=-3.0).of(scores)
    assert chance[0] == pytest.approx(2 / (1 + np.exp(-np.array([0, -np.inf, 1, -1, -2]))))
    alone = np.concatenate([shaped(row[None], "rank", best_of(row[None], 3)) for row in scores])
    np.testing.assert_array_equal(alone, shaped(scores, "rank", best))


@given(
    known=st.lists(st.sampled_from([-1.0, 0.0, 0.5, 2.0, 2.5, 7.0]), max_size=12), depth=st.integers(1, 14),
    shape=st.sampled_from(SHAPES),
)  # fmt: skip
def test_contributions_to_one_person_are_those_of_the_row(known: list[float], depth: int, shape: str) -> None:
    """``of_one`` of the known scores says bit for bit what ``of`` says of the whole row."""
    part = Part(weight=0.3, shape=shape, slope=1.5, offset=-0.5, depth=depth)
    row = np.full((1, 20), np.nan, np.float32)
    row[0, 3 : 3 + len(known)] = known
    np.testing.assert_array_equal(part.of_one(np.array(known, np.float32)), part.of(row)[0, 3 : 3 + len(known)])


def test_takes_members_that_are_ready() -> None:
    """A model of equal settings is taken as it is; one of other settings is not."""
    shop, settings = habits(), Hybrid(members=(BuyAgain(),), validation_days=20)
    ready, other = BuyAgain().fit(shop), BuyAgain(patience=3.0).fit(shop)
    model = settings.fit_with(shop, fitted=[(BuyAgain(patience=3.0), other), (BuyAgain(), ready)])
    assert model.members[0] is ready


def test_an_opinion_is_the_score_and_its_explanation() -> None:
    """An opinion explains what ``score``, ``reason`` and ``explain`` say; unknown products are silent."""
    model, me = fitted(Popularity(), BuyAgain(), ItemKNN()), habits().histories().rows(np.array([5]))
    said = model.opinion(me, NOW)
    np.testing.assert_array_equal(said.wide(PRODUCTS), model.score(me, NOW)[0])
    assert said.explain([0, 7, PRODUCTS]) == model.explain(me, [0, 7, PRODUCTS], NOW)
    assert said.explain([7])[0][0] == model.reason(me, 7, NOW)
    assert said.explain([PRODUCTS]) == [(None, {})]
