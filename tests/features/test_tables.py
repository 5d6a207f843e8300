"""The feature tables over a real lake: one person's features are their rows of the tables."""

import random
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from streams import CATEGORY, CURRENCY, PRODUCTS, START, Tables

from shopkeeper import locale
from shopkeeper.core.action import Action
from shopkeeper.core.event import Event, OrderLine
from shopkeeper.core.ids import CustomerId, EventId, OrderId, PersonKey, ProductId, VisitorId
from shopkeeper.core.money import Money
from shopkeeper.data.lake import Lake
from shopkeeper.data.schema import PRODUCTS as PRODUCT_COLUMNS
from shopkeeper.data.schema import event_row, line_rows, table_of
from shopkeeper.data.snapshot import LakeSnapshot
from shopkeeper.features.tables import FEATURES, MOST_LISTED, TABLES, customer_features, feature_sql, names_of

MOMENT = START + timedelta(days=10)


def _order(name: str, day: float, *lines: OrderLine, customer: str = "c1", back: bool = False) -> Event:
    return Event(
        id=EventId(name), at=START + timedelta(days=day), action=Action.ORDER_RETURN if back else Action.ORDER,
        customer=CustomerId(customer), order=OrderId("O" + name), lines=lines,
    )  # fmt: skip


def _line(product: str, minor: int | None, *, quantity: float = 1.0, **money: Money) -> OrderLine:
    price = None if minor is None else Money(minor, CURRENCY)
    return OrderLine(product=ProductId(product), quantity=quantity, price=price, **money)


EVENTS = [
    _order("1", 0, _line("apple", 100, quantity=2.0), _line("bread", 300, discount=Money(50, CURRENCY))),
    _order("2", 2, _line("apple", 100)),
    _order("3", 4, _line("apple", 100), _line("cheese", None)),
    _order("4", 5, _line("bread", None, refund=Money(250, CURRENCY)), back=True),
    _order("5", 6, OrderLine(product=ProductId("dates"), price=Money(900, "EUR")), customer="c2"),
    Event(id=EventId("6"), at=START + timedelta(days=7), action=Action.PRODUCT_VIEW, visitor=VisitorId("v1"),
          product=ProductId("bread")),
    Event(id=EventId("7"), at=START + timedelta(days=30), action=Action.PRODUCT_VIEW, customer=CustomerId("c1"),
          product=ProductId("dates")),
]  # fmt: skip


@pytest.fixture(scope="module")
def query(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Any]:
    folder: Path = tmp_path_factory.mktemp("shop")
    lake = Lake(folder / "lake")
    empty = dict.fromkeys(PRODUCT_COLUMNS.names)
    goods = [empty | {"id": name, "category_1": CATEGORY.get(name), "at": START} for name in PRODUCTS]
    lines = [row for event in EVENTS for row in line_rows(event)]
    lake.append("products", table_of("products", goods), key="p")
    lake.append("events", table_of("events", [event_row(event) for event in EVENTS]), key="e")
    lake.append("order_lines", table_of("order_lines", lines), key="l")
    return LakeSnapshot(lake=lake, moment=MOMENT, currency=CURRENCY, may_train=list).query


def rows(query: Callable[..., Any], name: str) -> list[dict[str, Any]]:
    sql = feature_sql(name)
    found: list[dict[str, Any]] = query(sql, {"currency": CURRENCY} if "$currency" in sql else {}).to_pylist()
    return found


def test_a_customer_in_numbers(query: Callable[..., Any]) -> None:
    """Counted by hand: refunds are taken off, other currencies and later events are not seen, means are per order."""
    found = customer_features(query, PersonKey("c1"), currency=CURRENCY)
    assert found["orders"] == 3
    assert found["returns"] == 1
    assert found["return_rate"] == pytest.approx(1 / 5)
    assert found["monetary_minor"] == 200 + 250 + 100 + 100 - 250
    assert found["mean_basket_lines"] == pytest.approx(5 / 3)
    assert found["mean_basket_minor"] == pytest.approx(650 / 3)
    assert found["days_between_orders"] == pytest.approx(2.0)
    assert found["recency_days"] == pytest.approx(6.0)
    assert found["discount_share"] == pytest.approx(50 / 700)
    assert found["usual_price_minor"] == pytest.approx((100**3 * 300) ** 0.25)
    assert found["last_seen_at"] == START + timedelta(days=5)
    assert found["views"] == 0
    assert found["usual"] == [{"product": "apple", "orders": 3, "order_share": 1.0}]
    assert [row["category"] for row in found["categories"]] == ["Fruit", "Bakery"]


