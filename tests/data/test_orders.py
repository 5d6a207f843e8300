"""Laws of orders: one order has one effect for ever, under whatever event ids and by whatever way it is told."""

import sqlite3
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from draining import drained_until_done
from shopkeeper.core.action import Action
from shopkeeper.core.event import Event, OrderLine
from shopkeeper.core.ids import CustomerId, EventId, OrderId, ProductId
from shopkeeper.core.money import Money
from shopkeeper.data import seen
from shopkeeper.data.journal import Entry, Journal, Outcome
from shopkeeper.data.orders import agree, order_in, told_by
from shopkeeper.data.row_sums import reading, verify
from shopkeeper.data.stream.envelope import wrapped
from shopkeeper.data.stream.judge import Judge, Message
from shopkeeper.data.stream.reader import message_of
from shopkeeper.shop.collecting import entry_of

AT = datetime(2026, 11, 1, tzinfo=UTC)


def _order(name: str, order: str = "o1", *prices: int, customer: str = "c1", **other: Any) -> Event:
    lines = tuple(
        OrderLine(product=ProductId(f"p{n}"), price=Money(its, "CNY")) for n, its in enumerate(prices or (500,))
    )
    told: dict[str, Any] = {"action": Action.ORDER, "lines": lines, "received_at": AT, **other}
    return Event(id=EventId(name), at=AT, customer=CustomerId(customer), order=OrderId(order), **told)


def _entries(*events: Event) -> list[Entry]:
    return [entry_of(event) for event in events]


def test_what_an_order_says_is_its_customer_lines_and_amounts() -> None:
    """When it was told, from where, by which browser and in which order of lines is no part of it; a customer, a line,
    an amount of a line or of the whole is."""
    first = _order("a", "o1", 500, 700)
    same = replace(first, id=EventId("b"), at=AT + timedelta(1), lines=first.lines[::-1], source="x", session="s")
    assert told_by(same) == told_by(first)
    others = [
        replace(first, customer=CustomerId("c2")), replace(first, customer=None), replace(first, lines=first.lines[:1]),
        _order("a", "o1", 500, 701), replace(first, price=Money(9, "CNY")), replace(first, properties={"total": "1"}),
        replace(first, lines=(replace(first.lines[0], discount=Money(1, "CNY")), first.lines[1])),
    ]  # fmt: skip
    assert len({told_by(one) for one in [first, *others]}) == len(others) + 1
    assert order_in(entry_of(first).body) == first
    assert order_in(entry_of(replace(first, action=Action.ORDER_RETURN)).body) is None


def test_what_only_one_side_names_contradicts_nothing() -> None:
    """A file that names no total and no tax agrees with a shop that does; another price, customer or line does not."""
    known = _order("a", "o1", 500, 700)
    told = replace(known, id=EventId("b"), price=Money(1200, "CNY"), properties={"total": "12.00"})
    taxed = replace(told, lines=tuple(replace(line, tax=Money(9, "CNY")) for line in told.lines[::-1]))
    assert agree(told, known)
    assert agree(taxed, known)
    assert not agree(told, replace(known, price=Money(1201, "CNY")))
    assert not agree(replace(told, customer=CustomerId("c2")), known)
    assert not agree(_order("b", "o1", 500, 701), known)
    assert not agree(_order("b", "o1", 500), known)


_TOLD = [_order("e2"), _order("e3", "o1", 900), _order("e4", "o1", customer="c2"), _order("e5", "o2")]
_BECOMES: list[Outcome] = ["duplicate", "order_known", "order_known", "stored"]


def test_an_order_has_one_effect(tmp_path: Path) -> None:
    """In one batch, in the next, after a restart, after the drain, after the days of ids: told again it is a duplicate,
    told otherwise it is known. What takes it back is another event, and the file is sound."""
    path = tmp_path / "journal.db"
    journal = Journal(path)
    assert journal.append(_entries(_order("e1"), *_TOLD)) == ["stored", *_BECOMES]
    back = [
        replace(_order(f"r{n}"), action=action) for n, action in enumerate((Action.ORDER_RETURN, Action.ORDER_CANCEL))
    ]
    assert journal.append(_entries(*back, _order("e6"))) == ["stored", "stored", "duplicate"]
    assert [kept.id for kept in journal.undrained()] == ["e1", "e5", "r0", "r1"]
    again = _entries(*_TOLD[:3])
    for _ in range(2):
        journal.close()
        journal = Journal(path)
        assert journal.append(again) == _BECOMES[:3]
        assert (journal.find_order("o1") is not None) == bool(journal.waiting())
        assert journal.knows(["o1", "o2", "o3"]) == {"o1", "o2"}
        with reading(path) as con:
            verify(con, path.name, seen.SUMS)
        if waiting := journal.undrained():
            journal.forget_drained(waiting[-1].seq)
            journal.forget_old_ids(100_000)
            assert journal.append(again) == _BECOMES[:3]
    with reading(path) as con:
        assert con.execute("SELECT count(*) FROM orders").fetchone() == (0,)
    journal.close()


def test_one_of_many_that_tell_at_once_counts(tmp_path: Path) -> None:
    """Sixteen threads that tell forty orders, each under its own event ids, while entries leave: one counts."""
    journal = Journal(tmp_path / "journal.db")

    def send(number: int) -> list[Outcome]:
        return journal.append(_entries(*(_order(f"e{number}-{k}", f"o{(number + k) % 40}") for k in range(20))))

    with ThreadPoolExecutor(16) as pool:
        answers = [pool.submit(send, number) for number in range(64)]
        left = drained_until_done(journal, answers, 7)
    said = Counter(outcome for answer in answers for outcome in answer.result())
    assert said == {"stored": 40, "duplicate": 64 * 20 - 40}
    assert len(left) + journal.waiting() == 40
    journal.close()


