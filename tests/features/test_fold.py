"""The law of features: folding the events before a moment gives what the tables give as of that moment."""

import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from streams import CATEGORY, CURRENCY, PRODUCTS, START, Tables, streams

from shopkeeper.core.action import BACK, Action
from shopkeeper.core.event import Event
from shopkeeper.core.ids import PersonKey
from shopkeeper.features.fold import WORTH, FeatureFold
from shopkeeper.features.sessions import with_event
from shopkeeper.features.state import HALF_LIFE_DAYS, grown, micros_of, moment_of, shrunk
from shopkeeper.features.tables import feature_sql, names_of
from shopkeeper.features.tone import PATTERNS

END = START + timedelta(days=20)
_STEPS = st.integers(0, 41).map(lambda step: START + timedelta(hours=7 * step))
VISITS = ("sessions", "session_depth")
"""What only the table counts: a fold would have to keep every visit."""
REVIEWED = ("review_tone", "toned_reviews", "tone_sum")
few = settings(max_examples=40, deadline=None)
fewer = settings(max_examples=20, deadline=None)
Row = dict[str, Any]


def folded(events: Sequence[Event]) -> FeatureFold:
    fold = FeatureFold(currency=CURRENCY)
    for event in events:
        fold.fold(event)
    return fold


def rows(tables: Tables, name: str) -> list[Row]:
    sql, told = feature_sql(name), {"currency": CURRENCY, **PATTERNS}
    found = tables(sql, {key: value for key, value in told.items() if f"${key}" in sql}).to_pylist()
    if name == "customer_reviews":  # a fold does not remember who reviewed without saying anything
        found = [row for row in found if row["toned_reviews"]]
    return [{key: value for key, value in row.items() if key not in VISITS} for row in found]


def assert_close(one: Row, other: Row) -> None:
    """The same names and values; numbers to rounding (a spread of nearly nothing is a root of rounding errors)."""
    assert one.keys() == other.keys()
    for name, value in one.items():
        if isinstance(value, float):
            assert other[name] == pytest.approx(value, rel=1e-9, abs=1e-6), name
        else:
            assert other[name] == value, name


def everything(fold: FeatureFold, moment: datetime) -> dict[str, list[Row]]:
    """All that a fold answers, in the shape of the tables."""
    people = [PersonKey(person) for person in fold.people]
    ranked = [(person, enumerate(fold.recent(person), 1)) for person in people]
    return {
        "customer": [fold.customer(person, moment) for person in people],
        "customer_browsing": [
            {"person": person, **{name: value for name, value in fold.browsing(person).items() if name not in REVIEWED}}
            for person in people
        ],
        "customer_reviews": [
            {"person": person, **{name: fold.browsing(person)[name] for name in REVIEWED}}
            for person in people if fold.browsing(person)["toned_reviews"]
        ],
        "product": [fold.product(product, moment) for product in fold.products],
        "customer_product": [
            {"person": person, "product": product, **row}
            for person in people for product, row in sorted(fold.acts(person, moment).items())
        ],
        "customer_category": [
            {"person": person, **row} for person in people for row in fold.categories(person, moment, CATEGORY)
        ],
        "customer_basket": [{"person": person, **row} for person in people for row in fold.usual(person)],
        "customer_recent": [
            {"person": person, "place": place, "at": moment_of(at), "event": event, "line": line, "action": action,
             "product": product}
            for person, acts in ranked for place, (at, event, line, action, product) in acts
        ],
    }  # fmt: skip


def assert_same(one: dict[str, list[Row]], other: dict[str, list[Row]]) -> None:
    """Equal table by table. Order within a person's categories may differ where weights are equal to rounding."""
    for name in one:
        key = ("person", "category") if name == "customer_category" else None
        mine, theirs = (
            sorted(table[name], key=lambda row: [row[part] for part in key]) if key else table[name]
            for table in (one, other)
        )
        assert len(mine) == len(theirs), name
        for left, right in zip(mine, theirs, strict=True):
            assert_close(left, right)


@fewer
@given(streams(), _STEPS)
def test_folding_is_the_table(events: list[Event], moment: datetime) -> None:
    """Every table as of a moment is what the events before it fold to: ties, returns, odd currencies and all."""
    tables = Tables(events, moment)
    fold = folded([event for event in events if event.at < moment])
    assert_same({name: rows(tables, name) for name in everything(fold, moment)}, everything(fold, moment))


