"""``benchmark next-item`` over several seeds: the answers, and their figures where it is known what came next."""

import platform
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import psutil

from shopkeeper.apps.cli import benchmark_files as files
from shopkeeper.apps.cli import say
from shopkeeper.core.ports import Progress
from shopkeeper.learn.benchmarks.judging import Judgement, gains, judged
from shopkeeper.learn.benchmarks.judging_baskets import OURS, BasketRow
from shopkeeper.learn.benchmarks.next_item import NextItem, NextItemResult
from shopkeeper.learn.benchmarks.next_item import next_item as foretell_item

Sequences = Mapping[str, Sequence[str]]


def over_seeds(
    sequences: Sequences, how: NextItem, seeds: int, attributes: Sequences | None, progress: Progress
) -> list[NextItemResult]:
    """One answer a seed, from ``how.seed`` on."""
    return [foretell_item(sequences, replace(how, seed=how.seed + at), attributes, progress) for at in range(seeds)]


def beside(results: Sequence[NextItemResult], others: Mapping[str, Sequences]) -> list[NextItemResult]:
    """The answers with others' lists by name, to be judged as our own members are; a user without a list has none."""
    return [
        replace(result, alone={**result.alone, **{
            name: [[*lists.get(user, ())] for user in result.users] for name, lists in others.items()
        }})
        for result in results
    ]  # fmt: skip


def facts_of(
    results: Sequence[NextItemResult], sequences: Sequences, how: NextItem, truth: Path | None, *, attributes: bool
) -> dict[str, Any]:
    """Everything that a row of the results page says."""
    first = results[0]
    came = files.read_sequences(truth) if truth else {}
    rows, more = (judged(results, sequences, came), gains(results, came)) if truth else ([], [])
    return {
        "users": len(first.users), "items": first.items, "events": sum(map(len, sequences.values())),
        "attributes": attributes, "settings": dict(first.settings), "tried": first.tried, "refit": how.refit,
        "budget": how.budget_seconds, "seed": how.seed, "seeds": len(results),
        "parts": [dict(result.facts) for result in results],
        "each_seconds": [round(result.seconds) for result in results],
        "machine": machine(), "test": [_row(row) for row in rows],
        "alone": [asdict(one) for one in more], "processor_seconds": round(time.process_time()),
    }  # fmt: skip


def machine() -> dict[str, Any]:
    """What it was measured on."""
    return {
        "processor": platform.processor() or platform.machine(), "cores": psutil.cpu_count(logical=True),
        "python": platform.python_version(), "peak_mib": round(psutil.Process().memory_info().rss / 2**20),
    }  # fmt: skip


def _row(row: Judgement) -> dict[str, Any]:
    figures = {
        name: {"value": one.value, "low": one.low, "high": one.high, "spread": row.spread[name]}
        for name, one in row.figures.items()
    }
    return {"group": row.group, "users": row.users, **figures}


def show(rows: Sequence[Mapping[str, Any]]) -> None:
    """What came next, by group of users, as a table."""
    if not rows:
        return
    names = [name for name in rows[0] if name not in ("group", "users")]
    lines = [
        (say.text(f"benchmark_group_{row['group']}"), f"{row['users']:,}", *(_figure(row[name]) for name in names))
        for row in rows
    ]
    columns = [say.text("benchmark_group"), say.text("benchmark_users"), *names]
    say.table(say.text("benchmark_test"), columns, lines, numbers=1)


def basket_row(row: BasketRow) -> dict[str, Any]:
    """A judged way of answering as JSON."""
    return {"name": row.name, "group": row.group, "users": row.users,
            "figures": {name: asdict(one) for name, one in row.figures.items()},
            "gain": {name: asdict(one) for name, one in row.gain.items()}}  # fmt: skip


def show_baskets(rows: Sequence[BasketRow]) -> None:
    """Our lists beside others', by kind of item, as a table."""
    if not rows:
        return
    lines = [
        (
            say.text(f"benchmark_kind_{row.group}"), say.text(f"benchmark_by_{row.name}"), f"{row.users:,}",
            *(f"{one.value:.4f} [{one.low:.4f}, {one.high:.4f}]" for one in row.figures.values()),
            *("" if row.name == OURS else f"{one.value:+.4f} [{one.low:+.4f}, {one.high:+.4f}]"
              for one in row.gain.values()),
        )
        for row in rows
    ]  # fmt: skip
    names = list(rows[0].figures)
    gains = [say.text("benchmark_gain", figure=name) for name in names]
    columns = [say.text("benchmark_kind"), say.text("benchmark_by"), say.text("benchmark_users"), *names, *gains]
    say.table(say.text("benchmark_test"), columns, lines, numbers=2)


def _figure(one: Mapping[str, float]) -> str:
    return f"{one['value']:.4f} ± {one['spread']:.4f} [{one['low']:.4f}, {one['high']:.4f}]"
