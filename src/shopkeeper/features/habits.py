"""When, where and what a person usually buys, drawn towards everybody's habits by ten acts' worth.

``share`` = (acts + 10 x the shop's share) / (all acts + 10); ``confidence`` = all acts / (all acts + 10): how much of
the share is the person's own.

Source: Dirichlet-multinomial shrinkage: Good (1965), The estimation of probabilities.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from shopkeeper.core.ids import PersonKey
from shopkeeper.features.tables import Query, feature_sql

PRIOR_ACTS: Final = 10.0
_SHOWN: Final = 3
Base = Mapping[tuple[str, str], float]

EVERYBODY: Final = """
WITH counts AS ({counts}), base AS (
  SELECT habit, value, sum(acts) AS acts, sum(sum(acts)) OVER (PARTITION BY habit) AS whole FROM counts GROUP BY 1, 2
), own AS (
  SELECT person, habit, value, acts, sum(acts) OVER (PARTITION BY person, habit) AS whole FROM counts
)
SELECT own.person, own.habit, own.value, own.acts,
       (own.acts + {prior} * base.acts / base.whole) / (own.whole + {prior}) AS share,
       base.acts / base.whole AS usual, own.whole / (own.whole + {prior}) AS confidence
FROM own JOIN base ON base.habit = own.habit AND base.value = own.value
QUALIFY row_number() OVER (PARTITION BY own.person, own.habit ORDER BY own.acts / base.acts DESC, own.value) <= {most}
ORDER BY own.person, own.habit, share DESC
"""
_BASE: Final = "SELECT habit, value, sum(acts) AS acts FROM ({counts}) GROUP BY habit, value"
THEIRS: Final = """
WITH order_lines AS MATERIALIZED (SELECT * FROM order_lines WHERE {theirs}),
     events AS MATERIALIZED (SELECT * FROM events WHERE {theirs}), found AS ({inner})
SELECT * FROM found
"""
"""A table over one person's rows alone; ``$key`` is the person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Habit:
    """One value of one habit, and how much more often than others the person shows it."""

    habit: str
    value: str
    acts: int
    share: float
    usual: float
    """The shop's share."""
    confidence: float


def every_habit_sql(most: int = _SHOWN) -> str:
    """The batch query: everybody's strongest values of every habit."""
    return EVERYBODY.format(counts=feature_sql("habit_counts"), prior=PRIOR_ACTS, most=most)


def of_one(query: Query, person: PersonKey, table: str, **values: object) -> Any:
    """A feature table over one person's rows: an arrow table."""
    visitor = person.removeprefix("visitor:")
    theirs = "customer = $key" if visitor == person else "customer IS NULL AND visitor = $key"
    return query(THEIRS.format(theirs=theirs, inner=feature_sql(table)), {"key": visitor, **values})


def base_of(query: Query, timezone: str) -> Base:
    """The shop's share of each value of each habit."""
    rows = query(_BASE.format(counts=feature_sql("habit_counts")), {"timezone": timezone}).to_pylist()
    whole: dict[str, float] = {}
    for row in rows:
        whole[row["habit"]] = whole.get(row["habit"], 0.0) + float(row["acts"])
    return {(row["habit"], row["value"]): float(row["acts"]) / whole[row["habit"]] for row in rows}


def habits_of(query: Query, person: PersonKey, base: Base, timezone: str) -> list[Habit]:
    """One person's habits: of each the values in which they differ most from everybody, shrunk."""
    rows = of_one(query, person, "habit_counts", timezone=timezone).to_pylist()
    whole: dict[str, float] = {}
    for row in rows:
        whole[row["habit"]] = whole.get(row["habit"], 0.0) + float(row["acts"])
    found = [_habit(row, whole[row["habit"]], base.get((row["habit"], row["value"]), 0.0)) for row in rows]
    ranked = sorted(found, key=lambda each: (each.habit, -each.share / max(each.usual, 1e-9), each.value))
    return [each for place, each in enumerate(ranked) if place < _SHOWN or ranked[place - _SHOWN].habit != each.habit]


def _habit(row: Mapping[str, Any], whole: float, usual: float) -> Habit:
    return Habit(
        habit=row["habit"], value=row["value"], acts=int(row["acts"]), usual=usual,
        share=(row["acts"] + PRIOR_ACTS * usual) / (whole + PRIOR_ACTS), confidence=whole / (whole + PRIOR_ACTS),
    )  # fmt: skip
