"""The engine that answers SQL over the lake's live files: DuckDB here, or Spark (``spark.py``), with the same answers.

SQL is DuckDB's dialect, values are named parameters, a table is handed in or out as an arrow table.
"""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import pyarrow as pa

from shopkeeper.data.lake import Lake
from shopkeeper.data.schema import TABLES

Values = Mapping[str, Any]


class Tables(Protocol):
    """Some tables that can be asked."""

    def ask(self, sql: str, values: Values | None = None) -> pa.Table:
        """The rows of a query."""
        ...

    def put(self, name: str, rows: pa.Table) -> None:
        """Add a table of one's own."""
        ...


class Batch(Protocol):
    """An engine."""

    def over(
        self, lake: Lake, views: Mapping[str, str], given: Mapping[str, pa.Table] | None = None
    ) -> AbstractContextManager[Tables]:
        """Tables made of the lake's: ``views`` maps a name to a SELECT over ``lake_<table>``, the tables of the lake,
        over the views before it and over the ``given`` tables.

        Raises:
            DataError: a file of the lake is gone or damaged.
        """
        ...


@dataclass(frozen=True, slots=True)
class _DuckTables:
    con: Any

    def ask(self, sql: str, values: Values | None = None) -> pa.Table:
        return self.con.sql(sql, params=dict(values) if values else None).to_arrow_table()

    def put(self, name: str, rows: pa.Table) -> None:
        self.con.register(name, rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class DuckBatch:
    """DuckDB in this process."""

    memory: str = "4GB"
    threads: int = 2

    @contextmanager
    def over(
        self, lake: Lake, views: Mapping[str, str], given: Mapping[str, pa.Table] | None = None
    ) -> Iterator[Tables]:
        """See ``Batch.over``."""
        with lake.connect(memory=self.memory, threads=self.threads, tables=()) as con:
            for name in TABLES:
                con.execute(f"CREATE TEMP VIEW lake_{name} AS SELECT * FROM {lake.relation_sql(name)}")
            for name, rows in (given or {}).items():
                con.register(name, rows)
            for name, select in views.items():
                con.execute(f"CREATE TEMP VIEW {name} AS {select}")
            yield _DuckTables(con)
