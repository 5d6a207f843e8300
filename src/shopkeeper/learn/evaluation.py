"""Every recommender on the same people and the same future: which is better, by how much, and how sure that is."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from shopkeeper.core.action import Action
from shopkeeper.core.histories import Bool, Catalogue, Float32, Histories, Int32, Int64
from shopkeeper.core.ports import Estimator, Progress, Scorer, Snapshot, quiet
from shopkeeper.learn.cold_start import Cold, ColdRow, Thresholds, cold_of, cold_rows, cold_tables
from shopkeeper.learn.snapshot import ArraySnapshot, microseconds
from shopkeeper.learn.top import block_size, top
from shopkeeper.measure.bootstrap import RESAMPLES, Interval, mean_intervals
from shopkeeper.measure.lists import category_diversity, coverage, gini, novelty
from shopkeeper.measure.protocol import bought_before, leave_one_out, ordered_between
from shopkeeper.measure.ranking import Float64, Relevant, accuracy

Estimators = Mapping[str, Estimator[Any]]
Protocol = Literal["time split", "leave one out"]


@dataclass(frozen=True, slots=True, kw_only=True)
class How:
    """The rules of a comparison, the same for every estimator."""

    k: int = 10
    hide_bought: bool = False
    """Whether products a person has ordered before may not be recommended, nor be wanted."""
    new_items: bool = True
    """Whether to judge discoveries too: ``ndcg_new`` and ``hit_rate_new`` rank and want only products the
    person never ordered."""
    baseline: str = "popularity"
    """The estimator the others are compared with; absent = no comparison."""
    most_people: int = 20_000
    """Where more could be judged, so many are, drawn by the seed."""
    cold: Thresholds = field(default_factory=Thresholds)
    """Who and what is new, judged in rows of their own."""
    resamples: int = RESAMPLES
    seed: int = 0


_STRANGER = Histories.of_sequences([[]])


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One estimator's figures. ``against`` holds what it adds to the baseline, person by person (paired)."""

    name: str
    metrics: Mapping[str, Interval]
    against: Mapping[str, Interval] = field(default_factory=dict)
    cold: Mapping[str, ColdRow] = field(default_factory=dict)
    """By ``cold_start.GROUPS``; empty where people are not cut at one moment."""
    lists: Mapping[str, float] = field(default_factory=dict)
    """``coverage``, ``gini``, ``novelty`` (bits), ``diversity`` (by category) and ``answered`` (share of people with a
    list) at k."""
    fit_seconds: float = 0.0
    score_seconds: float = 0.0
    people: int = 0
    """How many people's lists were judged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A comparison. ``people`` were judged; ``unjudged`` had nothing wanted; ``newcomers`` wanted something but were
    unknown before the cut, so no list of theirs could be personal: they are judged in a row of their own."""

    protocol: Protocol
    cut_at: datetime
    days: float
    how: How
    people: int
    unjudged: int
    newcomers: int
    products: int
    rows: tuple[Row, ...]

    def row(self, name: str) -> Row:
        """The row of one estimator.

        Raises:
            KeyError: it was not part of the comparison.
        """
        for row in self.rows:
            if row.name == name:
                return row
        raise KeyError(name)

    def to_json(self) -> str:
        """Everything as JSON text; NaN becomes null, moments ISO text."""
        return plain_json(asdict(self))


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What is known about the judged people and what they want. Rows of ``profiles`` and ``wanted`` are the same."""

    known: Snapshot
    profiles: Histories
    wanted: Relevant
    now: int
    unjudged: int
    strangers: Relevant
    """What was wanted by people who were unknown."""

    @property
    def newcomers(self) -> int:
        return len(self.strangers)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Figures:
    """What is compared person by person: the measures of all judged people, and of each cold group."""

    everybody: Float64
    cold: Mapping[str, Float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """What the lists are measured against: how many people there are, each product's buyers and its category."""

    people: int
    buyers: Int64
    category: Int64


def evaluate(
    known: Snapshot, estimators: Estimators, *, cut_at: datetime, days: float, how: How | None = None,
    progress: Progress = quiet,
) -> Report:  # fmt: skip
    """Fit on everything before ``cut_at``; judge on the distinct products ordered in the ``days`` after it."""
    how = how or How()
    task = task_after(known, cut_at, days, how)
    return _report("time split", cut_at, days, task, estimators, how, progress)


def evaluate_leave_one_out(
    known: Snapshot, estimators: Estimators, *, how: How | None = None, progress: Progress = quiet
) -> Report:
    """Fit on everybody's events but their newest; judge on that one. People with one event are not judged."""
    how = how or How()
    split = leave_one_out(known.histories())
    past = ArraySnapshot(moment=known.moment, events=split.known, products=known.catalogue())
    judged = np.flatnonzero(split.wanted.sizes > 0)
    task = Task(
        known=past, profiles=split.known.rows(judged), wanted=split.wanted.rows(judged),
        now=microseconds(known.moment), unjudged=split.wanted.unjudged, strangers=Relevant.of([]),
    )  # fmt: skip
    return _report("leave one out", known.moment, 0.0, _sample(task, how), estimators, how, progress)


