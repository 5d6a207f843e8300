"""How good foretold baskets were, once the next ones are known: beside others' lists, repeats and new items apart."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shopkeeper.core.histories import Int32
from shopkeeper.measure.bootstrap import Interval, mean_intervals
from shopkeeper.measure.ranking import Relevant, hits, ndcg, recall

Float64 = NDArray[np.float64]
Baskets = Mapping[str, Sequence[Sequence[str]]]
BASKET_FIGURES = ("ndcg@10", "recall@20")
OURS = "ours"


@dataclass(frozen=True, slots=True, kw_only=True)
class BasketRow:
    """Figures of one way of answering over one kind of wanted items, and what ours adds to them, user by user."""

    name: str
    group: str
    """all, repeat (the user had bought it) or new."""
    users: int
    figures: Mapping[str, Interval]
    gain: Mapping[str, Interval]
    """Ours minus this, paired."""


def judged_baskets(
    lists: Mapping[str, Sequence[Sequence[str]]], users: Sequence[str], histories: Baskets, truth: Baskets
) -> list[BasketRow]:  # fmt: skip
    """``lists[name][n]`` is what was foretold of ``users[n]``; each user's last basket of ``truth`` is what came next.

    All three groups are judged on the same lists. A user without an item of a group is not judged there.
    Source: Li et al. (2023), A next basket recommendation reality check.
    """
    rows = [n for n, user in enumerate(users) if user in truth]
    if not rows:
        return []
    numbers: dict[str, int] = {}
    wanted, had = [], []
    for n in rows:
        before = {item for basket in histories[users[n]] for item in basket}
        basket = sorted(set(truth[users[n]][-1]))
        wanted.append([_number(item, numbers) for item in basket])
        had.append([item in before for item in basket])
    ranked = {name: _table([foretold[n] for n in rows], numbers) for name, foretold in lists.items()}
    found: list[BasketRow] = []
    for group, kept in (("all", (True, False)), ("repeat", (True,)), ("new", (False,))):
        relevant = Relevant.of([
            [item for item, old in zip(items, olds, strict=True) if old in kept]
            for items, olds in zip(wanted, had, strict=True)
        ])  # fmt: skip
        found += _group(group, ranked, relevant)
    return found


def _group(group: str, ranked: Mapping[str, Int32], relevant: Relevant) -> Iterable[BasketRow]:
    tables = {name: _figures(table, relevant) for name, table in ranked.items()}
    users = int(np.count_nonzero(relevant.sizes))
    for name, table in tables.items():
        yield BasketRow(
            name=name, group=group, users=users, figures=_intervals(table), gain=_intervals(tables[OURS] - table)
        )


def _figures(ranked: Int32, relevant: Relevant) -> Float64:
    hit = hits(ranked, relevant)
    return np.stack([ndcg(hit, relevant, 10), recall(hit, relevant, 20)], axis=1)


def _intervals(table: Float64) -> dict[str, Interval]:
    return dict(zip(BASKET_FIGURES, mean_intervals(table), strict=True))


def _table(lists: Sequence[Sequence[str]], numbers: dict[str, int]) -> Int32:
    """(users, 20) numbers of what is foretold, -1 where a list is shorter."""
    table = np.full((len(lists), 20), -1, np.int32)
    for row, items in enumerate(lists):
        best = [_number(item, numbers) for item in items[:20]]
        table[row, : len(best)] = best
    return table


def _number(item: str, numbers: dict[str, int]) -> int:
    return numbers.setdefault(item, len(numbers))
