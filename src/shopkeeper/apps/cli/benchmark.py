"""``shopkeeper benchmark``: published tasks on anyone's files."""

import re
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from shopkeeper.apps.cli import benchmark_files as files
from shopkeeper.apps.cli import benchmark_seeds as several
from shopkeeper.apps.cli import say
from shopkeeper.apps.cli.benchmark_audience import audience
from shopkeeper.apps.cli.benchmark_profiles import profiles
from shopkeeper.apps.cli.benchmark_propensity import propensity
from shopkeeper.apps.cli.benchmark_rating import rating
from shopkeeper.apps.cli.benchmark_speed import speed
from shopkeeper.apps.cli.benchmark_stream import stream
from shopkeeper.apps.cli.options import Json, Seed
from shopkeeper.core.errors import SettingsError
from shopkeeper.learn.benchmarks.judging_baskets import OURS, judged_baskets
from shopkeeper.learn.benchmarks.next_basket import NextBasket
from shopkeeper.learn.benchmarks.next_basket import next_basket as foretell_basket
from shopkeeper.learn.benchmarks.next_item import NextItem
from shopkeeper.learn.benchmarks.rules import mine_rules
from shopkeeper.measure.bootstrap import Interval

app = typer.Typer(no_args_is_help=True, help="Published tasks on your own files, with honest figures.")

app.command()(propensity)
app.command()(rating)
app.command()(speed)
app.command()(audience)
app.command()(profiles)
app.command()(stream)

_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600}
Out = Annotated[Path, typer.Option("--out", help="The CSV file to write.")]
Top = Annotated[int, typer.Option("--top", help="Items a user.")]
Budget = Annotated[str, typer.Option("--budget", help="Time for learning and choosing: 90s, 20m, 1h.")]


@app.command("next-item")
def next_item(
    train: Annotated[Path, typer.Argument(help="A line a user: `user item item …`, oldest first.")],
    out: Out,
    top: Top = 20,
    attributes: Annotated[Path | None, typer.Option("--attributes", help="JSON: item -> list of attributes.")] = None,
    budget: Budget = "20m",
    seed: Seed = 0,
    refit: Annotated[
        bool, typer.Option("--refit", help="Finders and networks learn from each line's last item too.")
    ] = False,
    seeds: Annotated[int, typer.Option("--seeds", help="Answer so many times, with one seed each.")] = 1,
    truth: Annotated[Path | None, typer.Option("--truth", help="As TRAIN; each last item is what came next.")] = None,
    beside: Annotated[
        list[Path] | None, typer.Option("--beside", help="Others' lists to judge too; repeatable.")
    ] = None,
    checkpoint: Annotated[str, typer.Option("--checkpoint", help="A folder to go on from when interrupted.")] = "",
    as_json: Json = False,
) -> None:
    """Foretell each user's next, unseen item: `user,rank,item`.

    Finders and networks are fitted without each line's last item, unless --refit: what is
    chosen is chosen by it, and it is input.
    """
    how = NextItem(
        count=_at_least_one("--top", top), budget_seconds=_seconds(budget), seed=_seed(seed), refit=refit,
        checkpoint=checkpoint, alone=truth is not None,
    )  # fmt: skip
    _at_least_one("--seeds", seeds)
    sequences = files.read_sequences(train)
    known = files.read_attributes(attributes) if attributes else None
    others = {path.stem: files.read_lists(path) for path in beside or ()}
    with say.progress() as progress:
        answers = several.over_seeds(sequences, how, seeds, known, progress)
    files.write_table(out, ("user", "rank", "item"), _ranked(answers[0].users, answers[0].lists))
    facts = several.facts_of(several.beside(answers, others), sequences, how, truth, attributes=known is not None)
    facts |= _figures(answers[0].validation) | {"seconds": sum(one.seconds for one in answers), "out": str(out)}
    if as_json:
        say.as_json(facts)
        return
    rows = facts.pop("test")
    _tell(
        {name: fact for name, fact in facts.items() if name not in ("parts", "machine", "alone")},
        "next_item",
        as_json,
    )
    several.show(rows)


@app.command("next-basket")
def next_basket(
    history: Annotated[Path, typer.Argument(help='JSON: {"user": [[item, …], …]}, oldest basket first.')],
    out: Out,
    top: Top = 20,
    budget: Budget = "10m",
    seed: Seed = 0,
    truth: Annotated[Path | None, typer.Option("--truth", help="As HISTORY; each last basket came next.")] = None,
    as_json: Json = False,
) -> None:
    """Foretell each user's next basket, repeats allowed: `user,rank,item`.

    With --truth the lists are judged beside those of TIFU-kNN, buy-it-again, personal frequency and popularity.
    """
    how = NextBasket(
        count=max(_at_least_one("--top", top), 20 if truth else 1), budget_seconds=_seconds(budget), seed=_seed(seed),
        others=truth is not None,
    )  # fmt: skip
    baskets = files.read_baskets_by_user(history)
    came = files.read_baskets_by_user(truth) if truth else {}
    with say.progress() as progress:
        found = foretell_basket(baskets, how, progress)
    files.write_table(out, ("user", "rank", "item"), _ranked(found.users, [items[:top] for items in found.lists]))
    facts = {
        "users": len(found.users), "items": found.items, "baskets": found.baskets, "settings": dict(found.settings),
        "tried": found.tried,
    }  # fmt: skip
    facts |= _figures(found.validation) | {"seconds": found.seconds, "out": str(out)}
    rows = judged_baskets({OURS: found.lists, **found.others}, found.users, baskets, came)
    _tell(
        facts | ({"test": [several.basket_row(row) for row in rows]} if as_json and truth else {}),
        "next_basket",
        as_json,
    )
    if not as_json:
        several.show_baskets(rows)


