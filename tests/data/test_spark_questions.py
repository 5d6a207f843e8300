"""The law of the two engines for SQL that stands in Python: whatever the program asks its lake, Spark answers alike."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import timedelta
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from asked import PARTS, STATEMENTS, texts_of
from shopkeeper.core.action import Action
from shopkeeper.core.ids import PersonKey
from shopkeeper.data import identity
from shopkeeper.data.snapshot import LakeSnapshot
from shopkeeper.features.evidence import WHERE, evidence_of
from shopkeeper.features.habits import base_of, habits_of, of_one
from shopkeeper.features.tables import customer_features, feature_sql
from shopkeeper.features.tone import PATTERNS
from shopkeeper.market.audiences.rules import FIELDS, All, Did, Like, Measure, Not, Rule, Some, Tagged, Told, Word
from shopkeeper.market.audiences.sql import THIRD_PARTY, statement_of
from two_engines import MARKS, MOMENT, PEOPLE, START, both_engines, plain

PERSONS = (PersonKey("c1"), PersonKey("visitor:v3"))
VALUES: Mapping[str, Any] = {
    "key": "c1", "person": "c1", "product": "p3", "id": "d1", "source": "file:tags.csv", "text": "", "place": 0.5,
    "size": 40, "skip": 2, "most": 50, "count": 10, "currency": "CNY", "since": START, "start": START, "end": MOMENT,
    "lately": MOMENT - timedelta(days=30), "version": "v1", "moment": MOMENT, "click": int(Action.CLICK),
    "order": int(Action.ORDER), "scale": 100, "most_customers": 3, "most_visitors": 4,
    "bought": 3.0, "line_limit": 2**62, "timezone": "Asia/Shanghai",
}  # fmt: skip
OTHERS: Mapping[str, Mapping[str, Any]] = {
    "shop.order_returns._ORDER": {"order": "O3"}, "data.reports._SINCE": {"since": MOMENT - timedelta(days=9)},
    "shop.audiences._PRODUCT": {"id": "p1"}, "data.identity._LINKS": {"most_customers": 20, "most_visitors": 20},
}  # fmt: skip
"""Values of a statement that has its own meaning of a name."""
EXACT_TO = {"shop.predicting._PRICES": 9}
"""Digits of sums of fractions, which depend on the order of adding."""


pytestmark = MARKS


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[LakeSnapshot, LakeSnapshot]:
    return both_engines(tmp_path_factory.mktemp("questions"))


@pytest.fixture(scope="module")
def more(both: tuple[LakeSnapshot, LakeSnapshot]) -> Mapping[str, pa.Table]:
    """Tables that some statements are asked with."""
    known = both[0]
    runs = identity.runs_of(known.lake, known.batch)
    agreed = [f"c{number}" for number in range(9)] + [f"visitor:v{number}" for number in range(9)]
    return {
        "runs": runs, "apart": pa.table({"visitor": ["v1"]}), "agreed": pa.table({"person": agreed}),
        "people": _people(known), THIRD_PARTY: pa.table({"number": list(range(0, PEOPLE, 2))}),
        "like_0": pa.table({"number": [1, 2, 5]}),
    }  # fmt: skip


def _people(known: LakeSnapshot) -> pa.Table:
    """The table of people with a number for every field of rules, some of them not known."""
    asked = {"since": START, "currency": "CNY", "timezone": "Asia/Shanghai"}
    rows = known.query(feature_sql("people"), asked).sort_by("person")
    dice = np.random.default_rng(3)
    columns = dict(zip(rows.column_names, rows.columns, strict=True)) | {
        "number": pa.array(range(len(rows))), "minor": pa.array([place % 6 == 0 for place in range(len(rows))]),
    }  # fmt: skip
    for name, field in FIELDS.items():
        column = re.search(r"people\.(\w+)", field.column)[1]  # type: ignore[index]  # every field is a column
        if column not in columns and field.kind == "word":
            columns[column] = pa.array(
                [(None, "A", "high", "zh")[place % 4] for place in range(len(rows))], pa.string()
            )
        elif column not in columns:
            known_ = [None if one < 0.2 else float(one) for one in dice.random(len(rows))]
            moments = [None if one is None else MOMENT + timedelta(days=9 * one) for one in known_]
            columns[column] = (
                pa.array(moments, pa.timestamp("us", "UTC")) if name == "next_order_days" else pa.array(known_)
            )
    return pa.table(columns)


def _same(both: tuple[LakeSnapshot, LakeSnapshot], ask: Callable[[LakeSnapshot], Any], digits: int = 14) -> Any:
    duck, spark = (plain(ask(known), digits) for known in both)
    assert spark == duck
    return duck


def _answer(known: LakeSnapshot, *, sql: str, values: Mapping[str, Any], more: Mapping[str, pa.Table]) -> list[Any]:
    used = {name: value for name, value in values.items() if re.search(rf"\${name}\b", sql)}
    tables = {name: rows for name, rows in more.items() if re.search(rf"\b{name}\b", sql)}
    rows: list[Any] = known.query(sql, used, tables).to_pylist()
    ordered = "ORDER BY" in sql.rpartition(")")[2] and "ORDER BY received_at" not in sql
    return rows if ordered else sorted(map(plain, rows), key=repr)


@pytest.mark.parametrize("statement", [one for one in STATEMENTS if one not in PARTS])
def test_every_statement(both: tuple[LakeSnapshot, LakeSnapshot], more: Mapping[str, pa.Table], statement: str) -> None:
    """Every statement that a module asks the lake: the same rows, column by column."""
    values = {**VALUES, **OTHERS.get(statement, {})}
    digits = EXACT_TO.get(statement, 14)
    asked = [partial(_answer, sql=sql, values=values, more=more) for sql in texts_of(statement)]
    answers = [_same(both, ask, digits) for ask in asked]
    assert any(answers)


def test_one_person(both: tuple[LakeSnapshot, LakeSnapshot]) -> None:
    """A person's numbers, habits and feature tables, of a customer and of a nameless browser."""
    zone: Mapping[str, Any] = {"currency": "CNY", "timezone": "Asia/Shanghai"}
    customer, browser = PERSONS
    base = base_of(both[0].query, **zone)
    asked: tuple[Callable[[LakeSnapshot], Any], ...] = (
        lambda known: customer_features(known.query, customer, currency="CNY"),
        lambda known: customer_features(known.query, browser, currency="CNY"),
        lambda known: [asdict(habit) for habit in habits_of(known.query, customer, base, **zone)],
        lambda known: of_one(known.query, customer, "customer_browsing").to_pylist(),
        lambda known: of_one(known.query, customer, "customer_reviews", **PATTERNS).to_pylist(),
    )
    for ask in asked:
        assert _same(both, ask, 9)


