"""``shopkeeper benchmark propensity``: every classical learner on the same rows, in one table."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from shopkeeper.apps.cli import benchmark_files as files
from shopkeeper.apps.cli import say
from shopkeeper.apps.cli.calibration_plot import calibration_plot
from shopkeeper.apps.cli.learners import draw_tree, figure
from shopkeeper.apps.cli.options import HERE, Folder, Json, Lang, Seed
from shopkeeper.core.errors import SettingsError
from shopkeeper.learn.propensity.columns import Columns, Float64
from shopkeeper.learn.propensity.comparing import Judged, Split, by_fold_of, by_folds, by_time, compare
from shopkeeper.learn.propensity.encoding import encoded, moments_of_texts, outcome_of_texts
from shopkeeper.learn.propensity.foretell import OUTCOMES, outcome_of
from shopkeeper.learn.propensity.learned import LEARNERS, learner_of
from shopkeeper.measure.bootstrap import plain_intervals
from shopkeeper.shop import Shop
from shopkeeper.shop.predicting import panel_for

_FIGURES = ("auc", "log_loss", "brier", "calibration_error", "lift")


def propensity(
    rows: Annotated[
        Path | None, typer.Argument(help="A CSV with a header, a row a case; without it, the shop's customers.")
    ] = None,
    outcome: Annotated[
        str, typer.Option("--outcome", help="The column of yes and no; of a shop: churn, buy, category or line_return.")
    ] = "",
    moment: Annotated[
        str, typer.Option("--time", help="A column of moments or numbers to split by: the newest fifth judges.")
    ] = "",
    folds: Annotated[int, typer.Option("--folds", min=3, max=50, help="Without --time: so many folds.")] = 10,
    learner: Annotated[list[str] | None, typer.Option("--learner", help="Only this one; may be repeated.")] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Write `row,learner,outcome,probability`.")] = None,
    plot: Annotated[Path | None, typer.Option("--plot", help="Write the calibration plot as SVG.")] = None,
    tree: Annotated[bool, typer.Option("--tree", help="Draw the decision tree as text.")] = False,
    folder: Folder = HERE,
    seed: Seed = 0,
    as_json: Json = False,
    lang: Lang = None,  # noqa: ARG001 - its callback has set the language
) -> None:
    """Compare the classical learners: how well each ranks, whether its probabilities are true, what it costs.

    Each row is judged by a model that has not seen it.
    """
    names = tuple(learner or LEARNERS)
    for name in names:
        learner_of(name)
    if rows is None:
        columns, came, splits = _of_shop(folder, outcome or "churn")
    else:
        columns, came, splits = _of_file(rows, outcome, moment, folds, seed)
    with say.progress() as progress:
        found = list(compare(columns, came, splits, learners=names, seed=seed, progress=progress))
    if out is not None:
        files.write_table(out, ("row", "learner", "outcome", "probability"), _said(found, came))
    if plot is not None:
        axes = say.text("propensity_said"), say.text("propensity_came")
        files.write_text(plot, calibration_plot({one.learner: one.bins for one in found}, *axes))
    if as_json:
        say.as_json({"rows": len(columns), "share": float(came.mean()), "learners": [_facts(one) for one in found]})
    else:
        _show(found, came)
    if tree:
        draw_tree(found)


def _of_file(path: Path, outcome: str, moment: str, folds: int, seed: int) -> tuple[Columns, Float64, list[Split]]:
    cells = files.read_rows(path)
    for option, name in (("--outcome", outcome), ("--time", moment)):
        if name not in cells and (name or option == "--outcome"):
            expected = ", ".join(cells)
            raise SettingsError("benchmark_out_of_range", option=option, value=name or '""', expected=expected)
    came = outcome_of_texts(cells.pop(outcome), outcome)
    splits = by_time(moments_of_texts(cells.pop(moment), moment)) if moment else by_folds(came, folds, seed)
    return encoded(cells), came, splits


def _of_shop(folder: Path, outcome: str) -> tuple[Columns, Float64, list[Split]]:
    if outcome not in OUTCOMES:
        expected = ", ".join(OUTCOMES)
        raise SettingsError("benchmark_out_of_range", option="--outcome", value=outcome, expected=expected)
    with Shop.open(folder, readonly=True) as shop:
        panel = panel_for(shop, outcome)
    return panel.columns, outcome_of(outcome, panel), by_fold_of(panel)


def _said(found: Sequence[Judged], came: Float64) -> Iterable[tuple[int, str, int, str]]:
    for one in found:
        for row, said in zip(one.rows.tolist(), one.said.tolist(), strict=True):
            yield row + 1, one.learner, int(came[row]), f"{said:.6f}"


def _facts(one: Judged) -> dict[str, Any]:
    return {
        "learner": one.learner, "seconds": round(one.seconds, 3), "judged": len(one.rows),
        **plain_intervals(one.figures),
        "bins": [{"said": each.said, "came": each.came, "rows": each.rows} for each in one.bins],
    }  # fmt: skip


def _show(found: Sequence[Judged], came: Float64) -> None:
    judged = found[0].rows
    title = say.text("propensity_title", rows=f"{len(judged):,}", share=f"{came[judged].mean():.1%}")
    columns = [say.text(f"propensity_{name}") for name in ("learner", *_FIGURES, "seconds")]
    table = [
        (one.learner, *(figure(one.figures[name]) for name in _FIGURES), f"{one.seconds:.2f}")
        for one in sorted(found, key=lambda one: -one.figures["auc"].value)
    ]
    say.table(title, columns, table)
