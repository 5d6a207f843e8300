"""The law of the two engines for cleaning: what a cell is, what is held and why, what repeats and what is a robot's."""

import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import pyarrow as pa
import pytest
from test_cleaning_checks import ODD, READING

from shopkeeper.core.ids import PLACEHOLDERS
from shopkeeper.data.batch import Batch, DuckBatch
from shopkeeper.data.cleaning import bots
from shopkeeper.data.cleaning.checks import CHECKS
from shopkeeper.data.cleaning.columns import COLUMNS, Kind, match
from shopkeeper.data.cleaning.quick import quick_sql
from shopkeeper.data.cleaning.rows import IDENTITY, Staging, staging
from shopkeeper.data.cleaning.values import FORMS, Reading, trimmed_sql
from shopkeeper.data.lake import Lake
from shopkeeper.data.mapping import NO_MAPPING
from shopkeeper.data.marking import orders_sql
from shopkeeper.data.rows import LINE, Rows
from shopkeeper.data.schema import lake_types
from shopkeeper.data.spark import SparkBatch
from two_engines import MARKS

pytestmark = MARKS
ROWS: Final = 160
LIKELY: Final[Mapping[str, Sequence[str]]] = {
    "time": ("2026-11-01T10:00:00Z", "2026-11-01 10:00:00", "2026/11/2 9:05"),
    "action": ("product_view", "order", "search"), "currency": ("USD", "JPY", "KWD"), "quantity": ("1", "2", "0", "-1"),
    "level": ("1", "0"), "flag": ("true", "否"), "agreed": ("true", "false"), "rating": ("4", "11"),
    "amount": ("16.90", "0", "1,299.00", "1.234"), "integer": ("5",), "position": ("3",), "number": ("1.5",),
    "seconds": ("30", "90000"),
}  # fmt: skip
"""Cells that a file of good will holds, by form; elsewhere ids and words."""


@pytest.fixture(scope="module")
def engines(tmp_path_factory: pytest.TempPathFactory) -> tuple[Lake, Batch, Batch]:
    lake = Lake(tmp_path_factory.mktemp("cleaning") / "lake")
    return lake, DuckBatch(), SparkBatch(master="local[2]", memory="1GB")


def _asked(
    engines: tuple[Lake, Batch, Batch], sql: str, texts: pa.Table, views: Mapping[str, str] | None = None
) -> Iterator[list[dict[str, Any]]]:
    """The rows of each engine; moments as microseconds, for some lie outside of Python's years."""
    lake, *batches = engines
    for batch in batches:
        with batch.over(lake, views or {}, {"texts": texts}) as tables:
            found = tables.ask(sql)
        for place, column in enumerate(found.schema):
            if pa.types.is_timestamp(column.type):
                moments = found.column(place).cast(pa.timestamp("us", "UTC")).cast(pa.int64())
                found = found.set_column(place, column.name, moments)
        yield found.to_pylist()


def _cells_sql(reading: Reading) -> str:
    """Every text read as every form, every check of it, and whether the quick condition lets it pass."""
    firsts, values, said = [], [], ["r"]
    for form in sorted(FORMS):
        first = FORMS[form].first("r", reading)
        firsts += [f"{first} AS f_{form}"] if first else []
        told = {"first": f"f_{form}"} if first else {}
        values.append(f"{FORMS[form].sql('r', reading, **told)} AS v_{form}")
        said.append(f"v_{form}")
        checks = {f"c_{form}_{check.name}": check.sql("r", f"v_{form}", reading) for check in CHECKS[form]}
        checks[f"quick_{form}"] = quick_sql(form, "r", f"v_{form}", reading, plain=False)
        said += [f"coalesce({sql}, false) AS {name}" for name, sql in checks.items()]
    trimmed = f"SELECT place, {trimmed_sql('x')} AS r FROM texts"
    return (
        f"SELECT {', '.join(said)} FROM (SELECT *, {', '.join(values)} FROM (SELECT *, {', '.join(firsts)} "
        f"FROM ({trimmed}))) ORDER BY place"
    )


