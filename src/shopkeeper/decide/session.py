"""What somebody is after right now: the last minutes of their history, told apart from their lasting taste.

A visit that looks like the person's past shifts the answer a little; one that does not (a present, somebody else of the
household) counts by itself.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from shopkeeper.core.action import Action
from shopkeeper.core.decision import Reason
from shopkeeper.core.histories import Bool, Float32, Histories, Int64
from shopkeeper.core.opinion import Opinion, Why, places
from shopkeeper.decide.shelf import Shelf

MOST_SHARE: Final = 0.95
"""How much a visit can count at most beside the lasting taste."""
SEARCH_SHARE: Final = 0.7
"""How much a search for something usual counts beside the lasting taste: what matches well comes before what is liked
and does not."""
_NEWEST: Final = 20
_LEVEL: Final = 2
"""The category level at which a visit is held against the past."""
_INTEREST: Final = np.array([Action.PRODUCT_VIEW, Action.CLICK, Action.CART_ADD, Action.WISHLIST_ADD, Action.SHARE])


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """The visit that goes on, and how much it counts beside the lasting taste: 0 to ``MOST_SHARE``."""

    row: Histories
    share: float
    searched: Histories
    """The products that the searches of the visit speak of; quantity is how well, 0 to 1."""
    search_share: float


def session_of(past: Histories, now: int, shelf: Shelf, *, share: float, gap: int) -> Session | None:
    """The visit that goes on at ``now``; None where there is none.

    A visit is broken by ``gap`` microseconds without any event, and by an order, which ends what was being looked for.
    One product looked at has half of its weight, two three quarters, and so on; ``share`` is the whole weight of a
    visit among the person's usual categories, and grows to ``MOST_SHARE`` where none of them is. Words say at once what
    is wanted: a search has its whole weight, ``SEARCH_SHARE`` at least, less the worse its best product matches.
    """
    if not past.events or now - int(past.at[-1]) > gap or past.action[-1] == Action.ORDER:
        return None
    ends = np.flatnonzero((np.diff(past.at) > gap) | (past.action[:-1] == Action.ORDER))
    start = int(ends[-1]) + 1 if len(ends) else 0
    after, words = np.arange(past.events) >= start, past.action == Action.SEARCH
    row = past.keep(after & np.isin(past.action, _INTEREST) & (past.product < len(shelf))).last(_NEWEST)
    searched = past.keep(after & words & (past.product < len(shelf)))
    if not row.events and not searched.events:
        return None
    older = past.keep(~(after | words))

    def whole(of: Histories, least: float) -> float:
        strange = 1.0 - _likeness(of, older, shelf)
        return min(least + max(MOST_SHARE - least, 0.0) * strange, MOST_SHARE)

    seen = 1.0 - 0.5 ** len(np.unique(row.product))
    match = float(searched.quantity.max(initial=0.0))
    return Session(
        row=row, share=seen and whole(row, share) * seen,
        searched=searched, search_share=match and whole(searched, max(share, SEARCH_SHARE)) * match,
    )  # fmt: skip


def without_searches(acts: Histories) -> Histories:
    """What somebody did with products, without what their searches speak of."""
    words = acts.action == Action.SEARCH
    return acts.keep(~words) if words.any() else acts


def searched_in(session: Session) -> Opinion:
    """What a visit's searches say: how well the words of each speak of a product, the one before half as much."""
    rows = session.searched
    turns, turn = np.unique(rows.at, return_inverse=True)
    own, place = np.unique(rows.product, return_inverse=True)
    scores = np.zeros(len(own), np.float32)
    np.maximum.at(scores, place, rows.quantity * 0.5 ** (len(turns) - 1 - turn))
    told = Reason(key="searched", scorer="search")

    def explain(products: Sequence[int]) -> list[Why]:
        return [(told, {}) for _ in products]

    return Opinion(own=own.astype(np.int64), scores=scores, explain=explain)


def _likeness(visit: Histories, older: Histories, shelf: Shelf) -> float:
    """The part of a visit's products that are of a category the person had to do with before; 1 without a past."""
    known = older.product[older.product < len(shelf)]
    if not len(known) or not shelf.paths:
        return 1.0
    kinds = shelf.paths[min(_LEVEL, shelf.depth) - 1]
    return float(np.isin(kinds[visit.product], kinds[known]).mean())


def with_session(lasting: Opinion, visit: Opinion, share: float, part: str = "session") -> Opinion:
    """A person's lasting taste with what the visit says added to it, so that the best of both weigh as
    ``1 - share`` : ``share``.

    The list that holds for everybody stays as it is: only products that either speaks of get a new score. ``part`` is
    what the visit's share of it is called.
    """
    own: Int64 = np.union1d(lasting.own, visit.own)
    plain = lasting.of(own)
    low, high = _range(lasting, plain)
    wanted = np.nan_to_num(visit.of(own))
    top = float(wanted.max(initial=0.0))
    weight = share / (1.0 - share) * (high - low if high > low else 1.0) / (top if top > 0 else 1.0)
    added = (weight * wanted).astype(np.float32)
    silent: Bool = np.isnan(plain)
    scores: Float32 = np.where(silent, np.float32(low), plain) + added

    def explain(products: Sequence[int]) -> list[Why]:
        asked = np.array(products, np.int64)
        place = np.minimum(own.searchsorted(asked), max(len(own) - 1, 0))
        more = (
            np.where(own[place] == asked, added[place], np.float32(0)).tolist() if len(own) else [0.0] * len(products)
        )
        told = [item for item, extra in zip(products, more, strict=True) if extra > 0]
        says = dict(zip(told, visit.explain(told), strict=True)) if told else {}
        return [
            _joined(why, says.get(item), extra, lasting_score, part)
            for item, why, extra, lasting_score in zip(
                products, lasting.explain(products), more, lasting.of(asked).tolist(), strict=True
            )
        ]

    def parts(products: Int64) -> Mapping[str, Float32]:
        place, known = places(own, products)
        more = np.where(known, added[place] if len(own) else np.float32(0), np.float32(0))
        before = {} if lasting.parts is None else lasting.parts(products)
        return {**before, part: more}

    return replace(lasting, own=own, scores=scores, explain=explain, parts=parts)


def _joined(lasting: Why, visit: Why | None, added: float, score: float, part: str) -> Why:
    """The evidence of whichever adds more; what the score is made of."""
    reason, parts = lasting
    if visit is None:
        return reason, parts
    stronger = visit[0] is not None and (reason is None or not added < score)
    return (visit[0] if stronger else reason), {**parts, part: added}


def _range(lasting: Opinion, plain: Float32) -> tuple[float, float]:
    """The least and greatest that the lasting taste says of anything."""
    both = plain if lasting.base is None or not len(lasting.base) else np.append(plain, _ends(lasting.base))
    if not np.isfinite(both).any():
        return 0.0, 1.0
    return float(np.fmin.reduce(both)), float(np.fmax.reduce(both))


_known: list[tuple[Float32, Float32]] = []
_REMEMBERED: Final = 8


def _ends(base: Float32) -> Float32:
    """The least and greatest of a list that holds for everybody: looked for once for each list."""
    for known, ends in _known:
        if known is base:
            return ends
    ends = np.array([np.fmin.reduce(base), np.fmax.reduce(base)], np.float32)
    _known[:] = [(base, ends), *_known[: _REMEMBERED - 1]]
    return ends
