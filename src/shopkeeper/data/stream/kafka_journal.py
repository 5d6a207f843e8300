"""The journal as a Kafka topic: any number of processes take events in, and acknowledge what the brokers acknowledged.

The producer is idempotent with ``acks=all``: what it sends again after a lost answer is written once. What a client
sends again after a lost answer is another message of the same id; the drain sees to it that it has one effect.
Source: KIP-98 (idempotent producer); librdkafka, "Idempotent Producer".
"""

import threading
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from typing import Any, Final

from shopkeeper.core.errors import Unavailable
from shopkeeper.core.figures import StreamFigures, Tally
from shopkeeper.data.journal import Entry, Kind, Outcome
from shopkeeper.data.journal_rows import Kept
from shopkeeper.data.stream.behind import Behind, behind
from shopkeeper.data.stream.envelope import key_of, wrapped
from shopkeeper.data.stream.topic import Topic, library, look, made

_DELIVERY_MS: Final = 10_000
_POLL_SECONDS: Final = 0.05
_ASK_SECONDS: Final = 2.0


class KafkaJournal:
    """One process's way into the topic; nothing is connected before the first entry.

    Raises:
        Unavailable: the brokers did not take it (``stream_unreachable``), or too much is on its way (``overloaded``).
    """

    def __init__(self, topic: Topic, *, partitions: int, group: str) -> None:
        self.topic, self._partitions, self._group = topic, partitions, group
        self._lock = threading.Lock()
        self._producer: Any = None
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None
        self._lag = 0
        self._tally, self._refused = Tally(), 0

    def append(self, entries: Sequence[Entry]) -> list[Outcome]:
        """See ``Intake``; an empty batch asks whether the brokers answer."""
        if entries:
            return self.append_soon(entries).result()
        try:
            self._started().list_topics(self.topic.name, timeout=_ASK_SECONDS)
        except library().KafkaException as error:
            raise self.topic.unreachable(error.args[0]) from error
        return []

    def append_soon(self, entries: Sequence[Entry]) -> "Future[list[Outcome]]":
        """See ``Intake``."""
        producer = self._started()
        delivery = _Delivery(len(entries), self)
        for entry in entries:
            try:
                producer.produce(
                    self.topic.name, value=wrapped(entry), key=key_of(entry), on_delivery=delivery.delivered
                )
            except BufferError:
                raise Unavailable("overloaded", retry_after_seconds=1) from None
            except library().KafkaException as error:
                self.renew(producer)
                raise self.topic.unreachable(error.args[0]) from error
        return delivery.future

    def _started(self) -> Any:
        with self._lock:
            if self._producer is None:
                look(self.topic, partitions=self._partitions)
                settings = self.topic.client(
                    enable_idempotence=True, acks="all", linger_ms=2, delivery_timeout_ms=_DELIVERY_MS,
                    partitioner="murmur2_random", compression_type="lz4",
                )  # fmt: skip
                self._producer = made(library().Producer, settings)
                if self._thread is None:
                    self._thread = threading.Thread(target=self._serve, name="stream", daemon=True)
                    self._thread.start()
            return self._producer

    def renew(self, producer: Any) -> None:
        """Let the next entry make a new producer: this one can go on no more."""
        with self._lock:
            if self._producer is producer:
                self._producer = None

    def failed(self, error: Any) -> Unavailable:
        """What a delivery that failed is answered with."""
        with self._lock:
            self._refused += 1
            if error.fatal():
                self._producer = None
        return self.topic.unreachable(error)

    def _serve(self) -> None:
        """Let the library tell of deliveries."""
        while not self._closing.is_set():
            producer = self._producer
            if producer is None:
                self._closing.wait(_POLL_SECONDS)
            else:
                producer.poll(_POLL_SECONDS)

    def undrained(self, *, after: int = 0, limit: int = 50_000) -> list[Kept]:  # noqa: ARG002
        """Nothing: what is in the topic is told to whoever answers through the store of live profiles."""
        return []

    def find(self, entry_id: str, kind: Kind) -> bytes | None:  # noqa: ARG002
        """Nothing: a topic cannot be asked by id. The lake has it a few seconds later."""
        return None

    def waiting(self) -> int:
        """Messages that the drain has not brought into the lake; the last known number where the brokers are slow."""
        self._behind()
        return self._lag

    def _behind(self, *, dated: bool = False) -> Behind | None:
        lag = behind(self.topic, self._group, dated=dated)
        if lag is not None:
            self._lag = sum(lag.messages.values())
        return lag

    def figures(self) -> StreamFigures:
        """See ``Intake``."""
        producer, lag = self._producer, self._behind(dated=True)
        return StreamFigures(
            sent=self._tally.told(), refused=self._refused, queue=0 if producer is None else len(producer),
            waiting=self._lag, lag={} if lag is None else lag.messages,
            unread_seconds=0.0 if lag is None else lag.oldest_seconds,
        )  # fmt: skip

    def took(self, seconds: float, *, failed: bool) -> None:
        """Count a batch that was answered."""
        self._tally.took(seconds, failed=failed)

    def erase(self, persons: Iterable[str]) -> int:  # noqa: ARG002
        """Nothing: a topic forgets by its retention. The drain refuses what it still holds of an erased person."""
        return 0

    def close(self) -> None:
        """Send what is on its way."""
        with self._lock:
            producer, self._producer = self._producer, None
        if producer is not None:
            producer.flush(_DELIVERY_MS / 1000)
        self._closing.set()
        if self._thread is not None:
            self._thread.join()


class _Delivery:
    """Counts the answers of a batch; the future is done with the last of them."""

    def __init__(self, count: int, journal: KafkaJournal) -> None:
        self.future: Future[list[Outcome]] = Future()
        self._journal, self._count, self._left = journal, count, count
        self._error: Unavailable | None = None
        self._lock = threading.Lock()
        self._began = time.perf_counter()
        if not count:
            self.future.set_result([])

    def delivered(self, error: Any, _: Any) -> None:
        with self._lock:
            if error is not None:
                self._error = self._journal.failed(error)
            self._left -= 1
            last = not self._left
        if not last:
            return
        self._journal.took(time.perf_counter() - self._began, failed=self._error is not None)
        if self._error is not None:
            self.future.set_exception(self._error)
        else:
            self.future.set_result(["stored"] * self._count)
