"""The law of the two engines: every query gives the same answer on Spark as on DuckDB."""

import importlib.util
import random
import re
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import shopkeeper
from shopkeeper.core.action import Action
from shopkeeper.core.errors import DataError, SettingsError
from shopkeeper.core.event import Event, OrderLine
from shopkeeper.core.identity import LinkRules
from shopkeeper.core.ids import CustomerId, DecisionId, EventId, OrderId, ProductId, VisitorId
from shopkeeper.core.money import Money
from shopkeeper.data import reports
from shopkeeper.data.batch import DuckBatch
from shopkeeper.data.identity import Identity, runs_of
from shopkeeper.data.lake import Lake
from shopkeeper.data.schema import TABLES, event_row, line_rows, table_of
from shopkeeper.data.snapshot import LakeSnapshot
from shopkeeper.data.spark import SparkBatch
from shopkeeper.features.tone import PATTERNS
from shopkeeper.learn.recommend.als import ALS, ALSModel
from shopkeeper.learn.recommend.item_knn import ItemKNN
from shopkeeper.learn.snapshot import ArraySnapshot

START = datetime(2026, 3, 1, tzinfo=UTC)
MOMENT = START + timedelta(days=60)
PEOPLE, PRODUCTS = 12, 15
PACKAGE = Path(shopkeeper.__file__).parent
SQL_FILES = sorted(PACKAGE.rglob("*.sql"))
VALUES = {"currency": "CNY", "timezone": "Asia/Shanghai", "since": START + timedelta(days=3), "most": 5,
          "alpha": 0.5, "shrink": 2.0, **PATTERNS}  # fmt: skip
"""What a file's parameters stand for."""
AGES = (
    None,
    '{"age":"17"}',
    '{"age_band":"Under 18"}',
    '{"age":"19-24","tag":"a"}',
    '{"age":"未满 16 岁"}',
    "{}",
    '{"age":44}',
)
SUMS_OF_FRACTIONS = {
    "customer_habits",
    "customer_portrait",
    "customer_prices",
    "customer_rhythm",
    "habit_base",
    "people",
}
"""Their sums depend on the order of adding, which no engine promises: compared to 9 digits."""
REVIEWS = ("", "Good tea", "not very good", "bad", "很好，但是包装差", "不喜欢", "茶叶")
DICE = np.random.default_rng(5)
HABITS: dict[str, Sequence[object]] = {
    "hour": range(24), "weekday": range(1, 8), "price_band": (1, 2, 3), "channel": ("app", "web"),
    "category": ("Tea", "Home"), "return": ("returned", "kept"), "discount": ("deal", "full"),
}  # fmt: skip
TABLES_OF_ONES_OWN: dict[str, pa.Table] = {
    "tastes": pa.table({
        "person": np.repeat(np.arange(40), 4), "product": np.concatenate([DICE.permutation(15)[:4] for _ in range(40)]),
        "weight": DICE.integers(1, 9, 160) / 4,
    }),
    "habit_shop": pa.Table.from_pylist([
        {"habit": habit, "value": str(value), "usual": 1 / (2 + place), "prior_acts": 4.0 + place}
        for habit, values in HABITS.items() for place, value in enumerate(values)
    ]),
}  # fmt: skip
"""Tables that a file reads and that are not the lake's."""

