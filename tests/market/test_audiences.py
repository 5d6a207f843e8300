"""The grammar of audiences is closed, SQL carries no text of users, and counts single nobody out."""

import json
import math
from datetime import UTC, datetime
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shopkeeper.core.action import Action
from shopkeeper.core.errors import DataError, NotAllowed
from shopkeeper.core.floor import FLOOR, said
from shopkeeper.market.audiences.counting import Counted, bits_of, counted, differences, isolates, numbers_of, size_of
from shopkeeper.market.audiences.reading import read, read_text, written
from shopkeeper.market.audiences.rules import ABOUT, FIELDS, All, Did, Measure, Not, Rule, Some, Told, Word
from shopkeeper.market.audiences.sql import statement_of

NOW = datetime(2026, 6, 1, tzinfo=UTC)

words = st.text(st.characters(blacklist_categories=("C", "Z")), min_size=1, max_size=12)
numbers = st.integers(-(10**6), 10**6)
NUMERIC = [name for name, field in FIELDS.items() if field.kind in ("count", "days", "money")]
WORDS = [name for name, field in FIELDS.items() if field.kind == "word"]
leaves = st.one_of(
    st.builds(lambda f, n: {"field": f, "at_least": n}, st.sampled_from(NUMERIC), numbers),
    st.builds(lambda f, v: {"field": f, "in": v}, st.sampled_from(WORDS), st.lists(words, min_size=1, max_size=3)),
    st.builds(lambda v: {"told": "age", "in": v}, st.lists(words, min_size=1, max_size=3)),
    st.builds(
        lambda about, value, n, days: {"did": "order", about: value, "times_at_least": n, "days": days},
        st.sampled_from(["product", "brand"]), words, st.integers(0, 9), st.integers(1, 400),
    ),
)  # fmt: skip
rules = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(lambda parts: {"all": parts}, st.lists(inner, max_size=3)),
        st.builds(lambda parts: {"any": parts}, st.lists(inner, min_size=1, max_size=3)),
        st.builds(lambda part: {"not": part}, inner),
    ),
    max_leaves=8,
)


@given(rules)
@settings(max_examples=150, deadline=None)
def test_what_is_read_can_be_written_and_read_again(value: Any) -> None:
    """read(written(read(x))) = read(x), through JSON text too, for every rule of the grammar."""
    rule = read(value)
    assert read(written(rule)) == rule
    assert read_text(json.dumps(written(rule))) == rule


@given(rules)
@settings(max_examples=150, deadline=None)
def test_no_value_stands_in_the_sql(value: Any) -> None:
    """The SQL of a rule depends on its shape alone: with every text and number exchanged it is the same, so no value
    of a user can be code."""

    def exchanged(part: Any) -> Any:
        if isinstance(part, dict):
            return {key: inner if key in ("field", "did", "told") else exchanged(inner) for key, inner in part.items()}
        if isinstance(part, list):
            return [exchanged(inner) for inner in part]
        return "'; DROP TABLE people; --" if isinstance(part, str) else 7

    first, second = read(value), read(exchanged(value))
    one, other = statement_of(first, NOW), statement_of(second, NOW)
    if len(set(map(repr, _leaves(first)))) == len(set(map(repr, _leaves(second)))):
        assert one.sql == other.sql
    assert "DROP" not in other.sql


def _leaves(rule: Rule) -> list[Rule]:
    from shopkeeper.market.audiences.rules import leaves as of

    return list(of(rule))


@given(st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(
            st.sampled_from(["all", "any", "not", "field", "told", "did", "like", "is", "in", "at_least", "at_most",
                             "times_at_least", "days", "people", "__proto__", "$where", *ABOUT]), inner, max_size=4)),
    max_leaves=12,
))  # fmt: skip
@settings(max_examples=300, deadline=None)
def test_any_json_is_read_or_refused_in_words(value: Any) -> None:
    """No JSON value, however odd, makes anything but a rule or an error that has a sentence."""
    try:
        rule = read(value)
    except (DataError, NotAllowed):
        return  # neither can be made without a key
    assert read(written(rule)) == rule


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('{"all": [{"field": "orders", "at_least": 5, "at_least": 1}]}', "."),
        ('{"field": "orders", "at_least": NaN}', "."),
        ("[", "."), ("[" * 100_000, "."), ('{"field": "email", "is": "a"}', ".field"),
        ('{"field": "orders", "is": "5"}', ".is"),
        ('{"field": "orders", "at_least": true}', ".at_least"), ('{"field": "orders"}', "."), ('{"any": []}', ".any"),
        ('{"field": "discount_share", "at_least": 20}', ".at_least"), ('{"did": "consent"}', ".did"),
        ('{"did": "order", "times_at_least": 1.5}', ".times_at_least"), ('{"did": "order", "days": 0}', ".days"),
        ('{"all": [], "any": []}', "."), ('{"did": "order", "script": "x"}', ".script"),
        ('{"like": "a", "people": 5}', ".people"),
        ('{"field": "segment", "is": "A", "in": ["B"]}', "."), ('{"told": "age", "is": "\\u0000"}', ".is"),
        ('{"all": [{"not": {"field": "x", "at_least": 1}}]}', ".all[0].not.field"), ('{"condition": "1=1"}', "."),
        ('{"parameterValues": {"condition": "script::Runtime.exec"}}', "."),
    ],
)  # fmt: skip
def test_bad_rules_are_refused_with_their_place(text: str, place: str) -> None:
    """Duplicate keys, NaN, unknown words, wrong types, odd numbers, foreign conditions: the error names the place."""
    with pytest.raises(DataError) as refused:
        read_text(text)
    assert refused.value.key == "audience_bad"
    assert refused.value.facts["place"] == place


