"""What is counted of the engines a shop may have beside itself: PostgreSQL, Kafka, Redis. Counts only grow."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock
from typing import Final

BOUNDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Seconds: how long an answer took is counted under the first of these that it did not exceed."""


class Tally:
    """How often something was asked, how long it took, and how often it failed; from any thread."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._counts = [0] * (len(BOUNDS) + 1)
        self._seconds, self._failed = 0.0, 0

    @contextmanager
    def timed(self, *failures: type[Exception]) -> Iterator[None]:
        """Count what happens within; what raises one of ``failures`` has failed."""
        began, failed = time.perf_counter(), False
        try:
            yield
        except failures:
            failed = True
            raise
        finally:
            self.took(time.perf_counter() - began, failed=failed)

    def took(self, seconds: float, *, failed: bool) -> None:
        """Count one."""
        place = sum(seconds > bound for bound in BOUNDS)
        with self._lock:
            self._counts[place] += 1
            self._seconds += seconds
            self._failed += failed

    def told(self) -> "Told":
        """What was counted until now."""
        with self._lock:
            return Told(counts=tuple(self._counts), seconds=self._seconds, failed=self._failed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """Answers by how long they took (the last: longer than every bound), all their seconds, and how many failed."""

    counts: tuple[int, ...]
    seconds: float
    failed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StateFigures:
    """PostgreSQL, of ``[state]``."""

    asked: Told
    in_use: int
    """Connections that are asking something now."""
    most: int
    """Connections there can be; whoever needs one more waits."""
    up: bool = True
    """Whether it could be reached the last time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamFigures:
    """Kafka, of ``[stream]``."""

    sent: Told
    """Batches, from the first message handed over to the last one acknowledged."""
    refused: int
    """Messages that the brokers did not take: nobody was told that they are kept."""
    queue: int
    """Messages that are on their way."""
    waiting: int
    """Messages that the lake does not hold yet, as the brokers said last."""
    lag: Mapping[int, int] = field(default_factory=dict)
    """The same by partition; empty where the brokers do not say."""
    unread_seconds: float = 0.0
    """The age of the oldest of them; 0 where there is none."""
    up: bool = True
    """Whether the brokers answer, and took what was sent the last time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfilesFigures:
    """Redis, of ``[profiles]``."""

    asked: Told
    fallbacks: int
    """Looks at a person that it did not answer, so that the fallback did."""
    up: bool = True
    """Whether it answered the last time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineFigures:
    """Of each engine that a shop has; None: it does without."""

    state: StateFigures | None = None
    stream: StreamFigures | None = None
    profiles: ProfilesFigures | None = None
