"""What does not fit one process, worked out by Spark: pair counts in SQL, factors by MLlib.

Source: Spark MLlib guide, "Collaborative filtering" (its ridge is multiplied by how much each person and product has).
"""

from importlib.resources import files
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from shopkeeper.core.ports import Wanted

PAIRS = files(__package__).joinpath("product_pairs.sql")


def wanted_table(wanted: Wanted) -> pa.Table:
    """``tastes`` as ``product_pairs.sql`` reads it."""
    return pa.table({"person": wanted.person, "product": wanted.product, "weight": wanted.weight})


def pairs_of(found: pa.Table) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """product, other, similarity: as ``Heavy.neighbours`` gives them."""
    product, other, similarity = (found.column(name).to_numpy() for name in ("product", "other", "similarity"))
    return product.astype(np.int64), other.astype(np.int64), similarity.astype(np.float64)


def factors_of(
    session: Any, wanted: Wanted, *, factors: int, ridge: float, confidence: float, rounds: int, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:  # fmt: skip
    """See ``Heavy.factors``."""
    from pyspark.ml.recommendation import ALS  # here: pyspark is an extra

    if not len(wanted.person):
        return np.zeros(0, np.int64), np.zeros((0, factors), np.float32)
    usual = len(wanted.person) / len(np.unique(wanted.person))
    learner = ALS(
        rank=factors, maxIter=rounds, regParam=ridge / usual, alpha=confidence, implicitPrefs=True, seed=seed,
        userCol="person", itemCol="product", ratingCol="weight",
    )  # fmt: skip
    rows = learner.fit(session.createDataFrame(wanted_table(wanted))).itemFactors.toArrow()
    product = rows.column("id").to_numpy().astype(np.int64)
    vectors = np.array(rows.column("features").to_pylist(), np.float32)
    order = product.argsort()
    return product[order], vectors[order]
