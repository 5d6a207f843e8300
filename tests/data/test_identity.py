"""Laws of identity over the lake: a nameless row is the customer's who used the browser then, as a moment knew it."""

import random
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from browsers import BEGIN, PRODUCTS, RULES, STEP, doings, named, whose
from shopkeeper.core.action import Action
from shopkeeper.core.event import Event, OrderLine
from shopkeeper.core.identity import LinkRules
from shopkeeper.core.ids import CustomerId, EventId, OrderId, ProductId, VisitorId
from shopkeeper.data.batch import DuckBatch
from shopkeeper.data.identity import Identity, runs_of
from shopkeeper.data.lake import Lake
from shopkeeper.data.schema import event_row, line_rows, table_of
from shopkeeper.data.snapshot import LakeSnapshot

END = BEGIN + timedelta(days=40)
SHOPS = 8
few = settings(max_examples=4, deadline=None)
many = doings(shops=SHOPS)


def lake_of(folder: Path, events: Sequence[Event]) -> Lake:
    lake = Lake(folder / "lake")
    goods = [{"id": name, "at": BEGIN} for name in PRODUCTS]
    lake.append("products", table_of("products", goods), key="p")
    lake.append("events", table_of("events", [event_row(event) for event in events]), key="e")
    lines = [row for event in events for row in line_rows(event)]
    lake.append("order_lines", table_of("order_lines", lines), key="l")
    return lake


def snapshot(
    lake: Lake, moment: datetime = END, *, rules: LinkRules = RULES, apart: Collection[str] = (),
    agreed: Collection[str] | None = None, people: Sequence[str] = (),
) -> LakeSnapshot:  # fmt: skip
    given = None if agreed is None else pa.array(sorted(agreed), pa.string())
    found = Identity(runs=runs_of(lake, DuckBatch()), rules=rules, apart=apart, agreed=given)
    return LakeSnapshot(
        lake=lake, moment=moment, currency="USD", may_train=lambda: list(people), identity=lambda: found
    )


def owners(known: LakeSnapshot) -> dict[str, str | None]:
    """Whose each event is."""
    return {row["id"]: row["customer"] for row in known.query("SELECT id, customer FROM events").to_pylist()}


def expected(events: Sequence[Event], **how: object) -> dict[str, str | None]:
    return {event.id: whose(event, events, **how) for event in events}  # type: ignore[arg-type]  # whose's own words


_keys = named(SHOPS, "c1", "c2", "c3", "visitor:v1", "visitor:v2", "visitor:v3")
wishes = st.sets(st.sampled_from(named(SHOPS, "v1", "v2", "v3")), max_size=SHOPS)
consents = st.none() | st.sets(st.sampled_from(_keys), max_size=SHOPS).map(lambda refused: {*_keys} - refused)


@few
@given(many, wishes, consents, st.integers(0, 31))
def test_each_row_is_whose_it_was_known_to_be(
    tmp_path_factory: pytest.TempPathFactory, events: list[Event], apart: set[str], agreed: set[str] | None, step: int
) -> None:
    """At any moment each row's customer is the one that the rules give from the events before it alone, however the
    snapshot came to that moment; a row that names a customer keeps them."""
    lake, cut = lake_of(tmp_path_factory.mktemp("shop"), events), BEGIN + STEP * step
    assert owners(snapshot(lake, apart=apart, agreed=agreed)) == expected(events, apart=apart, agreed=agreed)
    early = [event for event in events if event.at < cut]
    then = expected(early, apart=apart, agreed=agreed)
    assert owners(snapshot(lake, cut, apart=apart, agreed=agreed)) == then
    assert owners(snapshot(lake, apart=apart, agreed=agreed).as_of(cut)) == then


@few
@given(many, consents)
def test_one_persons_rows_need_their_browsers_alone(
    tmp_path_factory: pytest.TempPathFactory, events: list[Event], agreed: set[str] | None
) -> None:
    """Asked about one customer or visitor, the same rows are theirs as with everybody's browsers."""
    lake = lake_of(tmp_path_factory.mktemp("shop"), events)
    given = None if agreed is None else pa.array(sorted(agreed), pa.string())
    whole = Identity(runs=runs_of(lake, DuckBatch()), rules=RULES, agreed=given)

    def spans(known: Identity, person: str) -> list[dict[str, object]]:
        mark = "visitor:"
        visitors = person.startswith(mark)
        column, name = ("visitor", person.removeprefix(mark)) if visitors else ("customer", person)
        return [row for row in known.links(END).to_pylist() if row[column] == name]

    for person in _keys:
        assert spans(whole.about(person), person) == spans(whole, person)


@few
@given(many, st.randoms(use_true_random=False))
def test_the_order_of_arrival_does_not_matter(
    tmp_path_factory: pytest.TempPathFactory, events: list[Event], dice: random.Random
) -> None:
    """Rows that came in any order and in several batches belong to the same customers."""
    folder, mixed = tmp_path_factory.mktemp("shop"), dice.sample(events, len(events))
    half = len(mixed) // 2
    lake = lake_of(folder, mixed[:half])
    lake.append("events", table_of("events", [event_row(event) for event in mixed[half:]]), key="more")
    assert owners(snapshot(lake)) == expected(events)


@few
@given(many)
def test_unlinked_is_never_linked(tmp_path_factory: pytest.TempPathFactory, events: list[Event]) -> None:
    """A browser that was unlinked leaves everything as if its sign-ins had never named it."""
    lake = lake_of(tmp_path_factory.mktemp("shop"), events)
    apart = named(SHOPS, "v1")
    silent = [event for event in events if event.visitor not in apart or not event.customer]
    never = expected(silent)
    assert {name: owner for name, owner in owners(snapshot(lake, apart=apart)).items() if name in never} == never
    assert owners(snapshot(lake, apart=[])) == expected(events)


