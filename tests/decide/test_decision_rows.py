"""A decision survives the way into the lake and back."""

import json
from datetime import UTC

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from shopkeeper.core.decision import Choice, Decision, Reason, Request
from shopkeeper.data.drain import decisions_of
from shopkeeper.data.schema import DECISIONS
from shopkeeper.decide.log import from_row, to_row

TEXT = st.text(max_size=8)
NAME = st.text(min_size=1, max_size=8)
NUMBER = st.floats(allow_nan=False, allow_infinity=False)
FACTS = st.dictionaries(TEXT, st.one_of(TEXT, st.integers(), NUMBER), max_size=3)
REASONS = st.builds(Reason, key=TEXT, facts=FACTS, scorer=TEXT)
CHOICES = st.builds(
    Choice, item=TEXT, score=NUMBER, propensity=st.floats(0, 1), reason=REASONS,
    parts=st.dictionaries(TEXT, NUMBER, max_size=3),
)  # fmt: skip
REQUESTS = st.builds(
    Request, placement=TEXT, at=st.datetimes(timezones=st.just(UTC)), visitor=st.none() | NAME,
    customer=st.none() | NAME, count=st.integers(), mode=st.sampled_from(["personal", "nonpersonal"]),
    product=st.none() | TEXT, cart=st.lists(TEXT, max_size=3).map(tuple), language=TEXT,
    categories=st.lists(TEXT, max_size=3).map(tuple), seed=st.none() | st.integers(),
)  # fmt: skip
DECISIONS_MADE = st.builds(
    Decision, id=NAME, request=REQUESTS, policy=TEXT, choices=st.lists(CHOICES, max_size=3).map(tuple),
    eligible=st.integers(0, 10**6), removed=st.dictionaries(TEXT, TEXT, max_size=3), personal=st.booleans(),
    fallback=TEXT, experiment=TEXT, arm=TEXT, assignment_probability=st.floats(0, 1),
)  # fmt: skip


@given(decision=DECISIONS_MADE)
@settings(deadline=None)
def test_round_trip(decision: Decision) -> None:
    """Nothing is lost or changed, not even the last bit of a propensity."""
    assert from_row(to_row(decision)) == decision


@given(made=st.lists(DECISIONS_MADE, min_size=1, max_size=4))
@settings(deadline=None)
def test_the_way_through_the_journal_loses_nothing(made: list[Decision]) -> None:
    """Encoded for the journal and read into the lake's table, each decision is what it was."""
    table = decisions_of([msgspec.json.encode(to_row(decision)) for decision in made])
    assert table.schema == DECISIONS
    assert [from_row(row) for row in table.to_pylist()] == made


@given(decision=DECISIONS_MADE)
@settings(deadline=None)
def test_rows_have_the_table_s_columns(decision: Decision) -> None:
    """Exactly the lake's columns; the person stands in their own columns only, so that erasure finds them."""
    row = to_row(decision)
    assert set(row) == set(DECISIONS.names)
    assert not {"visitor", "customer"} & set(json.loads(row["request"]))