def task_after(known: Snapshot, cut_at: datetime, days: float, how: How) -> Task:
    """Who ordered in the days after a moment and was known before it, and what they ordered."""
    return _sample(_after(known, cut_at, days), how)


def _after(known: Snapshot, cut_at: datetime, days: float) -> Task:
    moment = microseconds(cut_at)
    past, everything = known.as_of(cut_at), known.histories()
    wanted = ordered_between(everything, moment, moment + int(days * 86_400_000_000))
    before = past.histories()
    row = _row_of(before.people, everything.people)
    had_past = (row >= 0) & (np.append(np.diff(before.offsets), 0)[row] > 0)
    judged = np.flatnonzero((wanted.sizes > 0) & had_past)
    return Task(
        known=past, profiles=before.rows(row[judged]), wanted=wanted.rows(judged), now=moment,
        unjudged=int(np.count_nonzero(had_past & (wanted.sizes == 0))),
        strangers=wanted.rows(np.flatnonzero((wanted.sizes > 0) & ~had_past)),
    )  # fmt: skip


def _sample(task: Task, how: How) -> Task:
    if len(task.profiles) <= how.most_people:
        return task
    drawn = np.random.default_rng(how.seed).choice(len(task.profiles), how.most_people, replace=False)
    drawn.sort()
    return replace(task, profiles=task.profiles.rows(drawn), wanted=task.wanted.rows(drawn))


def _row_of(people: NDArray[np.object_], wanted: NDArray[np.object_]) -> Int64:
    """The row of each wanted key among ``people``, -1 where it is none."""
    keys = people.astype(str)
    if not len(keys):
        return np.full(len(wanted), -1, np.int64)
    order = np.argsort(keys, kind="stable")
    place = np.minimum(np.searchsorted(keys[order], wanted.astype(str)), len(keys) - 1)
    return np.where(keys[order][place] == wanted.astype(str), order[place], -1).astype(np.int64)


def _report(
    protocol: Protocol, cut_at: datetime, days: float, task: Task, estimators: Estimators, how: How, progress: Progress
) -> Report:
    shelf = shelf_of(task.known)
    products = len(shelf.buyers)
    views = _views(task, how, products)
    cold = cold_in(task, how) if protocol == "time split" else None
    rows: list[Row] = []
    base: _Figures | None = None
    # The baseline goes first, so that everybody after it can be compared with it.
    names = sorted(estimators, key=lambda name: name != how.baseline)
    for done, name in enumerate(names):
        progress(name, done, len(names))
        row, figures = _judge(name, estimators[name], task, views, cold, how, shelf, base)
        base = figures if name == how.baseline else base
        rows.append(row)
    progress("", len(names), len(names))
    return Report(
        protocol=protocol, cut_at=cut_at, days=days, how=how, people=len(task.profiles), unjudged=task.unjudged,
        newcomers=task.newcomers, products=products, rows=tuple(rows),
    )  # fmt: skip


def _views(task: Task, how: How, products: int) -> dict[str, tuple[Relevant, bool]]:
    """Suffix of the metrics' names -> (what is wanted, whether what was bought before is hidden)."""
    repeat = bought_before(task.profiles, task.wanted, products)
    fresh = (task.wanted.keep(~repeat), True)
    if how.hide_bought:
        return {"": fresh}
    return {"": (task.wanted, False), "_new": fresh} if how.new_items else {"": (task.wanted, False)}


def cold_in(task: Task, how: How) -> Cold:
    """Who and what is new among the judged."""
    known = task.known
    return cold_of(task.profiles, task.strangers, known.histories(), len(known.catalogue()), task.now, how.cold)


def _judge(
    name: str, estimator: Estimator[Any], task: Task, views: Mapping[str, tuple[Relevant, bool]], cold: Cold | None,
    how: How, shelf: Shelf, base: _Figures | None,
) -> tuple[Row, _Figures]:  # fmt: skip
    """One estimator's row, and its figures person by person for those compared with it."""
    began = time.perf_counter()
    model = estimator.fit(task.known, seed=how.seed)
    fitted = time.perf_counter()
    hide = [hidden for _, hidden in views.values()]
    only = [] if cold is None else [cold.products, cold.unheard]
    ranked = rank(model, task.profiles, task.now, how.k, hide=hide, only=only, seed=how.seed)
    scored = time.perf_counter()
    columns = {
        measure + suffix: values
        for (suffix, (wanted, _)), lists in zip(views.items(), ranked, strict=False)
        for measure, values in accuracy(lists, wanted, how.k).items()
        if not suffix or measure in ("ndcg", "hit_rate")
    }
    table = np.stack(list(columns.values()), axis=1)
    figures = _Figures(everybody=table, cold={} if cold is None else _cold_tables(model, task, cold, ranked, how))
    row = Row(
        name=name, metrics=_intervals(columns, table, how), people=len(task.profiles),
        against={} if base is None else _intervals(columns, table - base.everybody, how),
        cold=cold_rows(figures.cold, None if base is None else base.cold, how.resamples, how.seed),
        lists=lists_of(ranked[0], shelf), fit_seconds=fitted - began, score_seconds=scored - fitted,
    )  # fmt: skip
    return row, figures


