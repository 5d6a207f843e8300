"""Functions that Spark lacks, or has otherwise: DuckDB answers them in Spark's workers, so that they are the same.

A worker needs the package ``duckdb`` in the version that the shop has: an id made of a row's content is its hash.
Source: pyspark, "Arrow User-defined Functions"; Spark SQL reference, "CREATE FUNCTION (SQL)".
"""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Final

import pyarrow as pa

from shopkeeper.data.cleaning.values import quoted

HASH: Final = "duck_hash"
COMPOSED: Final = "duck_nfc"
PARSED: Final = "duck_strptime"
MOMENT: Final = "duck_moment"
_ZONED: Final = r"(Z|:[0-9]{2}([.][0-9]{1,6})?[+-][0-9:]{2,5})\\z"
"""How a text ends that says its zone."""
_NO_SECONDS: Final = r"^(.{10}.[0-9]{2}:[0-9]{2})([Z+-])"
"""What Spark does not read before a zone."""
_DAY: Final = 86_400_000_000
_MOMENT: Final = f"""
CREATE OR REPLACE TEMPORARY FUNCTION {MOMENT}(cell STRING) RETURNS TIMESTAMP RETURN
SELECT IF(NOT said RLIKE '{_ZONED}' AND CAST(later AS TIMESTAMP_NTZ) = local AND later > moment, later, moment) FROM (
  SELECT *, TIMESTAMPADD(MICROSECOND, -TIMESTAMPDIFF(MICROSECOND, local, after) + {_DAY}, moment) AS later FROM (
    SELECT *, CAST(TIMESTAMP_MICROS(UNIX_MICROS(moment) + {_DAY}) AS TIMESTAMP_NTZ) AS after FROM (
      SELECT said, TRY_CAST(said AS TIMESTAMP) AS moment, TRY_CAST(said AS TIMESTAMP_NTZ) AS local FROM (
        SELECT REGEXP_REPLACE(cell, '{_NO_SECONDS}', '$1:00$2') AS said))))
"""
"""A text as a moment: of an hour that the clocks repeated the second is meant, where Spark takes the first."""


def teach(session: Any, timezone: str) -> None:
    """Make the functions known to a session whose local times are those of a zone."""
    from pyspark.sql.pandas.functions import arrow_udf  # here: pyspark is an extra

    def hashed(*columns: pa.Array) -> pa.Array:
        return _answer(f"hash({_places(columns)})", timezone, columns).view(pa.int64())

    def composed(cell: pa.Array) -> pa.Array:
        return _answer("nfc_normalize(a0)", timezone, (cell,))

    def parsed(cell: pa.Array, form: pa.Array) -> pa.Array:
        its = quoted(form[0].as_py()) if len(form) else "''"
        return _answer(f"CAST(try_strptime(a0, {its}) AS TIMESTAMPTZ)", timezone, (cell,))

    functions: Mapping[str, tuple[Any, str]] = {
        HASH: (hashed, "bigint"), COMPOSED: (composed, "string"), PARSED: (parsed, "timestamp"),
    }  # fmt: skip
    for name, (function, kind) in functions.items():
        session.udf.register(name, arrow_udf(function, kind))  # type: ignore[call-overload]  # unknown to its stubs
    session.sql(_MOMENT)


def _places(columns: Sequence[pa.Array]) -> str:
    return ", ".join(f"a{place}" for place in range(len(columns)))


def _answer(sql: str, timezone: str, columns: Sequence[pa.Array]) -> pa.Array:
    con = _engine(timezone)
    con.register("given", pa.table({f"a{place}": column for place, column in enumerate(columns)}))
    return con.sql(f"SELECT {sql} AS its FROM given").to_arrow_table().column("its").combine_chunks()


@cache
def _engine(timezone: str) -> Any:
    import duckdb

    con = duckdb.connect()
    con.execute("SET threads=1")
    con.execute(f"SET TimeZone='{timezone}'")
    return con
