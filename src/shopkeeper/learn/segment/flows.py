"""How many customers went from which group to which: the same model read on several days."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

import numpy as np

from shopkeeper.core.histories import Int32
from shopkeeper.learn.segment.portraits import Portraits

NEW: Final = "new"
"""Not seen before the later day."""
GONE: Final = "gone"
"""Ordered before, but not in the window that the segments look at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """Customers who were in one group on a day and in another on the next day that was looked at."""

    before: str
    after: str
    people: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """From one day to the next."""

    from_at: str
    to_at: str
    flows: tuple[Flow, ...]
    hidden: int
    """Customers in flows of fewer than the floor: not told apart."""

    def facts(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def restore(cls, facts: Mapping[str, Any]) -> "Step":
        return cls(**{**facts, "flows": tuple(Flow(**flow) for flow in facts["flows"])})


def states_of(known: Portraits, groups: Int32, labels: Sequence[str]) -> dict[str, str]:
    """Person -> the letter of their group."""
    return {
        person: labels[group]
        for person, group in zip(known.people.tolist(), groups.tolist(), strict=True)
        if group >= 0
    }


def step_of(before: Mapping[str, str], after: Mapping[str, str], days: tuple[datetime, datetime], floor: int) -> Step:
    """The flows between two days; those of fewer than ``floor`` customers are only counted together."""
    counts: dict[tuple[str, str], int] = {}
    for person in before.keys() | after.keys():
        pair = before.get(person, NEW), after.get(person, GONE)
        counts[pair] = counts.get(pair, 0) + 1
    shown = {pair: number for pair, number in sorted(counts.items()) if number >= floor}
    return Step(
        from_at=days[0].isoformat(), to_at=days[1].isoformat(), hidden=sum(counts.values()) - sum(shown.values()),
        flows=tuple(Flow(before=pair[0], after=pair[1], people=number) for pair, number in shown.items()),
    )  # fmt: skip


def stayed(step: Step) -> float:
    """The share of those seen on both days who stayed in their group."""
    both = [flow for flow in step.flows if flow.before != NEW and flow.after != GONE]
    whole = sum(flow.people for flow in both)
    return float(np.divide(sum(flow.people for flow in both if flow.before == flow.after), whole)) if whole else 0.0