def test_too_deep_and_too_wide_rules_are_refused() -> None:
    """More than 8 levels or 100 parts are refused."""
    deep: Any = {"all": []}
    for _ in range(9):
        deep = {"not": deep}
    for value in (deep, {"all": [{"field": "orders", "at_least": 1}] * 100}):
        with pytest.raises(DataError, match="audience_bad"):
            read(value)


@pytest.mark.parametrize(
    "value",
    [
        {"told": "religion", "is": "x"}, {"did": "order", "category": "Pregnancy tests"},
        {"told": "健康状况", "is": "x"}, {"all": [{"not": {"told": "union_member", "is": "1"}}]},
    ],
)  # fmt: skip
def test_sensitive_fields_and_categories_are_refused(value: Any) -> None:
    """No rule may ask for a special category of personal data, not even to leave people out."""
    with pytest.raises(NotAllowed, match="audience_sensitive"):
        read(value)


def test_the_sentence_of_the_documentation() -> None:
    """ "Bought Dairy at least twice in 30 days and did not open mail in 90" has the tree it should have."""
    value = {"all": [{"did": "order", "category": "Dairy", "times_at_least": 2, "days": 30},
                     {"not": {"did": "mail_open", "days": 90}}, {"field": "spend", "at_least": 12.5}]}  # fmt: skip
    assert read(value) == All((
        Did(action=Action.ORDER, about=(("category", "Dairy"),), low=2, days=30.0),
        Not(Did(action=Action.MAIL_OPEN, days=90.0)), Measure(field="spend", low=1250),
    ))  # fmt: skip
    assert read({"any": [{"field": "segment", "is": "A"}, {"told": "age", "in": ["35-44"]}]}) == Some(
        (Word(field="segment", values=("A",)), Told(field="age", values=("35-44",)))
    )


def test_every_figure_is_a_multiple_of_twenty() -> None:
    """Fewer than 20 are not said; every other number is, to the nearest multiple of 20, never 0."""
    assert [said(n) for n in (0, 1, 19)] == [None] * 3
    assert all(said(n) is not None and said(n) % FLOOR == 0 and abs(said(n) - n) <= 10 for n in range(20, 500))  # type: ignore[operator]


def test_no_pair_of_counts_isolates_anybody() -> None:
    """The differencing attack: sets made by adding and removing a few people, their unions and intersections, and
    trackers with a large set and its contrary. The difference of any two figures that were said is 0 or at least 20,
    and 0 wherever the true difference is of fewer than 20 people."""
    dice = np.random.default_rng(4)
    size = 1_000
    base = dice.random(size) < 0.4
    tracker = dice.random(size) < 0.5
    asked = [np.ones(size, bool), base, ~base, tracker, ~tracker, base | tracker, base & tracker, base | ~tracker]
    for few in (1, 2, 7, 19, 20, 45):
        some = np.zeros(size, bool)
        some[dice.choice(size, few, replace=False)] = True
        asked += [base | some, base & ~some, tracker | some, ~tracker | some, some, ~some]
    said_before: list[Counted] = []
    for flags in asked:
        said_before.append(counted(bits_of(np.flatnonzero(flags), size), said_before))
    for one, other in combinations(said_before, 2):
        apart = abs((one.people or 0) - (other.people or 0))
        assert apart % FLOOR == 0
        if max(differences(one.members, other.members)) < FLOOR:
            assert apart == 0
    assert said_before[0].people == size


def test_lists_that_differ_by_a_few_are_refused() -> None:
    """A list that has 1 to 19 people more or fewer than another list isolates them; an equal or a wholly different one
    does not."""
    first = bits_of(np.arange(100), 400)
    assert isolates(bits_of(np.arange(101), 400), [first])
    assert isolates(bits_of(np.arange(5, 300), 400), [first])
    assert not isolates(first, [first])
    assert not isolates(bits_of(np.arange(200, 300), 400), [first])
    assert not isolates(bits_of(np.arange(300), 500), [first])


@given(st.sets(st.integers(0, 99)), st.sets(st.integers(0, 99)))
@settings(max_examples=100, deadline=None)
def test_sets_as_bits_count_like_sets(left: set[int], right: set[int]) -> None:
    """Sizes and differences of packed bits are those of the sets, also of tables of different sizes."""
    one, other = bits_of(np.array(sorted(left), np.int64), 100), bits_of(np.array(sorted(right), np.int64), 130)
    assert numbers_of(one).tolist() == sorted(left)
    assert (size_of(one), size_of(other)) == (len(left), len(right))
    assert differences(one, other) == (len(left - right), len(right - left))
    assert math.isclose(size_of(one), len(left))
