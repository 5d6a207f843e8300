"""Fits every model a shop has named, and says how long each took."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shopkeeper.core.errors import DataError
from shopkeeper.core.ports import Estimator, Progress, Snapshot, quiet
from shopkeeper.learn.loading import estimator
from shopkeeper.settings import ModelSection


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """A model and what fitting it took."""

    model: Any
    seconds: float


def fit_with(
    settings: Estimator[Any], known: Snapshot, ready: Sequence[tuple[Estimator[Any], Any]], *, seed: int = 0,
    progress: Progress = quiet,
) -> Any:  # fmt: skip
    """A fitted model. One that is made of others (it has ``fit_with``) takes those that are ready instead of fitting
    them again: (settings, model) of the same snapshot and seed. One that takes long (it has ``fit_watched``) tells how
    far it is."""
    made_of_others: Callable[..., Any] | None = getattr(settings, "fit_with", None)
    if made_of_others is not None:
        return made_of_others(known, seed=seed, fitted=ready)
    watched: Callable[..., Any] | None = getattr(settings, "fit_watched", None)
    if watched is not None:
        return watched(known, seed=seed, progress=progress)
    return settings.fit(known, seed=seed)


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
    ready: list[tuple[Estimator[Any], Any]] = []
    for number, (name, section) in enumerate(models.items()):
        progress(name, number, len(models))
        started = time.perf_counter()
        settings = estimator(name, section)
        model = fit_with(settings, known, ready, seed=seed, progress=progress)
        ready.append((settings, model))
        fitted[name] = Fitted(model=model, seconds=time.perf_counter() - started)
    progress("", len(models), len(models))
    return fitted
