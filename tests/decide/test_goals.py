"""What a shop wants beside what the shopper wants: exact, before the dice, nothing where it wants nothing."""

from dataclasses import replace

import numpy as np
import pytest
from tiny_shop import ask, catalogue, items, shop

from shopkeeper.core.errors import SettingsError
from shopkeeper.decide.choose import Pool, slate_probability
from shopkeeper.decide.goals import Goals, margins
from shopkeeper.decide.placement import placement
from shopkeeper.decide.shelf import shelf_of

GOODS = replace(
    catalogue(4),
    price=np.array([10, 10, np.nan, 10], np.float32),
    cost=np.array([9, 4, 1, np.nan], np.float32),
    tags=np.array(["", "clearance", "", ""], object),
)


def test_an_unknown_margin_neither_helps_nor_harms() -> None:
    """Shares are (price - cost) / price; unknown ones count as the mean of the others."""
    assert margins(GOODS) == pytest.approx([0.1, 0.6, 0.35, 0.35])


def test_worth_adds_up() -> None:
    """Margin, rank of being little known, and boosts by category, brand and tag are weighted and summed."""
    goals = Goals(
        margin=0.5, novelty=0.2, boosts={"tag:CLEARANCE": 0.3, "brand:brand 3": -0.1, "category:aisle 0": 0.05}
    )
    worth = goals.worth(shelf_of(GOODS), np.array([5, 5, 1, np.nan], np.float32))
    assert worth == pytest.approx([0.05 + 0.05, 0.3 + 0.3, 0.175 + 0.1, 0.175 + 0.2 - 0.1 + 0.05])
    assert not Goals()
    assert not Goals(boosts={"tag:x": 0.0})


def test_goals_reorder_before_the_dice_and_scores_stay() -> None:
    """A boost brings a product to the front; the logged score stays the model's, and the greedy propensity 1."""
    scores = [1.0, 0.8, 0.7, 0.6]
    plain = shop(scores=scores, goods=GOODS).decide(ask())
    boosted = shop(scores=scores, goods=GOODS, boosts={"tag:clearance": 0.6}).decide(ask())
    assert items(plain) == ["P0", "P1", "P2", "P3"]
    assert items(boosted) == ["P1", "P0", "P2", "P3"]
    assert {choice.item: choice.score for choice in boosted.choices} == {c.item: c.score for c in plain.choices}
    assert {choice.propensity for choice in boosted.choices} == {1.0}


def test_propensities_are_those_of_the_boosted_utilities() -> None:
    """With dice, the logged probabilities are the chooser's for the utilities that goals have changed."""
    policy = shop(scores=[1.0, 0.8, 0.7, 0.6], goods=GOODS, boosts={"tag:clearance": 0.6}, chooser="plackett_luce")
    decision = policy.decide(ask(count=2))
    utility = np.array([1.0, 0.5 + 0.6, 0.25, 0.0])
    place = {"P0": 0, "P1": 1, "P2": 2, "P3": 3}
    slate = [place[item] for item in items(decision)]
    whole = slate_probability(Pool(utility=utility), 2, policy.chooser, slate)
    assert np.prod([choice.propensity for choice in decision.choices]) == pytest.approx(whole, rel=1e-6)


@pytest.mark.parametrize("boosts", [{"colour:red": 0.1}, {"tag:x": 2.0}, {"tag:x": "much"}])
def test_an_impossible_boost_is_refused(boosts: dict[str, object]) -> None:
    """A boost names a category, brand or tag, and is from -1 to 1."""
    with pytest.raises(SettingsError, match="boosts"):
        placement("home", {"boosts": boosts})
