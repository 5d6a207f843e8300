"""What was known of customers at several moments of the past, and what came next: the rows that predictions learn from.

Features of a moment are read through ``Facts.as_of(moment)``, the outcome through a later view; the two never
share a query. So what came after the moment cannot be in a feature. ``check_leaks`` is the second guard: a column
that tells the outcome by itself almost without a mistake is not a feature but the answer.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from shopkeeper.core.errors import DataError
from shopkeeper.features.tables import feature_sql
from shopkeeper.learn.propensity.columns import Columns, Float64
from shopkeeper.measure.probability import auc

Texts = NDArray[np.object_]
_TELLS_ALL: Final = 0.995
_LEAST_TO_JUDGE: Final = 50
RHYTHM: Final = "customer_rhythm"
BETWEEN: Final = "\x1f"
"""Stands between person and category in the keys of category_rhythm.sql."""


class Facts(Protocol):
    """A snapshot that answers SQL."""

    @property
    def moment(self) -> datetime: ...
    @property
    def currency(self) -> str: ...
    def as_of(self, moment: datetime) -> "Facts": ...
    def query(self, sql: str, parameters: Mapping[str, Any] | None = None) -> Any: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One row a person and moment. ``fold`` 0 is the newest moment whose outcome is known, 1 the one before, …"""

    people: Texts
    columns: Columns
    outcome: Mapping[str, Float64]
    """``order_days``, ``paid`` (minor units) and ``wait_days`` (NaN: none came) of the days after the moment."""
    fold: NDArray[np.int32]
    days: float

    def __len__(self) -> int:
        return len(self.people)

    def rows(self, which: NDArray[Any]) -> "Panel":
        """Some of the rows."""
        return Panel(
            people=self.people[which], columns=self.columns.rows(which), fold=self.fold[which], days=self.days,
            outcome={name: values[which] for name, values in self.outcome.items()},
        )  # fmt: skip

    def column(self, name: str) -> Float64:
        return self.columns.values[:, self.columns.names.index(name)]


def numbers_of(table: Any, leave: Sequence[str] = ("person",)) -> Columns:
    """The numeric columns of an arrow table; NULL is NaN."""
    names = tuple(name for name in table.column_names if name not in leave)
    values = [table.column(name).cast(pa.float64()).to_numpy() for name in names]  # a sum of whole numbers is a decimal
    return Columns(names=names, values=np.stack(values, axis=1) if names else np.zeros((table.num_rows, 0)))


def texts_of(table: Any, name: str = "person") -> Texts:
    """A text column as an array."""
    return np.array(table.column(name).to_pylist(), object)


def among(table: Any, people: frozenset[str]) -> NDArray[np.bool_]:
    """(rows,) which rows of an arrow table are of these people. A category may stand behind a person's key."""
    keys = table.column("person")
    whose = pc.list_element(pc.split_pattern(keys, BETWEEN, max_splits=1), 0)
    found: NDArray[np.bool_] = pc.is_in(whose, pa.array(list(people), pa.string())).to_numpy()
    return found


def features_of(known: Facts, people: frozenset[str] | None = None, table: str = RHYTHM) -> tuple[Texts, Columns]:
    """Who bought before the snapshot's moment, and the numbers of each; only ``people`` where given."""
    found = known.query(feature_sql(table), _asked(table, known))
    if people is not None:
        found = found.filter(pa.array(among(found, people)))
    return texts_of(found), numbers_of(found)


def _asked(table: str, known: Facts, **values: object) -> dict[str, Any]:
    return {**({"currency": known.currency} if "$currency" in feature_sql(table) else {}), **values}


def outcomes_of(
    known: Facts, since: datetime, until: datetime, people: Texts, table: str = "order_outcome"
) -> dict[str, Float64]:
    """What these people did from ``since`` until before ``until``: read through the view of ``until`` alone."""
    found = known.as_of(until).query(feature_sql(table), _asked(table, known, since=since))
    who, columns = texts_of(found), numbers_of(found)
    place = {person: row for row, person in enumerate(who.tolist())}
    row = np.array([place.get(person, -1) for person in people.tolist()], np.int64)
    outcome = {}
    for number, name in enumerate(columns.names):
        nothing = np.nan if name == "wait_days" else 0.0
        outcome[name] = np.append(columns.values[:, number], nothing)[row]
    return outcome


def panel_of(
    known: Facts, *, days: float, folds: int, people: frozenset[str] | None = None, first_at: datetime,
    last_at: datetime, tables: tuple[str, str] = (RHYTHM, "order_outcome"),
) -> Panel:  # fmt: skip
    """Moments ``days`` apart, the newest ``days`` before ``last_at``; at least ``days`` of history before each.

    Raises:
        DataError: fewer than three such moments: to learn, to calibrate, to judge (``too_short_for_panel``).
    """
    step = timedelta(days=days)
    moments = [last_at - step * (number + 1) for number in range(folds)]
    moments = [moment for moment in moments if moment - step >= first_at]
    if len(moments) < 3:
        raise DataError("too_short_for_panel", have=(last_at - first_at).days, needed=int(np.ceil(days * 4)))
    parts = []
    for moment in moments:
        who, columns = features_of(known.as_of(moment), people, tables[0])
        parts.append((who, columns, outcomes_of(known, moment, moment + step, who, tables[1])))
    names = parts[0][2].keys()
    return Panel(
        people=np.concatenate([part[0] for part in parts]), days=days,
        columns=Columns(names=parts[0][1].names, values=np.concatenate([part[1].values for part in parts])),
        outcome={name: np.concatenate([part[2][name] for part in parts]) for name in names},
        fold=np.repeat(np.arange(len(parts), dtype=np.int32), [len(part[0]) for part in parts]),
    )  # fmt: skip


def check_leaks(columns: Columns, outcome: Float64) -> None:
    """Refuse a column that is the answer in disguise.

    Raises:
        DataError: one column ranks the outcome almost without a mistake (``feature_leaks``).
    """
    if len(columns) < _LEAST_TO_JUDGE:
        return
    for number, name in enumerate(columns.names):
        values = columns.values[:, number]
        reached = auc(outcome, np.where(np.isfinite(values), values, -1e300))
        if np.isfinite(reached) and max(reached, 1 - reached) > _TELLS_ALL:
            raise DataError("feature_leaks", feature=name, reached=round(max(reached, 1 - reached), 4))
