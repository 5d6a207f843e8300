"""How far the drain of a topic is: what its group has not committed yet, and how old the oldest of that is."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from shopkeeper.core.errors import Unavailable
from shopkeeper.data.stream.topic import Topic, library, look, made

_SECONDS: Final = 2.0
"""For each question: brokers that are away are found so at the first."""
_WAIT_SECONDS: Final = 0.05
_MILLISECONDS: Final = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Behind:
    """Messages that the lake does not hold yet, by partition, and the age of the oldest; 0 where there is none."""

    messages: Mapping[int, int]
    oldest_seconds: float


def behind(topic: Topic, group: str, *, dated: bool = False) -> Behind | None:
    """Ask the brokers; None where they do not answer. ``dated``: look at the oldest message too."""
    kafka = library()
    settings = topic.client(
        group_id=group, enable_auto_commit=False, enable_auto_offset_store=False, max_partition_fetch_bytes=1_000
    )
    reader = made(kafka.Consumer, settings)
    try:
        places = [
            kafka.TopicPartition(topic.name, number) for number in range(look(topic, seconds=_SECONDS).partitions)
        ]
        done = reader.committed(places, timeout=_SECONDS)
        ends = [reader.get_watermark_offsets(place, timeout=_SECONDS) for place in places]
        lag, unread = dict[int, int](), []
        for place, (low, high) in zip(done, ends, strict=True):
            place.offset = max(place.offset, low)
            lag[place.partition] = max(high - place.offset, 0)
            if lag[place.partition]:
                unread.append(place)
        return Behind(messages=lag, oldest_seconds=_oldest(reader, unread) if dated and unread else 0.0)
    except (kafka.KafkaException, Unavailable):
        return None
    finally:
        reader.close()


def _oldest(reader: Any, unread: Sequence[Any]) -> float:
    """The age of the oldest of the next messages of some partitions."""
    reader.assign(list(unread))
    sent, until = dict[int, int](), time.monotonic() + _SECONDS
    while len(sent) < len(unread) and time.monotonic() < until:
        message = reader.poll(_WAIT_SECONDS)
        if message is not None and message.error() is None and message.partition() not in sent:
            sent[message.partition()] = message.timestamp()[1]
    return max(time.time() - min(sent.values()) / _MILLISECONDS, 0.0) if sent else 0.0
