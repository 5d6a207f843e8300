"""Recommend: the answer obeys consent and rules, and the log tells all of it."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_shop import NOW, YES, Fixed, FixedInParts, Notebook, ask, bought, catalogue, items, never, shop

from shopkeeper.core.consent import NO_CONSENT, Consent, Purpose
from shopkeeper.core.decision import Decision
from shopkeeper.core.histories import Float32, Histories
from shopkeeper.core.ids import CustomerId, VisitorId
from shopkeeper.core.opinion import Opinion, Why, opinion_of
from shopkeeper.decide.log import to_row
from shopkeeper.learn.recommend.blend import Part
from shopkeeper.learn.recommend.hybrid import HybridModel
from shopkeeper.learn.recommend.item_knn import ItemKNN
from shopkeeper.learn.recommend.popularity import Popularity
from shopkeeper.learn.snapshot import ArraySnapshot

STOCHASTIC = [{"chooser": "plackett_luce", "temperature": 0.5}, {"chooser": "epsilon_greedy", "epsilon": 0.7}]


def answer(decision: Decision) -> bytes:
    """Everything of a decision but its id and who asked, as bytes."""
    row = to_row(replace(decision, request=replace(decision.request, visitor=None, customer=None, mode="personal")))
    return json.dumps({name: value for name, value in row.items() if name not in ("id", "at")}).encode()


@pytest.mark.parametrize("chooser", [{}, *STOCHASTIC])
@pytest.mark.parametrize("name", ["home", "product", "cart", "email"])
def test_without_consent_the_answer_is_the_nonpersonal_one(name: str, chooser: dict[str, Any]) -> None:
    """Refused, never asked, unknown or ``nonpersonal``: byte for byte one answer, and no history is read."""
    about = {"product": "P3", "cart": ("P4", "P5")}
    refused = shop(
        name=name, consent=Consent(given={Purpose.PERSONALISE: False}), read=never, page=range(12), **chooser
    )
    unasked = shop(name=name, consent=NO_CONSENT, read=never, page=range(12), **chooser)
    granted = shop(name=name, consent=YES, read=never, page=range(12), **chooser)
    answers = {
        answer(refused.decide(ask(**about))),
        answer(refused.decide(ask(**about, visitor=VisitorId("bob")))),
        answer(unasked.decide(ask(**about, customer=CustomerId("c1")))),
        answer(granted.decide(ask(**about, visitor=None))),
        answer(granted.decide(ask(**about, mode="nonpersonal"))),
        answer(granted.decide(ask(**about, mode="nonpersonal", visitor=VisitorId("carol")))),
    }
    assert len(answers) == 1
    assert refused.decide(ask(**about)).personal is False


def test_other_consents_do_not_count() -> None:
    """Only the purpose "personalise" opens the history."""
    others = Consent(given={purpose: True for purpose in Purpose if purpose is not Purpose.PERSONALISE})
    assert shop(consent=others, read=never).decide(ask()).personal is False


def test_fresh_dice_do_not_come_from_the_person() -> None:
    """Without a seed the same person's answers vary: the dice are not thrown from who asks."""
    policy = shop(consent=NO_CONSENT, chooser="plackett_luce", temperature=10.0)
    assert len({tuple(items(policy.decide(ask(seed=None)))) for _ in range(30)}) > 1


def test_personal_answer_follows_the_person() -> None:
    """With consent and a history the personal scores rank, with their reason, ids and dates filled in."""
    decision = shop().decide(ask())
    assert items(decision) == ["P11", "P10", "P9", "P8"]
    assert decision.personal is True
    assert decision.policy == "home@7"
    assert decision.choices[0].reason.key == "because_bought"
    assert decision.choices[0].reason.facts == {"product": "P2", "at": "2026-03-01"}
    assert decision.choices[0].parts == {"personal": 1.0}


def test_a_new_person_gets_the_popular_list() -> None:
    """Consented but without a history: popular products with that reason; the page's own on a product page."""
    home = shop(history=bought()).decide(ask())
    assert items(home) == ["P0", "P1", "P2", "P3"]
    assert {choice.reason.key for choice in home.choices} == {"popular"}
    page = shop(name="product", history=bought(), page=np.arange(12.0)).decide(ask(product="P3"))
    assert items(page) == ["P11", "P10", "P9", "P8"]
    assert {choice.reason.key for choice in page.choices} == {"goes_with"}


