"""The journal as a Kafka topic: any number of processes take events in, and acknowledge what the brokers acknowledged.

The producer is idempotent with ``acks=all``: what it sends again after a lost answer is written once. What a client
sends again after a lost answer is another message of the same id; the drain sees to it that it has one effect.
Source: KIP-98 (idempotent producer); librdkafka, "Idempotent Producer".
"""

import logging
import threading
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from typing import Any, Final

from shopkeeper.core.errors import DataError, ShopkeeperError, Unavailable
from shopkeeper.core.figures import StreamFigures, Tally
from shopkeeper.data.journal import Entry, Kind, Outcome
from shopkeeper.data.journal_rows import Kept
from shopkeeper.data.stream.behind import Behind, behind
from shopkeeper.data.stream.envelope import key_of, wrapped
from shopkeeper.data.stream.topic import Topic, library, look, made

_log: Final = logging.getLogger(__name__)
_DELIVERY_MS: Final = 10_000
"""So long a message is tried again before its sender is told that it was not taken."""
_POLL_SECONDS: Final = 0.05
_ASK_SECONDS: Final = 2.0
_AGAIN_SECONDS: Final = 1.0


class KafkaJournal:
    """One process's way into the topic; nothing is connected before the first entry.

    Raises:
        Unavailable: the brokers did not take it (``stream_unreachable``), or too much is on its way (``overloaded``).
    """

    def __init__(self, topic: Topic, *, partitions: int, group: str) -> None:
        self.topic, self._partitions, self._group = topic, partitions, group
        self._lock, self._starting = threading.Lock(), threading.Lock()
        self._producer: Any = None
        self._retired: list[Any] = []
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None
        self._lag, self._answers = 0, True
        self._tally, self._refused = Tally(), 0
        self._away = ""
        """Why nothing was taken lately; empty while something is."""
        self._trial: _Delivery | None = None
        """The one batch that tries, meanwhile, whether the brokers are back."""
        self._took_at = self._failed_at = 0.0

    def append(self, entries: Sequence[Entry]) -> list[Outcome]:
        """See ``Intake``; an empty batch asks whether the brokers answer."""
        if entries:
            return self.append_soon(entries).result()
        try:
            self._start().list_topics(self.topic.name, timeout=_ASK_SECONDS)
        except library().KafkaException as error:
            raise self.topic.unreachable(error.args[0]) from error
        return []

    def append_soon(self, entries: Sequence[Entry]) -> "Future[list[Outcome]]":
        """See ``Intake``."""
        delivery, sent = _Delivery(len(entries), self), 0
        self._admit(delivery)
        try:
            producer = delivery.producer = self._started()
            for entry in entries:
                producer.produce(
                    self.topic.name, value=wrapped(entry), key=key_of(entry), on_delivery=delivery.delivered
                )
                sent += 1
        except BufferError:
            raise Unavailable("overloaded", retry_after_seconds=1) from None
        except library().KafkaException as error:
            if _too_large(error.args[0]):
                raise self._too_large() from error
            self._retire(producer)
            raise self.topic.unreachable(error.args[0]) from error
        finally:
            if sent < len(entries):
                self._let_others_try(delivery)
        return delivery.future

    def _admit(self, delivery: "_Delivery") -> None:
        """While the brokers take nothing one batch tries, and nobody else waits for them.

        Raises:
            Unavailable: they take nothing, and one tries.
        """
        with self._lock:
            if self._away and self._trial is not None:
                raise self.topic.unreachable(self._away)
            if self._away:
                self._trial = delivery

    def _let_others_try(self, delivery: "_Delivery") -> None:
        with self._lock:
            if self._trial is delivery:
                self._trial = None

    def _started(self) -> Any:
        """The producer. Only the first is waited for; one that must be made anew is made in the background, for whoever
        logs a decision must not wait."""
        producer = self._producer
        if producer is None and self._thread is not None:
            raise self.topic.unreachable(self._away or "a new producer is being made")
        return self._start() if producer is None else producer

    def _start(self) -> Any:
        asked = time.monotonic()
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._serve, name="stream", daemon=True)
                self._thread.start()
            if self._producer is None:
                if self._failed_at > asked:  # for somebody else, while this one waited
                    raise self.topic.unreachable(self._away)
                self._producer = self._made()
            return self._producer

    def _made(self) -> Any:
        try:
            look(self.topic, partitions=self._partitions)
        except Unavailable as error:
            self._failed_at = time.monotonic()
            self._went(error)
            raise
        settings = self.topic.client(
            enable_idempotence=True, acks="all", linger_ms=2, delivery_timeout_ms=_DELIVERY_MS,
            partitioner="murmur2_random", compression_type="lz4",
        )  # fmt: skip
        return made(library().Producer, settings)

    def _retire(self, producer: Any) -> None:
        """Let a new producer be made: brokers that were away for long may take nothing of the old one any more. What is
        still on its way is answered."""
        with self._lock:
            if self._producer is producer and producer is not None:
                self._producer = None
                self._retired.append(producer)

    def _went(self, error: Unavailable) -> None:
        with self._lock:
            before, self._away = self._away, str(error.facts.get("why", error.key))
        if not before:
            _log.error("Kafka is away: %s", error)

    def _too_large(self) -> DataError:
        return DataError("stream_too_large", topic=self.topic.name)

    def failed(self, error: Any) -> Unavailable | DataError:
        """What a delivery that failed is answered with."""
        with self._lock:
            self._refused += 1
        return self._too_large() if _too_large(error) else self.topic.unreachable(error)

    def ended(self, delivery: "_Delivery", seconds: float, error: Unavailable | DataError | None) -> None:
        """Count a batch that was answered. Brokers that took nothing since it was sent are away; those that say why
        they cannot take this one are there."""
        self._tally.took(seconds, failed=error is not None)
        now = time.monotonic()
        self._let_others_try(delivery)
        if isinstance(error, Unavailable):
            if self._took_at < now - seconds:
                self._went(error)
                self._retire(delivery.producer)
            return
        with self._lock:
            before, self._away, self._trial, self._took_at = self._away, "", None, now
        if before:
            _log.warning("Kafka is back: servers=%r", self.topic.servers)

    def _serve(self) -> None:
        """Let the library tell of deliveries; make the producer that is missing."""
        while not self._closing.is_set():
            producer = self._producer
            for old in [*self._retired]:
                old.poll(0)
                if not len(old):
                    self._retired.remove(old)
            if producer is not None:
                producer.poll(_POLL_SECONDS)
                continue
            try:
                self._start()
            except ShopkeeperError:  # it was said to whoever began it
                self._closing.wait(_AGAIN_SECONDS)

    def undrained(self, *, after: int = 0, limit: int = 50_000) -> list[Kept]:  # noqa: ARG002
        """Nothing: what is in the topic is told to whoever answers through the store of live profiles."""
        return []

    def find(self, entry_id: str, kind: Kind) -> bytes | None:  # noqa: ARG002
        """Nothing: a topic cannot be asked by id. The lake has it a few seconds later."""
        return None

    def find_order(self, order: str) -> bytes | None:  # noqa: ARG002
        """Nothing, as ``find``."""
        return None

    def waiting(self) -> int:
        """Messages that the drain has not brought into the lake; the last known number where the brokers are slow."""
        self._behind()
        return self._lag

    def _behind(self, *, dated: bool = False) -> Behind | None:
        lag = behind(self.topic, self._group, dated=dated)
        self._answers = lag is not None
        if lag is not None:
            self._lag = sum(lag.messages.values())
        return lag

    def figures(self) -> StreamFigures:
        """See ``Intake``."""
        producer, lag = self._producer, self._behind(dated=True)
        return StreamFigures(
            sent=self._tally.told(), refused=self._refused, queue=0 if producer is None else len(producer),
            waiting=self._lag, lag={} if lag is None else lag.messages,
            unread_seconds=0.0 if lag is None else lag.oldest_seconds, up=self._answers and not self._away,
        )  # fmt: skip

    def erase(self, persons: Iterable[str]) -> int:  # noqa: ARG002
        """Nothing: a topic forgets by its retention. The drain refuses what it still holds of an erased person."""
        return 0

    def close(self) -> None:
        """Send what is on its way."""
        with self._lock:
            producers, self._producer = [*self._retired, self._producer], None
        for producer in producers:
            if producer is not None:
                producer.flush(_DELIVERY_MS / 1000)
        self._closing.set()
        if self._thread is not None:
            self._thread.join()


def _too_large(error: Any) -> bool:
    """Whether brokers, or the client's own limit, refuse a message for its size: to send it again would not help."""
    return bool(error.code() == library().KafkaError.MSG_SIZE_TOO_LARGE)


class _Delivery:
    """Counts the answers of a batch; the future is done with the last of them."""

    def __init__(self, count: int, journal: KafkaJournal) -> None:
        self.future: Future[list[Outcome]] = Future()
        self.producer: Any = None
        self._journal, self._count, self._left = journal, count, count
        self._error: Unavailable | DataError | None = None
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
        self._journal.ended(self, time.perf_counter() - self._began, self._error)
        if self._error is not None:
            self.future.set_exception(self._error)
        else:
            self.future.set_result(["stored"] * self._count)
