"""Which products of an order will come back: learned from lines that were ordered long enough ago to know.

A line counts as returned where that happened within ``return_days``; 9 of 10 returns were no later.
"""

from typing import Any, Final

import numpy as np
import pyarrow as pa

from shopkeeper.core.errors import DataError
from shopkeeper.features.tables import feature_sql
from shopkeeper.learn.propensity.columns import Columns, Float64
from shopkeeper.learn.propensity.panel import Facts, Panel, among, numbers_of, texts_of

TABLE: Final = "line_return"
MOST_LINES: Final = 1_000_000
"""Of a shop with more lines, a part of its people is drawn: what is learned from is cut to fewer rows yet."""
ALL_LINES: Final = 2**62
_NOT_ASKED: Final = ("person", "order_id", "product", "at", "age_days", "back_days")
_SHORTEST, _LONGEST = 7.0, 90.0
_LEAST_LINES: Final = 200


def asked_of(table: Any) -> Columns:
    """What was known of each line when it was ordered."""
    return numbers_of(table, _NOT_ASKED)


def line_panel(known: Facts, people: frozenset[str] | None = None) -> Panel:
    """One row a line whose time to come back is over: the newest fifth judges, the fifth before calibrates.

    Raises:
        DataError: nothing ever came back (``no_returns``), or too few lines are old enough (``too_few_lines``).
    """
    table = known.query(feature_sql(TABLE), {"currency": known.currency, "line_limit": MOST_LINES})
    if people is not None:
        table = table.filter(pa.array(among(table, people)))
    who = texts_of(table)
    age, back = (table.column(name).to_numpy(zero_copy_only=False).astype(float) for name in ("age_days", "back_days"))
    if not np.isfinite(back).any():
        raise DataError("no_returns", have=0, needed=1)
    days = float(np.clip(np.ceil(np.nanquantile(back, 0.9)), _SHORTEST, _LONGEST))
    over = np.flatnonzero(age >= days)
    if len(over) < _LEAST_LINES:
        raise DataError("too_few_lines", have=len(over), needed=_LEAST_LINES, days=round(days))
    came: Float64 = (back[over] <= days).astype(np.float64)
    edges = np.quantile(age[over], [0.2, 0.4])
    return Panel(
        people=who[over], columns=asked_of(table).rows(over), outcome={"came_back": came}, days=days,
        fold=np.searchsorted(edges, age[over], side="left").astype(np.int32),
    )  # fmt: skip