@pytest.mark.parametrize("decimal", [".", ","])
def test_every_check_of_every_cell(engines: tuple[Lake, Batch, Batch], decimal: str) -> None:
    """A text is the same value, or none, by either engine, and fails the same checks: every form and check, over texts
    that are as odd as the tests of cleaning know."""
    cells = [*ODD, *sorted(PLACEHOLDERS), *(f"\u3000{cell}\t" for cell in ODD[::5]), "", " "]
    texts = pa.table({"place": range(len(cells)), "x": cells})
    duck, spark = _asked(engines, _cells_sql(replace(READING, decimal=decimal)), texts)
    for cell, one, other in zip(cells, duck, spark, strict=True):
        assert other == one, cell
    assert len(duck[0]) > 70


def _file(kind: Kind, names: Sequence[str]) -> pa.Table:
    """A file of a kind: mostly rows of good will, some repeated, some with an odd cell."""
    dice = random.Random(7)  # noqa: S311 - a file to compare, not a secret
    forms = {column.name: column.form for column in COLUMNS[kind]}
    rows: list[list[str | None]] = []
    for number in range(ROWS):
        row: list[str | None] = [
            dice.choice(LIKELY.get(forms[name], (f"{name}{number % 9}", f"{name}1"))) for name in names
        ]
        if number % 3 == 0:
            row[dice.randrange(len(row))] = dice.choice([*ODD, None, "", "合计", "Total:"])
        rows.append(list(dice.choice(rows)) if rows and number % 5 == 1 else row)
    columns = {name: pa.array([row[place] for row in rows], pa.string()) for place, name in enumerate(names)}
    return pa.table({LINE: pa.array(range(2, ROWS + 2), pa.int64()), **columns})


def _plan(kind: Kind, names: Sequence[str]) -> Staging:
    rows = Rows(relation="texts", columns=tuple(names), numbered=True, strange=False)
    matched = match(kind, tuple(names), NO_MAPPING, "file")
    return staging(kind, rows, matched, NO_MAPPING, READING, lake_types(kind), "file:x")


def _views(plan: Staging) -> dict[str, str]:
    return {"staged": f"SELECT *, {LINE} - 2 AS rowid FROM ({plan.sql})", "whole": plan.whole}


def _alike(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Hashes, which are each engine's own, as the number of the first row with the same; raw rows as JSON."""
    for name in ("identity", "content", "id"):
        first: dict[Any, int] = {}
        for place, row in enumerate(rows):
            if name in row and (name != "id" or str(row[name]).startswith("e_")):
                row[name] = first.setdefault(row[name], place)
    return [row | ({"raw": json.loads(row["raw"])} if row.get("raw") else {}) for row in rows]


@pytest.mark.parametrize("kind", sorted(IDENTITY))
def test_every_row_of_every_kind(engines: tuple[Lake, Batch, Batch], kind: Kind) -> None:
    """What is kept, as what, what is held and why, and which rows are the same."""
    names = [column.name for column in COLUMNS[kind]]
    plan = _plan(kind, names)
    duck, spark = map(_alike, _asked(engines, "SELECT * FROM whole ORDER BY row", _file(kind, names), _views(plan)))
    for one, other in zip(duck, spark, strict=True):
        assert other == one
    codes = {row["code"] for row in duck}
    assert 0 in codes
    assert len(codes) > 2
    assert len({row["identity"] for row in duck}) < ROWS


def test_rows_that_are_judged_beside_others(engines: tuple[Lake, Batch, Batch]) -> None:
    """Robots and the orders of lines; events and lines without ids of their own are the same by what they say."""
    names = ["action", "at", "visitor", "product"]
    texts = pa.table({
        LINE: pa.array(range(2, 402), pa.int64()), "action": ["product_view"] * 400, "product": ["p1"] * 400,
        "at": [f"2026-11-01 10:{place % 60 if place % 2 else 5:02d}:{place % 60:02d}" for place in range(400)],
        "visitor": [f"v{place % 2}" for place in range(400)],
    })  # fmt: skip
    plan = _plan("events", names)
    asked = f"SELECT * FROM ({bots.rows_sql('whole', 5)}) ORDER BY 1"
    duck, spark = _asked(engines, asked, texts, _views(plan))
    assert spark == duck
    assert len(duck) == 200
    lines = [column.name for column in COLUMNS["order_lines"] if column.name not in ("line", "event")]
    told = f'SELECT order_id, returned, "at", decision FROM ({orders_sql("code = 0", ("decision",))}) ORDER BY 1, 2'
    duck, spark = _asked(engines, told, _file("order_lines", lines), _views(_plan("order_lines", lines)))
    assert spark == duck
    assert duck
