"""The drain's way out of the topic: every partition, from where the lake stands.

No consumer group decides: the lake has one writer, and it knows its place. What is committed to the group says to the
tools that watch a cluster how far the drain is, and nothing else.
"""

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from shopkeeper.core.errors import Unavailable
from shopkeeper.data.drain import decode_event
from shopkeeper.data.journal import EVENT
from shopkeeper.data.lake import Lake
from shopkeeper.data.stream.envelope import unwrapped
from shopkeeper.data.stream.judge import Message
from shopkeeper.data.stream.topic import Found, Topic, library, look, made

_log: Final = logging.getLogger(__name__)
POSITION: Final = "events"
"""The table whose commits say how far each partition has come; it is committed last."""
_SECONDS: Final = 10.0
_CLOSE_SECONDS: Final = 5.0
_SURE_SECONDS: Final = 2.0


def source_of(found: Found, partition: int) -> str:
    """How the lake calls a partition. A topic that was made anew has another identity, and begins at its beginning."""
    return f"kafka:{found.identity}:{partition}"


def message_of(source: str, place: int, value: bytes) -> Message | None:
    """What lies at a place; None where it is no message of ours, or its event cannot be read."""
    envelope = unwrapped(value)
    if envelope is None:
        return None
    if envelope.kind != EVENT:
        return Message(source, place, envelope)
    try:
        return Message(source, place, envelope, decode_event(bytes(envelope.body)))
    except msgspec.DecodeError:
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Messages that the brokers have deleted before they were read."""

    topic: str
    partition: int
    first: int
    last: int


def unheard(gap: Gap) -> None:
    """Nobody wants to know."""


class Reader:
    """Reads messages until it is closed. ``partitions``: of the topic, where it is to be made. ``lost`` is told of
    messages that are gone; not ``assigned``, it only looks where everything stands.

    Raises:
        Unavailable: the brokers do not answer, the topic is gone, or it is shorter than what was read of it
            (``stream_shorter``): to read on would pass over what comes under the numbers that were read.
    """

    def __init__(
        self, topic: Topic, lake: Lake, *, group: str, partitions: int = 0, lost: Callable[[Gap], None] = unheard,
        assigned: bool = True,
    ) -> None:  # fmt: skip
        self._topic, self._lake, self._lost = topic, lake, lost
        self.found = look(topic, partitions=partitions)
        settings = topic.client(
            group_id=group, enable_auto_commit=False, enable_auto_offset_store=False, auto_offset_reset="error",
            fetch_wait_max_ms=50, queued_max_messages_kbytes=65_536,
        )  # fmt: skip
        self._consumer: Any = made(library().Consumer, settings)
        try:
            if assigned:
                self._assign()
        except BaseException:
            self.close()
            raise

    def _assign(self) -> None:
        kafka = library()
        gaps, places = list[Gap](), list[Any]()
        for number, (next_one, oldest, end) in self.standing().items():
            if next_one > end and self.is_gone(number, next_one):
                raise Unavailable("stream_shorter", topic=self._topic.name, partition=number, end=end, read=next_one)
            if next_one < oldest:
                gaps.append(Gap(topic=self._topic.name, partition=number, first=next_one, last=oldest - 1))
            places.append(kafka.TopicPartition(self._topic.name, number, max(next_one, oldest)))
        for gap in gaps:
            self._lost(gap)
        self._consumer.assign(places)

    def is_gone(self, partition: int, place: int) -> bool:
        """Whether the brokers have no such place: some count their ends in batches, and their word for an end is no
        proof. What was assigned is assigned no more."""
        kafka = library()
        self._consumer.assign([kafka.TopicPartition(self._topic.name, partition, place)])
        found = self._consumer.consume(1, _SURE_SECONDS)
        return any(
            one.error() is not None and one.error().code() == kafka.KafkaError._AUTO_OFFSET_RESET for one in found
        )

    def standing(self) -> dict[int, tuple[int, int, int]]:
        """Of each partition the next message to be read, the oldest there is, and where it ends."""
        sources = {source_of(self.found, number): number for number in range(self.found.partitions)}
        landed, marks = self._lake.landed_of(POSITION, sources), self._watermarks()
        return {number: (landed[source] + 1, *marks[source]) for source, number in sources.items()}

    def ends(self) -> dict[str, int]:
        """The newest offset of each partition now; -1 where it is empty."""
        return {source: high - 1 for source, (_, high) in self._watermarks().items()}

    def reached(self, ends: Mapping[str, int]) -> bool:
        """Whether everything up to these offsets was read, in this life of the drain or before."""
        kafka = library()
        names = {source_of(self.found, number): number for number in range(self.found.partitions)}
        places = [kafka.TopicPartition(self._topic.name, names[source]) for source in ends]
        at = self._consumer.position(places)
        landed = self._lake.landed_of(POSITION, ends)
        return all(
            end < 0 or place.offset > end or landed[source] >= end
            for (source, end), place in zip(ends.items(), at, strict=True)
        )

    def _watermarks(self) -> dict[str, tuple[int, int]]:
        kafka = library()
        try:
            return {
                source_of(self.found, number): self._consumer.get_watermark_offsets(
                    kafka.TopicPartition(self._topic.name, number), timeout=_SECONDS
                )
                for number in range(self.found.partitions)
            }
        except kafka.KafkaException as error:
            raise self._topic.unreachable(error.args[0]) from error

    def look_again(self) -> None:
        """Take up partitions that were added since."""
        found = look(self._topic)
        if found != self.found:
            self.found = found
            self._assign()

    def read(self, *, most: int, seconds: float) -> tuple[list[Message], dict[str, int]]:
        """The next messages, and the offset up to which each partition was read: what is no message of ours is passed
        over."""
        kafka = library()
        try:
            got = self._consumer.consume(most, seconds)
        except kafka.KafkaException as error:
            raise self._topic.unreachable(error.args[0]) from error
        messages: list[Message] = []
        upto: dict[str, int] = {}
        for raw in got:
            if raw.error() is not None:  # also where what was to be read next is not there any more
                raise self._topic.unreachable(raw.error())
            source = source_of(self.found, raw.partition())
            upto[source] = raw.offset()
            message = message_of(source, raw.offset(), raw.value() or b"")
            if message is None:
                _log.error("partition %s, offset %s: not a message of a shop", raw.partition(), raw.offset())
            else:
                messages.append(message)
        return messages, upto

    def tell(self, numbers: Mapping[str, int], *, surely: bool = False) -> None:
        """Let the cluster know how far the lake has come. ``surely``: return when it does, or has refused to."""
        kafka = library()
        places = [
            kafka.TopicPartition(self._topic.name, int(source.rpartition(":")[2]), number + 1)
            for source, number in numbers.items()
        ]
        try:
            self._consumer.commit(offsets=places, asynchronous=not surely)
        except kafka.KafkaException as error:  # the lake knows its place: only those who watch see an older one
            _log.warning("the brokers were not told how far the lake is: %s", error.args[0])

    def close(self) -> None:
        """Let the brokers go. Those that were frozen with a question on its way would be waited for without end."""
        closing = threading.Thread(target=self._consumer.close, name="reader", daemon=True)
        closing.start()
        closing.join(_CLOSE_SECONDS)
