"""Laws of habits: shares are drawn towards the shop's, by as much as its people are alike."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from streams import START

from shopkeeper.core.ids import PersonKey
from shopkeeper.data.schema import TABLES
from shopkeeper.features.habits import PRIOR_ACTS, base_of, habits_of
from shopkeeper.features.tables import feature_sql

ASKED = {"currency": "USD", "timezone": "UTC"}
Rows = Sequence[Mapping[str, Any]]


class Facts:
    """Rows of the lake's tables, asked as a snapshot is."""

    def __init__(self, **tables: Rows) -> None:
        self._con = duckdb.connect()
        self._con.execute("SET TimeZone='UTC'")
        for name in ("events", "order_lines", "products"):
            blank = dict.fromkeys(TABLES[name].names)
            rows = [blank | dict(row) for row in tables.get(name, ())]
            self._con.register(name, pa.Table.from_pylist(rows, schema=TABLES[name]))

    def __call__(self, sql: str, values: Mapping[str, Any], more: Mapping[str, pa.Table] | None = None) -> pa.Table:
        for name, table in (more or {}).items():
            self._con.register(name, table)
        return self._con.sql(sql, params=dict(values) or None).to_arrow_table()


def line(customer: str, product: str, *, order: str, day: int = 0, **more: Any) -> dict[str, Any]:
    known = {"customer": customer, "product": product, "order_id": order, "at": START + timedelta(days=day, hours=9),
             "quantity": 1.0, "price_minor": 100, "currency": "USD"}  # fmt: skip
    return known | more


def seen(customer: str, channel: str, number: int) -> dict[str, Any]:
    return {"id": f"{customer}-{number}", "customer": customer, "channel": channel, "action": "page_view", "at": START}


def told(facts: Facts, customer: str) -> dict[tuple[str, str], Any]:
    base = base_of(facts, **ASKED)
    return {(each.habit, each.value): each for each in habits_of(facts, PersonKey(customer), base, **ASKED)}


GOODS = [
    {"id": f"p{number}", "category_1": "Tea" if number < 6 else "Bread", "brand": "A" if number % 2 else "B",
     "price_minor": 100 * (number + 1), "currency": "USD", "at": START} for number in range(12)
]  # fmt: skip


def test_what_shares_are_worth_is_learned() -> None:
    """Of 1,500 simulated people whose channels come from a Dirichlet law worth 12 acts, 12 is found again; of people
    who are all alike, a great number; of people who always do the same, the least that is allowed."""
    dice = np.random.default_rng(3)
    usual = np.array([0.5, 0.3, 0.2])
    for law, low, high in ((12.0, 9.5, 15.0), (None, 150.0, 1000.0), (0.0, 1.0, 1.0)):
        rows = []
        for person in range(1500):
            mine = usual if law is None else dice.dirichlet(usual * law) if law else np.eye(3)[person % 3]
            rows += [seen(f"c{person}", f"ch{each}", number) for number, each in enumerate(dice.choice(3, 16, p=mine))]
        found = base_of(Facts(events=rows), **ASKED)
        assert low <= found.prior_acts["channel"] <= high
        assert sum(found.usual.values()) == pytest.approx(1.0)


def test_one_person_is_everybody_s_row() -> None:
    """One person's habits are their rows of the table of everybody: same values, shares and confidence."""
    dice = np.random.default_rng(4)
    rows = [
        line(f"c{dice.integers(9)}", f"p{dice.integers(12)}", order=f"o{number}", day=int(dice.integers(40)),
             at=START + timedelta(hours=int(dice.integers(900))), discount_minor=int(dice.integers(2)),
             quantity=float(dice.choice([1.0, 1.0, -1.0])))
        for number in range(400)
    ]  # fmt: skip
    facts = Facts(order_lines=rows, products=GOODS, events=[seen(f"c{n % 9}", "app", n) for n in range(50)])
    shop = facts(feature_sql("habit_base"), ASKED)
    everybody = facts(feature_sql("customer_habits"), ASKED, {"habit_shop": shop}).to_pylist()
    base = base_of(facts, **ASKED)
    for person in (f"c{number}" for number in range(9)):
        mine = [(h.habit, h.value, h.acts) for h in habits_of(facts, PersonKey(person), base, **ASKED)]
        theirs = [row for row in everybody if row["person"] == person]
        assert mine == [(row["habit"], row["value"], row["acts"]) for row in theirs]
        for one, other in zip(habits_of(facts, PersonKey(person), base, **ASKED), theirs, strict=True):
            assert [one.share, one.usual, one.confidence] == pytest.approx(
                [other["share"], other["usual"], other["confidence"]]
            )
    assert {row["habit"] for row in everybody} == {
        "hour", "weekday", "price_band", "category", "brand", "discount", "return", "channel",
    }  # fmt: skip


