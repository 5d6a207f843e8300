"""Fits every model a shop has named, and says how long each took."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shopkeeper.core.errors import DataError
from shopkeeper.core.ports import Progress, Snapshot, quiet
from shopkeeper.learn.loading import estimator
from shopkeeper.settings import ModelSection


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """A model and what fitting it took."""

    model: Any
    seconds: float


def fit_all(
    models: Mapping[str, ModelSection], known: Snapshot, *, seed: int = 0, progress: Progress = quiet
) -> dict[str, Fitted]:
    """Each named model, fitted on everything the snapshot knows.

    Raises:
        DataError: nobody whose history may be learned from (``no_training_consent``).
    """
    if len(known.histories()) == 0:
        raise DataError("no_training_consent", people=0)
    fitted: dict[str, Fitted] = {}
    for number, (name, section) in enumerate(models.items()):
        progress(name, number, len(models))
        started = time.perf_counter()
        model = estimator(name, section).fit(known, seed=seed)
        fitted[name] = Fitted(model=model, seconds=time.perf_counter() - started)
    progress("", len(models), len(models))
    return fitted
