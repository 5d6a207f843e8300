"""The law of the two engines for cleaning: what an import keeps, holds and marks is the same on Spark as on DuckDB."""

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from odd_cells import LOCAL, odd_rows
from shopkeeper.data.cleaning.columns import Kind, match
from shopkeeper.data.cleaning.oddities import clock_changes
from shopkeeper.data.cleaning.rows import Staging, staging
from shopkeeper.data.cleaning.values import Reading
from shopkeeper.data.conflicts import known_sides
from shopkeeper.data.lake import Lake
from shopkeeper.data.mapping import NO_MAPPING, MapFile
from shopkeeper.data.marking import Facts, Marking
from shopkeeper.data.marks import DUPLICATE
from shopkeeper.data.people_again import people_again
from shopkeeper.data.rows import LINE, Rows, identifier
from shopkeeper.data.schema import TABLES, lake_types
from shopkeeper.data.spark import SparkBatch
from shopkeeper.data.spark_con import SparkConnection
from shopkeeper.data.spark_import import SparkFacts, SparkMarking
from two_engines import MARKS

NOW = datetime(2026, 11, 24, tzinfo=UTC)
ROWS = 600
CHANGED = {"events": "quantity", "order_lines": "quantity", "products": "stock", "prices": "price_minor",
           "competitor_prices": "price_minor"}  # fmt: skip
"""What the lake says otherwise of some rows."""
CASES: dict[str, tuple[Kind, str, tuple[str, ...]]] = {
    "events": ("events", "America/New_York", ()), "events without ids": ("events", "UTC", ("id",)),
    "lines": ("order_lines", "Asia/Shanghai", ("event",)), "lines of events": ("order_lines", "UTC", ()),
    "lines without numbers": ("order_lines", "Australia/Lord_Howe", ("line", "event", "currency")),
    "products": ("products", "Europe/London", ()), "products of now": ("products", "UTC", ("at", "currency")),
    "customers": ("customers", "America/St_Johns", ()), "prices": ("prices", "America/New_York", ()),
    "competitor prices": ("competitor_prices", "Asia/Kolkata", ()), "attributes": ("attributes", "UTC", ()),
}  # fmt: skip
"""kind, zone of its local times, columns that the file lacks."""

MARKED = ("events without ids", "lines")
"""Of these, what stands beside other rows is compared each time; of the others in the long run."""
SLOW = ("events", "lines of events", "lines without numbers", "products of now")

pytestmark = MARKS


@dataclass(frozen=True)
class Side:
    """One engine with an import on it."""

    con: Any
    facts: Facts
    marking: type[Marking]

    def stage(self, texts: pa.Table, plan: Staging, zone: str) -> None:
        self.con.execute(f"SET TimeZone='{zone}'")
        self.con.register("texts", texts)
        self.con.execute("DROP VIEW IF EXISTS whole")
        for name in ("marked", "marks", "orders", "known", "late", "sold", "staged"):
            self.con.execute(f"DROP TABLE IF EXISTS {name}")
        self.con.execute(f"CREATE OR REPLACE TABLE staged AS {plan.sql}")
        self.con.execute(f"CREATE OR REPLACE VIEW whole AS {plan.whole}")

    def rows(self, sql: str) -> list[dict[str, Any]]:
        """Rows whose moments are numbers, and whose hashes have a sign."""
        table = self.con.sql(sql).to_arrow_table()
        return [_signed(row) for row in pa.table(
            {name: _moments(table.column(name)) for name in table.column_names}
        ).to_pylist()]  # fmt: skip


def _signed(row: dict[str, Any]) -> dict[str, Any]:
    return {name: its - 2**64 if isinstance(its, int) and its >= 2**63 else its for name, its in row.items()}


