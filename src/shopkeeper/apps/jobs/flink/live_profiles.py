"""The events topic into live profiles and trending products in Redis, as a PyFlink job.

Two keyed steps. By person: an id counts once, and so does an order under whatever ids; the profile is folded (the same
code as in the drain) and written, and each act with a product goes on. By product: acts are counted by the hour and
written with the product's score. What is written is the whole state, so that writing it again after a restart from a
checkpoint changes nothing.

Event time: watermarks follow the events by five minutes, reader by reader. A late event is folded like any other
(the sums do not ask for order, a visit may grow or join its neighbour) and counted as late; what came three days late
is no trend. The watermark decides when a state is let go: a person's after ``keep_days`` without an event, a product's
three days after its last act.
Source: Akidau et al. 2015, "The Dataflow Model" (event time, watermarks, late data).
"""

import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, get_type_hints

from pyflink.common import Configuration, Duration, Types, WatermarkStrategy
from pyflink.common.serialization import SimpleStringSchema
from pyflink.common.watermark_strategy import TimestampAssigner
from pyflink.datastream import RuntimeExecutionMode, StreamExecutionEnvironment
from pyflink.datastream.connectors.kafka import KafkaOffsetsInitializer, KafkaSource
from pyflink.datastream.functions import KeyedProcessFunction, RuntimeContext
from pyflink.datastream.state import MapStateDescriptor, ValueStateDescriptor

from shopkeeper.apps.jobs.flink.messages import Told, told_of
from shopkeeper.data.stream.redis_live import Kept, RedisLive
from shopkeeper.data.stream.redis_profiles import RedisProfiles
from shopkeeper.features.live_fold import hours_after, person_of, profile_after
from shopkeeper.features.past import doing_of
from shopkeeper.features.trending import HOURS, acts_of

LATE: Final = 5 * 60 * 1_000
_HOUR: Final = 3_600_000
_DAY: Final = 24 * _HOUR


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Where the job reads and writes; ``--name value`` on its command line."""

    servers: str = "localhost:9092"
    topic: str = "shop-events"
    redis: str = "redis://localhost:6379/0"
    prefix: str = "shopkeeper"
    currency: str = "USD"
    keep_days: int = 90
    parallelism: int = 1
    group: str = "shopkeeper-flink"
    bounded: str = ""
    """``yes``: read what is there at the start and end, for tests; empty: go on for ever."""
    checkpoint_seconds: int = 30


def _parsed(words: list[str]) -> Asked:
    kinds = get_type_hints(Asked)
    pairs = zip(words[::2], words[1::2], strict=True)
    given = {name.removeprefix("--").replace("-", "_"): value for name, value in pairs}
    return Asked(**{name: kinds[name](value) for name, value in given.items()})


class EventTime(TimestampAssigner):  # type: ignore[misc]  # pyflink is not typed
    """When something happened, in milliseconds."""

    def extract_timestamp(self, value: str, record_timestamp: int) -> int:
        told = told_of(value)
        return record_timestamp if told is None else told.at_ms


class _Writing(KeyedProcessFunction):  # type: ignore[misc]  # pyflink is not typed
    """A step that writes to Redis and counts what is late."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asdict(asked)

    def open(self, context: RuntimeContext) -> None:
        asked = Asked(**self._asked)
        self._store = RedisProfiles(asked.redis, prefix=asked.prefix, keep_days=asked.keep_days)
        self._live = RedisLive(self._store)
        self._late = context.get_metrics_group().counter("late")

    def close(self) -> None:
        self._store.close()

    def _note(self, at: int, context: Any) -> None:
        if at < context.timer_service().current_watermark():
            self._late.inc()


