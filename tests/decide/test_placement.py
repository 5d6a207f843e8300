"""Placement settings: sensible when silent, exact when they speak, clear when they are wrong."""

import math

import pytest

from shopkeeper.core.errors import SettingsError
from shopkeeper.decide.choose import EpsilonGreedy, Greedy, PlackettLuce
from shopkeeper.decide.placement import placement, placements
from shopkeeper.decide.rules.goods import MarginFloor
from shopkeeper.decide.rules.past import AlreadyBought, Dismissed, ShownEnough
from shopkeeper.decide.rules.slate import CategoryCap, Pinned


def test_the_usual_placements_exist() -> None:
    """Without any table: each of the usual ones, with its context."""
    made = placements({"search": {"count": 20}})
    contexts = {name: settings.context for name, settings in made.items()}
    assert contexts == {
        "home": "none", "product": "product", "cart": "cart", "email": "none", "trending": "none",
        "new_arrivals": "none", "buy_again": "none",
        "goes_with": "product", "search": "none",
    }  # fmt: skip
    assert {name for name in made if made[name].model} == {"trending", "new_arrivals", "buy_again", "goes_with"}
    assert made["search"].count == 20


def test_words_become_rules_and_choosers() -> None:
    """Each setting turns into the rule of its name, and only those asked for."""
    made = placement(
        "home",
        {"already_bought_days": math.inf, "category_cap": 2, "category_level": 2, "pinned": {"1": "P1"},
         "margin_floor": 0, "in_stock": False, "chooser": "epsilon_greedy", "epsilon": 0.3, "diversity": 0,
         "dismissed_days": 30, "shown_times": 5},
    )  # fmt: skip
    assert [rule.name for rule in made.rules()[:6]] == [
        "asked_categories", "asked_brands", "asked_tags", "asked_price", "excluded", "on_page",
    ]  # fmt: skip
    assert made.rules()[6:] == (
        MarginFloor(least=0.0), AlreadyBought(days=math.inf), Dismissed(days=30.0), ShownEnough(times=5),
        CategoryCap(most=2, level=2), Pinned(places={1: "P1"}),
    )  # fmt: skip
    assert made.dice() == EpsilonGreedy(epsilon=0.3)
    assert placement("x", {"chooser": "plackett_luce"}).dice() == PlackettLuce()
    assert placement("x", {}).dice() == Greedy()


@pytest.mark.parametrize(
    ("table", "key", "named"),
    [
        ({"colour": 1}, "setting_unknown", "colour"),
        ({"chooser": "random"}, "setting_bad", "chooser"),
        ({"count": 0}, "setting_bad", "count"),
        ({"count": "ten"}, "setting_bad", "count"),
        ({"count": True}, "setting_bad", "count"),
        ({"epsilon": 1.5}, "setting_bad", "epsilon"),
        ({"temperature": 0.0}, "setting_bad", "temperature"),
        ({"diversity": math.nan}, "setting_bad", "diversity"),
        ({"margin_floor": 1.01}, "setting_bad", "margin_floor"),
        ({"pinned": {"0": "P1"}}, "setting_bad", "pinned"),
        ({"pinned": {"first": "P1"}}, "setting_bad", "pinned"),
        ({"pinned": {"1": 7}}, "setting_bad", "pinned"),
        ({"banned": "P1"}, "setting_bad", "banned"),
        ("yes", "setting_bad", "home"),
    ],
)
def test_mistakes_are_named(table: object, key: str, named: str) -> None:
    """A wrong word or value is refused with its place, what was found and what is allowed."""
    with pytest.raises(SettingsError) as caught:
        placement("home", table)  # type: ignore[arg-type]
    assert (caught.value.key, caught.value.facts["name"]) == (key, named)
    assert str(caught.value.facts["where"]).startswith("placements")
    assert caught.value.facts.get("wanted") or caught.value.facts.get("allowed")