def test_money_of_another_currency_is_left_out(query: Callable[..., Any]) -> None:
    """Somebody who only paid in another currency ordered, but spent nothing here."""
    found = customer_features(query, PersonKey("c2"), currency=CURRENCY)
    assert (found["orders"], found["monetary_minor"]) == (1, 0)
    assert found["mean_basket_minor"] is found["usual_price_minor"] is found["discount_share"] is None


def test_a_product_in_numbers(query: Callable[..., Any]) -> None:
    """Counted by hand: units and money come back with a return, views of visitors count, the future does not."""
    bread = next(row for row in rows(query, "product") if row["product"] == "bread")
    assert (bread["buyers"], bread["orders"], bread["views"]) == (1, 1, 1)
    assert (bread["units"], bread["revenue_minor"]) == (0.0, 0)
    assert (bread["repeat_share"], bread["return_share"]) == (0.0, 1.0)
    apple = next(row for row in rows(query, "product") if row["product"] == "apple")
    assert (apple["orders"], apple["units"], apple["repeat_share"]) == (3, 4.0, 1.0)
    assert apple["recent_units"] == pytest.approx(2 * 2 ** (-10 / 60) + 2 ** (-8 / 60) + 2 ** (-6 / 60))


def test_the_order_of_rows_changes_no_digit() -> None:
    """The tables are the same to the last digit in whatever order the rows lie: they sum whole numbers."""
    dice = random.Random(5)  # noqa: S311  # not a secret: a fixed shuffle
    events = [
        _order(
            str(number), number / 40, _line(dice.choice(PRODUCTS), dice.randint(1, 9999), quantity=dice.random() + 0.1)
        )
        for number in range(300)
    ]
    one, other = Tables(events, MOMENT), Tables(dice.sample(events, len(events)), MOMENT)
    for name in ("customer", "customer_category", "product"):
        assert rows(one, name) == rows(other, name)


def test_one_person_is_everybody_s_row(query: Callable[..., Any]) -> None:
    """The features of one customer or visitor are their rows of the tables of everybody."""
    tables = {name: rows(query, name) for name in TABLES}
    people = [row["person"] for row in tables["customer"]]
    assert people == ["c1", "c2", "visitor:v1"]
    for row in tables["customer"]:
        found = customer_features(query, PersonKey(row["person"]), currency=CURRENCY)
        categories = [each for each in tables["customer_category"] if each["person"] == row["person"]]
        assert {name: found[name] for name in names_of("customer")} == {
            name: row[name] for name in names_of("customer")
        }
        assert [each["category"] for each in found["categories"]] == [each["category"] for each in categories]
        assert [each["weight"] for each in found["categories"]] == pytest.approx(
            [each["weight"] for each in categories]
        )
        assert len(found["usual"]) <= MOST_LISTED


def test_nobody_has_no_features(query: Callable[..., Any]) -> None:
    """Somebody who did nothing has none; a visitor's id is not a customer's."""
    assert customer_features(query, PersonKey("nobody"), currency=CURRENCY) == {}
    assert customer_features(query, PersonKey("v1"), currency=CURRENCY) == {}


@pytest.mark.parametrize("language", locale.LANGUAGES)
def test_every_feature_has_a_name_that_people_read(language: str) -> None:
    """The area ``features`` names exactly the documented features."""
    assert locale.keys(language, "features") == {feature.name for feature in FEATURES}


@pytest.mark.parametrize("name", TABLES)
def test_every_feature_is_a_column(query: Callable[..., Any], name: str) -> None:
    """A documented number is a column of its table; no name is documented twice."""
    columns = query(feature_sql(name), {"currency": CURRENCY} if "$currency" in feature_sql(name) else {}).column_names
    scalars = {feature.name for feature in FEATURES if feature.unit != "list"}
    assert {name for name in names_of(name) if name in scalars} <= set(columns)
    assert len({feature.name for feature in FEATURES}) == len(FEATURES)
