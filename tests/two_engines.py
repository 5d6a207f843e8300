"""One small shop as two snapshots: asked through DuckDB and through Spark, which must say the same."""

import importlib.util
import json
import random
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from shopkeeper.core.action import Action
from shopkeeper.core.event import Event, OrderLine
from shopkeeper.core.identity import LinkRules
from shopkeeper.core.ids import CustomerId, DecisionId, EventId, OrderId, ProductId, VisitorId
from shopkeeper.core.money import Money
from shopkeeper.data.batch import DuckBatch
from shopkeeper.data.identity import Identity, runs_of
from shopkeeper.data.lake import Lake
from shopkeeper.data.schema import TABLES, event_row, line_rows, table_of
from shopkeeper.data.snapshot import LakeSnapshot
from shopkeeper.data.spark import SparkBatch

START = datetime(2026, 3, 1, tzinfo=UTC)
MOMENT = START + timedelta(days=60)
PEOPLE, PRODUCTS = 12, 15
PHONE = "+8613800138000"
"""By which somebody ordered: the number of c1."""
AGES = (
    None,
    '{"age":"17"}',
    '{"age_band":"Under 18"}',
    '{"age":"19-24","tag":"a","accepts_email":"yes"}',
    '{"age":"未满 16 岁"}',
    "{}",
    '{"age":44}',
)
REVIEWS = ("", "Good tea", "not very good", "bad", "很好，但是包装差", "不喜欢", "茶叶")
MARKS = [
    pytest.mark.skipif(importlib.util.find_spec("pyspark") is None, reason="pyspark is not installed (extra scale)"),
    pytest.mark.skipif(shutil.which("java") is None, reason="Spark needs Java 17, and there is none"),
    # raised inside pyspark while it starts and stops its JVM; nothing of ours
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning", "ignore::FutureWarning"),
]
"""What every test that starts Spark is marked with."""


def _events(dice: random.Random) -> Iterator[Event]:
    for number in range(600):
        at = START + timedelta(seconds=dice.randint(0, 70 * 86_400), microseconds=dice.randint(0, 999_999))
        customer = CustomerId(f"c{dice.randrange(PEOPLE)}") if dice.random() < 0.7 else None
        visitor = VisitorId(f"v{dice.randrange(PEOPLE)}") if customer is None or dice.random() < 0.3 else None
        action = dice.choice([Action.ORDER, Action.ORDER, Action.ORDER_RETURN, Action.PRODUCT_VIEW, Action.CART_ADD,
                              Action.WISHLIST_ADD, Action.CLICK, Action.SEARCH, Action.STOCK_CHANGE, Action.REVIEW,
                              Action.PAGE_VIEW, Action.MAIL_OPEN])  # fmt: skip
        known: dict[str, Any] = {"id": EventId(f"e{number}"), "at": at, "action": action, "received_at": at}
        if action in (Action.ORDER, Action.ORDER_RETURN):
            lines = tuple(
                OrderLine(
                    product=ProductId(f"p{product}"), quantity=dice.choice([1.0, 2.0, 0.35]),
                    price=Money(dice.randint(1, 9_999), dice.choice(["CNY", "CNY", "CNY", "EUR"])),
                    discount=dice.choice([None, Money(dice.randint(0, 50), "CNY")]),
                )
                for product in dice.sample(range(PRODUCTS), dice.randint(1, 4))
            )  # fmt: skip
            yield Event(**known, customer=customer, visitor=visitor, order=OrderId(f"O{number}"), lines=lines)
        elif action is Action.STOCK_CHANGE:
            yield Event(**known, product=ProductId(f"p{dice.randrange(PRODUCTS)}"), quantity=dice.randint(0, 9))
        else:
            product = None if action is Action.SEARCH else ProductId(f"p{dice.randrange(PRODUCTS)}")
            yield Event(
                **known,
                customer=customer,
                visitor=visitor,
                product=product,
                query="茶 " if product is None else "",
                decision=DecisionId("d1"),
                channel=dice.choice(["", "app", "web"]),
                dwell_seconds=dice.choice([None, dice.random() * 3_000]),
                rating=dice.choice([None, 1.0, 4.5]) if action is Action.REVIEW else None,
                text=dice.choice(REVIEWS) if action is Action.REVIEW else "",
            )
    told: dict[str, Any] = {"at": START, "received_at": START, "customer": CustomerId("c1"), "source": "file:tags.csv"}
    yield Event(**told, id=EventId("e600"), action=Action.CONSENT, properties={"email": "true"})
    yield Event(**told, id=EventId("e601"), action=Action.ORDER_CANCEL, order=OrderId("O1"), price=Money(500, "CNY"))
    lines = (OrderLine(product=ProductId("p3"), quantity=1.0, price=Money(700, "CNY")),)
    known = told | {"customer": CustomerId(PHONE), "action": Action.ORDER, "lines": lines}
    yield Event(**known, id=EventId("e602"), order=OrderId("O602"))


