"""Trees that learn in which order candidates belong: LambdaMART on what people chose next."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shopkeeper.core.histories import Bool, Float32, Int64
from shopkeeper.core.ports import Arrays
from shopkeeper.learn.rank.candidates import Candidates

Float64 = NDArray[np.float64]
_SHOWN = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class LambdaMART:
    """Gradient boosted trees whose gradients are those of NDCG.

    Only people whose choice is among their candidates teach anything.
    Source: Burges (2010), From RankNet to LambdaRank to LambdaMART: an overview. Library: LightGBM.
    """

    trees: int = 120
    leaves: int = 31
    learning_rate: float = 0.06
    least_pairs: int = 200
    """in a leaf"""
    others: int = 60
    """At most so many candidates besides the right ones teach, drawn at random."""

    def fit_pairs(
        self, pairs: Candidates, features: Float32, chosen: Bool, *, seed: int = 0,
        more: Sequence[tuple[Candidates, Float32, Bool]] = (),
    ) -> "LambdaMARTModel | None":  # fmt: skip
        """Of these people, and of ``more``, each with the same features. None where nobody's choice was found."""
        import lightgbm  # here: it takes a second, and few shops need it

        parts = [self._drawn(*one, seed) for one in ((pairs, features, chosen), *more)]
        told, labels, sizes = (np.concatenate(each) for each in zip(*parts, strict=True))
        if not len(labels):
            return None
        data = lightgbm.Dataset(told, label=labels, group=sizes, params={"verbose": -1})
        settings = {
            "objective": "lambdarank", "learning_rate": self.learning_rate, "num_leaves": self.leaves,
            "min_data_in_leaf": self.least_pairs, "lambdarank_truncation_level": _SHOWN, "feature_fraction": 0.7,
            "bagging_fraction": 0.7, "bagging_freq": 1, "lambda_l2": 5.0, "verbose": -1, "seed": seed,
            "deterministic": True, "force_row_wise": True,
        }  # fmt: skip
        return LambdaMARTModel(booster=lightgbm.train(settings, data, self.trees))

    def _drawn(
        self, pairs: Candidates, features: Float32, chosen: Bool, seed: int
    ) -> tuple[Float32, NDArray[np.int32], Int64]:
        """Features, labels and group sizes of those who teach anything."""
        able = np.flatnonzero(np.bincount(pairs.row[chosen], minlength=len(pairs)) > 0)
        some, place = pairs.rows(able)
        dice = np.random.default_rng(seed).random(len(place)).astype(np.float32)
        taken = chosen[place] | (some.places(dice) < self.others)
        sizes: Int64 = np.bincount(some.row[taken], minlength=len(some))
        return features[place[taken]], chosen[place[taken]].astype(np.int32), sizes


@dataclass(frozen=True, slots=True, kw_only=True)
class LambdaMARTModel:
    """Score: the sum of the trees' leaves."""

    booster: Any

    def score(self, pairs: Candidates, features: Float32) -> Float32:
        """(pairs,) the logarithm of each pair's softmax share of its person's candidates."""
        raw = self.booster.predict(features).astype(np.float32) if len(features) else np.zeros(0, np.float32)
        height = np.exp(raw - pairs.best(raw)[pairs.row])
        total = np.bincount(pairs.row, height, len(pairs))
        shares: Float32 = np.log(height / total[pairs.row] + 1e-9).astype(np.float32)
        return shares

    def raw(self, features: Float64) -> Float64:
        """(rows,) the sum of each row's leaves, in this thread: for lists as short as a request's."""
        said: Float64 = self.booster.predict(features, num_threads=1)
        return said

    def contributions(self, features: Float64) -> Float64:
        """(rows, features + 1) what each feature adds to ``raw``, and last what every row has.

        Source: TreeSHAP: Lundberg, Erion, Lee (2018), Consistent individualized feature attribution for tree ensembles.
        """
        added: Float64 = self.booster.predict(features, pred_contrib=True, num_threads=1)
        return added

    def arrays(self) -> Arrays:
        text: NDArray[np.uint8] = np.frombuffer(self.booster.model_to_string().encode(), np.uint8)
        return {"trees": text}

    @classmethod
    def restore(cls, arrays: Arrays, facts: Mapping[str, Any]) -> "LambdaMARTModel":  # noqa: ARG003 - all is in the arrays
        import lightgbm  # here: as above

        return cls(booster=lightgbm.Booster(model_str=arrays["trees"].tobytes().decode()))
