"""Learners made of questions: one decision tree that can be read, and a random forest."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shopkeeper.learn.propensity.columns import Columns, Float64
from shopkeeper.learn.propensity.linear import Wanted

_UNKNOWN = -1e30
"""Stands for an unknown number: below every question's threshold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trees:
    """Trees as flat arrays: node -> column asked, threshold, left and right node (-1 = a leaf), mean outcome, rows.

    The score is the mean of the trees' leaves. ``roots`` are the first nodes of the trees.
    """

    names: tuple[str, ...]
    roots: NDArray[np.int64]
    column: NDArray[np.int32]
    threshold: Float64
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    value: Float64
    rows: NDArray[np.int64]
    deepest: int

    odds = False

    def score(self, columns: Columns) -> Float64:
        shares, base = self.parts(columns)
        return np.asarray(shares.sum(axis=1) + base, np.float64)

    def parts(self, columns: Columns) -> tuple[Float64, Float64]:
        """Each column's share: how much the mean outcome changed at its questions on the way down. Exact.

        Source: Saabas (2014), Interpreting random forests.
        """
        values = _filled(columns.values)
        shares = np.zeros(values.shape)
        row = np.arange(len(values))
        for root in self.roots.tolist():
            node = np.full(len(values), root, np.int64)
            for _ in range(self.deepest):
                inner = self.left[node] >= 0
                if not inner.any():
                    break
                asked = self.column[node]
                goes = np.where(values[row, np.maximum(asked, 0)] <= self.threshold[node], self.left[node],
                                self.right[node])  # fmt: skip
                after = np.where(inner, goes, node)
                shares[row, np.maximum(asked, 0)] += self.value[after] - self.value[node]
                node = after
        return shares / len(self.roots), np.full(len(values), float(self.value[self.roots].mean()))

    def arrays(self) -> Mapping[str, NDArray[Any]]:
        names = ("roots", "column", "threshold", "left", "right", "value", "rows")
        return {name: getattr(self, name) for name in names}

    def facts(self) -> Mapping[str, Any]:
        return {"names": list(self.names), "deepest": self.deepest}

    @classmethod
    def restore(cls, arrays: Mapping[str, NDArray[Any]], facts: Mapping[str, Any]) -> "Trees":
        return cls(names=tuple(facts["names"]), deepest=facts["deepest"], **arrays)


def _filled(values: Float64) -> Float64:
    # scikit-learn compares as float32, so do we
    return np.where(np.isfinite(values), values, _UNKNOWN).astype(np.float32).astype(np.float64)


def _flat(names: tuple[str, ...], learned: list[Any], classes: bool) -> Trees:
    sizes = np.array([each.tree_.node_count for each in learned])
    roots = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    shift = np.repeat(roots, sizes)

    def all_of(name: str) -> NDArray[Any]:
        return np.concatenate([getattr(each.tree_, name) for each in learned])

    values = [each.tree_.value[:, 0, :] for each in learned]
    value = np.concatenate([part[:, -1] / part.sum(axis=1) if classes else part[:, 0] for part in values])
    left, right = all_of("children_left"), all_of("children_right")
    return Trees(
        names=names, roots=roots.astype(np.int64), column=all_of("feature").astype(np.int32),
        threshold=all_of("threshold"), left=np.where(left >= 0, left + shift, -1),
        right=np.where(right >= 0, right + shift, -1), value=value, rows=all_of("n_node_samples").astype(np.int64),
        deepest=int(max(each.tree_.max_depth for each in learned)),
    )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionTree:
    """One small tree that can be read from top to bottom.

    Source: Breiman, Friedman, Olshen, Stone (1984), Classification and regression trees.
    """

    depth: int = 4
    leaf_share: float = 0.01
    """Least share of the rows in a leaf."""

    def fit(self, columns: Columns, outcome: Float64, *, wanted: Wanted = "probability", seed: int = 0) -> Trees:
        from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor  # here: only learning needs it

        kind = DecisionTreeClassifier if wanted == "probability" else DecisionTreeRegressor
        learner = kind(max_depth=self.depth, min_samples_leaf=self.leaf_share, random_state=seed)
        found = learner.fit(_filled(columns.values), outcome)
        return _flat(columns.names, [found], wanted == "probability")


@dataclass(frozen=True, slots=True, kw_only=True)
class RandomForest:
    """The mean of many deep trees, each on a resample and asking of random columns.

    Source: Breiman (2001), Random forests.
    """

    trees: int = 200
    leaf_rows: int = 10
    """Least rows in a leaf."""

    def fit(self, columns: Columns, outcome: Float64, *, wanted: Wanted = "probability", seed: int = 0) -> Trees:
        from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor  # here: only learning needs it

        kind = RandomForestClassifier if wanted == "probability" else RandomForestRegressor
        learner = kind(
            n_estimators=self.trees, min_samples_leaf=self.leaf_rows, max_features="sqrt", random_state=seed, n_jobs=1
        )
        found = learner.fit(_filled(columns.values), outcome)
        return _flat(columns.names, list(found.estimators_), wanted == "probability")
