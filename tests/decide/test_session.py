"""The visit that goes on: it shifts the very next answer, more where it is unlike the past, and only while it lasts."""

from dataclasses import replace

import numpy as np
import pytest
from tiny_shop import NOW, Fixed, ask, bought, catalogue, context, items, shop, then

from shopkeeper.core.action import Action
from shopkeeper.core.decision import Choice, Reason
from shopkeeper.core.histories import Histories
from shopkeeper.core.opinion import Opinion
from shopkeeper.decide.context import microseconds
from shopkeeper.decide.session import MOST_SHARE, session_of, with_session
from shopkeeper.decide.shelf import shelf_of
from shopkeeper.learn.recommend.item_knn import ItemKNN
from shopkeeper.learn.snapshot import ArraySnapshot

MINUTE = 1 / 1440
VIEW, ORDER, CART = Action.PRODUCT_VIEW, Action.ORDER, Action.CART_ADD
GOODS = replace(
    catalogue(12),
    categories=(np.array(["food"] * 6 + ["toys"] * 6, object), np.array(["bread"] * 6 + ["dolls"] * 6, object)),
)


def visit(*acts: tuple[Action, int, float], share: float = 0.5, minutes: float = 30.0) -> tuple[list[int], float]:
    """(products of the visit that goes on, how much it counts)."""
    found = session_of(
        then(*acts), microseconds(NOW), shelf_of(GOODS), share=share, gap=int(minutes * 60_000_000)
    )  # fmt: skip
    return ([], 0.0) if found is None else (found.row.product.tolist(), found.share)


def test_a_visit_is_the_last_minutes_since_an_order() -> None:
    """Broken by half an hour of silence and by an order; only signs of interest are of it."""
    assert visit((VIEW, 1, 5), (VIEW, 2, 20 * MINUTE), (Action.IMPRESSION, 3, 9 * MINUTE), (CART, 4, MINUTE))[0] == [
        2,
        4,
    ]
    assert visit((VIEW, 1, 70 * MINUTE), (VIEW, 2, 20 * MINUTE))[0] == [2]
    assert visit((VIEW, 1, 9 * MINUTE), (ORDER, 1, 8 * MINUTE), (VIEW, 2, MINUTE))[0] == [2]
    assert visit((VIEW, 1, 9 * MINUTE), (ORDER, 1, 8 * MINUTE)) == ([], 0.0)
    assert visit((VIEW, 1, 31 * MINUTE)) == ([], 0.0)
    assert visit((VIEW, 1, MINUTE), minutes=0) == ([], 0.0)


def test_how_much_a_visit_counts() -> None:
    """Half of its weight for one product, three quarters for two; the more, the less of it is of usual categories."""
    assert visit((VIEW, 1, MINUTE))[1] == pytest.approx(0.25)
    assert visit((VIEW, 1, MINUTE), (VIEW, 1, 0))[1] == pytest.approx(0.25)
    assert visit((ORDER, 0, 9), (VIEW, 1, MINUTE), (VIEW, 2, 0))[1] == pytest.approx(0.75 * 0.5)
    assert visit((ORDER, 0, 9), (VIEW, 7, MINUTE), (VIEW, 8, 0))[1] == pytest.approx(0.75 * MOST_SHARE)
    half = visit((ORDER, 0, 9), (VIEW, 1, MINUTE), (VIEW, 7, 0))[1]
    assert half == pytest.approx(0.75 * (0.5 + (MOST_SHARE - 0.5) / 2))


def test_lasting_and_visit_are_added() -> None:
    """The best of both weigh as 1 - share to share; the common list is the same object as before."""
    base = np.array([0.2, 0.1, np.nan, 0.0], np.float32)
    mute = lambda products: [(None, {}) for _ in products]  # noqa: E731  # a stub
    lasting = Opinion(own=np.array([1]), scores=np.array([1.0], np.float32), base=base, explain=mute)
    seen = Opinion(own=np.array([2, 3]), scores=np.array([4.0, 2.0], np.float32), explain=mute)
    both = with_session(lasting, seen, 0.75)
    assert both.base is base
    assert both.own.tolist() == [1, 2, 3]
    assert both.scores.tolist() == [1.0, 3.0, 1.5]
    assert both.explain([0, 2]) == [(None, {}), (None, {"session": 3.0})]


def _bakers_and_doll_makers() -> ArraySnapshot:
    """Twenty people buy bread, twenty dolls: nobody both."""
    rows = [[0, 1, 2, 3, 4, 5]] * 20 + [[6, 7, 8, 9, 10, 11]] * 20
    return ArraySnapshot.of(Histories.of_sequences(rows), GOODS)


def _answer(history: Histories, **settings: object) -> list[str]:
    knn = ItemKNN(shrink=0.0).fit(_bakers_and_doll_makers())
    policy = shop(goods=GOODS, scorer=knn, history=history, **settings)
    return items(replace(policy, context_scorer=knn).decide(ask(count=3)))


def test_a_visit_changes_the_next_answer() -> None:
    """A baker who looks at two dolls is shown dolls now, and bread again when the visit is over."""
    bread = {f"P{product}" for product in range(6)}
    past = ((ORDER, 0, 40), (ORDER, 1, 20), (ORDER, 2, 10))
    dolls = (VIEW, 6, 2 * MINUTE), (VIEW, 7, MINUTE)
    assert set(_answer(then(*past))) <= bread
    assert not set(_answer(then(*past, *dolls))) & bread
    assert set(_answer(then(*past, *dolls), session_minutes=0)) & bread
    yesterday = ((VIEW, 6, 1 + 2 * MINUTE), (VIEW, 7, 1 + MINUTE))
    assert set(_answer(then(*past, *yesterday))) & bread