def test_more_orders_than_memory_holds_are_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the drain stands still, keys of orders go among the seen ones like those of ids; nothing else changes."""
    monkeypatch.setattr(seen, "_MOST", 50)
    path = tmp_path / "journal.db"
    journal = Journal(path)
    for begin in range(0, 200, 20):
        new = [_order(f"e{n}", f"o{n}") for n in range(begin, begin + 20)]
        assert journal.append(_entries(*new)) == ["stored"] * 20
    anew = _entries(*(_order(f"f{n}", f"o{n}") for n in range(200)))
    assert journal.append(anew) == ["duplicate"] * 200
    journal.close()
    journal = Journal(path)
    assert journal.append(anew) == ["duplicate"] * 200
    assert order_in(journal.find_order("o7") or b"") == _order("e7", "o7")
    journal.close()


def test_erased_and_damaged_entries(tmp_path: Path) -> None:
    """Whoever was erased is not bought for again by an order that is told once more; an entry that is damaged leaves
    nothing behind, so that its sender may tell it again."""
    path = tmp_path / "journal.db"
    journal = Journal(path)
    journal.append(_entries(_order("e1"), _order("e2", "o2", customer="c2")))
    assert journal.erase(["c1"]) == 1
    assert journal.append(_entries(_order("e3"))) == ["duplicate"]
    journal.drop(kept.seq for kept in journal.undrained())
    journal.close()
    journal = Journal(path)
    assert journal.append(_entries(_order("e1"), _order("e2", "o2", customer="c2"))) == ["duplicate", "stored"]
    journal.close()


def test_what_was_learned_judges(tmp_path: Path) -> None:
    """An order that came another way is known with what it says there; what is known already is not changed by it."""
    journal = Journal(tmp_path / "journal.db")
    journal.append(_entries(_order("e1", "o1")))
    journal.learn({"o1": b"other", "o2": told_by(_order("", "o2"))})
    assert journal.append(_entries(*_TOLD[:3])) == _BECOMES[:3]
    assert journal.append(_entries(_order("e6", "o2"), _order("e7", "o2", 1))) == ["duplicate", "order_known"]
    journal.close()


def test_a_journal_that_kept_no_orders_is_taken_up(tmp_path: Path) -> None:
    """The orders that wait in a journal of an earlier layout are known; a damaged one is passed over."""
    path = tmp_path / "journal.db"
    journal = Journal(path)
    view = replace(_order("v1"), action=Action.PRODUCT_VIEW, lines=())
    journal.append(_entries(_order("e1"), view, _order("x2", "o2")))
    journal.close()
    with closing(sqlite3.connect(path)) as con, con:
        con.execute("DROP TABLE orders")
        con.execute("UPDATE entries SET body = CAST(replace(body, 'p0', 'p9') AS BLOB) WHERE id = 'x2'")
    journal = Journal(path)
    assert journal.append(_entries(*_TOLD[:3], _order("e7", "o2"))) == [*_BECOMES[:3], "stored"]
    journal.close()


def _message(source: str, place: int, event: Event) -> Message:
    message = message_of(source, place, wrapped(entry_of(event)))
    assert message is not None
    return message


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 1), st.integers(0, 3), st.integers(0, 2), st.integers(0, 1)), max_size=20),
    st.lists(st.tuples(st.integers(1, 9), st.integers(0, 9)), max_size=6),
)
def test_of_a_topic_one_message_of_an_order_counts(
    tmp_path_factory: pytest.TempPathFactory, told: list[tuple[int, int, int, int]], crashes: list[tuple[int, int]]
) -> None:
    """Two partitions that tell few orders under few ids with few prices, read on and on after crashes: each message
    keeps its verdict, of each order one counts, and those that say the same are duplicates, not conflicts."""
    path = tmp_path_factory.mktemp("judge") / "journal.db"
    judge = Judge(path)
    messages: list[Message] = []
    places = Counter[str]()
    for partition, name, order, price in told:
        source = f"kafka:x:{partition}"
        messages.append(_message(source, places[source], _order(f"{name}-{order}-{price}", f"o{order}", 100 + price)))
        places[source] += 1
    verdicts: dict[tuple[str, int], Outcome] = {}
    begin = 0
    for onward, back in [*crashes, (len(messages), 0)]:
        part = messages[begin : begin + onward]
        for message, outcome in zip(part, judge.judge(part), strict=True):
            assert verdicts.setdefault((message.source, message.place), outcome) == outcome
        begin = max(min(begin + onward, len(messages)) - back, 0)
        judge.close()
        judge = Judge(path)
    first: dict[str, bytes] = {}
    for message in messages:
        assert message.event is not None
        assert message.event.order is not None
        says = told_by(message.event)
        new = message.event.order not in first
        wanted = "stored" if new else "duplicate" if first[message.event.order] == says else "order_known"
        assert verdicts[message.source, message.place] == wanted
        first.setdefault(message.event.order, says)
    assert judge.knows(["o0", "o1", "o2", "o9"]) == set(first)
    with reading(path) as con:
        verify(con, path.name, seen.SUMS)
    judge.close()
