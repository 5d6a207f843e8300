"""What a customer will spend in the next days, by boosted trees: beside BG/NBD and Gamma-Gamma, judged against them.

Source: Friedman (2001), Greedy function approximation; Vanderveld et al. (2016), An engagement-based customer lifetime
value system for e-commerce.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from shopkeeper.core.errors import DataError
from shopkeeper.core.prediction import Part
from shopkeeper.learn.customer_value.lifetime import fit_lifetime, purchases_of
from shopkeeper.learn.propensity.boosting import Boosted, GradientBoosting
from shopkeeper.learn.propensity.columns import Columns, Float64
from shopkeeper.learn.propensity.panel import Panel
from shopkeeper.learn.propensity.spread import Spread
from shopkeeper.measure.bootstrap import plain_intervals
from shopkeeper.measure.rating import errors_of

_LEAST_ROWS: Final = 200
_TALL: Final = (0.99, 3.0)
"""Spending above three times what 99 of 100 buyers stay below counts as that: no extreme spender teaches alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BoostedValue:
    """The trees, and how far they were off on the newest known window. Money in minor units."""

    names: tuple[str, ...]
    trees: Boosted
    spread: Spread
    scale: float
    """Of the newest window: what was spent over what was said."""
    days: float

    def expected(self, columns: Columns) -> Float64:
        """(rows,) minor units within ``days``."""
        return np.maximum(self.trees.score(columns), 0.0) * self.scale

    def why(self, columns: Columns) -> tuple[tuple[Part, ...], float]:
        """The reasons for one row in minor units, largest first, and what is said without any."""
        shares, base = self.trees.parts(columns)
        order = np.argsort(-np.abs(shares[0]), kind="stable").tolist()
        found = tuple(
            Part(feature=self.names[n], value=float(columns.values[0, n]), share=float(shares[0, n] * self.scale))
            for n in order
            if shares[0, n]
        )
        return found, float(base[0] * self.scale)

    def arrays(self) -> Mapping[str, NDArray[Any]]:
        return self.spread.arrays()

    def facts(self) -> Mapping[str, Any]:
        return {"names": list(self.names), "trees": self.trees.facts(), "spread": self.spread.facts(),
                "scale": self.scale, "days": self.days}  # fmt: skip

    @classmethod
    def restore(cls, arrays: Mapping[str, NDArray[Any]], facts: Mapping[str, Any]) -> "BoostedValue":
        return cls(names=tuple(facts["names"]), trees=Boosted.restore({}, facts["trees"]), days=facts["days"],
                   spread=Spread.restore(arrays, facts["spread"]), scale=facts["scale"])  # fmt: skip


def fit_boosted_value(panel: Panel, *, newest: int = 0, seed: int = 0) -> BoostedValue:
    """From past moments older than fold ``newest``, which says how far off they are.

    Raises:
        DataError: too few rows (``too_few_values``), or everybody spent the same (``values_all_equal``).
    """
    paid = np.maximum(panel.outcome["paid"], 0.0)
    early, later = panel.fold > newest, panel.fold == newest
    if min(early.sum(), later.sum()) < _LEAST_ROWS:
        raise DataError("too_few_values", have=int(min(early.sum(), later.sum())), needed=_LEAST_ROWS)
    if np.ptp(paid[early]) <= 0:
        raise DataError("values_all_equal", value=float(paid[early][0]))
    tall = float(np.quantile(paid[early & (paid > 0)], _TALL[0])) * _TALL[1]
    trees = GradientBoosting().fit(panel.columns.rows(early), np.minimum(paid[early], tall), wanted="number", seed=seed)
    said = np.maximum(trees.score(panel.columns.rows(later)), 0.0)
    scale = float(np.clip(paid[later].sum() / max(float(said.sum()), 1.0), 0.5, 2.0))
    spread = Spread.of(said * scale, paid[later], low=0.0, high=float("inf"))
    return BoostedValue(names=panel.columns.names, trees=trees, spread=spread, scale=scale, days=panel.days)


def judge_boosted_value(panel: Panel, *, seed: int = 0) -> dict[str, Any]:
    """On the newest window what was fitted before it, and what BG/NBD with Gamma-Gamma say of the same customers.

    {} where the windows before it are too few to learn from.
    """
    test = panel.fold == 0
    if min((panel.fold > 1).sum(), (panel.fold == 1).sum()) < _LEAST_ROWS or np.ptp(panel.outcome["paid"][~test]) <= 0:
        return {}
    model = fit_boosted_value(panel, newest=1, seed=seed)
    truth, said = np.maximum(panel.outcome["paid"][test], 0.0), model.expected(panel.columns.rows(test))
    found = {"boosted": plain_intervals(errors_of(truth, said)), "rows": int(test.sum()), "days": panel.days,
             "ratio": float(said.sum() / max(float(truth.sum()), 1.0)), "mean": float(truth.mean())}  # fmt: skip
    number = {name: panel.column(name)[test] for name in ("order_days", "first_days", "last_days", "paid_a_day")}
    bought = purchases_of(number["order_days"], number["first_days"], number["last_days"])
    try:
        lifetime = fit_lifetime(bought, number["paid_a_day"])
    except DataError:
        return found  # these customers teach BG/NBD nothing: there is nothing to compare with
    each = lifetime.spending.expected(bought.x + 1, number["paid_a_day"])
    return found | {"bg_nbd": plain_intervals(errors_of(truth, lifetime.buying.expected(bought, panel.days) * each))}
