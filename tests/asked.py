"""What the program asks its lake: the SQL files of the package, and the statements that stand in Python."""

import ast
import importlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import shopkeeper
from shopkeeper.data import identity
from shopkeeper.features.tables import feature_sql

PACKAGE = Path(shopkeeper.__file__).parent
SQL_FILES = sorted(PACKAGE.rglob("*.sql"))
Filled = Mapping[str, str]


def _agreeing() -> Iterator[Filled]:
    for agreed in ("TRUE", identity._AGREED):
        yield {
            "pairs": identity._PAIRS.format(agreed=agreed),
            "agreed": agreed,
            "window": "INTERVAL 3600000000 MICROSECOND",
        }


FILLED: Mapping[str, list[Filled]] = {
    "data.identity._PAIRS": list(_agreeing()), "data.identity._COUNTS": list(_agreeing()),
    "data.identity._CROWDS": list(_agreeing()), "data.identity._LINKS": list(_agreeing()),
    "data.reports._CUSTOMERS": [{"order": "revenue_minor DESC, id"}, {"order": "last_at DESC NULLS LAST, id"}],
    "data.reports._PRODUCTS": [{"order": "buyers DESC, id"}, {"order": "units DESC, id"}],
    "data.reports._ONE": [{"table": "products"}, {"table": "customers"}],
    "data.reports._SINCE": [{"table": f"seen_{name}", "most": "2000"} for name in ("events", "order_lines")],
    "shop.from_log._SHOWN": [{
        "members": "coalesce(choice.parts['knn'], 0) AS member_0, coalesce(choice.parts['als'], 0) AS member_1",
        "any_member": "choice.parts['knn'] IS NOT NULL OR choice.parts['als'] IS NOT NULL",
    }],
    "shop.importing._PERSONS": [
        {"key": "id", "rows": "seen_customers"},
        {"key": "coalesce(customer, 'visitor:' || visitor)", "rows": "seen_events"},
    ],
    "shop.order_returns._ORDER": [{"inner": feature_sql("line_return")}],
    "shop.predicting._PRICES": [{"inner": feature_sql("customer_prices")}],
}  # fmt: skip
"""What stands in the braces of a statement."""
PARTS = {
    "data.snapshot._BEFORE": "a view of every snapshot", "data.snapshot._NEWEST": "a view of every snapshot",
    "data.snapshot._SEEN": "a view of every snapshot", "data.snapshot._JOINED": "a view of every snapshot with links",
    "data.snapshot._NEWEST_OWN": "a view of every snapshot with links",
    "data.snapshot._THEIRS": "a view of every snapshot with links",
    "data.identity._SIGN_INS": "part of _RUNS",
    "data.snapshot._CATALOGUE": "test_spark", "data.snapshot._HISTORIES": "test_spark",
    "features.tables._ONE_PERSON": "CALLED", "features.habits.THEIRS": "CALLED", "features.evidence._ROWS": "CALLED",
}  # fmt: skip
"""Statements that are asked by another test, and by which."""


def asking() -> Iterator[tuple[str, ast.Module]]:
    """The modules that ask a lake, and their sources."""
    for path in sorted(PACKAGE.rglob("*.py")):
        tree = ast.parse(path.read_text("utf-8"))
        if any(_asks(node) for node in ast.walk(tree)):
            yield ".".join(path.relative_to(PACKAGE).with_suffix("").parts), tree


def _asks(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call):
        return False
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    return name in ("query", "ask", "_ask") and bool(node.args)


def is_sql(text: object) -> bool:
    return isinstance(text, str) and re.match(r"\s*(SELECT|WITH)\b", text) is not None


def _statements() -> Iterator[str]:
    """module.NAME of every statement of the modules that ask."""
    for module, tree in asking():
        values = vars(importlib.import_module(f"shopkeeper.{module}"))
        for node in tree.body:
            names = [node.target] if isinstance(node, ast.AnnAssign) else getattr(node, "targets", [])
            yield from (
                f"{module}.{name.id}" for name in names if isinstance(name, ast.Name) and is_sql(values.get(name.id))
            )


STATEMENTS = list(_statements())


def texts_of(statement: str) -> list[str]:
    module, _, name = statement.rpartition(".")
    text: str = getattr(importlib.import_module(f"shopkeeper.{module}"), name)
    if statement not in FILLED:
        return [text]
    return [text.format(**filled).replace("$window", filled.get("window", "")) for filled in FILLED[statement]]


def whole(path: Path) -> str:
    """The SQL of a file; ``$name$`` in it stands for the file of that name."""
    text = path.read_text("utf-8")
    return re.sub(r"\$(\w+)\$", lambda found: whole(path.with_name(f"{found[1]}.sql")), text)
