"""The order of candidates is learned from the shop's own lists, served, logged and read back, on a simulated shop."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_shop import build

from shopkeeper.apps.console.pages import Pages
from shopkeeper.apps.console.words import Words
from shopkeeper.core.decision import Decision, Request
from shopkeeper.core.ids import CustomerId
from shopkeeper.decide.order import Order
from shopkeeper.learn.rank.decided import FromDecisions
from shopkeeper.locale import say
from shopkeeper.settings import FILE
from shopkeeper.shop import Shop
from shopkeeper.shop.decided_lists import decided_lists
from shopkeeper.shop.learned_order import blend_of, blends_of
from shopkeeper.shop.training import train
from shopkeeper.shop.why_order import moved

SETTINGS = """
[placements.home]
chooser = "plackett_luce"
temperature = 1.0
session_minutes = 0
[rank]
least_lists = 100
"""
LISTS = 600


def _clicks(turn: int, decision: Decision, dice: np.random.Generator) -> list[dict[str, Any]]:
    """One half of the shelves is liked, by everybody: what no model of the shop knows."""
    found = []
    for place, choice in enumerate(decision.choices):
        seen = dice.random() < 0.8**place
        if seen and dice.random() < (0.7 if int(choice.item[1:]) >= 20 else 0.1):
            click = {"id": f"k{turn}-{place}", "action": "click", "product": choice.item, "decision": decision.id}
            found.append({**click, "customer": decision.request.customer})
    return found


def _click(shop: Shop, decision: Decision, place: int) -> None:
    click = {"id": f"k-{decision.id}", "action": "click", "decision": decision.id}
    shop.collect([
        {**click, "product": decision.choices[place].item, "customer": decision.request.customer}
    ])  # fmt: skip
    shop.drain()


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A shop whose home page throws dice, and where people click on one half of the shelves, whatever models say."""
    folder: Path = tmp_path_factory.mktemp("order") / "shop"
    build(folder, trained=False).close()
    (folder / FILE).write_text((folder / FILE).read_text("utf-8") + SETTINGS, "utf-8")
    dice = np.random.default_rng(5)
    with Shop.open(folder) as opened:
        train(opened, judged=False)
        clicks = []
        for turn in range(LISTS):
            person = CustomerId(f"c{1 + turn % 59:02d}")
            asked = Request(placement="home", at=opened.clock(), customer=person, count=8, device="mobile")
            clicks += _clicks(turn, opened.decide(asked), dice)
        opened.collect(clicks)
        opened.drain()
        yield opened


def test_a_list_is_read_back_as_it_was_decided(shop: Shop) -> None:
    """Law: what the log says of a shown product is bit for bit what was seen of it when it was chosen, with today's
    weights of the mix those of then."""
    model = shop.serving.scorers["hybrid"]
    lists = decided_lists(shop.snapshot(), days=90, timezone="Asia/Shanghai", now=blend_of(model), then=blends_of(shop))
    assert lists is not None
    assert len(lists) > 0.8 * LISTS
    request = Request(placement="home", at=shop.clock(), customer=CustomerId("c07"), count=8, seed=3, device="tablet")
    decision = shop.decide(request)
    _click(shop, decision, 2)
    lists = decided_lists(shop.snapshot(), days=90, timezone="Asia/Shanghai", now=blend_of(model), then=blends_of(shop))
    assert lists is not None
    mine = slice(int(lists.offsets[-2]), int(lists.offsets[-1]))
    numbers, words = lists.candidates.numbers, lists.candidates.words
    assert lists.slot[mine].tolist() == list(range(8))
    assert lists.gain[mine].tolist() == [0, 0, 1, 0, 0, 0, 0, 0]
    assert lists.propensity[mine].tolist() == [choice.propensity for choice in decision.choices]
    assert words["device"].are("tablet")[mine].all()
    assert words["placement"].are("home")[mine].all()
    local = request.at.astimezone(shop.serving.policies["home"].inner.first.order.zone)
    assert (numbers["hour"][mine] == (local.hour * 60 + local.minute) / 60).all()
    assert (numbers["weekday"][mine] == local.isoweekday()).all()
    for place, choice in enumerate(decision.choices):
        row = int(lists.offsets[-2]) + place
        told = {**{f"says:{name}": value for name, value in choice.parts.items()}, **choice.features}
        assert {name: numbers[name][row] for name in told} == told
        shelf = shop.serving.catalogue().categories[0][shop.serving.catalogue.index[choice.item]]
        assert words["category"].are(shelf)[row]


