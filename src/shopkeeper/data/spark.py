"""The same SQL on Spark, for a shop whose facts outgrow one machine: translated by sqlglot, answered as arrow tables.

The driver reads the lake's live Parquet files, which every worker must reach under the same path.
Source: Spark SQL reference, "Parameterized queries" (spark.sql(text, args=…)); sqlglot, "Transpiling".
"""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import numpy as np
import pyarrow as pa
import sqlglot
from numpy.typing import NDArray
from sqlglot import exp

from shopkeeper.core.errors import SettingsError
from shopkeeper.core.ports import Wanted
from shopkeeper.data.batch import Tables, Values
from shopkeeper.data.lake import Lake, damage
from shopkeeper.data.schema import FOLLOWS, TABLES
from shopkeeper.data.spark_heavy import PAIRS, factors_of, pairs_of, wanted_table

_MILLION: Final = exp.Literal.number(1_000_000)
_UNIQUE: Final = threading.Lock()


@lru_cache(maxsize=512)
def spark_sql(sql: str) -> str:
    """DuckDB's SQL as Spark's, with the same answers: moments count to the microsecond, whole numbers of 128 bits are
    decimals, and what Spark calls otherwise is called so.

    Raises:
        sqlglot.errors.UnsupportedError: Spark has no such thing.
    """
    tree = sqlglot.parse_one(sql, read="duckdb").transform(_translated)
    return tree.sql(dialect="spark", unsupported_level=sqlglot.ErrorLevel.RAISE, comments=False)


def _translated(node: exp.Expression) -> exp.Expression:
    if isinstance(node, exp.DataType) and node.this == exp.DataType.Type.INT128:
        return exp.DataType.build("DECIMAL(38, 0)", dialect="spark")
    if isinstance(node, exp.TimeToUnix):
        return exp.Paren(this=exp.Div(this=_micros(node.this), expression=_MILLION.copy()))
    if isinstance(node, exp.Anonymous) and node.name.lower() == "epoch_us":
        return _micros(node.expressions[0])
    if isinstance(node, exp.PercentileCont):
        return exp.Anonymous(this="PERCENTILE", expressions=[node.this.copy(), node.expression.copy()])
    if isinstance(node, exp.Extract) and node.name.upper() == "ISODOW":
        return exp.Extract(this=exp.Var(this="DAYOFWEEK_ISO"), expression=node.expression.copy())
    if isinstance(node, exp.Literal) and not node.is_string and "." in node.name:
        return exp.Cast(this=node.copy(), to=exp.DataType.build("DOUBLE")) if not _cast(node) else node
    return node


def _cast(node: exp.Expression) -> bool:
    return isinstance(node.parent, exp.Cast)


def _micros(moment: exp.Expression) -> exp.Expression:
    return exp.Anonymous(this="UNIX_MICROS", expressions=[moment.copy()])


@dataclass(frozen=True, slots=True)
class _SparkTables:
    session: Any

    def ask(self, sql: str, values: Values | None = None) -> pa.Table:
        return self.session.sql(spark_sql(sql), args=dict(values or {})).toArrow()

    def put(self, name: str, rows: pa.Table) -> None:
        self.session.createDataFrame(rows).createOrReplaceTempView(name)


@dataclass(frozen=True, slots=True, kw_only=True)
class SparkBatch:
    """A Spark cluster, or Spark in this process (``local[2]``)."""

    master: str
    memory: str = "4GB"

    @contextmanager
    def over(
        self, lake: Lake, views: Mapping[str, str], given: Mapping[str, pa.Table] | None = None
    ) -> Iterator[Tables]:
        """See ``Batch.over``. Each block has its own session, so that its tables are nobody else's.

        Raises:
            SettingsError: pyspark is not installed, or the cluster does not answer.
        """
        with lake.reading():
            yield from self._over(lake, views, given or {})

    def neighbours(
        self, wanted: Wanted, *, most: int, alpha: float, shrink: float
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
        """See ``Heavy.neighbours``."""
        tables = _SparkTables(self._session())
        tables.put("tastes", wanted_table(wanted))
        values = {"most": most, "alpha": alpha, "shrink": shrink}
        return pairs_of(tables.ask(PAIRS.read_text("utf-8"), values))

    def factors(
        self, wanted: Wanted, *, factors: int, ridge: float, confidence: float, rounds: int, seed: int
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """See ``Heavy.factors``."""
        return factors_of(
            self._session(), wanted, factors=factors, ridge=ridge, confidence=confidence, rounds=rounds, seed=seed
        )

    def _session(self) -> Any:
        session = _started(self.master, self.memory).newSession()
        session.conf.set("spark.sql.session.timeZone", "UTC")
        return session

    def _over(self, lake: Lake, views: Mapping[str, str], given: Mapping[str, pa.Table]) -> Iterator[Tables]:
        session = self._session()
        for name in TABLES:
            _read(session, lake, name).createOrReplaceTempView(f"lake_{name}")
        tables = _SparkTables(session)
        for name, rows in given.items():
            tables.put(name, rows)
        for name, select in views.items():
            session.sql(spark_sql(select)).createOrReplaceTempView(name)
        try:
            yield tables
        except Exception as error:
            ours = damage(lake.folder, str(error))
            if ours is None:
                raise
            raise ours from error


def _read(session: Any, lake: Lake, name: str) -> Any:
    from pyspark.sql.pandas.types import from_arrow_schema  # here: pyspark is an extra

    files, follows = lake.files(name), FOLLOWS.get(name, {})
    schema = from_arrow_schema(TABLES[name])
    if not files:
        return session.createDataFrame([], schema)
    rows = session.read.schema(schema).parquet(*files)
    return rows.selectExpr(
        *(f"coalesce({one}, {follows[one]}) AS {one}" if one in follows else f"`{one}`" for one in schema.names)
    )


def _started(master: str, memory: str) -> Any:
    """The process's Spark; the first call starts it."""
    try:
        from pyspark.errors import PySparkException, PySparkRuntimeError
        from pyspark.sql import SparkSession
    except ImportError:
        raise SettingsError("extra_missing", extra="scale", package="pyspark", what="[batch] engine = spark") from None
    with _UNIQUE:
        try:
            session = (
                SparkSession.builder.master(master)
                .appName("shopkeeper")
                .config("spark.driver.memory", memory.lower().removesuffix("b"))
                .config("spark.ui.enabled", "false")
                .config("spark.ui.showConsoleProgress", "false")
                .config("spark.sql.session.timeZone", "UTC")
                .config("spark.sql.ansi.enabled", "true")
                .config("spark.sql.execution.arrow.pyspark.enabled", "true")
                .config("spark.sql.shuffle.partitions", "8")
                .config("spark.driver.bindAddress", "127.0.0.1")
                .getOrCreate()
            )
            session.sparkContext.setLogLevel("ERROR")
        except (PySparkException, PySparkRuntimeError) as error:
            raise SettingsError("spark_unreachable", master=master, why=str(error).splitlines()[0][:200]) from error
        return session
