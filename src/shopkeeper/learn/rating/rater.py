"""A learner of ratings as one model: the stars a customer would give, their range, and the exact reasons."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from shopkeeper.core.errors import DataError, SettingsError
from shopkeeper.core.prediction import Part
from shopkeeper.learn.propensity.boosting import Boosted
from shopkeeper.learn.propensity.columns import Columns, Float64
from shopkeeper.learn.propensity.learned import LEARNERS, Learner
from shopkeeper.learn.propensity.linear import WeightedSum
from shopkeeper.learn.propensity.spread import Spread
from shopkeeper.learn.propensity.support_vectors import SupportVectors
from shopkeeper.learn.propensity.trees import Trees
from shopkeeper.learn.rating.asking import Asking
from shopkeeper.learn.rating.factors import Factors, FitFactors
from shopkeeper.learn.rating.ordinal import Ordinal, OrdinalLogistic
from shopkeeper.learn.rating.rated import Int64, Mask, Ratings, Words
from shopkeeper.measure.bootstrap import plain_intervals
from shopkeeper.measure.rating import errors_of

NAME: Final = "rater"
"""Under this name the model is kept beside the shop's recommenders."""
LEAST_RATINGS: Final = 200
LEAST_PEOPLE: Final = 20
LEVEL: Final = 0.8
_MOST_ROWS: Final = 60_000
RATERS: Final[Mapping[str, Learner | FitFactors]] = {
    "bias": FitFactors(size=0, rounds=6), "factors": FitFactors(), **LEARNERS, "logistic_regression": OrdinalLogistic(),
}  # fmt: skip
"""The mean and factor models, and every classical learner; the logistic one is ordinal here."""
_KINDS: Final[Mapping[str, Any]] = {
    kind.__name__: kind for kind in (Asking, Factors, WeightedSum, Ordinal, Trees, SupportVectors, Boosted)
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Stars:
    """What a customer would give one product, with its range and reasons in stars, largest first."""

    product: str
    value: float
    low: float
    high: float
    why: tuple[Part, ...]
    base: float
    exact: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Rater:
    """A fitted learner over what is known of customer and product."""

    learner: str
    asker: Any
    model: Any
    spread: Spread
    products: tuple[str, ...]
    _places: dict[str, int] = field(default_factory=dict, repr=False, compare=False)

    def score(self, columns: Columns) -> Float64:
        """(rows,) stars, on the shop's scale."""
        found: Float64 = np.clip(self.model.score(columns), self.spread.low, self.spread.high)
        return found

    def place_of(self, product: str) -> int:
        """A product's number; -1 for one that nobody had rated or that was not in the catalogue."""
        if not self._places:
            self._places.update({one: number for number, one in enumerate(self.products)})
        return self._places.get(product, -1)

    def stars(self, gave: Sequence[tuple[str, float, float]], asked: Sequence[str]) -> list[Stars]:
        """What somebody who gave these ``(product, stars, at)`` would give the asked products now."""
        count, many = len(gave), len(asked)
        product = np.array([self.place_of(one) for one in [*(each[0] for each in gave), *asked]], np.int64)
        stars = np.array([*(each[1] for each in gave), *[np.nan] * many], np.float64)
        at = np.array([*(each[2] for each in gave), *[np.inf] * many], np.float64)
        ratings, order = Ratings.sorted(np.zeros(count + many, np.int64), product, stars, at)
        found = self.asker.columns(ratings)
        back = np.empty(count + many, np.int64)
        back[order] = np.arange(count + many)
        columns = found.rows(back[count:])
        return [self._said(columns.rows(np.array([n])), one) for n, one in enumerate(asked)]

    def _said(self, columns: Columns, product: str) -> Stars:
        value = float(self.score(columns)[0])
        low, high = self.spread.interval(value, LEVEL)
        parts = getattr(self.model, "parts", None)
        if parts is None:
            return Stars(product=product, value=value, low=low, high=high, why=(), base=0.0, exact=False)
        shares, base = parts(columns)
        why = tuple(
            Part(feature=columns.names[n], value=float(columns.values[0, n]), share=float(shares[0, n]))
            for n in np.argsort(-np.abs(shares[0]), kind="stable").tolist()
            if shares[0, n]
        )
        return Stars(product=product, value=value, low=low, high=high, why=why, base=float(base[0]), exact=True)

    def arrays(self) -> Mapping[str, NDArray[Any]]:
        found = {f"asker.{name}": array for name, array in self.asker.arrays().items()}
        if self.model is not self.asker:
            found |= {f"model.{name}": array for name, array in self.model.arrays().items()}
        return {**found, **self.spread.arrays()}

    def facts(self) -> Mapping[str, Any]:
        own = None if self.model is self.asker else [type(self.model).__name__, self.model.facts()]
        return {
            "learner": self.learner, "asker": [type(self.asker).__name__, self.asker.facts()], "model": own,
            "spread": self.spread.facts(), "products": list(self.products),
        }  # fmt: skip

    @classmethod
    def restore(cls, arrays: Mapping[str, NDArray[Any]], facts: Mapping[str, Any]) -> "Rater":
        def own(part: str) -> dict[str, NDArray[Any]]:
            return {key.removeprefix(f"{part}."): one for key, one in arrays.items() if key.startswith(f"{part}.")}

        kind, page = facts["asker"]
        asker = _KINDS[kind].restore(own("asker"), page)
        model = asker if facts["model"] is None else _KINDS[facts["model"][0]].restore(own("model"), facts["model"][1])
        return cls(learner=facts["learner"], asker=asker, model=model, products=tuple(facts["products"]),
                   spread=Spread.restore(arrays, facts["spread"]))  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """The shop's model of ratings, or why there is none; how good one was that was fitted before the newest ratings."""

    rater: Rater | None
    refused: Mapping[str, Any] = field(default_factory=dict)
    judged: Mapping[str, Any] = field(default_factory=dict)

    def arrays(self) -> Mapping[str, NDArray[Any]]:
        return self.rater.arrays() if self.rater else {}

    def facts(self) -> Mapping[str, Any]:
        return {"rater": self.rater.facts() if self.rater else None, "refused": dict(self.refused),
                "judged": dict(self.judged)}  # fmt: skip

    @classmethod
    def restore(cls, arrays: Mapping[str, NDArray[Any]], facts: Mapping[str, Any]) -> "Rates":
        rater = Rater.restore(arrays, facts["rater"]) if facts["rater"] else None
        return cls(rater=rater, refused=facts["refused"], judged=facts["judged"])


def rater_of(name: str) -> Learner | FitFactors:
    """A learner of ratings by its name.

    Raises:
        SettingsError: there is none of this name.
    """
    if name not in RATERS:
        raise SettingsError("setting_bad", where="predict", name="rating", value=name, wanted=", ".join(RATERS))
    return RATERS[name]


def enough(ratings: Ratings) -> None:
    """Refuse what nothing can be learned from.

    Raises:
        DataError: too few ratings or people (``too_few_ratings``), or all stars are equal (``values_all_equal``).
    """
    people = len(np.unique(ratings.customer))
    if len(ratings) < LEAST_RATINGS or people < LEAST_PEOPLE:
        raise DataError("too_few_ratings", have=len(ratings), needed=LEAST_RATINGS, people=people, least=LEAST_PEOPLE)
    if np.ptp(ratings.stars) <= 0:
        raise DataError("values_all_equal", value=float(ratings.stars[0]))


def taught(
    name: str, ratings: Ratings, teach: Mask, later: Mask, products: Sequence[str], words: Words, *, seed: int = 0
) -> Rater:
    """A learner taught by the marked ratings; how far it is off is taken from the later ones."""
    learner, mine = rater_of(name), ratings.rows(teach)
    low, high = float(ratings.stars.min()), float(ratings.stars.max())
    if isinstance(learner, FitFactors):
        asker: Any = learner.fit(mine, len(products), seed=seed)
        columns, model = asker.columns(ratings), asker
    else:
        asker = Asking.of(mine, len(products), words)
        columns = asker.columns(ratings, teach)
        rows = np.flatnonzero(teach)
        if len(rows) > _MOST_ROWS:
            rows = np.sort(np.random.default_rng(seed).choice(rows, _MOST_ROWS, replace=False))
        model = learner.fit(columns.rows(rows), ratings.stars[rows], wanted="number", seed=seed)
    said = np.clip(model.score(columns.rows(np.flatnonzero(later))), low, high)
    spread = Spread.of(said, ratings.stars[later], low=low, high=high)
    return Rater(learner=name, asker=asker, model=model, spread=spread, products=tuple(products))


def fit_rater(
    name: str, ratings: Ratings, products: Sequence[str], words: Words, *, seed: int = 0
) -> tuple[Rater, dict[str, Any]]:
    """The model that answers, and the figures of one that had not seen the newest fifth of the ratings.

    Raises:
        DataError: there is nothing to learn from (``enough``).
    """
    enough(ratings)
    early, late = np.quantile(ratings.at, [0.6, 0.8])
    judge = ratings.at > late
    judged: dict[str, Any] = {}
    if judge.any() and (ratings.at <= early).sum() >= LEAST_RATINGS // 2:
        first = taught(name, ratings, ratings.at <= early, (ratings.at > early) & ~judge, products, words, seed=seed)
        rows = np.flatnonzero(judge)
        said, truth = first.score(first.asker.columns(ratings, ratings.at <= early).rows(rows)), ratings.stars[rows]
        found = errors_of(truth, said, ratings.customer[rows], seed=seed)
        judged = {
            "rows": len(rows), "held": held(first.spread, said, truth), "mean_rmse": float(np.std(truth)),
            **plain_intervals(found),
        }  # fmt: skip
    made = taught(name, ratings, ratings.at <= late, judge if judge.any() else ratings.at >= late, products, words,
                  seed=seed)  # fmt: skip
    return _with_all(made, ratings, words, seed), judged


def _with_all(made: Rater, ratings: Ratings, words: Words, seed: int) -> Rater:
    """The same learner, with what all ratings say of the products."""
    learner = rater_of(made.learner)
    if isinstance(learner, FitFactors):
        asker: Any = learner.fit(ratings, len(made.products), seed=seed)
        return Rater(learner=made.learner, asker=asker, model=asker, spread=made.spread, products=made.products)
    asker = Asking.of(ratings, len(made.products), words)
    return Rater(learner=made.learner, asker=asker, model=made.model, spread=made.spread, products=made.products)


def held(spread: Spread, said: Float64, truth: Float64) -> float:
    """The share of truths that lay in their 80 % range."""
    ends = np.array([spread.interval(value, LEVEL) for value in said.tolist()]).reshape(-1, 2)
    return float(((truth >= ends[:, 0]) & (truth <= ends[:, 1])).mean())


def numbered(values: Sequence[str]) -> tuple[tuple[str, ...], Int64]:
    """The different values, and the number of each."""
    names, place = np.unique(np.array(values, np.str_), return_inverse=True)
    return tuple(names.tolist()), place.astype(np.int64)
