"""Names come from what really differs, letters and names stay through refits, flows hide small numbers."""

from datetime import UTC, datetime

import numpy as np
import pytest

from shopkeeper.learn.segment.flows import GONE, NEW, stayed, step_of
from shopkeeper.learn.segment.naming import Trait, matched, name_of, traits_of
from shopkeeper.learn.segment.portraits import NUMBERS, SHARES
from shopkeeper.locale import LANGUAGES, phrases
from shopkeeper.shop.segment_words import traits_said
from shopkeeper.testing.groupers import of, portraits


def trait(field: str, effect: float) -> Trait:
    return Trait(field=field, effect=effect, value=1, usual=1)


def test_the_planted_difference_is_the_first_trait() -> None:
    """A group made to differ in one number by two standard deviations has that trait first, with that effect; a number
    that is drawn alike for all is below the bar of a name."""
    values = portraits().columns.values.copy()
    dice = np.random.default_rng(2)
    values[:] = dice.lognormal(3, 0.3, values.shape)
    mine = np.arange(len(values)) % 3 == 0
    values[mine, 1] *= np.exp(0.6)
    known = of(values)
    found = traits_of(known, mine)
    assert found[0].field == "orders"
    assert found[0].effect == pytest.approx(2.0, abs=0.35)
    assert [each.field for each in name_of(found)] == ["orders"]


def test_registration_fields_name_groups_without_being_compared() -> None:
    """A value that is twice as common in a group among those who told is a trait; fewer than 20 people never are."""
    known = portraits()
    mine = np.arange(len(known)) % 2 == 0
    told = {
        person: {"age": "35-44" if row % 10 < 8 and (row % 2 == 0 or row % 20 < 10) else "19-24",
                 "pet": "cat" if row < 12 else "dog"}
        for row, person in enumerate(known.people.tolist())
    }  # fmt: skip
    found = {each.field: each for each in traits_of(known, mine, told)}
    assert (found["told:age=35-44"].value, found["told:age=35-44"].up) == (0.8, True)
    assert "told:pet=cat" not in found


def test_a_name_has_three_words_of_different_themes() -> None:
    """Traits of one theme never stand together in a name, nor one below 0.3; little of a category is no name."""
    traits = [trait("basket_spend", 2.0), trait("basket_lines", 1.9), trait("orders", -1.0),
              trait("category:Tea", -0.9), trait("weekend_share", 0.5), trait("discount_share", 0.2)]  # fmt: skip
    assert [each.field for each in name_of(traits)] == ["basket_spend", "orders", "weekend_share"]
    assert name_of([trait("orders", 0.29)]) == []


def test_a_name_stays_while_it_holds() -> None:
    """The last version's name is kept although other traits are now stronger, until one of its traits has turned."""
    traits = [trait("spend", 2.0), trait("orders", 0.4), trait("weekend_share", 0.2)]
    before = [("orders", True), ("weekend_share", True)]
    assert [each.field for each in name_of(traits, before)] == ["orders", "weekend_share"]
    turned = [trait("spend", 2.0), trait("orders", 0.4), trait("weekend_share", -0.2)]
    assert [each.field for each in name_of(turned, before)] == ["spend", "orders"]


def test_two_groups_never_share_a_name() -> None:
    """Where a name is taken already, a further trait is added."""
    traits = [trait("spend", 2.0), trait("orders", 1.0), trait("weekend_share", 0.9), trait("discount_share", 0.5)]
    first = name_of(traits)
    assert [each.field for each in name_of(traits, taken=[first])][-1] == "discount_share"


def test_letters_follow_the_people() -> None:
    """After a refit that numbers the groups otherwise each group keeps the letter of those it shares its people with;
    a group made of strangers gets a letter that was never used."""
    before = np.repeat([0, 1, 2], 40).astype(np.int32)
    again = np.array([2, 0, 1], np.int32)[before]
    assert matched(again, 3, before, ("A", "B", "C")) == ("B", "C", "A")
    fourth = np.concatenate([again, np.full(40, 3, np.int32)])
    assert matched(fourth, 4, np.concatenate([before, np.full(40, -1, np.int32)]), ("A", "B", "C")) == tuple("BCAD")
    assert matched(again, 3, np.full(120, -1, np.int32), ()) == ("A", "B", "C")


def test_flows_add_up_and_hide_the_few() -> None:
    """Every person is in one flow; flows of fewer than 20 are counted together; new and gone have names."""
    before = {f"p{number}": "A" for number in range(60)}
    after = {f"p{number}": "A" if number < 30 else "B" for number in range(50)} | {f"n{n}": "B" for n in range(19)}
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    step = step_of(before, after, (moment, moment), 20)
    assert {(flow.before, flow.after): flow.people for flow in step.flows} == {("A", "A"): 30, ("A", "B"): 20}
    assert step.hidden == 10 + 19
    assert stayed(step) == 0.6
    loose = step_of(before, after, (moment, moment), 1)
    assert {(flow.before, flow.after) for flow in loose.flows} >= {("A", GONE), (NEW, "B")}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_trait_has_words(language: str) -> None:
    """Each number of the portraits has a name and two phrases; a name of no traits is said too."""
    known = phrases(language, "segments")
    for field in (*NUMBERS, *SHARES):
        assert {f"field_{field}", f"{field}_more", f"{field}_less"} <= known.keys()
    assert traits_said([], language)
    assert "Tea" in traits_said([trait("category:Tea", 1), trait("told:age=19-24", 1)], language)
