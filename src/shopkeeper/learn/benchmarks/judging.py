"""How good answers were, once it is known what came next: means over seeds, their spread, and rows for hard cases."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from shopkeeper.learn.benchmarks.next_item import NextItemResult
from shopkeeper.measure.bootstrap import Interval, mean_intervals

Float64 = NDArray[np.float64]
FIGURES = ("hit_rate@10", "ndcg@10")
_SHORT, _LONG, _RARE = 4, 10, 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """``figures`` are means over users and seeds with their 95 % interval over users; ``spread`` the standard deviation
    between seeds (0 for a single one)."""

    group: str
    users: int
    figures: Mapping[str, Interval]
    spread: Mapping[str, float]


def judged(
    results: Sequence[NextItemResult], sequences: Mapping[str, Sequence[str]], truth: Mapping[str, Sequence[str]]
) -> list[Judgement]:
    """The row of all users whose next item (the last one of ``truth``) is known, and rows by what makes it hard:
    short and long histories, and next items that were rare or absent in what was learned from."""
    users = [user for user in results[0].users if user in truth]
    if not users:
        return []
    tables = np.stack([_figures(result, users, truth) for result in results])
    count = Counter(item for sequence in sequences.values() for item in sequence[:-1])
    size = np.array([len(sequences[user]) for user in users])
    bought = np.array([count[truth[user][-1]] for user in users])
    groups = {
        "all": np.ones(len(users), np.bool_), "short_history": size <= _SHORT, "long_history": size > _LONG,
        "rare_item": (bought > 0) & (bought <= _RARE), "cold_item": bought == 0,
    }  # fmt: skip
    return [_row(name, tables[:, rows]) for name, rows in groups.items() if rows.any()]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gain:
    """What a member, or somebody else, reaches alone, and what the whole adds to it, user by user."""

    name: str
    figures: Mapping[str, Interval]
    added: Mapping[str, Interval]


def gains(results: Sequence[NextItemResult], truth: Mapping[str, Sequence[str]]) -> list[Gain]:
    """Means over seeds, paired by user; the member that validates best comes first, others after all members."""
    users = [user for user in results[0].users if user in truth]
    if not users:
        return []
    quality = {name: sum(one.facts.get("alone", {}).get(name, 0.0) for one in results) for name in results[0].alone}
    ours = np.stack([_figures(one, users, truth) for one in results]).mean(axis=0)
    found = []
    for name in sorted(quality, key=lambda name: -quality[name]):
        lists = [replace(result, lists=result.alone[name]) for result in results]
        theirs = np.stack([_figures(one, users, truth) for one in lists]).mean(axis=0)
        both = (dict(zip(FIGURES, mean_intervals(table), strict=True)) for table in (theirs, ours - theirs))
        found.append(Gain(name=name, figures=next(both), added=next(both)))
    return found


def _figures(result: NextItemResult, users: Sequence[str], truth: Mapping[str, Sequence[str]]) -> Float64:
    """(users, figures)"""
    lists = dict(zip(result.users, result.lists, strict=True))
    place = np.array([_place(lists[user][:10], truth[user][-1]) for user in users])
    hit = place < 10
    return np.stack([hit, np.where(hit, 1 / np.log2(place + 2.0), 0.0)], axis=1).astype(np.float64)


def _place(best: Sequence[str], wanted: str) -> int:
    return best.index(wanted) if wanted in best else 10


def _row(name: str, tables: Float64) -> Judgement:
    means = tables.mean(axis=1)
    spread = means.std(axis=0, ddof=1) if len(means) > 1 else np.zeros(len(FIGURES))
    return Judgement(
        group=name, users=tables.shape[1],
        figures=dict(zip(FIGURES, mean_intervals(tables.mean(axis=0)), strict=True)),
        spread=dict(zip(FIGURES, spread.tolist(), strict=True)),
    )  # fmt: skip
