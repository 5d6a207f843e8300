"""Random streams of shop events, and tables over them: what the laws of the features are tried on."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb
from hypothesis import strategies as st

from shopkeeper.core.action import Action
from shopkeeper.core.event import Event, OrderLine
from shopkeeper.core.ids import CustomerId, EventId, OrderId, ProductId, VisitorId
from shopkeeper.core.money import Money
from shopkeeper.data.schema import TABLES, event_row, line_rows, table_of

START = datetime(2026, 3, 1, tzinfo=UTC)
PRODUCTS = ["apple", "bread", "cheese", "dates"]
CATEGORY = {"apple": "Fruit", "bread": "Bakery", "dates": "Fruit"}
"""Cheese has none."""
CURRENCY = "USD"

_times = st.integers(0, 40).map(lambda step: START + timedelta(hours=7 * step, microseconds=step % 3))
_money = st.none() | st.builds(Money, st.integers(0, 5_000), st.sampled_from([CURRENCY, CURRENCY, "EUR"]))
_small = st.none() | st.integers(0, 50).map(lambda minor: Money(minor, CURRENCY))
_lines = st.builds(
    OrderLine,
    product=st.sampled_from(PRODUCTS).map(ProductId),
    quantity=st.sampled_from([1.0, 1.0, 2.0, 0.35, 12.0]),
    price=_money,
    discount=_small,
    refund=_small,
)
_texts = st.sampled_from(["", "Good", "not very good", "差", "很好，但是破了", "茶"])
_people = st.sampled_from([("c1", None), ("c2", None), ("c2", "v1"), (None, "v1"), (None, "v2"), (None, None)])
_ORDERS = [Action.ORDER, Action.ORDER, Action.ORDER_RETURN, Action.ORDER_CANCEL]
_ACTIONS = [
    Action.PRODUCT_VIEW, Action.CART_ADD, Action.CLICK, Action.WISHLIST_ADD, Action.SEARCH, Action.STOCK_CHANGE,
    Action.PAGE_VIEW, Action.REVIEW, Action.REVIEW, *_ORDERS, *_ORDERS,
]  # fmt: skip


@st.composite
def _event(draw: st.DrawFn) -> Event:
    action = draw(st.sampled_from(_ACTIONS))
    customer, visitor = draw(_people)
    ordered = action in _ORDERS
    return Event(
        id=EventId("?"), at=draw(_times), action=action,
        customer=CustomerId(customer) if customer else None, visitor=VisitorId(visitor) if visitor else None,
        product=None if ordered or action is Action.SEARCH else ProductId(draw(st.sampled_from(PRODUCTS))),
        lines=tuple(draw(st.lists(_lines, max_size=4))) if ordered else (),
        order=draw(st.sampled_from([None, OrderId("O1"), OrderId("O2")])) if ordered else None,
        quantity=draw(st.sampled_from([None, 1.0, 3.0])), price=draw(_money),
        query=draw(st.sampled_from(["Tea", " tea ", "茶"])) if action is Action.SEARCH else "",
        dwell_seconds=draw(st.sampled_from([None, 0.0, 12.3456, 86_400.0])), channel=draw(st.sampled_from(["", "app"])),
        rating=draw(st.sampled_from([None, 1.0, 4.5])) if action is Action.REVIEW else None,
        text=draw(_texts) if action is Action.REVIEW else "",
    )  # fmt: skip


def streams(most: int = 25) -> st.SearchStrategy[list[Event]]:
    """Events of a few people with a few products, many at the same moment, each with its own id."""

    def numbered(events: list[Event]) -> list[Event]:
        return [replace(event, id=EventId(f"e{place:03}")) for place, event in enumerate(events)]

    return st.lists(_event(), max_size=most).map(numbered)


class Tables:
    """The tables that a stream of events leaves behind, cut at a moment: the ``query`` of a snapshot."""

    def __init__(self, events: Sequence[Event], moment: datetime) -> None:
        self.moment = moment
        self._con = duckdb.connect()
        self._con.execute("SET TimeZone='UTC'")
        known = [event for event in events if event.at < moment]
        goods = [{"id": name, "category_1": CATEGORY.get(name), "at": START} for name in PRODUCTS]
        self._put("events", [event_row(event) for event in known])
        self._put("order_lines", [row for event in known for row in line_rows(event)])
        self._put("products", goods)

    def _put(self, name: str, rows: Sequence[Mapping[str, Any]]) -> None:
        self._con.register(name, table_of(name, [dict.fromkeys(TABLES[name].names) | dict(row) for row in rows]))

    def __call__(self, sql: str, parameters: Mapping[str, Any]) -> Any:
        values = dict(parameters) | ({"moment": self.moment} if "$moment" in sql else {})
        return self._con.sql(sql, params=values or None).to_arrow_table()