@app.command("rules")
def rules(
    baskets: Annotated[Path, typer.Argument(help="A basket a line, items separated by commas.")],
    out: Out,
    support: Annotated[float, typer.Option("--support", help="Least share of baskets with both sides.")] = 0.001,
    confidence: Annotated[float, typer.Option("--confidence", help="Least share of the left side's baskets.")] = 0.0,
    max_length: Annotated[int, typer.Option("--max-length", help="Most items of both sides together; 0 = any.")] = 0,
    separator: Annotated[str, typer.Option("--separator", help="Stands between the items of one side.")] = "|",
    as_json: Json = False,
) -> None:
    """Find every association rule: `antecedent,consequent,support,confidence,lift`, highest lift first.

    Items of one side are in alphabetical order, joined by "|" (see --separator).
    """
    _share("--support", support, above_zero=True)
    _share("--confidence", confidence)
    if max_length < 0 or max_length == 1:
        raise SettingsError("benchmark_out_of_range", option="--max-length", value=max_length, expected="0, 2, 3, …")
    if not separator:
        raise SettingsError("benchmark_out_of_range", option="--separator", value='""', expected="|, ;, …")
    began = time.monotonic()
    lines, skipped = files.read_basket_lines(baskets)
    found = mine_rules(
        lines, support=support, confidence=confidence, max_length=max_length or None, separator=separator
    )
    files.write_table(out, ("antecedent", "consequent", "support", "confidence", "lift"), found.rows())
    facts = {
        "baskets": len(lines), "empty_lines": skipped, "items": len(found.names), "rules": len(found),
        "support": support, "confidence": confidence, "seconds": time.monotonic() - began, "out": str(out),
    }  # fmt: skip
    _tell(facts, "rules", as_json)


def _ranked(users: Sequence[str], lists: Sequence[Sequence[str]]) -> Iterable[tuple[str, int, str]]:
    for user, items in zip(users, lists, strict=True):
        for rank, item in enumerate(items, start=1):
            yield user, rank, item


def _figures(validation: Mapping[str, Interval]) -> dict[str, Any]:
    figures = {
        name: {side: None if number != number else number for side, number in
               (("value", figure.value), ("low", figure.low), ("high", figure.high))}
        for name, figure in validation.items()
    }  # fmt: skip
    return {"validation": figures}


def _tell(facts: Mapping[str, Any], task: str, as_json: bool) -> None:
    """The account of what was done, as JSON or as a table in the reader's language."""
    if as_json:
        say.as_json(facts)
        return
    validation: Mapping[str, Any] = facts.get("validation", {})
    rows = [(say.text(f"benchmark_{name}"), _cell(value)) for name, value in facts.items() if name != "validation"]
    rows += [(say.text("benchmark_validation", figure=name), _interval(figure)) for name, figure in validation.items()]
    say.table(say.text(f"benchmark_{task}"), (say.text("benchmark_what"), say.text("benchmark_figure")), rows)
    if validation:
        say.line("benchmark_chosen_on")


def _interval(figure: Mapping[str, float | None]) -> str:
    if figure["value"] is None:
        return "–"
    return f"{figure['value']:.4f} [{figure['low']:.4f}, {figure['high']:.4f}]"


def _cell(value: Any) -> str:
    if isinstance(value, Mapping):
        return "\n".join(f"{name} = {number:g}" for name, number in value.items())
    if isinstance(value, bool):
        return "✓" if value else "–"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:,.4g}" if isinstance(value, float) else str(value)


def _seconds(text: str) -> float:
    """Seconds of ``90s``, ``20m``, ``1.5h`` or a bare number of seconds."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smh]?)", text.strip())
    if not match:
        raise SettingsError("benchmark_bad_budget", text=text)
    return float(match[1]) * _UNITS[match[2]]


def _at_least_one(option: str, value: int) -> int:
    if value < 1:
        raise SettingsError("benchmark_out_of_range", option=option, value=value, expected=">= 1")
    return value


def _seed(value: int) -> int:
    if value < 0:
        raise SettingsError("benchmark_out_of_range", option="--seed", value=value, expected=">= 0")
    return value


def _share(option: str, value: float, *, above_zero: bool = False) -> None:
    if not (0 < value <= 1 if above_zero else 0 <= value <= 1):
        expected = "> 0, <= 1" if above_zero else ">= 0, <= 1"
        raise SettingsError("benchmark_out_of_range", option=option, value=value, expected=expected)
