"""What was known and what came next: the splits on which a recommender is judged.

A split never lets the future into the past: ``known`` holds what a model may learn from and see, ``wanted`` what it has
to name. Rows of both are the same people, in the order of the given histories.
"""

from dataclasses import dataclass

import numpy as np

from shopkeeper.core.action import Action
from shopkeeper.core.histories import MICROSECONDS_PER_DAY, Bool, Histories
from shopkeeper.measure.ranking import Relevant, contains


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """``known[u]`` is what was known about a person, ``wanted`` what the same row did next."""

    known: Histories
    wanted: Relevant


def ordered_between(histories: Histories, start: int, end: int) -> Relevant:
    """The distinct products each person ordered in ``[start, end)``, in µs."""
    taken = (histories.action == Action.ORDER) & (histories.at >= start) & (histories.at < end)
    return Relevant.of_pairs(histories.row_of_event()[taken], histories.product[taken], people=len(histories))


def time_split(histories: Histories, moment: int, days: float) -> Split:
    """Known: everything before ``moment`` (µs). Wanted: the distinct products of orders in the next ``days`` days.

    Source: Campos, Díez, Cantador (2014), Time-aware recommender systems: a comprehensive survey (one cut for all).
    """
    end = moment + int(days * MICROSECONDS_PER_DAY)
    return Split(known=histories.keep(histories.at < moment), wanted=ordered_between(histories, moment, end))


def leave_one_out(histories: Histories) -> Split:
    """Wanted: each person's newest event's product; known: all before it. A person with one event has none wanted.

    Source: He et al. (2017), Neural collaborative filtering; the last item of Kang, McAuley (2018), SASRec.
    """
    last = _newest(histories)
    return Split(
        known=histories.keep(~last),
        wanted=Relevant.of_pairs(histories.row_of_event()[last], histories.product[last], people=len(histories)),
    )


def leave_last_basket_out(histories: Histories) -> Split:
    """Wanted: the distinct products of each person's newest basket; known: the baskets before it.

    Only order lines count. A person with one basket has none wanted and keeps it.
    Source: Li et al. (2023), A next basket recommendation reality check.
    """
    lines = histories.keep(histories.order >= 0)
    rows = lines.row_of_event()
    newest = np.full(len(lines), -1, np.int64)
    oldest = np.full(len(lines), np.iinfo(np.int64).max)
    np.maximum.at(newest, rows, lines.order)
    np.minimum.at(oldest, rows, lines.order)
    last = (lines.order == newest[rows]) & (newest > oldest)[rows]
    return Split(known=lines.keep(~last), wanted=Relevant.of_pairs(rows[last], lines.product[last], people=len(lines)))


def bought_before(known: Histories, wanted: Relevant, products: int) -> Bool:
    """(wanted items,) whether the person had ordered this product before: a repeat, not a discovery."""
    ordered = known.of(Action.ORDER)
    had = ordered.row_of_event().astype(np.int64) * products + ordered.product
    return contains(np.sort(had), wanted.row_of_item * products + wanted.items)


def _newest(histories: Histories) -> Bool:
    """(events,) the newest event of every person who has at least two."""
    sizes = np.repeat(np.diff(histories.offsets), np.diff(histories.offsets))
    newest: Bool = (histories.age_rank() == 0) & (sizes > 1)
    return newest
