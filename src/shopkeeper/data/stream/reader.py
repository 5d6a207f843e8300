"""The drain's way out of the topic: every partition, from where the lake stands.

No consumer group decides: the lake has one writer, and it knows its place. What is committed to the group says to the
tools that watch a cluster how far the drain is, and nothing else.
"""

import logging
from collections.abc import Mapping
from typing import Any, Final

import msgspec

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


class Reader:
    """Reads messages until it is closed. ``partitions``: of the topic, where it is to be made.

    Raises:
        Unavailable: the brokers do not answer, or the topic is gone.
    """

    def __init__(self, topic: Topic, lake: Lake, *, group: str, partitions: int = 0) -> None:
        self._topic, self._lake = topic, lake
        self._found = look(topic, partitions=partitions)
        settings = topic.client(
            group_id=group, enable_auto_commit=False, enable_auto_offset_store=False, auto_offset_reset="earliest",
            fetch_wait_max_ms=50, queued_max_messages_kbytes=65_536,
        )  # fmt: skip
        self._consumer: Any = made(library().Consumer, settings)
        self._assign()

    def _assign(self) -> None:
        kafka = library()
        sources = {source_of(self._found, number): number for number in range(self._found.partitions)}
        landed = self._lake.landed_of(POSITION, sources)
        places = [
            kafka.TopicPartition(self._topic.name, number, landed[source] + 1 if landed[source] >= 0 else 0)
            for source, number in sources.items()
        ]
        for place, (oldest, _) in zip(places, self._watermarks().values(), strict=True):
            self._tell_of_gap(place, oldest)
            place.offset = max(place.offset, oldest, 0)
        self._consumer.assign(places)

    def _tell_of_gap(self, place: Any, oldest: int) -> None:
        """What the brokers have deleted before it was read is lost: say so."""
        if 0 < place.offset < oldest:
            _log.error(
                "topic %s partition %s: messages %s to %s were deleted before they were read", self._topic.name,
                place.partition, place.offset, oldest - 1,
            )  # fmt: skip

    def ends(self) -> dict[str, int]:
        """The newest offset of each partition now; -1 where it is empty."""
        return {source: high - 1 for source, (_, high) in self._watermarks().items()}

    def reached(self, ends: Mapping[str, int]) -> bool:
        """Whether everything up to these offsets was read, in this life of the drain or before."""
        kafka = library()
        names = {source_of(self._found, number): number for number in range(self._found.partitions)}
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
                source_of(self._found, number): self._consumer.get_watermark_offsets(
                    kafka.TopicPartition(self._topic.name, number), timeout=_SECONDS
                )
                for number in range(self._found.partitions)
            }
        except kafka.KafkaException as error:
            raise self._topic.unreachable(error.args[0]) from error

    def look_again(self) -> None:
        """Take up partitions that were added since."""
        found = look(self._topic)
        if found != self._found:
            self._found = found
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
            if raw.error() is not None:
                raise self._topic.unreachable(raw.error())
            source = source_of(self._found, raw.partition())
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
        self._consumer.close()