def test_a_page_that_says_nothing_still_answers() -> None:
    """An unknown product, no product, an empty cart: the person's list, or the popular one for nobody."""
    silent = np.full(12, np.nan)
    for name, about in [
        ("product", {"product": "no such"}),
        ("product", {}),
        ("cart", {}),
        ("product", {"product": "P1"}),
    ]:
        assert items(shop(name=name, page=silent).decide(ask(**about)))[0] == "P11"
        assert items(shop(name=name, page=silent).decide(ask(**about, visitor=None)))[0] == "P0"


def test_page_and_person_are_blended() -> None:
    """On a page the page says what is possible and the person's share shifts the order; parts add up to the score."""
    page = np.full(12, np.nan)
    page[[1, 6]] = [1.0, 0.9]
    page[2] = 0.0
    taste = np.zeros(12)
    taste[6] = 1.0
    without = shop(name="product", page=page, scores=taste, personal_share=0.0, fill=False).decide(ask(product="P0"))
    mixed = shop(name="product", page=page, scores=taste, personal_share=0.3, fill=False).decide(ask(product="P0"))
    assert (items(without), items(mixed)) == (["P1", "P6", "P2"], ["P6", "P1", "P2"])
    assert sum(mixed.choices[0].parts.values()) == pytest.approx(mixed.choices[0].score)


def test_filling_follows_the_person() -> None:
    """Where the person's scorer says too little, popular products come after; without fill the answer is short."""
    scores = np.full(12, np.nan)
    scores[7] = 0.001
    filled = shop(scores=scores).decide(ask())
    assert items(filled) == ["P7", "P0", "P1", "P2"]
    assert [choice.reason.key for choice in filled.choices] == ["because_bought", "popular", "popular", "popular"]
    assert items(shop(scores=scores, fill=False).decide(ask())) == ["P7"]


def test_parts_of_a_hybrid_are_logged() -> None:
    """A scorer that knows what its score is made of is asked; parts that are not numbers are left out."""
    scorer = FixedInParts(scores=np.arange(12, dtype=np.float32))
    assert shop(scorer=scorer).decide(ask()).choices[0].parts == {"knn": 0.75}


def test_a_scorer_with_an_opinion_is_asked_once() -> None:
    """An opinion is preferred to a row of scores, and explains all chosen products in one call."""
    asked: list[list[int]] = []

    class AtOnce(Fixed):
        def opinion(self, profile: Histories, now: int) -> Opinion:
            def explain(products: Sequence[int]) -> list[Why]:
                asked.append(list(products))
                return [(None, {"whole": 2.0}) for _ in products]

            return opinion_of(self.scores, explain)

        def score(self, profiles: Histories, now: int) -> Float32:
            raise AssertionError("asked for everything")

    decision = shop(scorer=AtOnce(scores=np.arange(12, dtype=np.float32))).decide(ask())
    assert asked == [[11, 10, 9, 8]]
    assert [(choice.parts, choice.reason.key) for choice in decision.choices] == [({"whole": 2.0}, "fallback")] * 4


def test_a_real_hybrid_answers_with_its_parts() -> None:
    """The hybrid as it is trained: its members' parts add up to the logged score."""
    events = Histories.of_sequences([[0, 1, 2], [0, 1, 3], [1, 2, 4], [5, 6, 7]])
    known = ArraySnapshot.of(events, catalogue())
    knn, popular = ItemKNN().fit(known), Popularity().fit(known)
    weights = (Part(weight=0.8, shape="rank"), Part(weight=0.2, shape="rank"))
    hybrid = HybridModel(names=("knn", "popular"), blend=weights, members=(knn, popular))
    decision = shop(scorer=hybrid, history=bought(0), fill=False).decide(ask())
    assert len(decision.choices) == 4
    for choice in decision.choices:
        assert set(choice.parts) == {"knn", "popular"}
        assert sum(choice.parts.values()) == pytest.approx(choice.score, rel=1e-5)