class People(_Writing):
    """By person (an event of nobody is a key of its own)."""

    def open(self, context: RuntimeContext) -> None:
        super().open(context)
        self._profile = context.get_state(ValueStateDescriptor("profile", Types.STRING()))
        self._seen = context.get_map_state(MapStateDescriptor("seen", Types.STRING(), Types.LONG()))
        self._until = context.get_state(ValueStateDescriptor("until", Types.LONG()))

    def process_element(self, value: str, context: Any) -> Iterator[tuple[str, int, int, int]]:
        told = told_of(value)
        if told is None or any(self._seen.contains(name) for name in told.names):
            return
        self._note(told.at_ms, context)
        for name in told.names:
            self._seen.put(name, told.at_ms)
        self._keep(told, context)
        person = person_of(told.event)
        if person is not None:
            state = profile_after(self._profile.value() or "", told.event, self._asked["currency"])
            doing = doing_of(told.event, self._asked["currency"])
            self._live.write({person: Kept(state=state)}, {})
            self._store.add([doing] if doing is not None else [])
            self._profile.update(state)
        for product, hour, worth in acts_of(told.event):
            yield product, hour, worth, told.at_ms

    def _keep(self, told: Told, context: Any) -> None:
        """Keep the state for a while after its newest event."""
        until = told.at_ms + self._asked["keep_days"] * _DAY
        if until > (self._until.value() or 0):
            self._until.update(until)
            context.timer_service().register_event_time_timer(until)

    def on_timer(self, timestamp: int, context: Any) -> Iterator[tuple[str, int, int, int]]:  # noqa: ARG002 - Flink's
        if timestamp == self._until.value():
            self._profile.clear()
            self._seen.clear()
            self._until.clear()
        return iter(())


class Products(_Writing):
    """By product."""

    def open(self, context: RuntimeContext) -> None:
        super().open(context)
        self._hours = context.get_state(ValueStateDescriptor("hours", Types.STRING()))
        self._until = context.get_state(ValueStateDescriptor("until", Types.LONG()))

    def process_element(self, value: tuple[str, int, int, int], context: Any) -> Iterator[None]:
        product, hour, worth, at = value
        self._note(at, context)
        state, score = hours_after(self._hours.value() or "", hour, worth)
        self._live.write({}, {product: (Kept(state=state), score)})
        self._hours.update(state)
        until = at + HOURS * _HOUR
        if until > (self._until.value() or 0):
            self._until.update(until)
            context.timer_service().register_event_time_timer(until)
        return iter(())

    def on_timer(self, timestamp: int, context: Any) -> Iterator[None]:  # noqa: ARG002 - Flink's signature
        if timestamp == self._until.value():
            self._hours.clear()
            self._until.clear()
        return iter(())


def _key(value: str) -> str:
    told = told_of(value)
    return "" if told is None else told.key


def _is_event(value: str) -> bool:
    return told_of(value) is not None


def environment(asked: Asked) -> StreamExecutionEnvironment:
    """A local mini cluster, or the cluster to which the job is submitted."""
    settings = Configuration()
    jars = sorted((Path(sys.prefix) / "lib").glob("python*/site-packages/pyflink/connectors/*.jar"))
    settings.set_string("python.executable", sys.executable)
    found = StreamExecutionEnvironment.get_execution_environment(settings)
    found.add_jars(*(jar.as_uri() for jar in jars))
    found.set_parallelism(asked.parallelism)
    found.set_runtime_mode(RuntimeExecutionMode.STREAMING)
    if not asked.bounded:
        found.enable_checkpointing(asked.checkpoint_seconds * 1_000)
    return found


def _source(asked: Asked) -> KafkaSource:
    builder = (
        KafkaSource.builder()
        .set_bootstrap_servers(asked.servers)
        .set_topics(asked.topic)
        .set_group_id(asked.group)
        .set_starting_offsets(KafkaOffsetsInitializer.earliest())
        .set_value_only_deserializer(SimpleStringSchema())
    )
    if asked.bounded:
        builder = builder.set_bounded(KafkaOffsetsInitializer.latest())
    return builder.build()


def run(asked: Asked) -> None:
    """Build the job and run it until it ends."""
    found = environment(asked)
    marks = (
        WatermarkStrategy.for_bounded_out_of_orderness(Duration.of_millis(LATE))
        .with_idleness(Duration.of_seconds(30))
        .with_timestamp_assigner(EventTime())  # last: what follows would forget it
    )
    # a source passes over a strategy's own assigner and would take the moments at which the broker got the messages
    read = found.from_source(_source(asked), WatermarkStrategy.no_watermarks(), "events").filter(_is_event)
    events = read.assign_timestamps_and_watermarks(marks)
    acts = events.key_by(_key, key_type=Types.STRING()).process(
        People(asked), output_type=Types.TUPLE([Types.STRING(), Types.LONG(), Types.LONG(), Types.LONG()])
    )
    acts.key_by(lambda act: act[0], key_type=Types.STRING()).process(Products(asked))
    found.execute("shopkeeper live profiles")


if __name__ == "__main__":
    run(_parsed(sys.argv[1:]))
