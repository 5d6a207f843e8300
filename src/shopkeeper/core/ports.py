"""The seams: what a part must be able to do to take a place in the engine."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, TypeVar, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from shopkeeper.core.decision import Decision, Reason, Request
from shopkeeper.core.histories import Catalogue, Float32, Histories, Int32

Arrays = Mapping[str, NDArray[Any]]
M_co = TypeVar("M_co", covariant=True)


class Snapshot(Protocol):
    """Everything known before one moment; nothing after it can leak in."""

    @property
    def moment(self) -> datetime: ...
    def catalogue(self) -> Catalogue: ...
    def histories(self) -> Histories:
        """Product events before ``moment`` of people who consented to training; ``product`` indexes ``catalogue()``."""
        ...

    def as_of(self, moment: datetime) -> "Snapshot":
        """An earlier view with the same catalogue numbering.

        Raises:
            ValueError: ``moment`` is later than this snapshot's.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """How much people want products, one entry a person and product."""

    person: NDArray[np.int64]
    product: NDArray[np.int64]
    weight: NDArray[np.float64]
    """> 0"""


@runtime_checkable
class Heavy(Protocol):
    """An engine that works out, from everybody's wants, what does not fit one process."""

    def neighbours(
        self, wanted: Wanted, *, most: int, alpha: float, shrink: float
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
        """product, other, similarity (``ItemKNN``): each product's ``most`` best, grouped by product, best first."""
        ...

    def factors(
        self, wanted: Wanted, *, factors: int, ridge: float, confidence: float, rounds: int, seed: int
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Products that anybody wants, ascending, and their vectors (products, factors) (``ALS``)."""
        ...


def heavy_of(known: Snapshot) -> Heavy | None:
    """The engine behind a snapshot, where it has one that can do such things."""
    engine = getattr(known, "engine", None)
    return engine if isinstance(engine, Heavy) else None


class Estimator(Protocol[M_co]):
    """A frozen dataclass whose fields are its settings."""

    def fit(self, known: Snapshot, *, seed: int = 0) -> M_co:
        """Learn. Equal snapshot, settings and seed give an equal model."""
        ...


@runtime_checkable
class Scorer(Protocol):
    """A frozen model that can say how well products suit people."""

    def score(self, profiles: Histories, now: int) -> Float32:
        """(people, products) higher is better, NaN = cannot say. ``now`` in µs since the epoch.

        Rows are independent: a person's scores do not depend on who else is in the batch. Products that came into the
        catalogue after fitting (index >= the fitted size) are no columns of it. The result is the caller's to change.
        """
        ...

    def reason(self, profile: Histories, product: int, now: int) -> Reason | None:
        """The evidence for one product of a one-row ``profile``, or None where this scorer has none."""
        ...


@runtime_checkable
class Grouper(Protocol):
    """A frozen model that can say which group people belong to."""

    @property
    def fields(self) -> tuple[str, ...]:
        """The numbers it asks for, by name."""
        ...

    @property
    def groups(self) -> int: ...
    def assign(self, numbers: NDArray[np.float64]) -> Int32:
        """(people,) the group of each row of (people, fields), from 0; -1 = cannot say. NaN: not known.

        Rows are independent: a person's group does not depend on who else is in the batch.
        """
        ...


class Stored(Protocol):
    """A model that can be kept as arrays and JSON: no pickle anywhere."""

    def arrays(self) -> Arrays: ...
    def facts(self) -> Mapping[str, Any]:
        """JSON-able remainder."""
        ...

    @classmethod
    def restore(cls, arrays: Arrays, facts: Mapping[str, Any]) -> Any: ...


class Policy(Protocol):
    @property
    def name(self) -> str: ...
    def decide(self, request: Request) -> Decision: ...


class Clock(Protocol):
    def __call__(self) -> datetime:
        """Now, aware, in UTC."""
        ...


class Progress(Protocol):
    """How a long job tells how far it is."""

    def __call__(self, task: str, done: int, total: int) -> None: ...


def quiet(task: str, done: int, total: int) -> None:
    """The progress of somebody who is not watching."""