def test_a_product_newer_than_the_model_can_still_be_pinned() -> None:
    """A model fitted on fewer products has no opinion on the rest; the shop may still show them."""
    scorer = Fixed(scores=np.arange(6, dtype=np.float32))
    decision = shop(scorer=scorer, fill=False, pinned={"2": "P9"}).decide(ask())
    assert items(decision) == ["P5", "P9", "P4", "P3"]
    assert decision.choices[1].reason.key == "pinned"
    assert decision.choices[1].propensity == 1.0


def test_a_bundle_comes_first_on_its_products_page() -> None:
    """On the page of a product its partners take the first slots that are not pinned, with propensity 1; elsewhere, and
    where a rule removes them, nothing changes."""
    plain = shop(pinned={"1": "P7"})
    bundled = replace(plain, partners=lambda product: ("P0", "P7", "ghost", "P1") if product == "P3" else ())
    page = bundled.decide(ask(product="P3", count=5))
    assert items(page)[:3] == ["P7", "P0", "P1"]
    assert [choice.propensity for choice in page.choices[:3]] == [1.0] * 3
    for request in (ask(count=5), ask(product="P4", count=5)):
        assert items(bundled.decide(request)) == items(plain.decide(request))
    refused = replace(shop(banned=["P0"]), partners=lambda product: ("P0",))
    assert "P0" not in items(refused.decide(ask(product="P3", count=12)))


@pytest.mark.parametrize("count", [-3, 0, 1, 500])
def test_any_count_is_answered(count: int) -> None:
    """Never more than asked for, never more than there are, never an error."""
    assert len(shop().decide(ask(count=count)).choices) == min(max(count, 0), 12)


def test_an_empty_shop_answers_with_nothing() -> None:
    """A catalogue without products gives an empty decision."""
    decision = shop(goods=catalogue(0)).decide(ask(product="P1", cart=("P2",)))
    assert (decision.choices, decision.eligible) == ((), 0)


def test_scores_that_are_not_numbers_are_no_scores() -> None:
    """Infinite scores are not trusted: such products are filled like unknown ones."""
    scores = np.array([np.inf, -np.inf, *range(10)])
    assert items(shop(scores=scores).decide(ask(count=12)))[-2:] == ["P0", "P1"]


def test_equal_scores_are_not_sorted_by_index() -> None:
    """Ties: the same order all day, another one the next day, and not the catalogue's."""
    same = np.ones(12)
    policy = shop(scores=same, goods=catalogue(12))
    today = items(policy.decide(ask(count=12)))
    assert today == items(policy.decide(ask(count=12, seed=99)))
    assert today != [f"P{row}" for row in range(12)]
    assert today != items(policy.decide(ask(count=12, at=NOW.replace(day=2))))


SETTINGS = st.fixed_dictionaries(
    {
        "chooser": st.sampled_from(["greedy", "epsilon_greedy", "plackett_luce"]),
        "epsilon": st.floats(0, 1),
        "diversity": st.floats(0, 1),
        "candidates": st.integers(1, 20),
        "fill": st.booleans(),
        "category_cap": st.integers(0, 3),
        "category_level": st.integers(1, 3),
        "brand_cap": st.integers(0, 3),
        "banned": st.lists(st.sampled_from(["P0", "P1", "P11", "ghost"]), max_size=2),
        "banned_categories": st.lists(st.sampled_from(["aisle 1", "shelf 2", "ghost"]), max_size=1),
        "already_bought_days": st.sampled_from([0.0, 5.0, float("inf")]),
        "pinned": st.dictionaries(st.sampled_from("12345"), st.sampled_from(["P0", "P3", "P11", "ghost"]), max_size=3),
        "margin_floor": st.sampled_from([0.0, 0.4, 0.5]),
    }
)


