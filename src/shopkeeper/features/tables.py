"""Features as SQL: one file a table, run through a snapshot's ``query``."""

from collections.abc import Callable, Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Final

from shopkeeper.core.ids import PersonKey

Query = Callable[[str, Mapping[str, Any]], Any]
TABLES: Final = ("customer", "customer_category", "product")


@cache
def feature_sql(name: str) -> str:
    """The SQL of a feature table: ``customer`` (one row a person), ``customer_category`` (long), ``product``."""
    return files(__package__).joinpath(f"{name}.sql").read_text("utf-8")


def customer_features(query: Query, person: PersonKey) -> dict[str, Any]:
    return {}