@few
@given(streams(), st.randoms(use_true_random=False))
def test_the_order_of_events_changes_nothing(events: list[Event], dice: random.Random) -> None:
    """Any permutation of the events folds to the same features."""
    shuffled = dice.sample(events, len(events))
    assert_same(everything(folded(events), END), everything(folded(shuffled), END))


@few
@given(streams(), st.lists(st.booleans(), min_size=25, max_size=25))
def test_batches_that_are_merged_are_one(events: list[Event], left: list[bool]) -> None:
    """However the events are dealt to two folds, merging them in either order is folding all."""
    ours = [event for event, here in zip(events, left, strict=False) if here]
    theirs = [event for event, here in zip(events, left, strict=False) if not here]
    whole = everything(folded(events), END)
    for first, second in ((ours, theirs), (theirs, ours)):
        fold = folded(first)
        fold.merge(folded(second))
        assert_same(whole, everything(fold, END))


@fewer
@given(streams(), _STEPS)
def test_folding_goes_on_where_the_tables_end(events: list[Event], split: datetime) -> None:
    """The tables of one moment, taken up, and the events from then on give the tables of a later moment."""
    fold = FeatureFold.from_tables(Tables(events, split), currency=CURRENCY, moment=split)
    for event in events:
        if event.at >= split:
            fold.fold(event)
    later = Tables(events, END)
    assert_same({name: rows(later, name) for name in everything(fold, END)}, everything(fold, END))


@fewer
@given(streams(18))
def test_visits_are_those_of_live_profiles(events: list[Event]) -> None:
    """The table counts as many visits as a live profile keeps of the same acts; pages a visit follow from them."""
    acts = [each for each in events if each.action not in BACK | {Action.STOCK_CHANGE}]
    for row in Tables(acts, END)(feature_sql("customer_browsing"), {}).to_pylist():
        visits: tuple[Any, ...] = ()
        for event in acts:
            if event.person == row["person"]:
                visits = with_event(visits, micros_of(event.at))
        assert row["sessions"] == len(visits)
        assert row["session_depth"] == pytest.approx(row["pages"] / len(visits))


@few
@given(streams())
def test_a_row_has_every_documented_feature(events: list[Event]) -> None:
    """What ``FEATURES`` promises is in each row of a fold."""
    fold = folded(events)
    assert all(set(names_of("customer")) <= fold.customer(PersonKey(each), END).keys() for each in fold.people)
    assert all(set(names_of("product")) <= fold.product(each, END).keys() for each in fold.products)


def test_nobody_has_no_features() -> None:
    """Somebody unknown has no row, no taste and no past."""
    fold = FeatureFold(currency=CURRENCY)
    nobody = PersonKey("nobody")
    assert fold.customer(nobody, END) == fold.product("nothing", END) == {}
    assert fold.usual(nobody) == fold.recent(nobody) == fold.categories(nobody, END, CATEGORY) == []


def test_a_weight_halves_in_its_half_life() -> None:
    """An act is worth its worth when it happens and half of it ``HALF_LIFE_DAYS`` later."""
    at = micros_of(START)
    later = micros_of(START + timedelta(days=HALF_LIFE_DAYS))
    assert shrunk(grown(at), at) == 1.0
    assert shrunk(grown(at), later) == pytest.approx(0.5, rel=1e-12)
    assert moment_of(at) == START


@pytest.mark.parametrize("action", sorted(WORTH))
def test_what_an_act_is_worth(action: Action) -> None:
    """The worth of each act in the fold is the one in the SQL."""
    event = Event(id="e", at=START, action=action, customer="c", product=PRODUCTS[0])  # type: ignore[arg-type]
    if action is Action.ORDER:
        assert " 5.0\n" in feature_sql("customer_category")
        assert WORTH[action] == 5.0
    else:
        assert folded([event]).acts(PersonKey("c"), START)["apple"]["weight"] == pytest.approx(WORTH[action])
        assert f"WHEN '{action.word}' THEN {WORTH[action]}" in " ".join(feature_sql("customer_category").split())