def test_shares_are_between_one_s_own_and_everybody_s() -> None:
    """A share lies between the person's own and the shop's; the more acts, the nearer to their own."""
    rows = [line("few", "p1", order="f")]
    rows += [line("many", "p1", order=f"m{number}", day=number) for number in range(40)]
    rows += [line(f"c{number}", f"p{number % 12}", order=f"o{number}", day=number) for number in range(60)]
    facts = Facts(order_lines=rows, products=GOODS)
    few, many = (told(facts, name)["category", "Tea"] for name in ("few", "many"))
    assert few.usual < few.share < many.share < 1.0
    assert few.confidence < many.confidence


def test_one_customer_is_the_shop() -> None:
    """Where there is one customer, their shares are the shop's, and nothing is divided by nothing."""
    facts = Facts(order_lines=[line("c1", "p1", order="o1")], products=GOODS)
    found = told(facts, "c1")
    assert all(each.share == pytest.approx(each.usual) for each in found.values())
    assert found["hour", "9"].share == 1.0
    assert base_of(facts, **ASKED).prior_acts["hour"] == PRIOR_ACTS


def test_without_orders_there_are_no_habits() -> None:
    """Nobody ordered: no habit, no error; somebody unknown has none in a shop with orders."""
    assert told(Facts(products=GOODS), "c1") == {}
    assert told(Facts(order_lines=[line("c1", "p1", order="o1")], products=GOODS), "nobody") == {}


def test_a_column_that_is_always_the_same_says_nothing_of_anybody() -> None:
    """All buy at the same hour: everybody's share and the shop's are 1, for one order as for thirty."""
    rows = [line(f"c{number % 5}", "p1", order=f"o{number}", day=number) for number in range(150)]
    found = told(Facts(order_lines=rows, products=GOODS), "c1")
    assert (found["hour", "9"].share, found["hour", "9"].usual) == (1.0, 1.0)


def test_an_extreme_spender_moves_nobody_s_habits_by_price() -> None:
    """Habits count lines and orders, not money: one line of a hundred million changes no share."""
    rows = [line(f"c{number % 5}", f"p{number % 12}", order=f"o{number}", day=number) for number in range(60)]
    dear = [*rows[:-1], rows[-1] | {"price_minor": 10_000_000_000, "quantity": 1000.0}]
    assert told(Facts(order_lines=rows, products=GOODS), "c1") == told(Facts(order_lines=dear, products=GOODS), "c1")


def test_other_currencies_are_of_no_band_and_no_deal() -> None:
    """A product priced in another currency has no band, a line paid in it no deal; its hour and category count."""
    goods = [*GOODS, {"id": "yen", "category_1": "Tea", "price_minor": 99_999, "currency": "JPY", "at": START}]
    rows = [line("c1", "yen", order="o1", currency="JPY", discount_minor=5), line("c2", "p1", order="o2")]
    found = told(Facts(order_lines=rows, products=goods), "c1")
    assert {habit for habit, _ in found} == {"hour", "weekday", "category"} | {"return"}


def test_what_came_back() -> None:
    """Of four lines bought one came back: the share lies between a quarter and the shop's."""
    rows = [line("c1", f"p{number}", order="o1") for number in range(4)]
    rows += [line("c1", "p0", order="o1", quantity=-1.0, day=2)]
    rows += [line(f"c{number}", "p1", order=f"o{number}") for number in range(2, 30)]
    back = told(Facts(order_lines=rows, products=GOODS), "c1")["return", "returned"]
    assert back.acts == 1
    assert back.usual == pytest.approx(1 / 32)
    assert back.usual < back.share <= 1 / 4
