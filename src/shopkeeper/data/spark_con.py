"""A connection that speaks as DuckDB's does and answers on Spark, so that one text of an import runs on either.

A table is Parquet in a folder that every worker reaches; what is read of one more than once is worked out once.
"""

import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from shopkeeper.core.ids import new_id
from shopkeeper.data.rows import LINE
from shopkeeper.data.spark_functions import teach
from shopkeeper.data.spark_sql import spark_sql

_WORD: Final = r'"?(\w+)"?'
_FORMS: Final = {
    "zone": re.compile(r"SET TimeZone='([^']*)'$"),
    "setting": re.compile(r"SET \w+=.*$"),
    "columns": re.compile(rf"CREATE TABLE {_WORD} \(([\w ,]+)\)$"),
    "table": re.compile(rf"CREATE (?:OR REPLACE )?(?:TEMP )?TABLE {_WORD} AS (.*)$", re.DOTALL),
    "view": re.compile(rf"CREATE (?:OR REPLACE )?(?:TEMP )?VIEW {_WORD} AS (.*)$", re.DOTALL),
    "insert": re.compile(rf"INSERT INTO {_WORD} (.*)$", re.DOTALL),
    "delete": re.compile(rf"DELETE FROM {_WORD} WHERE (\w+) IN \(SELECT (\w+) FROM (\w+)\)$"),
    "drop": re.compile(rf"DROP (?:TABLE|VIEW) IF EXISTS {_WORD}$"),
    "tables": re.compile(r"SHOW TABLES$"),
}
"""What an import says to its connection beside questions."""
_NUMBERS: Final = ("row", "rowid")
"""Never NULL, which Spark must know to find rows that are not there without comparing each with each."""


@dataclass(slots=True)
class SparkConnection:
    """One session of Spark. ``folder``: where tables are kept; it is the caller's to remove."""

    session: Any
    folder: Path
    _parts: dict[str, list[str]] = field(default_factory=dict)
    """The files of each table."""
    _views: dict[str, str] = field(default_factory=dict)
    """What each view asks: Spark's own would go on asking the tables of the moment when it was made."""
    _gone: dict[str, list[str]] = field(default_factory=dict)
    """Of each table what was deleted."""
    _made: int = 0
    _in_zone: str = ""

    def execute(self, sql: str, values: Sequence[Any] | None = None) -> "Answer":
        """What a statement says. Settings of DuckDB's own are passed over."""
        for name, form in _FORMS.items():
            found = form.match(sql.strip())
            if found:
                return Answer(getattr(self, f"_{name}")(*found.groups()))
        return Answer(self.frame(sql, values), self.folder)

    def sql(self, sql: str) -> "Answer":
        return self.execute(sql)

    def cursor(self) -> "SparkConnection":
        """One session answers many at once."""
        return self

    def register(self, name: str, rows: pa.Table) -> None:
        self.session.createDataFrame(rows).createOrReplaceTempView(name)

    def close(self) -> None:
        for name in list(self._parts):
            self._drop(name)

    def frame(self, sql: str, values: Sequence[Any] | None = None) -> Any:
        """A question as Spark's own table."""
        return self.session.sql(spark_sql(sql), args=list(values) if values else None)

    def _zone(self, zone: str) -> None:
        if zone == self._in_zone:
            return
        self._in_zone = zone
        self.session.conf.set("spark.sql.session.timeZone", zone)
        teach(self.session, zone)

    def _setting(self) -> None:
        return None

    def _columns(self, name: str, columns: str) -> None:
        self._parts[name] = []
        said = (one.split() for one in columns.split(","))
        nothing = ", ".join(f"CAST(NULL AS {kind}) AS {column}" for column, kind in said)
        self.frame(f"SELECT {nothing} LIMIT 0").createOrReplaceTempView(name)

    def _table(self, name: str, select: str) -> None:
        self._parts[name], _ = [self._kept(name, self.frame(select))], self._gone.pop(name, None)
        self._show(name)

    def _insert(self, name: str, select: str) -> None:
        columns = self.session.table(name).schema
        rows = self.frame(select).toDF(*columns.names)
        rows = rows.selectExpr(*(f"CAST({one.name} AS {one.dataType.simpleString()}) AS {one.name}" for one in columns))
        self._parts[name].append(self._kept(name, rows))
        self._show(name)

    def _view(self, name: str, select: str) -> None:
        self._views[name] = select
        self.frame(select).createOrReplaceTempView(name)

    def _delete(self, name: str, column: str, its: str, among: str) -> None:
        self._gone.setdefault(name, []).append(f"ANTI JOIN (SELECT {its} AS {column} FROM {among}) USING ({column})")
        self._show(name)

    def _drop(self, name: str) -> None:
        for known in (self._parts, self._views, self._gone):
            known.pop(name, None)
        self.session.catalog.dropTempView(name)

    def _tables(self) -> Any:
        return self.session.createDataFrame([(name,) for name in self._parts] or [("",)], ["name"])

    def _kept(self, name: str, rows: Any) -> str:
        """Rows worked out and written; those of a text bear its number as theirs."""
        if LINE in rows.columns and "rowid" not in rows.columns:
            rows = rows.withColumn("rowid", rows[LINE])
        self._made += 1
        path = str(self.folder / f"{name}_{self._made}")
        rows.write.parquet(path)
        return path

    def _show(self, name: str) -> None:
        """Let a table be asked as it is now, and what asks it."""
        rows = self.session.read.parquet(*self._parts[name])
        columns = (f"coalesce({one}, -1) AS {one}" if one in _NUMBERS else f"`{one}`" for one in rows.columns)
        rows.selectExpr(*columns).createOrReplaceTempView(name)
        if name in self._gone:
            self.frame(f"SELECT * FROM {name} {' '.join(self._gone[name])}").createOrReplaceTempView(name)
        for view, select in self._views.items():
            if re.search(rf"\b{name}\b", select):
                self.frame(select).createOrReplaceTempView(view)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a statement."""

    frame: Any = None
    folder: Path = Path()
    """Where it is kept while it is read piece by piece."""

    @property
    def description(self) -> list[tuple[str]]:
        return [(name,) for name in self.frame.columns]

    def fetchall(self) -> list[tuple[Any, ...]]:
        rows: list[tuple[Any, ...]] = [tuple(row.values()) for row in self.to_arrow_table().to_pylist()]
        return rows

    def fetchone(self) -> Any:
        return next(iter(self.fetchall()), None)

    def to_arrow_table(self) -> pa.Table:
        return self.frame.toArrow()

    def to_arrow_reader(self, size: int) -> Iterator[pa.RecordBatch]:
        """Pieces, in order: written by the workers, so that no process has all of it at once."""
        path = self.folder / new_id("a")
        self.frame.write.parquet(str(path))
        for part in sorted(path.glob("*.parquet")):
            with pq.ParquetFile(part) as file:
                yield from file.iter_batches(size)
        shutil.rmtree(path)
