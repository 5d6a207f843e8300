"""The same SQL on Spark, for a shop whose facts outgrow one machine: translated, answered as arrow tables.

The driver reads the lake's live Parquet files, which every worker must reach under the same path.
Source: Spark SQL reference, "Parameterized queries" (spark.sql(text, args=…)).
"""

import os
import re
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from shopkeeper.core.errors import SettingsError
from shopkeeper.core.ports import Wanted
from shopkeeper.data.batch import Tables, Values
from shopkeeper.data.lake import Lake, damage
from shopkeeper.data.schema import FOLLOWS, TABLES
from shopkeeper.data.spark_heavy import PAIRS, factors_of, pairs_of, wanted_table
from shopkeeper.data.spark_sql import spark_sql

_UNIQUE: Final = threading.Lock()
_NAME: Final = re.compile(r"\w+")
_SETTINGS: Final = {
    "spark.ui.enabled": "false", "spark.ui.showConsoleProgress": "false", "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "true", "spark.sql.execution.arrow.pyspark.enabled": "true",
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
}  # fmt: skip
_HERE: Final = {
    "spark.sql.shuffle.partitions": "8", "spark.driver.bindAddress": "127.0.0.1", "spark.driver.host": "127.0.0.1",
}  # fmt: skip
"""Of Spark in this process; of a cluster they are the operator's, whose executors must reach the driver."""


@dataclass(frozen=True, slots=True)
class _SparkTables:
    session: Any
    waiting: dict[str, Callable[[], Any]] = field(default_factory=dict)
    """Tables that no query has named yet: each costs Spark more than a small query does."""

    def ask(self, sql: str, values: Values | None = None) -> pa.Table:
        return self._frame(sql, values).toArrow()

    def put(self, name: str, rows: pa.Table) -> None:
        self.waiting[name] = lambda: self.session.createDataFrame(rows)

    def view(self, name: str, select: str) -> None:
        self.waiting[name] = lambda: self._frame(select)

    def _frame(self, sql: str, values: Values | None = None) -> Any:
        for name in set(_NAME.findall(sql)):
            if (make := self.waiting.pop(name, None)) is not None:  # one of them may have needed another
                make().createOrReplaceTempView(name)
        return self.session.sql(spark_sql(sql), args=dict(values or {}))


@dataclass(frozen=True, slots=True, kw_only=True)
class SparkBatch:
    """A Spark cluster, or Spark in this process (``local[2]``). ``scratch``: where the latter puts what does not fit
    into memory; on a cluster each worker has a place of its own."""

    master: str
    memory: str = "4GB"
    scratch: str = ""

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
        tables = _SparkTables(self.session())
        tables.put("tastes", wanted_table(wanted))
        values = {"most": most, "alpha": alpha, "shrink": shrink}
        return pairs_of(tables.ask(PAIRS.read_text("utf-8"), values))

    def factors(
        self, wanted: Wanted, *, factors: int, ridge: float, confidence: float, rounds: int, seed: int
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """See ``Heavy.factors``."""
        return factors_of(
            self.session(), wanted, factors=factors, ridge=ridge, confidence=confidence, rounds=rounds, seed=seed
        )

    def session(self) -> Any:
        session = _started(self.master, self.memory, self.scratch).newSession()
        session.conf.set("spark.sql.session.timeZone", "UTC")
        return session

    def _over(self, lake: Lake, views: Mapping[str, str], given: Mapping[str, pa.Table]) -> Iterator[Tables]:
        session = self.session()
        tables = _SparkTables(session)
        for name in TABLES:
            tables.waiting[f"lake_{name}"] = partial(lake_rows, session, lake, name)
        for name, rows in given.items():
            tables.put(name, rows)
        for name, select in views.items():
            tables.view(name, select)
        try:
            yield tables
        except Exception as error:
            ours = damage(lake.folder, str(error))
            if ours is None:
                raise
            raise ours from error


def lake_rows(session: Any, lake: Lake, name: str) -> Any:
    """A table of the lake as Spark's own."""
    from pyspark.sql.pandas.types import from_arrow_schema  # here: pyspark is an extra

    files, follows = lake.files(name), FOLLOWS.get(name, {})
    schema = from_arrow_schema(TABLES[name])
    if not files:
        return session.createDataFrame([], schema)
    rows = session.read.schema(schema).parquet(*files)
    return rows.selectExpr(
        *(f"coalesce({one}, {follows[one]}) AS {one}" if one in follows else f"`{one}`" for one in schema.names)
    )


def _started(master: str, memory: str, scratch: str) -> Any:
    """The process's Spark; the first call starts it."""
    try:
        from pyspark.errors import PySparkException, PySparkRuntimeError
        from pyspark.sql import SparkSession
    except ImportError:
        raise SettingsError("extra_missing", extra="scale", package="pyspark", what="[batch] engine = spark") from None
    here = master.startswith("local")
    with _UNIQUE:
        builder = SparkSession.builder.appName("shopkeeper").master(master)
        for name, value in (_SETTINGS | _HERE if here else _SETTINGS).items():
            builder = builder.config(name, value)
        if here and scratch:
            builder = builder.config("spark.local.dir", scratch)
        try:
            session = builder.config("spark.driver.memory", memory.lower().removesuffix("b")).getOrCreate()
            session.sparkContext.setLogLevel("ERROR")
            _choose_python(session.sparkContext)
        except (PySparkException, PySparkRuntimeError) as error:
            raise SettingsError("spark_unreachable", master=master, why=str(error).splitlines()[0][:200]) from error
        return session


def _choose_python(context: Any) -> None:
    """What runs the workers' Python where nobody said so in the environment: else Spark takes the first python3 of
    PATH, which may know nothing of what is installed for this one, and heeds its own setting only in spark-submit."""
    if "PYSPARK_PYTHON" not in os.environ:
        context.pythonExec = context.getConf().get("spark.pyspark.python", sys.executable)