def test_what_was_learned_answers(shop: Shop) -> None:
    """A training finds that people click on one half of the shelves, says so with its interval, and the next answers
    put that half first; without dice, in exactly the order of the trees, which the log keeps beside the mix's."""
    report = train(shop, judged=False)
    taught = report.ranker
    assert taught is not None
    assert taught.gain is not None
    assert taught.gain.low > 0
    assert taught.after > taught.before + 0.1
    assert shop.models.manifest(report.version)["report"]["ranker"]["used"]
    shop.reload()
    policy = shop.serving.policies["home"].inner.first
    assert shop.serving.version == policy.version == report.version
    greedy = replace(policy, placement=replace(policy.placement, chooser="greedy", diversity=0.0), rules=())
    greedy = replace(greedy, chooser=greedy.placement.dice())
    for person in ("c03", "c12", "c30"):
        request = Request(placement="home", at=shop.clock(), customer=CustomerId(person), count=10)
        after = greedy.decide(request)
        assert isinstance(policy.order, Order)
        before = replace(greedy, order=replace(policy.order, ranker=None)).decide(request)
        assert not any(choice.features for choice in before.choices)  # without dice it would teach nothing
        liked = [int(choice.item[1:]) >= 20 for choice in after.choices]
        assert np.mean(liked) > np.mean([int(choice.item[1:]) >= 20 for choice in before.choices])
        assert np.mean(liked) > 0.7
        scores = [choice.features["ranked"] for choice in after.choices]
        assert scores == sorted(scores, reverse=True)
        assert after.choices[0].features["ranked_place"] == 1.0
        diced = replace(policy, order=replace(policy.order, ranker=None)).decide(request)
        assert all(choice.features["place"] >= 1 and "ranked" not in choice.features for choice in diced.choices)
        stranger = greedy.decide(replace(request, mode="nonpersonal"))
        assert not any(choice.features for choice in stranger.choices)


def test_the_batch_says_what_was_served(shop: Shop) -> None:
    """Law: the trees say of a list that was read back from the log, bit for bit, what they said when it was decided."""
    policy = shop.serving.policies["home"].inner.first
    request = Request(placement="home", at=shop.clock(), customer=CustomerId("c21"), count=10, device="desktop")
    decision = shop.decide(request)
    _click(shop, decision, 0)
    now = blend_of(shop.serving.scorers["hybrid"])
    lists = decided_lists(shop.snapshot(), days=90, timezone="Asia/Shanghai", now=now, then=blends_of(shop))
    assert lists is not None
    ranked = policy.order.ranker.rank(lists.candidates)[int(lists.offsets[-2]) :]
    assert ranked.tolist() == [choice.features["ranked"] for choice in decision.choices]


def test_what_the_order_did_is_said_truly(shop: Shop) -> None:
    """Law: a logged decision says of each product where the mix had it and where the trees put it, and what is said to
    have moved it adds up to what the trees said; where their version is gone only the places are said."""
    request = Request(placement="home", at=shop.clock(), customer=CustomerId("c33"), count=10, device="mobile")
    decided = shop.decide(request)
    shop.collect([])  # what waits for the journal goes first
    decision = shop.explain(decided.id)
    trees = shop.serving.policies["home"].inner.first.order.ranker
    base = trees.trees.contributions(np.zeros((1, len(trees.names))))[0, -1]
    told = moved(shop, decision)
    assert len(told) == 10
    for choice, how in zip(decision.choices, told, strict=True):
        assert how is not None
        assert how.because is not None
        assert (how.place, how.ranked_place) == (choice.features["place"], choice.features["ranked_place"])
        assert base + sum(how.because.values()) == pytest.approx(choice.features["ranked"], abs=1e-9)
    gone = moved(shop, replace(decision, policy="recommend.home@v1"))
    assert [how and (how.place, how.because) for how in gone] == [(how and how.place, None) for how in told]
    other = shop.decide(replace(request, mode="nonpersonal"))
    assert moved(shop, other) == [None] * len(other.choices)
    for language in ("en", "zh"):
        shown = Pages(shop, Words(language, currency="CNY", timezone="Asia/Shanghai")).decision(decision.id)["choices"][
            0
        ]["moved"]
        assert shown["sentence"] == say(language, "console", "moved", place=told[0].place, ranked=told[0].ranked_place)
        assert shown["because"]
        assert not [what for what, _ in shown["because"] if "_" in what]


def test_lists_outlive_the_version_that_decided_them(shop: Shop) -> None:
    """Law: lists of a version that was deleted still teach: the versions after it remember what it mixed."""
    first, *_, last = shop.models.versions()
    known, now = shop.snapshot(), blend_of(shop.serving.scorers["hybrid"])
    before = decided_lists(known, days=90, timezone="UTC", now=now, then=blends_of(shop))
    shutil.rmtree(shop.models.folder / first)
    assert first not in shop.models.versions()
    assert {first, last} <= set(blends_of(shop))
    after = decided_lists(known, days=90, timezone="UTC", now=now, then=blends_of(shop))
    assert before is not None
    assert after is not None
    assert len(after) == len(before) > LISTS / 2
    assert all(
        np.array_equal(after.candidates.numbers[name], before.candidates.numbers[name], equal_nan=True)
        for name in before.candidates.numbers
    )


def test_too_few_lists_leave_the_mix(shop: Shop) -> None:
    """Law: with the usual minimum such a small log is said to be too little, and people who did not agree to training
    are not in it."""
    model = shop.serving.scorers["hybrid"]
    known = shop.snapshot()
    lists = decided_lists(known, days=90, timezone="UTC", now=blend_of(model), then=blends_of(shop))
    assert lists is not None
    taught = FromDecisions().fit_decided(lists)
    assert (taught.model, taught.gain) == (None, None)
    nobody = replace(known, may_train=list)
    assert decided_lists(nobody, days=90, timezone="UTC", now=blend_of(model), then=blends_of(shop)) is None