def test_a_product_of_the_visit_says_why() -> None:
    """Where the visit brought a product, its reason is what was looked at, and its part is named."""
    knn = ItemKNN(shrink=0.0).fit(_bakers_and_doll_makers())
    history = then((ORDER, 0, 40), (VIEW, 6, 2 * MINUTE), (VIEW, 7, MINUTE))
    decision = replace(shop(goods=GOODS, scorer=knn, history=history), context_scorer=knn).decide(ask(count=1))
    (choice,) = decision.choices
    assert choice.reason.key == "because_viewed"
    assert choice.parts["session"] > 0


def test_no_visit_changes_nothing() -> None:
    """Without events in the last minutes the answer is that of the lasting taste, score by score."""
    plain, told = (
        shop(history=bought(2), scorer=Fixed(scores=np.linspace(0, 1, 12).astype(np.float32)), session_minutes=minutes)
        for minutes in (0, 30)
    )
    assert [c.score for c in plain.decide(ask()).choices] == [c.score for c in told.decide(ask()).choices]
    assert context(GOODS).profile is None


def test_new_products_have_a_share() -> None:
    """Nobody's behaviour speaks of product 11: with a share it is in the answer, more of it puts it higher, and its
    reason and part say why; strangers see it too."""
    liked, new = np.append(np.linspace(1, 0.1, 11), np.nan), np.append(np.full(11, np.nan), 3.0)
    told = Fixed(scores=new.astype(np.float32), reasoned=Reason(key="new_arrival", scorer="new"), ignores_people=True)

    def shown(share: float, **about: object) -> list[Choice]:
        policy = shop(goods=GOODS, scores=liked, history=then((ORDER, 0, 9)), new_share=share)
        return list(replace(policy, newcomers=told).decide(ask(count=12, **about)).choices)

    places = [[choice.item for choice in shown(share)].index("P11") for share in (0.3, 0.5, 0.6)]
    assert places[0] > places[1] >= places[2] == 0
    assert shown(0.0)[-1].item == "P11"
    assert not shown(0.0)[-1].parts.get("new")
    (first,) = [choice for choice in shown(0.6) if choice.item == "P11"]
    assert (first.reason.key, set(first.parts)) == ("new_arrival", {"new"})
    assert "P11" in [choice.item for choice in shown(0.9, mode="nonpersonal")[:3]]


def _searched(*matches: tuple[int, float], minutes_ago: float = 1.0) -> Histories:
    """What one search speaks of: products, and how well they match."""
    row = bought(*[product for product, _ in matches], days_ago=minutes_ago * MINUTE, action=Action.SEARCH)
    return replace(row, quantity=np.array([match for _, match in matches], np.float32))


def _after(past: Histories, more: Histories) -> Histories:
    names = ("product", "at", "action", "quantity", "price", "order")
    joined = {name: np.concatenate([getattr(past, name), getattr(more, name)]) for name in names}
    return replace(past, offsets=np.array([0, past.events + more.events], np.int64), **joined)


def test_a_search_outweighs_history() -> None:
    """A baker who searches dolls is shown what matches, best first, and why; the words are part of the score; a search
    of this morning, and one that an order ended, say nothing any more."""
    bread = {f"P{product}" for product in range(6)}
    past = then((ORDER, 0, 40), (ORDER, 1, 20), (ORDER, 2, 10))
    dolls = _searched((8, 1.0), (9, 0.7), (10, 0.4))
    knn = ItemKNN(shrink=0.0).fit(_bakers_and_doll_makers())
    choices = shop(goods=GOODS, scorer=knn, history=_after(past, dolls)).decide(ask(count=3)).choices
    assert [choice.item for choice in choices[:2]] == ["P8", "P9"]
    assert choices[0].reason.key == "searched"
    assert choices[0].parts["search"] > 0
    assert set(_answer(_after(past, _searched((8, 1.0), minutes_ago=300)))) <= bread
    assert set(_answer(_after(_after(past, _searched((8, 1.0), minutes_ago=9)), then((ORDER, 3, MINUTE))))) <= bread


def test_a_search_for_something_usual_comes_before_what_is_liked() -> None:
    """A baker who searches for the bread they like least gets that first; a poor match changes less."""
    past = then((ORDER, 0, 40), (ORDER, 1, 20), (ORDER, 2, 10))
    liked = _answer(past)
    assert _answer(_after(past, _searched((5, 1.0))))[0] == "P5"
    assert _answer(_after(past, _searched((8, 0.05))))[:2] == liked[:2]


def test_the_newest_search_counts_most() -> None:
    """Of two searches the newer comes first, though the older matched a little better."""
    both = _after(_searched((8, 1.0), minutes_ago=5), _searched((3, 0.9)))
    assert _answer(both)[:2] == ["P3", "P8"]


def test_what_was_searched_is_no_deed() -> None:
    """Rules and models see what was done with products: a search has neither seen nor bought what it speaks of."""
    found = session_of(_searched((1, 1.0)), microseconds(NOW), shelf_of(GOODS), share=0.5, gap=10**9)
    assert found is not None
    assert (found.row.events, found.share, found.search_share) == (0, 0.0, pytest.approx(0.7))
    seen = shop(goods=GOODS, history=_searched((11, 1.0)), already_seen_days=9.0)
    assert items(seen.decide(ask(count=1))) == ["P11"]
