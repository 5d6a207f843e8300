"""When, where, how and what a person usually buys, drawn towards everybody's habits.

``share`` = (acts + k x the shop's share) / (all acts + k); ``confidence`` = all acts / (all acts + k): how much of the
share is the person's own. How many acts k the shop's shares are worth is learned from how much its people differ.

Source: empirical Bayes: Efron & Morris (1973), Stein's estimation rule and its competitors; Good (1965), The estimation
of probabilities; k by the moments of Mosimann (1962), On the compound multinomial distribution. See ``habit_base.sql``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from shopkeeper.core.ids import PersonKey
from shopkeeper.features.tables import Query, feature_sql

PRIOR_ACTS: Final = 10.0
"""What the shop's shares are worth where nobody did anything twice."""
_SHOWN: Final = 3
UNTOLD: Final = frozenset({"full", "kept"})
"""The other halves of ``deal`` and ``returned``."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """The shop's share of each value of each habit, and how many acts the shares of a habit are worth."""

    usual: Mapping[tuple[str, str], float]
    prior_acts: Mapping[str, float]


def of_one(query: Query, person: PersonKey, table: str, **values: object) -> Any:
    """A feature table over one person's rows: an arrow table."""
    visitor = person.removeprefix("visitor:")
    theirs = "customer = $key" if visitor == person else "customer IS NULL AND visitor = $key"
    return query(THEIRS.format(theirs=theirs, inner=feature_sql(table)), {"key": visitor, **values})


def base_of(query: Query, *, currency: str, timezone: str) -> Base:
    """The shop's habits."""
    rows = query(feature_sql("habit_base"), {"currency": currency, "timezone": timezone}).to_pylist()
    return Base(
        usual={(row["habit"], row["value"]): row["usual"] for row in rows},
        prior_acts={row["habit"]: row["prior_acts"] for row in rows},
    )


def habits_of(query: Query, person: PersonKey, base: Base, *, currency: str, timezone: str) -> list[Habit]:
    """One person's habits: their rows of ``customer_habits.sql``."""
    rows = of_one(query, person, "habit_counts", currency=currency, timezone=timezone).to_pylist()
    whole: dict[str, float] = {}
    for row in rows:
        whole[row["habit"]] = whole.get(row["habit"], 0.0) + float(row["acts"])
    found = [_habit(row, whole[row["habit"]], base) for row in rows if row["value"] not in UNTOLD]
    ranked = sorted(found, key=lambda each: (each.habit, -each.share / max(each.usual, 1e-9), each.value))
    best = [each for place, each in enumerate(ranked) if place < _SHOWN or ranked[place - _SHOWN].habit != each.habit]
    return sorted(best, key=lambda each: (each.habit, -each.share, each.value))


def _habit(row: Mapping[str, Any], whole: float, base: Base) -> Habit:
    usual, prior = base.usual.get((row["habit"], row["value"]), 0.0), base.prior_acts.get(row["habit"], PRIOR_ACTS)
    return Habit(
        habit=row["habit"], value=row["value"], acts=int(row["acts"]), usual=usual,
        share=(row["acts"] + prior * usual) / (whole + prior), confidence=whole / (whole + prior),
    )  # fmt: skip
