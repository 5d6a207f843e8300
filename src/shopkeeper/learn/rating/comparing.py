"""Every learner of ratings on the same ratings: which one to trust, judged on ratings that none of them has seen.

The newest fifth judges and the fifth before says how far off each is (by time); or each customer's newest rating judges
and their second newest says so (leave one out). In both, what is known of a customer is what lies before the rating.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from shopkeeper.core.errors import DataError
from shopkeeper.core.ports import Progress, quiet
from shopkeeper.learn.propensity.columns import Float64
from shopkeeper.learn.rating.rated import Int64, Mask, Ratings, Words
from shopkeeper.learn.rating.rater import LEAST_PEOPLE, RATERS, Rater, enough, held, taught
from shopkeeper.measure.bootstrap import Interval
from shopkeeper.measure.rating import errors_of


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedRater:
    """One learner's row of the table."""

    learner: str
    figures: Mapping[str, Interval]
    """``rmse`` and ``mae`` in stars, with 95 % intervals over customers."""
    held: float
    """The share of judged ratings inside their 80 % range."""
    seconds: float
    rows: Int64
    said: Float64
    model: Rater


def split_by_time(ratings: Ratings) -> tuple[Mask, Mask, Mask]:
    """Marks of who teaches, who calibrates (the fifth before) and who judges (the newest fifth).

    Raises:
        DataError: too few different moments (``benchmark_no_time``).
    """
    early, late = np.quantile(ratings.at, [0.6, 0.8], method="lower")
    parts = ratings.at < early, (ratings.at >= early) & (ratings.at < late), ratings.at >= late
    if not all(part.any() for part in parts):
        raise DataError("benchmark_no_time", have=len(np.unique(ratings.at)), needed=3)
    return parts


def split_by_newest(ratings: Ratings) -> tuple[Mask, Mask, Mask]:
    """Each customer's newest rating judges, the one before calibrates, the rest teach.

    Raises:
        DataError: nobody gave three (``too_few_ratings``).
    """
    last = np.r_[ratings.customer[1:] != ratings.customer[:-1], True]
    second = np.r_[last[1:], False] & ~last
    many = np.bincount(ratings.customer)[ratings.customer] >= 3
    judge, later = last & many, second & many
    if not judge.any():
        people = len(np.unique(ratings.customer))
        raise DataError(
            "too_few_ratings", have=len(ratings), needed=3 * LEAST_PEOPLE, people=people, least=LEAST_PEOPLE
        )
    return ~(judge | later), later, judge


def compare_raters(
    ratings: Ratings, products: Sequence[str], words: Words, split: tuple[Mask, Mask, Mask], *,
    learners: tuple[str, ...] = tuple(RATERS), seed: int = 0, progress: Progress = quiet,
) -> Iterator[JudgedRater]:  # fmt: skip
    """Each learner's row, in the order asked.

    Raises:
        DataError: there is nothing to learn from (``enough``).
    """
    enough(ratings)
    teach, later, judge = split
    rows = np.flatnonzero(judge)
    for number, name in enumerate(learners):
        progress(name, number, len(learners))
        began = time.perf_counter()
        model = taught(name, ratings, teach, later, products, words, seed=seed)
        said = model.score(model.asker.columns(ratings, teach).rows(rows))
        yield JudgedRater(
            learner=name, figures=errors_of(ratings.stars[rows], said, ratings.customer[rows], seed=seed), said=said,
            held=held(model.spread, said, ratings.stars[rows]), seconds=time.perf_counter() - began, rows=rows,
            model=model,
        )  # fmt: skip
    progress("", len(learners), len(learners))