@given(settings_=SETTINGS, count=st.integers(0, 14), seed=st.integers(0, 99), stock=st.integers(0, 2**12 - 1))
@settings(max_examples=150, deadline=None)
def test_rules_hold_and_numbers_agree(settings_: dict[str, Any], count: int, seed: int, stock: int) -> None:
    """Nothing removed is shown, caps hold, counts agree, propensities are probabilities, equal seeds answer equally."""
    goods = replace(catalogue(), in_stock=np.array([bool(stock >> row & 1) for row in range(12)]))
    policy = shop(goods=goods, **settings_)
    request = ask(count=count, seed=seed, cart=("P5",))
    decision = policy.decide(request)
    shown = items(decision)
    rows = [int(item[1:]) for item in shown]
    assert len(set(shown)) == len(shown) <= min(count, decision.eligible)
    assert not set(shown) & ({*decision.removed, *settings_["banned"], "P5"})
    assert goods.in_stock[rows].all()
    assert not any(word in settings_["banned_categories"] for level in goods.categories for word in level[rows])
    assert settings_["already_bought_days"] == 0.0 or "P2" not in shown
    assert settings_["margin_floor"] < 0.5 or shown == []
    if settings_["brand_cap"]:
        brands = [brand for brand in goods.brands[rows] if brand]
        assert all(brands.count(brand) <= settings_["brand_cap"] for brand in brands)
    assert decision.eligible + len(decision.removed) <= 12 + len(settings_["pinned"])
    assert decision.eligible <= settings_["candidates"] + len(settings_["pinned"])
    assert all(0.0 < choice.propensity <= 1.0 + 1e-12 and choice.reason.key for choice in decision.choices)
    assert answer(decision) == answer(policy.decide(request))


def test_removed_names_the_first_rule_and_only_near_misses() -> None:
    """What would have been a candidate is named with the first rule that refused it; the rest is not logged."""
    goods = replace(catalogue(), in_stock=np.array([row not in (0, 10, 11) for row in range(12)]))
    decision = shop(goods=goods, candidates=4, banned=["P10"], already_bought_days=9.0).decide(ask())
    assert decision.removed == {"P10": "banned", "P11": "in_stock"}
    assert decision.eligible == 4


def test_every_decision_is_logged_once() -> None:
    """The log gets exactly what the caller gets."""
    notebook = Notebook()
    assert shop(log=notebook).decide(ask()) == notebook.decisions[0]
    assert len(notebook.decisions) == 1


@pytest.mark.parametrize("chooser", STOCHASTIC)
def test_a_logged_decision_can_be_replayed(chooser: dict[str, Any]) -> None:
    """The logged request carries the dice: asking it again gives the same choices and propensities."""
    policy = shop(**chooser)
    decision = policy.decide(ask(seed=None))
    assert decision.request.seed is not None
    assert policy.decide(decision.request).choices == decision.choices


def test_a_shop_without_categories_or_brands_answers() -> None:
    """Caps, bans and diversity have nothing to hold on to and change nothing."""
    goods = replace(catalogue(), categories=(), brands=np.full(12, "", object))
    decision = shop(goods=goods, category_cap=1, brand_cap=1, diversity=0.5, banned_categories=["aisle 1"]).decide(
        ask()
    )
    assert items(decision) == ["P11", "P10", "P9", "P8"]


@pytest.mark.parametrize("chooser", STOCHASTIC)
def test_stock_that_changes_is_seen_at_once(chooser: dict[str, Any]) -> None:
    """The catalogue is asked at each request; texts are remembered, stock and price never."""
    goods = catalogue()
    empty = replace(goods, in_stock=np.zeros(12, np.bool_))
    assert len(shop(goods=goods, **chooser).decide(ask()).choices) == 4
    assert shop(goods=empty, **chooser).decide(ask()).choices == ()


def test_each_stage_is_marked_once_and_in_order() -> None:
    """Whoever measures is told each stage's end, whatever the placement; measuring changes no answer."""
    told: list[str] = []
    policy = shop(name="product", page=range(12))
    watched = replace(policy, mark=told.append)
    request = ask(product="P3")
    assert answer(watched.decide(request)) == answer(policy.decide(request))
    assert told == ["read", "filter", "score", "find", "rank", "choose", "explain"]


def test_a_model_that_says_the_same_to_everybody_answers_strangers_too() -> None:
    """A trend is shown to whoever asks: with a history, without one, and non-personally."""

    class Trend(Fixed):
        impersonal = True

    trend = Trend(scores=np.linspace(0, 1, 12).astype(np.float32), ignores_people=True)
    policy = shop(scorer=trend, session_minutes=0)
    answers = [items(policy.decide(ask(**about))) for about in ({}, {"visitor": None}, {"mode": "nonpersonal"})]
    assert answers == [["P11", "P10", "P9", "P8"]] * 3