pytestmark = [
    pytest.mark.skipif(importlib.util.find_spec("pyspark") is None, reason="pyspark is not installed (extra scale)"),
    pytest.mark.skipif(shutil.which("java") is None, reason="Spark needs Java 17, and there is none"),
    # raised inside pyspark while it starts and stops its JVM; nothing of ours
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning", "ignore::FutureWarning"),
]


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


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[LakeSnapshot, LakeSnapshot]:
    """The same facts, asked through DuckDB and through Spark."""
    events = list(_events(random.Random(11)))  # noqa: S311 - a shop to compare, not a secret
    lake = Lake(tmp_path_factory.mktemp("two-engines") / "lake")
    empty = dict.fromkeys(TABLES["products"].names)
    goods = [
        empty | {"id": f"p{number}", "name": f"茶 {number}", "category_1": "Tea" if number % 2 else "Home",
                 "active": True, "price_minor": 100 + number, "currency": "CNY", "stock": number, "at": START}
        for number in range(PRODUCTS)
    ]  # fmt: skip
    nobody = dict.fromkeys(TABLES["customers"].names)
    people = [
        nobody | {"id": f"c{number}", "name": f"王 {number}", "at": START, "attributes": AGES[number % len(AGES)]}
        for number in range(PEOPLE)
    ]
    decision = dict.fromkeys(TABLES["decisions"].names) | {
        "id": "d1", "at": START, "placement": "home", "personal": True, "choices": '[{"item":"p1"},{"item":"p2"}]',
    }  # fmt: skip
    lake.append("products", table_of("products", goods), key="t")
    lake.append("customers", table_of("customers", people), key="t")
    lake.append("decisions", table_of("decisions", [decision]), key="t")
    for part in range(3):
        some = events[part::3]
        lake.append("events", table_of("events", [event_row(event) for event in some]), key="t", number=part)
        lines = table_of("order_lines", [row for event in some for row in line_rows(event)])
        file = lake.stage_path("order_lines")  # as an import writes it: what is not said is not in it
        pq.write_table(lines.drop_columns(["event_id", "tax_minor"]) if part else lines, file)
        lake.adopt("order_lines", [file], key="t", number=part)
    everybody = [f"c{number}" for number in range(PEOPLE)] + [f"visitor:v{number}" for number in range(PEOPLE)]
    agreed = pa.array([key for place, key in enumerate(everybody) if place % 5], pa.string())
    rules = LinkRules(most_customers=20, window_days=5.0)
    whose = Identity(runs=runs_of(lake, DuckBatch()), rules=rules, agreed=agreed)
    duck = LakeSnapshot(lake=lake, moment=MOMENT, currency="CNY", may_train=lambda: everybody, identity=lambda: whose)
    return duck, replace(duck, batch=SparkBatch(master="local[2]", memory="1GB"))


def _plain(value: Any, digits: int = 14) -> Any:
    """The value without its engine's types; floats to 14 digits: exp and pow may differ in the last bit."""
    if isinstance(value, dict):
        return {name: _plain(part, digits) for name, part in value.items()}
    if isinstance(value, list):
        return [_plain(part, digits) for part in value]
    if isinstance(value, float | Decimal):
        return float(f"{value:.{digits}g}")
    return value.astimezone(UTC) if isinstance(value, datetime) else value


def _whole(path: Path) -> str:
    """The SQL of a file; ``$name$`` in it stands for the file of that name."""
    text = path.read_text("utf-8")
    return re.sub(r"\$(\w+)\$", lambda found: _whole(path.with_name(f"{found[1]}.sql")), text)


@pytest.mark.parametrize("path", SQL_FILES, ids=lambda path: str(path.relative_to(PACKAGE).with_suffix("")))
def test_every_sql_file(both: tuple[LakeSnapshot, LakeSnapshot], path: Path) -> None:
    """Whatever file of SQL the package holds: the same rows in the same order, column by column."""
    sql = _whole(path)
    values = {name: value for name, value in VALUES.items() if f"${name}" in sql}
    more = {name: rows for name, rows in TABLES_OF_ONES_OWN.items() if re.search(rf"\b{name}\b", sql)}
    digits = 9 if path.stem in SUMS_OF_FRACTIONS else 14
    duck, spark = (_plain(snapshot.query(sql, values, more).to_pylist(), digits) for snapshot in both)
    assert duck
    if "ORDER BY" not in sql.rpartition(")")[2]:
        duck, spark = sorted(duck, key=repr), sorted(spark, key=repr)
    for mine, theirs in zip(duck, spark, strict=True):
        assert theirs == mine


def test_every_report(both: tuple[LakeSnapshot, LakeSnapshot]) -> None:
    """What the console shows, from either engine."""
    asked = (
        reports.overview, lambda known: reports.customers(known).rows, lambda known: reports.products(known).rows,
        lambda known: reports.timeline(known, "c1"),
        lambda known: reports.one(known, "products", "p3"), lambda known: reports.bestsellers(known, 10),
        lambda known: [event.id for event in reports.events_since(known, START + timedelta(days=50))],
        lambda known: reports.weekly_units(known, "p3"), reports.decisions,
        lambda known: reports.customers(known, text="王 1", order="last").rows,
    )  # fmt: skip
    for ask in asked:
        duck, spark = (_plain(ask(known)) for known in both)
        assert duck
        assert spark == duck


def test_who_is_whom(both: tuple[LakeSnapshot, LakeSnapshot]) -> None:
    """Both engines find the same runs of sign-ins, and give each row the same customer."""
    duck, spark = both
    order = [("visitor", "ascending"), ("run", "ascending")]
    found = runs_of(duck.lake, duck.batch).sort_by(order)
    assert found.num_rows > 80
    assert runs_of(spark.lake, spark.batch).sort_by(order).to_pylist() == found.to_pylist()
    asked = "SELECT id, customer FROM events UNION ALL SELECT order_id, customer FROM order_lines ORDER BY 1, 2"
    seen = asked.replace("FROM ", "FROM seen_")
    joined = duck.query(asked).to_pylist()
    assert spark.query(asked).to_pylist() == joined
    assert sum(a != b for a, b in zip(joined, duck.query(seen).to_pylist(), strict=True)) > 50