@few
@given(many, consents, st.integers(0, 31))
def test_histories_join_what_may_be_joined(
    tmp_path_factory: pytest.TempPathFactory, events: list[Event], agreed: set[str] | None, step: int
) -> None:
    """Histories hold each event under its customer where customer and browser both agreed, else under the browser;
    an earlier snapshot is the one that was opened then; ``apart`` joins nothing."""
    people = sorted(agreed or named(SHOPS, "c1", "c2", "visitor:v1"))
    lake, cut = lake_of(tmp_path_factory.mktemp("shop"), events), BEGIN + STEP * step

    def counts(known: Sequence[Event], joined: bool) -> dict[str, int]:
        found: dict[str, int] = {}
        for event in known:
            own = event.customer or f"visitor:{event.visitor}"
            owner = whose(event, known, agreed=people) if joined else None
            if own in people and event.product:
                found[owner or own] = found.get(owner or own, 0) + 1
        return found

    def sizes(histories: object) -> dict[str, int]:
        lengths = (histories.offsets[1:] - histories.offsets[:-1]).tolist()  # type: ignore[attr-defined]  # Histories
        return {who: n for who, n in zip(histories.people.tolist(), lengths, strict=True) if n}  # type: ignore[attr-defined]  # Histories

    known = snapshot(lake, people=people)
    assert sizes(known.histories()) == counts(events, joined=True)
    assert sizes(known.for_people(people, apart=True)) == counts(events, joined=False)
    early = [event for event in events if event.at < cut]
    assert sizes(known.as_of(cut).histories()) == counts(early, joined=True)


def _event(name: str, hours: float, visitor: str = "", customer: str = "", *, order: bool = False) -> Event:
    return Event(
        id=EventId(name), at=BEGIN + timedelta(hours=hours), action=Action.ORDER if order else Action.PRODUCT_VIEW,
        product=None if order else ProductId("apple"), visitor=VisitorId(visitor) if visitor else None,
        customer=CustomerId(customer) if customer else None, order=OrderId(name) if order else None,
        lines=(OrderLine(product=ProductId("bread")),) if order else (),
    )  # fmt: skip


def test_a_sign_in_brings_the_days_before_it_and_no_more(tmp_path: Path) -> None:
    """The window is inclusive to the microsecond; orders and decisions of a browser join its customer too."""
    events = [
        _event("in", 100, "v1", "c1"), _event("edge", 52, "v1"), _event("old", 51.99, "v1"),
        _event("bought", 60, "v1", order=True), _event("after", 900, "v1"),
    ]  # fmt: skip
    known = snapshot(lake_of(tmp_path, events))
    assert owners(known) == {"in": "c1", "edge": "c1", "old": None, "bought": "c1", "after": "c1"}
    assert known.query("SELECT customer, event_id FROM order_lines").to_pylist() == [
        {"customer": "c1", "event_id": "bought"}
    ]
    assert known.query("SELECT customer FROM seen_order_lines").to_pylist() == [{"customer": None}]


def test_a_shared_browser_welds_nobody_together(tmp_path: Path) -> None:
    """Between two sign-ins what is done is the first one's, after the second the second's: nobody sees the other's."""
    events = [
        _event("a", 1, "v1"), _event("b", 2, "v1", "c1"), _event("c", 3, "v1"), _event("d", 4, "v1", "c2"),
        _event("e", 5, "v1"), _event("f", 6, "v1", "c1"), _event("g", 7, "v1"),
    ]  # fmt: skip
    assert owners(snapshot(lake_of(tmp_path, events))) == dict(
        zip("abcdefg", ["c1"] * 3 + ["c2"] * 2 + ["c1"] * 2, strict=True)
    )


def test_nobody_grows_without_bound(tmp_path: Path) -> None:
    """A browser of too many customers and a customer of too many browsers take part in nothing, and are named."""
    till = [_event(f"t{n}", n, "till", f"k{n}") for n in range(3)] + [_event("t", 50, "till")]
    staff = [_event(f"s{n}", n, f"w{n}", "staff") for n in range(3)] + [_event("s", 50, "w0")]
    fine = [_event("x", 1, "v1", "c1"), _event("y", 2, "v1"), _event("z", 1, "v2", "c1")]
    known = lake_of(tmp_path, [*till, *staff, *fine])
    found = owners(snapshot(known))
    assert (found["t"], found["s"], found["y"]) == (None, None, "c1")
    pairs = Identity(runs=runs_of(known, DuckBatch()), rules=RULES).pairs(END).to_pylist()
    said = {(row["visitor"], row["customer"]): row["verdict"] for row in pairs}
    assert {said["till", f"k{n}"] for n in range(3)} == {"too_many_customers"}
    assert {said[f"w{n}", "staff"] for n in range(3)} == {"too_many_visitors"}
    assert said["v1", "c1"] == said["v2", "c1"] == "linked"


@pytest.mark.parametrize("name", ["guest", "NULL", " 0 ", "游客", "[object Object]"])
def test_nobody_is_nobody(tmp_path: Path, name: str) -> None:
    """An id that stands for nobody links nothing, even where an older release let it into the lake."""
    events = [_event("a", 1, "v1"), _event("b", 2, "v1", name), _event("c", 3, name), _event("d", 4, name, "c1")]
    found = owners(snapshot(lake_of(tmp_path, events)))
    assert (found["a"], found["c"]) == (None, None)
