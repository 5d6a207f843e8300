"""The law of the two engines: every query gives the same answer on Spark as on DuckDB."""

import re
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from asked import PACKAGE, SQL_FILES, whole
from shopkeeper.core.errors import DataError, SettingsError
from shopkeeper.data import reports
from shopkeeper.data.identity import runs_of
from shopkeeper.data.lake import Lake
from shopkeeper.data.snapshot import LakeSnapshot
from shopkeeper.data.spark import SparkBatch
from shopkeeper.features.tone import PATTERNS
from shopkeeper.learn.recommend.als import ALS, ALSModel
from shopkeeper.learn.recommend.item_knn import ItemKNN
from shopkeeper.learn.snapshot import ArraySnapshot
from two_engines import MARKS, MOMENT, START, both_engines, plain

VALUES = {"currency": "CNY", "timezone": "Asia/Shanghai", "since": START + timedelta(days=3), "most": 5,
          "line_limit": 60, "alpha": 0.5, "shrink": 2.0, **PATTERNS}  # fmt: skip
"""What a file's parameters stand for."""
SUMS_OF_FRACTIONS = {
    "customer_habits",
    "customer_portrait",
    "customer_prices",
    "customer_rhythm",
    "habit_base",
    "people",
}
"""Their sums depend on the order of adding, which no engine promises: compared to 9 digits."""
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

pytestmark = MARKS


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[LakeSnapshot, LakeSnapshot]:
    return both_engines(tmp_path_factory.mktemp("two-engines"))


@pytest.mark.parametrize("path", SQL_FILES, ids=lambda path: str(path.relative_to(PACKAGE).with_suffix("")))
def test_every_sql_file(both: tuple[LakeSnapshot, LakeSnapshot], path: Path) -> None:
    """Whatever file of SQL the package holds: the same rows in the same order, column by column."""
    sql = whole(path)
    values = {name: value for name, value in VALUES.items() if f"${name}" in sql}
    more = {name: rows for name, rows in TABLES_OF_ONES_OWN.items() if re.search(rf"\b{name}\b", sql)}
    digits = 9 if path.stem in SUMS_OF_FRACTIONS else 14
    duck, spark = (plain(snapshot.query(sql, values, more).to_pylist(), digits) for snapshot in both)
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
        duck, spark = (plain(ask(known)) for known in both)
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


def test_workers_here_run_the_python_that_runs_the_shop() -> None:
    """Whatever ``python3`` is on PATH: functions of a session need what is installed beside the shop."""
    assert SparkBatch(master="local[2]", memory="1GB").session().sparkContext.pythonExec == sys.executable
