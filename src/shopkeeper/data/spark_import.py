"""An import's own questions, where Spark answers them: what the shop knows, and what stands more than once."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from shopkeeper.data.lake import Lake
from shopkeeper.data.marking import Marking
from shopkeeper.data.spark import lake_rows
from shopkeeper.data.spark_con import SparkConnection


@dataclass(frozen=True, slots=True)
class SparkFacts:
    """The lake's tables on a connection."""

    con: SparkConnection
    lake: Lake

    def files(self, name: str) -> list[str]:
        """See ``Facts.files``."""
        return self.lake.files(name)

    def relation_sql(self, name: str) -> str:
        """See ``Facts.relation_sql``."""
        lake_rows(self.con.session, self.lake, name).createOrReplaceTempView(f"lake_{name}")
        return f"lake_{name}"


@dataclass(frozen=True, slots=True)
class SparkMarking(Marking):
    """The marks of an import, without bringing a number of each row to one machine."""

    def find_repeated(self, name: str, what: str, rows: str, size: type[np.unsignedinteger[Any]]) -> bool:  # noqa: ARG002  # Spark's numbers have one size
        """See ``Marking.find_repeated``."""
        same = f"SELECT its FROM (SELECT {what} AS its FROM {rows}) GROUP BY its HAVING count(*) > 1"
        self.con.execute(f"CREATE OR REPLACE TABLE {name} AS {same}")
        return bool(self.con.execute(f"SELECT 1 FROM {name} LIMIT 1").fetchall())
