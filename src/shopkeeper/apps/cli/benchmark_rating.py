"""``shopkeeper benchmark rating``: every learner of stars on the same ratings, in one table."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from shopkeeper.apps.cli import benchmark_files as files
from shopkeeper.apps.cli import say
from shopkeeper.apps.cli.learners import draw_tree, figure
from shopkeeper.apps.cli.options import HERE, Folder, Json, Lang, Seed
from shopkeeper.core.errors import DataError, SettingsError
from shopkeeper.learn.propensity.encoding import moments_of_texts
from shopkeeper.learn.rating.comparing import JudgedRater, compare_raters, split_by_newest, split_by_time
from shopkeeper.learn.rating.rated import Ratings, Words
from shopkeeper.learn.rating.rater import RATERS, numbered, rater_of
from shopkeeper.measure.bootstrap import plain_intervals
from shopkeeper.shop import Shop
from shopkeeper.shop.rating import ratings_for

_FIGURES = ("rmse", "mae")
Known = tuple[Ratings, tuple[str, ...], Words]


def rating(
    rows: Annotated[
        Path | None, typer.Argument(help="A CSV with a header, a row a rating; without it, the shop's ratings.")
    ] = None,
    customer: Annotated[str, typer.Option("--customer", help="The column of who rated.")] = "customer",
    product: Annotated[str, typer.Option("--product", help="The column of what was rated.")] = "product",
    stars: Annotated[str, typer.Option("--rating", help="The column of the stars.")] = "rating",
    moment: Annotated[str, typer.Option("--time", help="The column of moments or numbers to order by.")] = "at",
    words: Annotated[
        list[str] | None,
        typer.Option("--words", help="A column of words of the product, parted by |; may be repeated."),
    ] = None,
    leave_out: Annotated[
        bool, typer.Option("--leave-out", help="Each customer's newest rating judges, not the newest fifth of all.")
    ] = False,
    learner: Annotated[list[str] | None, typer.Option("--learner", help="Only this one; may be repeated.")] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Write `row,learner,stars,said`.")] = None,
    tree: Annotated[bool, typer.Option("--tree", help="Draw the decision tree as text.")] = False,
    folder: Folder = HERE,
    seed: Seed = 0,
    as_json: Json = False,
    lang: Lang = None,  # noqa: ARG001 - its callback has set the language
) -> None:
    """Compare the learners of stars: how far off they are on ratings that they have not seen.

    Of a customer each knows what lies before the rating; of the products what the teaching ratings say.
    """
    names = tuple(learner or RATERS)
    for name in names:
        rater_of(name)
    if rows is None:
        with Shop.open(folder, readonly=True) as shop:
            known = ratings_for(shop)
    else:
        known = _of_file(files.read_rows(rows), (customer, product, stars, moment), words or [])
    ratings, products, said_of = known
    split = split_by_newest(ratings) if leave_out else split_by_time(ratings)
    with say.progress() as progress:
        asked = compare_raters(ratings, products, said_of, split, learners=names, seed=seed, progress=progress)
        found = list(asked)
    if out is not None:
        files.write_table(out, ("row", "learner", "stars", "said"), _said(found, ratings))
    if as_json:
        say.as_json({"ratings": len(ratings), "customers": len(np.unique(ratings.customer)), "products": len(products),
                     "learners": [_facts(one) for one in found]})  # fmt: skip
    else:
        _show(found, ratings)
    if tree:
        draw_tree(found, leaf="{:.2f}")


def _of_file(cells: Mapping[str, Sequence[str]], columns: Sequence[str], words: Sequence[str]) -> Known:
    """Ratings of a table of text.

    Raises:
        SettingsError: a named column is not there.
        DataError: a cell of stars is no number (``benchmark_not_a_number``).
    """
    options = ("--customer", "--product", "--rating", "--time", *("--words" for _ in words))
    for option, name in zip(options, (*columns, *words), strict=True):
        if name not in cells:
            expected = ", ".join(cells)
            raise SettingsError("benchmark_out_of_range", option=option, value=name, expected=expected)
    customer, product, stars, moment = columns
    products, place = numbered(cells[product])
    said: list[list[str]] = [[] for _ in products]
    first = np.unique(place, return_index=True)[1]
    for name in words:
        for number, row in enumerate(first.tolist()):
            said[number] += [f"{name}:{word.strip()}" for word in cells[name][row].split("|") if word.strip()]
    at = moments_of_texts(cells[moment], moment)
    ratings, _ = Ratings.sorted(numbered(cells[customer])[1], place, _stars(cells[stars], stars), at)
    return ratings, products, Words.of(said)


def _stars(texts: Sequence[str], column: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    found = np.empty(len(texts))
    for row, text in enumerate(texts):
        try:
            found[row] = float(text)
        except ValueError:
            found[row] = np.nan
        if not np.isfinite(found[row]):
            raise DataError("benchmark_not_a_number", column=column, row=row + 1, value=text)
    return found


def _said(found: Sequence[JudgedRater], ratings: Ratings) -> Iterable[tuple[int, str, str, str]]:
    for one in found:
        for row, said in zip(one.rows.tolist(), one.said.tolist(), strict=True):
            yield row + 1, one.learner, f"{ratings.stars[row]:g}", f"{said:.4f}"


def _facts(one: JudgedRater) -> dict[str, Any]:
    return {
        "learner": one.learner, "seconds": round(one.seconds, 3), "judged": len(one.rows), "held": one.held,
        **plain_intervals(one.figures),
    }  # fmt: skip


def _show(found: Sequence[JudgedRater], ratings: Ratings) -> None:
    judged = ratings.stars[found[0].rows]
    title = say.text("rating_title", rows=f"{len(judged):,}", spread=f"{judged.std():.3f}")
    columns = [say.text(f"rating_{name}") for name in ("learner", *_FIGURES, "held", "seconds")]
    table = [
        (one.learner, *(figure(one.figures[name]) for name in _FIGURES), f"{one.held:.1%}", f"{one.seconds:.2f}")
        for one in sorted(found, key=lambda one: one.figures["rmse"].value)
    ]
    say.table(title, columns, table)