def _cold_tables(model: Scorer, task: Task, cold: Cold, ranked: list[Int32], how: How) -> dict[str, Float64]:
    (strangers,) = rank(model, _STRANGER, task.now, how.k, hide=[False], seed=how.seed)
    return cold_tables(cold, task.wanted, ranked[0], ranked[-2:], strangers, how.k)


def _intervals(columns: Mapping[str, Float64], table: Float64, how: How) -> dict[str, Interval]:
    return dict(zip(columns, mean_intervals(table, resamples=how.resamples, seed=how.seed), strict=True))


def shelf_of(known: Snapshot) -> Shelf:
    """How many people a snapshot knows, each product's buyers and its narrowest category."""
    histories, catalogue = known.histories(), known.catalogue()
    ordered = histories.of(Action.ORDER)
    bought = Relevant.of_pairs(ordered.row_of_event(), ordered.product, people=len(histories))
    buyers = np.bincount(bought.items, minlength=len(catalogue)).astype(np.int64)
    return Shelf(people=len(histories), buyers=buyers, category=_categories(catalogue))


def lists_of(ranked: Int32, shelf: Shelf) -> dict[str, float]:
    """What lists (people, k) are like beside being right, as in ``Row.lists``."""
    products, named = len(shelf.buyers), bool((shelf.category >= 0).any())
    return {
        "coverage": coverage(ranked, products), "gini": gini(ranked, products),
        "novelty": _mean(novelty(ranked, shelf.buyers, shelf.people)),
        "diversity": _mean(category_diversity(ranked, shelf.category)) if named else float("nan"),
        "answered": _mean((ranked >= 0).any(axis=1)),
    }  # fmt: skip


def _categories(catalogue: Catalogue) -> Int64:
    """(products,) a number for each narrowest category known, -1 where there is none."""
    narrowest = np.full(len(catalogue), "", object)
    for level in catalogue.categories:
        narrowest = np.where(level == "", narrowest, level)
    names, number = np.unique(narrowest.astype(str), return_inverse=True)
    return np.where(names[number] == "", -1, number).astype(np.int64) if len(names) else number


def _mean(values: ArrayLike) -> float:
    values = np.asarray(values, np.float64)
    seen = values[~np.isnan(values)]
    return float(seen.mean()) if len(seen) else float("nan")


def rank(
    model: Scorer, profiles: Histories, now: int, k: int, *, hide: list[bool], only: Sequence[Bool] = (), seed: int = 0
) -> list[Int32]:
    """For each entry of ``hide`` the (people, k) best products, with or without what a person has ordered before;
    then for each of ``only`` (products,) the best of those."""
    found: list[list[Int32]] = [[] for _ in [*hide, *only]]
    width = _width(model, profiles, now)
    for block in profiles.blocks(block_size(width)):
        scores = model.score(block, now)
        for number, kept in enumerate(only, len(hide)):
            some = np.flatnonzero(kept[: scores.shape[1]])
            best = top(scores[:, some], k, seed)
            found[number].append(np.where(best >= 0, np.append(some, 0)[best], -1).astype(np.int32))
        for number in np.argsort(hide, kind="stable"):
            if hide[number]:
                hide_bought(scores, block)
            found[number].append(top(scores, k, seed))
    return [np.concatenate(parts) if parts else np.full((0, k), -1, np.int32) for parts in found]


def hide_bought(scores: Float32, profiles: Histories) -> None:
    """Make every product a person has ordered before unrecommendable, in place."""
    known = (profiles.action == Action.ORDER) & (profiles.product < scores.shape[1])
    scores[profiles.row_of_event()[known], profiles.product[known]] = np.nan


def _width(model: Scorer, profiles: Histories, now: int) -> int:
    """How many products a model scores: asked with one person, so that a block's memory is known before it is made."""
    return int(model.score(profiles.rows(np.arange(1)), now).shape[1]) if len(profiles) else 0


def plain_json(value: Any) -> str:
    """JSON text; NaN becomes null, moments ISO text."""
    return json.dumps(_plain(value), ensure_ascii=False, indent=2)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(inner) for inner in value]
    if isinstance(value, datetime):
        return value.isoformat()
    return None if isinstance(value, float) and not np.isfinite(value) else value
