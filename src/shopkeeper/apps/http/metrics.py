"""Figures for Prometheus; each app counts for itself."""

import math
from collections.abc import Callable
from functools import cache

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from shopkeeper.apps.http.engine_metrics import EngineCollector
from shopkeeper.core.figures import EngineFigures

_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Metrics:
    """Counters, histograms and the journal's backlog, how old the models are, how many processes decide, what the
    engines beside this process do, and the room on the disk (free bytes, all bytes)."""

    def __init__(
        self,
        waiting: Callable[[], int],
        model_age_seconds: Callable[[], float | None],
        processes: Callable[[], int],
        engines: Callable[[], EngineFigures],
        room: Callable[[], tuple[int, int]],
    ) -> None:
        self._registry = CollectorRegistry()
        self.events = Counter(
            "shopkeeper_events", "Events received, by what became of them", ["verdict"], registry=self._registry
        )
        self.decisions = Counter(
            "shopkeeper_decisions", "Decisions made, by placement and whether the first policy answered",
            ["placement", "fallback"], registry=self._registry,
        )  # fmt: skip
        self.requests = Histogram(
            "shopkeeper_request_seconds", "Time to answer, by route and status", ["route", "method", "status"],
            buckets=_BUCKETS, registry=self._registry,
        )  # fmt: skip
        self._request = cache(self.requests.labels)
        self._decision = cache(self.decisions.labels)
        self._registry.register(EngineCollector(waiting, engines))
        age = Gauge("shopkeeper_model_age_seconds", "Since the models that answer were made", registry=self._registry)
        age.set_function(lambda: math.nan if (seconds := model_age_seconds()) is None else seconds)
        able = Gauge(
            "shopkeeper_deciding_processes", "Processes that decide now, with this one", registry=self._registry
        )
        able.set_function(processes)
        free = Gauge("shopkeeper_disk_free_bytes", "Room on the disk of the shop folder", registry=self._registry)
        free.set_function(lambda: room()[0])
        size = Gauge("shopkeeper_disk_bytes", "Size of the disk of the shop folder", registry=self._registry)
        size.set_function(lambda: room()[1])

    def answered(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count a request."""
        self._request(route, method, str(status)).observe(seconds)

    def decided(self, placement: str, *, fallback: bool) -> None:
        """Count a decision."""
        self._decision(placement, "yes" if fallback else "no").inc()

    def render(self) -> bytes:
        """The text format of Prometheus."""
        return generate_latest(self._registry)
