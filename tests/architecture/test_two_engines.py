"""Whatever the program asks in SQL is known to a test of the two engines, and can be said to Spark; needs no Java."""

import ast
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest
import sqlglot

from asked import FILLED, PACKAGE, PARTS, SQL_FILES, STATEMENTS, asking, is_sql, texts_of, whole
from shopkeeper.data.cleaning import bots
from shopkeeper.data.cleaning.columns import COLUMNS, SHAPES, Kind, match
from shopkeeper.data.cleaning.rows import staging
from shopkeeper.data.cleaning.values import Reading
from shopkeeper.data.mapping import NO_MAPPING
from shopkeeper.data.marking import orders_sql
from shopkeeper.data.rows import Rows
from shopkeeper.data.schema import lake_types
from shopkeeper.data.spark_sql import spark_sql

_BEGINS: Final = re.compile(r"\s*(SELECT|WITH \w+ AS|CREATE|INSERT INTO|COPY|DELETE FROM|UPDATE|MERGE)\b")
BESIDE: Final = {
    "data.cleaning.bots": {"rows_sql"}, "data.cleaning.rows": {"staging"},
    "data.marking": {
        "fill", "_mark", "_mark_known", "_mark_shared", "_mark_orders", "_mark_known_orders", "_hashes",
        "_mark_derived", "orders_sql",
    },
    "market.audiences.sql": {"_counted", "_tagged"}, "data.conflicts": {"_any", "_in_file", "_in_lake", "_order"},
    "data.cleaning.oddities": {"clock_changes"}, "data.import_run": {
        "_account", "_held", "_name_products", "_set_apart", "_store", "_store_orders", "_tell_raws", "stage",
    },
    "data.told_after": {"shared_phones", "unknown_products"}, "data.people_again": {"people_again"},
}  # fmt: skip
"""Functions that make SQL: test_spark_cleaning.py runs those of cleaning on both engines, test_spark_import.py those of
an import, test_spark_questions.py those of audiences."""
ALONE: Final = {"data.import_run": {"_copy", "preview"}}
"""Functions of those modules that only one machine needs, or that Spark has a way of its own for."""
READS: Final = {
    "data.sources": "a file becomes texts", "data.detection": "how the first rows of a file are written",
    "data.cleaning.oddities": "warnings about the texts of a file",
    "data.raw_rate": "a rate to compare with", "data.so_far": "what exports of known formats state",
}  # fmt: skip
"""What DuckDB does where the file is."""
KEEPS: Final = {
    "data.batch": "DuckDB's own half", "data.lake": "files of the lake", "data.backup": "files of the lake",
    "data.privacy": "erasing", "data.spark_": "Spark's own half",
    **dict.fromkeys((
        "data.belonging", "data.entries", "data.journal", "data.quarantine", "data.row_sums", "data.seen", "data.store",
        "data.stream", "shop.doctor.facts",
    ), "SQLite and PostgreSQL"),
    "shop.doctor.machine": "PostgreSQL", "apps.console.audience_pages": "no SQL",
}  # fmt: skip
"""What is no question to the facts of a shop."""


def _written() -> Iterator[tuple[str, str]]:
    """(module, function or "") of every place where a text begins as SQL does."""
    for path in sorted(PACKAGE.rglob("*.py")):
        module = ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
        tree = ast.parse(path.read_text("utf-8"))
        parts = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
        inside = {
            id(node): its.name for its in ast.walk(tree) if isinstance(its, ast.FunctionDef) for node in ast.walk(its)
        }
        yield from (
            (module, inside.get(id(node), ""))
            for node in ast.walk(tree)
            if id(node) not in parts and _BEGINS.match(_beginning(node))
        )


def _beginning(node: ast.AST) -> str:
    if isinstance(node, ast.JoinedStr) and node.values:
        node = node.values[0]
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def test_no_sql_is_unknown_to_the_tests_of_the_two_engines() -> None:
    """A statement stands in a module that asks the lake, whose constants are all asked of both; or in a function
    that is run on both; or it does not ask what a shop knows. Nothing is said of modules that are no more."""
    asked = {module for module, _ in asking()} | {statement.rpartition(".")[0] for statement in STATEMENTS}
    elsewhere = (*READS, *KEEPS)
    found = set(_written())
    unknown = [
        f"{module} {function}"
        for module, function in sorted(found)
        if module not in asked
        and function not in BESIDE.get(module, set()) | ALONE.get(module, set())
        and not module.startswith(elsewhere)
    ]
    assert unknown == []
    assert {(module, function) for one in (BESIDE, ALONE) for module, its in one.items() for function in its} <= found
    assert all(any(module.startswith(name) for module, _ in found) for name in elsewhere)


def test_no_statement_is_left_out() -> None:
    """A module says all that it asks in constants of its own; nothing is said of statements that are no more."""
    assert set(PARTS) | set(FILLED) <= set(STATEMENTS)
    hidden = [
        f"{module}:{node.lineno}"
        for module, tree in asking()
        for within in ast.walk(tree) if isinstance(within, ast.FunctionDef | ast.AsyncFunctionDef)
        for node in ast.walk(within)
        if isinstance(node, ast.Constant) and is_sql(node.value)
    ]  # fmt: skip
    assert hidden == []


def _check_said(sql: str) -> None:
    """The SQL says the same to Spark, by words that its grammar has."""
    assert sqlglot.parse(spark_sql(sql), read="spark")


@pytest.mark.parametrize("path", SQL_FILES, ids=lambda path: str(path.relative_to(PACKAGE).with_suffix("")))
def test_every_sql_file_check_said_too(path: Path) -> None:
    """Each SQL file of the package can be said to Spark."""
    _check_said(whole(path))


def test_every_statement_check_said_too() -> None:
    """Each statement that a module asks can be said to Spark."""
    for statement in set(STATEMENTS) - set(PARTS):
        for text in texts_of(statement):
            _check_said(text)


@pytest.mark.parametrize("kind", [kind for kind in COLUMNS if kind not in SHAPES])
def test_cleaning_check_said_too(kind: Kind) -> None:
    """The cleaning of every kind of row can be said to Spark, in every function that DuckDB was asked for."""
    columns = tuple(column.name for column in COLUMNS[kind])
    rows = Rows(relation="texts", columns=columns, numbered=True)
    reading = Reading(now=datetime(2026, 11, 24, tzinfo=UTC))
    plan = staging(kind, rows, match(kind, columns, NO_MAPPING, "f"), NO_MAPPING, reading, lake_types(kind), "file:f")
    for sql in (plan.sql, plan.whole, bots.rows_sql("whole", 5), orders_sql("code = 0", ("visitor",))):
        _check_said(sql)
        said = spark_sql(sql).lower()
        assert not re.search(r"\b(strlen|regexp_full_match|glob|hash|nfc_normalize|make_timestamptz|epoch_us)\b", said)