def _moments(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return column.cast(pa.int64()) if pa.types.is_timestamp(column.type) else column


@pytest.fixture(scope="module")
def spark(tmp_path_factory: pytest.TempPathFactory) -> SparkConnection:
    session = SparkBatch(master="local[2]", memory="1GB").session()
    return SparkConnection(session, tmp_path_factory.mktemp("tables"))


@pytest.fixture
def sides(spark: SparkConnection, tmp_path: Path) -> Iterator[tuple[Side, Side]]:
    lake = Lake(tmp_path / "lake")
    with duckdb.connect() as con:
        yield Side(con, lake, Marking), Side(spark, SparkFacts(spark, lake), SparkMarking)


def _plan(kind: Kind, texts: pa.Table, reading: Reading, mapping: MapFile = NO_MAPPING) -> Staging:
    rows = Rows(relation="texts", columns=tuple(texts.column_names[1:]), numbered=True)
    return staging(kind, rows, match(kind, rows.columns, mapping, "f"), mapping, reading, lake_types(kind), "file:f")


@pytest.mark.parametrize("case", [pytest.param(one, marks=[pytest.mark.slow] * (one in SLOW)) for one in CASES])
def test_rows_of_every_kind(sides: tuple[Side, Side], case: str) -> None:
    """Every odd cell is read alike, or held for the same reason; a row has the same id."""
    plan, _ = _staged(sides, case)
    duck, spark = sides
    judged = "SELECT row, code, raw FROM whole ORDER BY row"
    codes = Counter(row["code"] for row in duck.rows(judged))
    assert spark.rows(judged) == duck.rows(judged)
    assert codes[0] > ROWS / 4
    assert len(codes) > len(plan.reasons) / 3
    kept = ", ".join(map(identifier, ["row", "key", "content", "identity", *lake_types(CASES[case][0])]))
    kept = f"SELECT {kept} FROM whole WHERE code = 0 ORDER BY row"
    assert spark.rows(kept) == duck.rows(kept)


@pytest.mark.parametrize("case", [pytest.param(one, marks=[pytest.mark.slow] * (one not in MARKED)) for one in CASES])
def test_rows_beside_others(sides: tuple[Side, Side], case: str) -> None:
    """What stands twice, is in conflict or came too fast is marked alike, beside a lake that knows some of it; the
    orders of lines are the same, and so is what a row in conflict stands against."""
    plan, timed = _staged(sides, case)
    _remember(sides[0], CASES[case][0])
    duck, spark = (_marked(side, CASES[case][0], plan, timed=timed) for side in sides)
    assert spark == duck
    assert len(Counter(row["what"] for row in duck[0])) > 1


def test_products_that_only_follow_from_events(sides: tuple[Side, Side]) -> None:
    """Whatever the lake says of such a product, they are duplicates and no conflicts, on both engines."""
    plan, timed = _staged(sides, "products")
    _remember(sides[0], "products")
    duck, spark = (_marked(side, "products", plan, timed=timed, derived=True) for side in sides)
    assert spark == duck
    known = "SELECT row FROM whole WHERE code = 0 AND id IN (SELECT id FROM whole WHERE code = 0 AND row % 3 = 0)"
    beside = {row["row"] for row in sides[0].rows(known)}
    assert len(beside) > ROWS / 20
    assert beside <= {row["row"] for row in duck[0] if row["what"] == DUPLICATE}


def _staged(sides: tuple[Side, Side], case: str) -> tuple[Staging, bool]:
    kind, zone, without = CASES[case]
    texts = odd_rows(kind, ROWS, 7, without)
    plan = _plan(kind, texts, Reading(timezone=zone, now=NOW))
    for side in sides:
        side.stage(texts, plan, zone)
    return plan, "at" in texts.column_names


def _remember(side: Side, kind: Kind) -> None:
    """The lake knows every third row that is kept, and some of them otherwise."""
    changed = CHANGED.get(kind)
    other = f"* REPLACE ({changed} + (row // 3 % 2)::INTEGER AS {changed})" if changed else "*"
    columns = ", ".join(map(identifier, lake_types(kind)))
    rows = side.con.sql(f"SELECT {columns} FROM (SELECT {other} FROM whole WHERE code = 0 AND row % 3 = 0)")
    assert isinstance(side.facts, Lake)
    side.facts.append(kind, rows.to_arrow_table().cast(TABLES[kind]), key="t")


def _marked(side: Side, kind: Kind, plan: Staging, *, timed: bool, derived: bool = False) -> tuple[Any, ...]:
    told = ("visitor", "decision")
    side.marking(side.con, side.facts, kind, plan, timed=timed, told=told, derived=derived).fill()
    orders = (
        'SELECT order_id, returned, min("at") AS "at", max(customer) AS customer, min(visitor) AS visitor, '
        "min(decision) AS decision FROM orders GROUP BY order_id, returned"
    )
    return (
        side.rows("SELECT * FROM marks ORDER BY row"),
        side.rows(f"{orders} ORDER BY order_id, returned") if kind == "order_lines" else [],
        known_sides(side.con, side.facts, kind, plan, timed=timed),
        clock_changes(side.con, "whole", "America/New_York"),
        side.rows("SELECT row FROM whole WHERE code = 0 AND row NOT IN (SELECT row FROM marks) ORDER BY row"),
        people_again(side.con, kind),
    )


@pytest.mark.parametrize("form", [
    "%m/%d/%Y %I:%M %p", *(pytest.param(one, marks=pytest.mark.slow) for one in (
        "%d/%m/%Y", "%d.%m.%y", "%d.%m.%Y %H:%M", "%d/%m/%Y %I:%M:%S %p", "%Y年%m月%d日", "%d/%m/%Y %H:%M",
    )),
])  # fmt: skip
def test_every_way_to_write_a_time(sides: tuple[Side, Side], form: str) -> None:
    """A time of a format that was said is the same moment on both, in an hour that the clocks repeated too."""
    times = (datetime(2026, 1 + n % 12, 1 + n % 28, n % 24, n % 60) for n in range(60))
    cells = [*LOCAL, *(at.strftime(form) for at in times)]
    texts = pa.table({LINE: pa.array(range(len(cells)), pa.int64()), "product": ["p"] * len(cells), "at": cells,
                      "price": ["5"] * len(cells)})  # fmt: skip
    zone = "America/New_York"
    plan = _plan("prices", texts, Reading(timezone=zone, now=NOW, date_format=form), MapFile(date_format=form))
    for side in sides:
        side.stage(texts, plan, zone)
    duck, spark = (side.rows('SELECT row, code, "at" FROM whole ORDER BY row') for side in sides)
    assert spark == duck
    assert sum(row["at"] is not None for row in duck) > 60


def test_times_with_slips(sides: tuple[Side, Side]) -> None:
    """A time in which signs are lost, doubled or changed is the same moment, or no time, to both."""
    dice = random.Random(3)  # noqa: S311 - cells to compare, not a secret
    cells = [_slipped(dice) for _ in range(3_000)]
    texts = pa.table({LINE: pa.array(range(len(cells)), pa.int64()), "product": ["p"] * len(cells), "at": cells,
                      "price": ["5"] * len(cells)})  # fmt: skip
    plan = _plan("prices", texts, Reading(timezone="America/New_York", now=NOW))
    for side in sides:
        side.stage(texts, plan, "America/New_York")
    duck, spark = (side.rows('SELECT row, code, "at" FROM whole ORDER BY row') for side in sides)
    assert [(cells[one["row"]], one, other) for one, other in zip(duck, spark, strict=True) if one != other] == []
    assert 500 < sum(row["at"] is not None for row in duck) < 2_500


def _slipped(dice: random.Random) -> str:
    at = datetime(2001, 1, 1) + timedelta(seconds=dice.randrange(25 * 365 * 86_400))
    zone = dice.choice(["", "Z", "+08:00", "-0330", "+05", " +01:00"])
    text = f"{at:%Y-%m-%d}{dice.choice(' T')}{at:%H:%M:%S}{dice.choice(['', '', '.5', '.123456'])}{zone}"
    for _ in range(dice.choice([0, 1, 1, 2])):
        place = dice.randrange(len(text))
        text = text[:place] + dice.choice(["", *" 09-:ZT/+.a０"]) + text[place + dice.randrange(2) :]
    return text


@pytest.mark.parametrize("currency", ["EUR", *(pytest.param(one, marks=pytest.mark.slow) for one in ("JPY", "KWD"))])
def test_decimal_commas(sides: tuple[Side, Side], currency: str) -> None:
    """Amounts with a comma, of money with two places, none and three; texts that are known to be plain."""
    texts = odd_rows("products", ROWS, 8)
    reading = Reading(decimal=",", currency=currency, now=NOW)
    plan = _plan("products", texts, reading, MapFile(decimal=",", free=True))
    for side in sides:
        side.stage(texts, plan, "UTC")
    cells = "IF(code = 0, price_minor, 0) AS price, IF(code = 0, cost_minor, 0) AS cost"
    judged = f"SELECT row, code, {cells} FROM whole ORDER BY row"
    assert sides[1].rows(judged) == sides[0].rows(judged)


def test_much_at_once(spark: SparkConnection) -> None:
    """An answer of more than what Spark sends along with a task's end arrives too."""
    spark.register("many", pa.table({"text": [f"{n:0100}" for n in range(50_000)]}))
    assert len(spark.sql("SELECT text FROM many").to_arrow_table()) == 50_000