def test_catalogue_and_histories(both: tuple[LakeSnapshot, LakeSnapshot]) -> None:
    """What models learn from is the same array by array, now and as of an earlier moment."""
    for one, other in (both, tuple(known.as_of(MOMENT - timedelta(days=20)) for known in both)):
        assert one.catalogue().ids.tolist() == other.catalogue().ids.tolist()
        assert one.catalogue().in_stock.tolist() == other.catalogue().in_stock.tolist()
        np.testing.assert_array_equal(one.catalogue().price, other.catalogue().price)
        mine, theirs = one.histories(), other.histories()
        assert mine.events > 200
        for name in ("offsets", "product", "at", "action", "quantity", "price", "order", "people"):
            np.testing.assert_array_equal(getattr(mine, name), getattr(theirs, name), err_msg=name)


def test_a_damaged_file_is_named_by_spark_too(both: tuple[LakeSnapshot, LakeSnapshot], tmp_path: Path) -> None:
    """The error is ours, not a Java stack trace."""
    shutil.copytree(both[0].lake.folder, tmp_path / "lake")
    lake = Lake(tmp_path / "lake", readonly=True)
    file = Path(lake.files("events")[0])
    file.write_bytes(b"PAR1" + b"x" * 200 + b"PAR1")
    with pytest.raises(DataError) as found:
        replace(both[1], lake=lake).query("SELECT * FROM events")
    assert (found.value.key, found.value.facts["table"]) == ("lake_damaged", "events")


def test_without_pyspark_it_says_what_to_install(
    both: tuple[LakeSnapshot, LakeSnapshot], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The extra is named, and where Spark does not start, its master."""
    monkeypatch.setitem(sys.modules, "pyspark.errors", None)
    with pytest.raises(SettingsError) as found:
        both[1].query("SELECT 1")
    assert (found.value.key, found.value.facts["extra"]) == ("extra_missing", "scale")


def test_pair_counts_of_the_cluster_make_the_same_model(both: tuple[LakeSnapshot, LakeSnapshot]) -> None:
    """Item-kNN fitted through SQL on Spark has each product's same neighbours, equally similar (of equals at the
    end of a list, which one is left to chance), and so scores alike."""
    mine, theirs = (ItemKNN(neighbours=5, shrink=1.0).fit(known).table for known in both)
    np.testing.assert_array_equal(theirs.offsets, mine.offsets)
    assert mine.offsets[-1] > 30
    for product in range(len(mine)):
        part = slice(mine.offsets[product], mine.offsets[product + 1])
        one, other = (dict(zip(table.item[part].tolist(), table.weight[part], strict=True)) for table in (mine, theirs))
        np.testing.assert_allclose(sorted(one.values()), sorted(other.values()), rtol=1e-6)
        least = min(one.values(), default=0.0) * (1 + 1e-6)
        sure = [{item for item, weight in each.items() if weight > least} for each in (one, other)]
        assert sure[0] == sure[1]


def test_factors_of_the_cluster_are_a_model_like_ours(both: tuple[LakeSnapshot, LakeSnapshot]) -> None:
    """MLlib's factors make the same class of model: with two tastes planted, nearly every product of one's own taste is
    before every product of the other, as with the factors that are learned here."""
    lists = [[int(item) + 10 * (person % 2) for item in DICE.permutation(10)[:6]] for person in range(60)]
    planted = ArraySnapshot.of_sequences(lists, 20)

    @dataclass(frozen=True)
    class OnSpark:
        engine: Any
        moment: datetime = planted.moment
        catalogue: Any = planted.catalogue
        histories: Any = planted.histories
        as_of: Any = planted.as_of

    how = ALS(factors=4, ridge=2.0, rounds=10)
    for known in (planted, OnSpark(both[1].batch)):
        model = how.fit(known)
        assert isinstance(model, ALSModel)
        assert model.known.all()
        scores = model.score(planted.histories(), 0)
        own = np.array([scores[person].reshape(2, 10)[person % 2] for person in range(60)])
        other = np.array([scores[person].reshape(2, 10)[1 - person % 2] for person in range(60)])
        assert (own[:, :, None] > other[:, None, :]).mean() > 0.99
