"""Figures of the engines that a shop has beside itself: PostgreSQL, Kafka, Redis. One that is absent has none."""

from collections.abc import Callable, Iterator
from itertools import accumulate

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from shopkeeper.core.figures import BOUNDS, EngineFigures, ProfilesFigures, StateFigures, StreamFigures, Told


class EngineCollector(Collector):
    """Asks the engines once for each look of Prometheus."""

    def __init__(self, waiting: Callable[[], int], engines: Callable[[], EngineFigures]) -> None:
        self._waiting, self._engines = waiting, engines

    def describe(self) -> Iterator[Metric]:
        """Nothing: the engines are asked when Prometheus asks."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        """What Prometheus is told."""
        told = self._engines()
        waiting = self._waiting() if told.stream is None else told.stream.waiting
        yield GaugeMetricFamily("shopkeeper_journal_undrained", "Entries that the lake does not hold yet", waiting)
        up = GaugeMetricFamily("shopkeeper_engine_up", "Whether an engine answers this process", labels=["engine"])
        for name, engine in (("state", told.state), ("stream", told.stream), ("profiles", told.profiles)):
            if engine is not None:
                up.add_metric([name], int(engine.up))
        yield up
        if told.state is not None:
            yield from _state(told.state)
        if told.stream is not None:
            yield from _stream(told.stream)
        if told.profiles is not None:
            yield from _profiles(told.profiles)


def _state(told: StateFigures) -> Iterator[Metric]:
    yield _seconds("shopkeeper_state_seconds", "Time of a question or a change of the state in PostgreSQL", told.asked)
    yield CounterMetricFamily("shopkeeper_state_errors", "Of these, how many PostgreSQL refused", told.asked.failed)
    used = GaugeMetricFamily("shopkeeper_state_connections", "Connections to PostgreSQL", labels=["use"])
    used.add_metric(["busy"], told.in_use)
    used.add_metric(["most"], told.most)
    yield used


def _stream(told: StreamFigures) -> Iterator[Metric]:
    yield _seconds("shopkeeper_stream_seconds", "Time until Kafka has acknowledged a batch", told.sent)
    yield CounterMetricFamily("shopkeeper_stream_errors", "Messages that Kafka did not take", told.refused)
    yield GaugeMetricFamily("shopkeeper_stream_queue", "Messages on their way to Kafka", told.queue)
    lag = GaugeMetricFamily(
        "shopkeeper_stream_lag", "Messages that the lake does not hold yet, by partition", labels=["partition"]
    )
    for partition, messages in sorted(told.lag.items()):
        lag.add_metric([str(partition)], messages)
    yield lag
    yield GaugeMetricFamily(
        "shopkeeper_stream_unread_seconds", "Age of the oldest message that the lake does not hold", told.unread_seconds
    )


def _profiles(told: ProfilesFigures) -> Iterator[Metric]:
    yield _seconds("shopkeeper_profiles_seconds", "Time of a question to Redis", told.asked)
    yield CounterMetricFamily("shopkeeper_profiles_errors", "Of these, how many failed", told.asked.failed)
    yield CounterMetricFamily(
        "shopkeeper_profiles_fallbacks", "Looks at a person that the fallback answered for Redis", told.fallbacks
    )


def _seconds(name: str, says: str, told: Told) -> Metric:
    ends = [*map(str, BOUNDS), "+Inf"]
    return HistogramMetricFamily(
        name, says, buckets=list(zip(ends, accumulate(told.counts), strict=True)), sum_value=told.seconds
    )