def test_the_events_behind_every_number(both: tuple[LakeSnapshot, LakeSnapshot]) -> None:
    """What a number was made from, for every number and every habit: one question for all of them."""
    texts: list[str] = []

    def noted(sql: str, _: Mapping[str, Any]) -> pa.Table:
        texts.append(sql)
        return pa.table({"total": pa.array([], pa.int64())})

    values = {"key": "c1", "currency": "CNY", "timezone": "Asia/Shanghai", "value": "1", "most": 1000}
    for field in WHERE:
        evidence_of(noted, PERSONS[0], field, value="1", currency="CNY", timezone="Asia/Shanghai", most=1000)
    assert len(texts) == len(WHERE)
    found = _same(both, partial(_answer, sql=_all_of(texts), values=values, more={}))
    assert len({row["which"] for row in found}) > 20


def _all_of(statements: Sequence[str]) -> str:
    """Statements with the same columns as one, which costs Spark less."""
    return " UNION ALL ".join(f"SELECT {place} AS which, * FROM ({sql})" for place, sql in enumerate(statements))


def _rules(usual: Mapping[str, float]) -> Iterator[Rule]:
    """Every field, every kind of condition, every combination. ``usual``: the middle of a field's numbers."""
    yield All(())
    fields: list[Rule] = [
        Measure(field=name, low=usual[name]) if name in usual else Word(field=name, values=("A", "zh", "没有"))
        for name in FIELDS
    ]
    yield from (All(tuple(fields[place : place + 3])) for place in range(0, len(fields), 3))
    yield from (Not(Measure(field="spend", low=usual["spend"])), Measure(field="orders", high=usual["orders"]))
    yield from (Told(field="age", values=("17", "44", "19-24")), Told(field='a"b\\c', values=("x",)))
    yield from (Tagged(tag="tea", values=("green", "黑茶")), Not(Tagged(tag="tea", origin="radar", values=("green",))))
    yield Tagged(tag="score", low=1.0, high=5.0)
    for about in ((), (("product", "p3"),), (("category", "Tea"),), (("brand", "A"),)):
        yield Did(action=Action.ORDER, about=about, low=2, high=30, days=40.5)
        yield Did(action=Action.PRODUCT_VIEW, about=about)
    yield from (Did(action=Action.CLICK, about=(("channel", "app"),)), Not(Did(action=Action.ORDER_RETURN, low=9)))
    yield Some((Like(audience="a", people=3), All((Told(field="age", values=("44",)), Did(action=Action.SEARCH)))))


def _middles(known: LakeSnapshot, people: pa.Table) -> dict[str, float]:
    columns = {name: field.column for name, field in FIELDS.items() if field.kind != "word"}
    middles = ", ".join(f"median({column}) AS {name}" for name, column in columns.items())
    rows: list[dict[str, float]] = known.query(f"SELECT {middles} FROM people", {}, {"people": people}).to_pylist()
    return rows[0]


@pytest.mark.parametrize("part", range(3))
def test_every_kind_of_audience(
    both: tuple[LakeSnapshot, LakeSnapshot], more: Mapping[str, pa.Table], part: int
) -> None:
    """Whom a rule fits, for a rule of every field and every kind of condition, is the same set of people."""
    texts, values = [], dict[str, Any]()
    likes = {Like(audience="a", people=3): "like_0"}
    everybody, *others = _rules(_middles(both[0], more["people"]))
    rules = [everybody, *others[part::3]]
    for place, rule in enumerate(rules):
        asked = statement_of(rule, MOMENT, likes)
        texts.append(re.sub(r"\$v(\d+)\b", rf"$r{place}_v\1", asked.sql))
        values |= {f"r{place}_{name}": value for name, value in asked.values.items()} | {"moment": MOMENT}
    sizes = Counter(row["which"] for row in _same(both, partial(_answer, sql=_all_of(texts), values=values, more=more)))
    assert sum(0 < sizes[place] < sizes[0] for place in range(len(rules))) > len(rules) / 2
