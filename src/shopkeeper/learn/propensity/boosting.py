"""Gradient boosting: small trees, each mending what those before got wrong. Kept as LightGBM's text."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shopkeeper.learn.propensity.columns import Columns, Float64
from shopkeeper.learn.propensity.linear import Wanted


@dataclass(frozen=True, slots=True, kw_only=True)
class Boosted:
    """The fitted trees. Scores of probabilities are log-odds."""

    text: str
    odds: bool
    booster: Any = field(repr=False, compare=False)

    def score(self, columns: Columns) -> Float64:
        return np.asarray(self.booster.predict(columns.values, raw_score=True, num_threads=1), np.float64)

    def parts(self, columns: Columns) -> tuple[Float64, Float64]:
        """Each column's Shapley value: exact, they and the base add up to the score.

        Source: Lundberg et al. (2020), From local explanations to global understanding with explainable AI for trees.
        """
        found = np.asarray(self.booster.predict(columns.values, pred_contrib=True, num_threads=1), np.float64)
        return found[:, :-1], found[:, -1]

    def arrays(self) -> Mapping[str, NDArray[Any]]:
        return {}

    def facts(self) -> Mapping[str, Any]:
        return {"text": self.text, "odds": self.odds}

    @classmethod
    def restore(cls, arrays: Mapping[str, NDArray[Any]], facts: Mapping[str, Any]) -> "Boosted":  # noqa: ARG003 - the trees are in the text
        import lightgbm  # here: it takes a second, and few shops need it

        return cls(text=facts["text"], odds=facts["odds"], booster=lightgbm.Booster(model_str=facts["text"]))


@dataclass(frozen=True, slots=True, kw_only=True)
class GradientBoosting:
    """Source: Friedman (2001), Greedy function approximation; Ke et al. (2017), LightGBM."""

    rounds: int = 200
    rate: float = 0.03
    leaves: int = 12
    leaf_rows: int = 30
    """Least rows in a leaf."""
    column_share: float = 0.5
    """Share of the columns that each tree may ask of."""

    def fit(self, columns: Columns, outcome: Float64, *, wanted: Wanted = "probability", seed: int = 0) -> Boosted:
        import lightgbm  # here: as above

        odds = wanted == "probability"
        settings = {
            "objective": "binary" if odds else "regression", "learning_rate": self.rate, "num_leaves": self.leaves,
            "min_data_in_leaf": self.leaf_rows, "feature_fraction": self.column_share, "bagging_fraction": 0.7,
            "bagging_freq": 1, "lambda_l2": 5.0, "seed": seed, "deterministic": True, "force_row_wise": True,
            "num_threads": 1, "verbosity": -1,
        }  # fmt: skip
        data = lightgbm.Dataset(columns.values, outcome, params={"verbosity": -1})
        text = lightgbm.train(settings, data, num_boost_round=self.rounds).model_to_string()
        return Boosted(text=text, odds=odds, booster=lightgbm.Booster(model_str=text))