def _logged(decision: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Logged choices with what each member said; some of nothing, some answered by the fallback."""
    for number in range(2, 12):
        parts = [{"knn": 0.5 / number, "als": 0.25}, {"als": -0.125}, {}][number % 3]
        choices = [] if number == 7 else [
            {"item": f"p{place}", "propensity": 0.5 / place, "parts": parts} for place in range(1, number)
        ]  # fmt: skip
        yield decision | {
            "id": f"d{number}", "at": START + timedelta(days=number), "customer": f"c{number}",
            "arm": "B" * (number % 2), "policy": "hybrid@v1", "fallback": "popular" if number == 5 else None,
            "choices": json.dumps(choices),
        }  # fmt: skip


def _tags() -> Iterator[dict[str, Any]]:
    """What third parties say: a newer value over an older one, numbers and words, and one customer of nobody."""
    blank = dict.fromkeys(TABLES["attributes"].names)
    for number in range(30):
        yield blank | {
            "customer": f"c{number % 14}", "name": ("tea", "score")[number % 2],
            "origin": ("radar", "survey")[number % 3 > 0], "value": ("green", f"{number / 4}", "黑茶")[number % 3],
            "at": START + timedelta(days=number % 9), "consent_source": "form" if number % 5 else None,
            "source": "file:tags.csv",
        }  # fmt: skip


def both_engines(folder: Path) -> tuple[LakeSnapshot, LakeSnapshot]:
    """The same facts, asked through DuckDB and through Spark."""
    events = list(_events(random.Random(11)))  # noqa: S311 - a shop to compare, not a secret
    lake = Lake(folder / "lake")
    empty = dict.fromkeys(TABLES["products"].names)
    goods = [
        empty | {"id": f"p{number}", "name": f"茶 {number}", "category_1": "Tea" if number % 2 else "Home",
                 "active": True, "price_minor": 100 + number, "currency": "CNY", "stock": number, "at": START}
        for number in range(PRODUCTS)
    ]  # fmt: skip
    nobody = dict.fromkeys(TABLES["customers"].names)
    people = [
        nobody
        | {
            "id": f"c{number}",
            "name": f"王 {number}",
            "phone": "+86 138-0013-8000" if number == 1 else None,
            "at": START,
            "attributes": AGES[number % len(AGES)],
            "source": "file:tags.csv",
        }
        for number in range(PEOPLE)
    ]
    decision = dict.fromkeys(TABLES["decisions"].names) | {
        "id": "d1", "at": START, "placement": "home", "personal": True, "customer": "c1",
        "policy": "hybrid@v1", "request": '{"device": "phone"}', "choices": json.dumps([
            {"item": f"p{number}", "propensity": 0.25 * number, "parts": {"knn": 0.5}, "features": {"price": 1.5}}
            for number in (1, 2)
        ]),
    }  # fmt: skip
    lake.append("products", table_of("products", goods), key="t")
    lake.append("customers", table_of("customers", people), key="t")
    lake.append("decisions", table_of("decisions", [decision, *_logged(decision)]), key="t")
    lake.append("attributes", table_of("attributes", list(_tags())), key="t")
    for part in range(3):
        some = events[part::3]
        lake.append("events", table_of("events", [event_row(event) for event in some]), key="t", number=part)
        lines = table_of("order_lines", [row for event in some for row in line_rows(event)])
        file = lake.stage_path("order_lines")  # as an import writes it: what is not said is not in it
        pq.write_table(lines.drop_columns(["event_id", "tax_minor"]) if part else lines, file)
        lake.adopt("order_lines", [file], key="t", number=part)
    everybody = [f"c{number}" for number in range(PEOPLE)] + [f"visitor:v{number}" for number in range(PEOPLE)]
    everybody.append(PHONE)
    agreed = pa.array([key for place, key in enumerate(everybody) if place % 5], pa.string())
    rules = LinkRules(most_customers=20, window_days=5.0)
    whose = Identity(runs=runs_of(lake, DuckBatch()), rules=rules, agreed=agreed)
    duck = LakeSnapshot(lake=lake, moment=MOMENT, currency="CNY", may_train=lambda: everybody, identity=lambda: whose)
    return duck, replace(duck, batch=SparkBatch(master="local[2]", memory="1GB"))


def plain(value: Any, digits: int = 14) -> Any:
    """The value without its engine's types; floats to 14 digits: exp and pow may differ in the last bit."""
    if isinstance(value, dict):
        return {name: plain(part, digits) for name, part in value.items()}
    if isinstance(value, list):
        return [plain(part, digits) for part in value]
    if isinstance(value, float | Decimal):
        return float(f"{value:.{digits}g}")
    return value.astimezone(UTC) if isinstance(value, datetime) else value
