"""Everything the shop foretells of its customers, fitted together on one snapshot.

What cannot be fitted is kept as the reason why not: the page then shows that sentence instead of a number.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from shopkeeper.core.errors import DataError
from shopkeeper.features.tables import feature_sql
from shopkeeper.learn.customer_value.lifetime import Lifetime, fit_lifetime, purchases_of
from shopkeeper.learn.customer_value.next_order import NextOrder, fit_next_order
from shopkeeper.learn.customer_value.price_response import PriceResponse, fit_price_response
from shopkeeper.learn.customer_value.shares import Shares, fit_shares
from shopkeeper.learn.propensity.boosted_value import BoostedValue, fit_boosted_value, judge_boosted_value
from shopkeeper.learn.propensity.columns import Columns, Float64
from shopkeeper.learn.propensity.learned import Learned, Learner, learn, learner_of
from shopkeeper.learn.propensity.line_returns import line_panel
from shopkeeper.learn.propensity.panel import (
    Facts,
    Panel,
    Texts,
    among,
    check_leaks,
    features_of,
    numbers_of,
    panel_of,
    texts_of,
)
from shopkeeper.measure.bootstrap import plain_intervals
from shopkeeper.measure.probability import figures

NAME: Final = "foretell"
"""Under this name the model is kept beside the shop's recommenders."""
OUTCOMES: Final = ("churn", "buy", "category", "line_return")
"""What is learned by a classical learner."""
CATEGORY_TABLES: Final = ("category_rhythm", "category_outcome")
_SPAN: Final = (
    'SELECT min("at") AS first_at, max("at") AS last_at FROM order_lines '
    "WHERE coalesce(quantity, 1) > 0 AND coalesce(customer, visitor) IS NOT NULL"
)
_ALL: Final = (
    "churn",
    "buy",
    "category",
    "lifetime",
    "next_order",
    "returns",
    "deals",
    "prices",
    "line_return",
    "value",
)
_MOST_ROWS: Final = 60_000
_SHORTEST, _LONGEST = 7.0, 180.0
Refusal = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Foretold:
    """The fitted models by name; ``refused`` holds the error of each that could not be fitted."""

    churn_days: float
    """The shop's own rhythm: 9 of 10 returning customers' gaps are no longer (each customer counts once)."""
    buy_days: float
    learned: Mapping[str, Learned]
    """``churn``, ``buy``, ``category``, ``line_return``."""
    return_days: float
    """A line of an order counts as returned where that happened within so many days."""
    value: BoostedValue | None
    lifetime: Lifetime | None
    next_order: NextOrder | None
    returns: Shares | None
    deals: Shares | None
    prices: PriceResponse | None
    averages: Mapping[str, float]
    """The shop's own figures: what answers where a customer's cannot be told."""
    refused: Mapping[str, Refusal] = field(default_factory=dict)
    judged: Mapping[str, Any] = field(default_factory=dict)
    """Figures of models that were fitted one window earlier, on the newest window."""

    def arrays(self) -> Mapping[str, NDArray[Any]]:
        found = {f"{name}.{part}": array for name, one in self.learned.items() for part, array in one.arrays().items()}
        found |= {f"value.{part}": array for part, array in (self.value.arrays() if self.value else {}).items()}
        return found | ({"waits.stays": self.next_order.stays} if self.next_order else {})

    def facts(self) -> Mapping[str, Any]:
        shares = {name: one.facts() for name, one in (("returns", self.returns), ("deals", self.deals)) if one}
        return {
            "churn_days": self.churn_days, "buy_days": self.buy_days, "averages": dict(self.averages),
            "learned": {name: one.facts() for name, one in self.learned.items()}, "shares": shares,
            "lifetime": self.lifetime.facts() if self.lifetime else None,
            "waits": self.next_order.facts() if self.next_order else None,
            "prices": self.prices.facts() if self.prices else None,
            "refused": dict(self.refused), "judged": dict(self.judged), "return_days": self.return_days,
            "value": self.value.facts() if self.value else None,
        }  # fmt: skip

    @classmethod
    def restore(cls, arrays: Mapping[str, NDArray[Any]], facts: Mapping[str, Any]) -> "Foretold":
        def own(name: str) -> dict[str, NDArray[Any]]:
            return {key.removeprefix(f"{name}."): array for key, array in arrays.items() if key.startswith(f"{name}.")}

        shares = {name: Shares.restore(values) for name, values in facts["shares"].items()}
        return cls(
            churn_days=facts["churn_days"], buy_days=facts["buy_days"], averages=facts["averages"],
            learned={name: Learned.restore(own(name), page) for name, page in facts["learned"].items()},
            lifetime=Lifetime.restore(facts["lifetime"]) if facts["lifetime"] else None,
            next_order=NextOrder.restore(own("waits"), facts["waits"]) if facts["waits"] else None,
            returns=shares.get("returns"), deals=shares.get("deals"), refused=facts["refused"], judged=facts["judged"],
            return_days=facts["return_days"],
            prices=PriceResponse.restore(facts["prices"]) if facts["prices"] else None,
            value=BoostedValue.restore(own("value"), facts["value"]) if facts["value"] else None,
        )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Foretell:
    """Fits every prediction. ``learner`` is one of the classical learners by name."""

    learner: str = "gradient_boosting"
    days: int = 30
    """The window of "will buy within n days"."""
    folds: int = 6
    """How many past moments are learned from, at most."""

    def fit(self, known: Facts, *, people: frozenset[str] | None = None, seed: int = 0) -> Foretold:
        """Learn from these people's orders; who cannot be told anything of is no error."""
        learner = learner_of(self.learner)
        refused: dict[str, Refusal] = {}

        def tried(name: str, make: Callable[[], Any]) -> Any:
            try:
                return make()
            except DataError as error:
                refused[name] = {"key": error.key, "facts": dict(error.facts)}
                return None

        span = known.query(_SPAN).to_pylist()[0]
        if span["first_at"] is None:
            nothing = {name: {"key": "no_orders_known", "facts": {"needed": 1, "have": 0}} for name in _ALL}
            return Foretold(churn_days=float(self.days), buy_days=self.days, learned={}, lifetime=None, next_order=None,
                            returns=None, deals=None, prices=None, averages={}, refused=nothing, return_days=0.0,
                            value=None)  # fmt: skip
        who, columns = features_of(known, people)
        churn_days = _churn_days(known, people, float(self.days))
        judged: dict[str, Any] = {}
        whole = _Whole(known, people, span["first_at"], span["last_at"] + timedelta(microseconds=1), self.folds)
        soon = float(self.days)
        windows = {"churn": churn_days, "buy": soon, "category": soon, "line_return": soon}
        outcomes = {name: tried(name, lambda: whole.outcome(name, days)) for name, days in windows.items()}  # noqa: B023 - called at once
        rhythm = outcomes["churn"]
        learned = {}
        for name, panel in outcomes.items():
            if panel is None:
                continue
            used = _still(panel, churn_days) if name == "churn" else panel
            found = tried(name, lambda: _learn(learner, name, used, judged, seed))  # noqa: B023 - called at once
            if found is not None:
                learned[name] = found
        number = {name: columns.values[:, place] for place, name in enumerate(columns.names)}
        bought = purchases_of(number["order_days"], number["first_days"], number["last_days"])
        _, answers = prices_of(known, people, who, number["paid_a_day"])
        lines, recent = outcomes["line_return"], outcomes["buy"]
        return Foretold(
            churn_days=churn_days, buy_days=self.days, learned=learned, judged=judged, refused=refused,
            return_days=lines.days if lines is not None else 0.0,
            value=_valued(recent, refused, judged, tried, seed),
            averages=_averages(number, len(who)),
            lifetime=tried("lifetime", lambda: fit_lifetime(bought, number["paid_a_day"])),
            next_order=_waiting(rhythm, refused, tried),
            returns=tried("returns", lambda: _returns(number["returns"], number["order_days"])),
            deals=tried("deals", lambda: fit_shares(answers["deals"], answers["lines"], answers["worth"])),
            prices=tried("prices", lambda: fit_price_response(answers["pull"], answers["room"], answers["worth"])),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Whole:
    known: Facts
    people: frozenset[str] | None
    first_at: datetime
    last_at: datetime
    folds: int

    def panel(
        self, days: float, *, folds: int = 0, tables: tuple[str, str] = ("customer_rhythm", "order_outcome")
    ) -> Panel:
        return panel_of(
            self.known, days=days, folds=folds or self.folds, people=self.people, first_at=self.first_at,
            last_at=self.last_at, tables=tables,
        )  # fmt: skip

    def outcome(self, name: str, days: float) -> Panel:
        """The rows that an outcome is learned from."""
        if name == "category":
            return self.panel(days, folds=3, tables=CATEGORY_TABLES)
        if name == "line_return":
            return line_panel(self.known, self.people)
        return self.panel(days)


def panel_to_judge(
    known: Facts, name: str, *, people: frozenset[str] | None = None, days: int = 30, folds: int = 6
) -> Panel:
    """The rows on which ``Foretell`` learns and judges one of ``OUTCOMES``.

    Raises:
        DataError: no orders (``no_orders_known``), or too short a history (``too_short_for_panel``).
    """
    span = known.query(_SPAN).to_pylist()[0]
    if span["first_at"] is None:
        raise DataError("no_orders_known", needed=1, have=0)
    window = _churn_days(known, people, float(days)) if name == "churn" else float(days)
    whole = _Whole(known, people, span["first_at"], span["last_at"] + timedelta(microseconds=1), folds)
    panel = whole.outcome(name, window)
    return _still(panel, window) if name == "churn" else panel


def _churn_days(known: Facts, people: frozenset[str] | None, otherwise: float) -> float:
    table = known.query(feature_sql("order_gap"))
    who, values = texts_of(table), numbers_of(table).values
    use = values[:, 1] == 0
    if people is not None:
        use &= among(table, people)
    if not use.any():
        return otherwise
    _, place, counts = np.unique(who[use].astype(str), return_inverse=True, return_counts=True)
    gaps, weight = values[use, 0], 1 / counts[place]
    order = np.argsort(gaps)
    reached = np.cumsum(weight[order]) / weight.sum()
    return float(np.clip(gaps[order][np.searchsorted(reached, 0.9)], _SHORTEST, _LONGEST))


def _still(panel: Panel, days: float) -> Panel:
    """Only those who may leave: they ordered within the last two windows."""
    return panel.rows(panel.column("last_days") <= 2 * days)


def outcome_of(name: str, panel: Panel) -> Float64:
    """(rows,) what is foretold: churn = no order in the window; of a line: it came back; else an order."""
    if name == "line_return":
        return panel.outcome["came_back"]
    came = panel.outcome["order_days"] > 0
    return np.asarray(~came if name == "churn" else came, np.float64)


def _learn(learner: Learner, name: str, panel: Panel, judged: dict[str, Any], seed: int) -> Learned:
    """Judge on the newest window what was fitted before it; then fit again, one window later, to answer."""
    truth = outcome_of(name, panel)
    check_leaks(panel.columns, truth)
    if panel.fold.max(initial=0) >= 2:
        first = _fitted(learner, panel, truth, 1, seed)
        test = panel.fold == 0
        if test.any():
            said = first.probability(panel.columns.rows(test))
            found = figures(truth[test], said, seed=seed, resamples=100)
            judged[name] = plain_intervals(found) | {
                "rows": int(test.sum()), "share": float(truth[test].mean()), "days": panel.days,
            }  # fmt: skip
    return _fitted(learner, panel, truth, 0, seed)


def _fitted(learner: Learner, panel: Panel, truth: Float64, newest: int, seed: int) -> Learned:
    early, later = np.flatnonzero(panel.fold > newest), np.flatnonzero(panel.fold == newest)
    if len(early) > _MOST_ROWS:
        early = np.sort(np.random.default_rng(seed).choice(early, _MOST_ROWS, replace=False))
    columns = panel.columns
    return learn(learner, columns.rows(early), truth[early], columns.rows(later), truth[later], seed=seed)


def _valued(
    panel: Panel | None, refused: dict[str, Refusal], judged: dict[str, Any], tried: Callable[..., Any], seed: int
) -> BoostedValue | None:
    if panel is None:
        refused["value"] = refused["buy"]
        return None
    found: BoostedValue | None = tried("value", lambda: fit_boosted_value(panel, seed=seed))
    if found is not None and (figures_of_value := judge_boosted_value(panel, seed=seed)):
        judged["value"] = figures_of_value
    return found


def _waiting(rhythm: Panel | None, refused: dict[str, Refusal], tried: Callable[..., Any]) -> NextOrder | None:
    if rhythm is None:
        refused["next_order"] = refused["churn"]
        return None
    found: NextOrder | None = tried("next_order", lambda: _waits(rhythm))
    return found


def _waits(panel: Panel) -> NextOrder:
    column = panel.column
    return fit_next_order(
        column("order_days"), column("gap_mean"), column("last_days"), panel.outcome["wait_days"], panel.days
    )


def _returns(returns: Float64, order_days: Float64) -> Shares:
    if not returns.sum():
        raise DataError("no_returns", have=0, needed=1)
    return fit_shares(returns, order_days)


def prices_of(
    known: Facts, people: frozenset[str] | None, who: Texts, worth: Float64
) -> tuple[Texts, dict[str, Float64]]:
    """Who bought, and how against prices, by column; ``worth`` is what each of ``who`` spends an order day."""
    buyers, columns = features_of(known, people, "customer_prices")
    spends = dict(zip(who.tolist(), worth.tolist(), strict=True))
    found = {name: columns.values[:, number] for number, name in enumerate(columns.names)}
    return buyers, found | {"worth": np.array([spends.get(one, np.nan) for one in buyers.tolist()])}


def _averages(number: Mapping[str, Float64], people: int) -> dict[str, float]:
    """Plain figures of the shop."""
    if not people:
        return {}
    days = number["order_days"]
    paid = number["paid_a_day"] * days
    gaps = number["gap_mean"][np.isfinite(number["gap_mean"])]
    return {
        "people": float(people), "order_value": float(paid.sum() / days.sum()),
        "orders_a_year": float(days.sum() / max(number["first_days"].sum(), 1.0) * 365),
        "gap_days": float(np.median(gaps)) if len(gaps) else float("nan"),
        "repeat_share": float((days > 1).mean()),
    }  # fmt: skip


def columns_like(names: tuple[str, ...], columns: Columns) -> Columns:
    """The named columns in that order; one that is not there is unknown."""
    place = {name: number for number, name in enumerate(columns.names)}
    values = [columns.values[:, place[name]] if name in place else np.full(len(columns), np.nan) for name in names]
    return Columns(names=names, values=np.stack(values, axis=1))
