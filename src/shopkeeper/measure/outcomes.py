"""What came of decisions: clicks, orders and revenue by placement and arm, joined from the decision log.

Attribution: an event that carries a decision's id belongs to that decision (*direct*). An order line that carries none
belongs to the latest decision that showed its product to the same person within ``days`` before it (*last shown*); one
that fits neither belongs to nobody. Each line counts once. Clicks are direct only.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shopkeeper.core.action import Action
from shopkeeper.core.histories import MICROSECONDS_PER_DAY, Bool, Int64
from shopkeeper.measure.bootstrap import Interval, ratio_intervals
from shopkeeper.measure.ranking import Float64

Texts = NDArray[np.object_] | NDArray[np.str_]

_Z95 = 1.959963984540054


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """The decision log by column: one row for each decision and item it showed, in any order."""

    decision: Texts
    placement: Texts
    arm: Texts
    person: Texts
    """"" where the decision did not know the person: such a decision has direct outcomes only."""
    product: Texts
    at: Int64
    """Microseconds since 1970-01-01 UTC."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Responses:
    """Clicks and order lines by column, one row each, in any order; other actions are ignored."""

    decision: Texts
    """"" where the event named none."""
    person: Texts
    product: Texts
    order: Texts
    """Order id; "" for clicks."""
    action: NDArray[np.integer]
    """Codes of ``Action``."""
    at: Int64
    revenue: Float64
    """Of the line, after discount, in major units; NaN and clicks count as 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of the decisions of one placement and arm. Rates are a decision's, intervals are at 95 %."""

    placement: str
    arm: str
    impressions: int
    """Decisions shown."""
    clicked: int
    """Decisions with at least one click."""
    converted: int
    """Decisions with at least one order."""
    orders: int
    """Distinct orders with a line that belongs here."""
    revenue: float
    click_rate: Interval
    conversion: Interval
    revenue_per_decision: Interval
    """Bootstrap over people, so that one person's many decisions don't count as independent."""


def wilson(successes: int, trials: int) -> Interval:
    """A share and its 95 % score interval, honest also for few trials; NaN without any.

    Source: Wilson (1927), Probable inference, the law of succession, and statistical inference.
    """
    if not trials:
        return Interval(value=float("nan"), low=0.0, high=1.0)
    share, z2 = successes / trials, _Z95**2
    centre = (share + z2 / (2 * trials)) / (1 + z2 / trials)
    half = _Z95 / (1 + z2 / trials) * np.sqrt(share * (1 - share) / trials + z2 / (4 * trials**2))
    return Interval(
        value=share, low=min(share, max(0.0, float(centre - half))), high=max(share, min(1.0, float(centre + half)))
    )


def outcomes(shown: Shown, responses: Responses, *, days: float = 7.0, seed: int = 0) -> list[Outcome]:
    """One ``Outcome`` for each placement and arm of the log, sorted by both."""
    ids, first = np.unique(shown.decision.astype(str), return_index=True)
    owner = attribute(shown, responses, days=days)
    clicks = (responses.action == Action.CLICK) & (owner >= 0)
    orders = (responses.action == Action.ORDER) & (owner >= 0)
    clicked = np.bincount(owner[clicks], minlength=len(ids)) > 0
    bought = np.bincount(owner[orders], minlength=len(ids)) > 0
    money = np.bincount(owner[orders], weights=np.nan_to_num(responses.revenue[orders]), minlength=len(ids))
    place, arm = shown.placement[first].astype(str), shown.arm[first].astype(str)
    person = shown.person[first].astype(str)
    person = np.where(person == "", np.char.add("decision:", ids), person) if len(ids) else person
    names = np.stack([place, arm], axis=1).reshape(-1, 2)
    groups, group = np.unique(names, axis=0, return_inverse=True)
    order_ids = responses.order[orders].astype(str)
    return [
        _outcome(
            str(name[0]), str(name[1]), clicked[mine], bought[mine], money[mine], person[mine],
            len(np.unique(order_ids[mine[owner[orders]]])), seed,
        )
        for number, name in enumerate(groups)
        for mine in [group.ravel() == number]
    ]  # fmt: skip


def _outcome(
    placement: str, arm: str, clicked: Bool, bought: Bool, money: Float64, person: Texts, orders: int, seed: int
) -> Outcome:
    count = len(clicked)
    _, row = np.unique(person, return_inverse=True)
    sums = [np.bincount(row, weights=column)[:, None] for column in (money, np.ones(count))]
    return Outcome(
        placement=placement, arm=arm, impressions=count, clicked=int(clicked.sum()), converted=int(bought.sum()),
        orders=orders, revenue=float(money.sum()), click_rate=wilson(int(clicked.sum()), count),
        conversion=wilson(int(bought.sum()), count), revenue_per_decision=ratio_intervals(*sums, seed=seed)[0],
    )  # fmt: skip


def attribute(shown: Shown, responses: Responses, *, days: float = 7.0) -> Int64:
    """(responses,) the decision each belongs to, as its place among the sorted distinct decision ids; -1 = nobody's."""
    ids = np.unique(shown.decision.astype(str))
    direct = _find(ids, responses.decision.astype(str))
    owner = np.where(np.isin(responses.action, [Action.CLICK, Action.ORDER]), direct, -1)
    loose = np.flatnonzero((responses.action == Action.ORDER) & (owner < 0) & (responses.person.astype(str) != ""))
    if len(loose) and len(ids):
        owner[loose] = _last_shown(shown, responses, loose, ids, int(days * MICROSECONDS_PER_DAY))
    return owner.astype(np.int64)


def _find(names: NDArray[np.str_], wanted: NDArray[np.str_]) -> Int64:
    """The place of each wanted name in the sorted names, or -1."""
    if not len(names):
        return np.full(len(wanted), -1, np.int64)
    place = np.minimum(np.searchsorted(names, wanted), len(names) - 1)
    return np.where(names[place] == wanted, place, -1).astype(np.int64)


def _last_shown(shown: Shown, responses: Responses, loose: Int64, ids: NDArray[np.str_], window: int) -> Int64:
    """The latest decision that showed the product to the person in the window before; ties go to the later id."""
    known = np.flatnonzero(shown.person.astype(str) != "")
    person = np.concatenate([shown.person[known].astype(str), responses.person[loose].astype(str)])
    product = np.concatenate([shown.product[known].astype(str), responses.product[loose].astype(str)])
    at = np.concatenate([shown.at[known], responses.at[loose]])
    decision = np.concatenate([_find(ids, shown.decision[known].astype(str)), np.full(len(loose), -1)])
    _, who = np.unique(person, return_inverse=True)
    _, what = np.unique(product, return_inverse=True)
    # In time order, decisions before orders of the same moment; then the last decision before each row.
    order = np.lexsort((decision, decision < 0, at, what, who))
    is_decision = decision[order] >= 0
    latest = np.maximum.accumulate(np.where(is_decision, np.arange(len(order)), -1))
    source = order[np.maximum(latest, 0)]
    fits = (latest >= 0) & (who[source] == who[order]) & (what[source] == what[order])
    fits &= at[order] - at[source] <= window
    answer = np.empty(len(order), np.int64)
    answer[order] = np.where(fits, decision[source], -1)
    return answer[len(known) :]
