"""The drain of a shop with a ``[stream]``: reads the topic, lets what counts shape the next answers, fills the lake."""

import json
import logging
import threading
import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from shopkeeper.core.errors import Unavailable
from shopkeeper.core.event import Event
from shopkeeper.core.ids import new_id
from shopkeeper.data.drain import Drain
from shopkeeper.data.journal import Journal, Outcome
from shopkeeper.data.orders import orders_in
from shopkeeper.data.rows import RAW_MAX, Held
from shopkeeper.data.stream.anew import begin_anew
from shopkeeper.data.stream.judge import Judge, Message
from shopkeeper.data.stream.landing import land
from shopkeeper.data.stream.reader import Gap, Reader
from shopkeeper.data.stream.redis_live import RedisLive
from shopkeeper.data.stream.redis_profiles import RedisProfiles
from shopkeeper.shop.collecting import conflicting, sides_of
from shopkeeper.shop.engines import profile_store, topic_of
from shopkeeper.shop.live_folding import LiveFolding
from shopkeeper.shop.retraining import Retraining
from shopkeeper.shop.shop import Shop

_log: Final = logging.getLogger(__name__)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_AT_ONCE: Final = 5_000
_MOST_HELD: Final = 20_000
"""Messages that wait for one commit, at most."""
_MOST_UNFOLDED: Final = 100_000
_READ_SECONDS: Final = 0.1
_MEND_SECONDS: Final = 1.0
_PAUSE_SECONDS: Final = 1.0


class StreamDrain:
    """One at a time works on a shop: opening it for writing sees to that.

    Raises:
        Unavailable: the brokers or the disk do not answer; what was read since the last ``land`` is read again then.
    """

    def __init__(self, shop: Shop) -> None:
        self._shop = shop
        self._move_what_the_journal_holds()
        self._judge = Judge(shop.folder / "journal.db")
        self._opened: Reader | None = None
        self._waiting: list[Message] = []
        self._upto: dict[str, int] = {}
        self._first_at = self._mended_at = time.monotonic()
        self._retraining = Retraining(shop)
        self._live = live_folding(shop)
        self._unfolded: list[Message] = []

    def _move_what_the_journal_holds(self) -> None:
        """Events from before the shop had a stream."""
        journal = Journal(self._shop.folder / "journal.db")
        try:
            Drain(journal, self._shop.lake, self._shop.quarantine, self._shop.agreed).run()
        finally:
            journal.close()

    @property
    def _reader(self) -> Reader:
        """The way out of the topic; it begins where the lake stands."""
        if self._opened is None:
            wanted = self._shop.settings.stream
            self._waiting, self._upto = [], {}
            self._opened = Reader(
                topic_of(wanted), self._shop.lake, group=wanted.group, partitions=wanted.partitions, lost=self._lost
            )
        return self._opened

    def _lost(self, gap: Gap) -> None:
        """Messages that are gone stand in the log, and in the quarantine until somebody has taken note."""
        _log.error(
            "topic %s partition %s: messages %s to %s were deleted before they were read", gap.topic, gap.partition,
            gap.first, gap.last,
        )  # fmt: skip
        facts: dict[str, str | int | float] = {
            "topic": gap.topic,
            "partition": gap.partition,
            "first": gap.first,
            "last": gap.last,
        }
        row = Held(reason="messages_deleted", column="", facts=facts, raw=json.dumps(sorted(facts.items())))
        self._shop.quarantine.add([row], import_id=new_id("r"), kind="event", file="stream", at=self._shop.clock())

    def run(self, stop: threading.Event) -> None:
        """Work until told to stop; what fails is tried again a second later."""
        while not stop.is_set():
            try:
                self.turn()
                if self.due():
                    self.land()
                    self._upkeep()
                self._mend()
            except Unavailable as error:
                _log.error("drain: %s", error)
                self._leave()
                stop.wait(_PAUSE_SECONDS)

    def _leave(self) -> None:
        """Begin once more from where the lake stands."""
        if self._opened is not None:
            self._opened.close()
        self._opened = None

    def begin_anew(self) -> list[int]:
        """Read a topic that was made anew under its old name from its beginning; which partitions those are."""
        wanted, journal = self._shop.settings.stream, self._shop.folder / "journal.db"
        self._leave()
        return begin_anew(topic_of(wanted), self._shop.lake, group=wanted.group, judged_in=journal)

    def run_once(self) -> int:
        """Move what is in the topic now into the lake. Returns how many messages were moved."""
        moved, ends = 0, self._reader.ends()
        while not self._reader.reached(ends):
            moved += self.turn()
        self.land(surely=True)  # whoever looks at the figures after this sees that nothing waits
        return moved

    def turn(self) -> int:
        """Read what came and let it count for the next answers. Returns how many messages came."""
        messages, upto = self._reader.read(most=_AT_ONCE, seconds=_READ_SECONDS)
        if not upto:
            return 0
        if not self._waiting:
            self._first_at = time.monotonic()
        counting = self._counting(messages)
        self._shop.take([message.event for message in counting if message.event is not None])
        self._fold(counting)
        self._waiting += counting
        self._upto |= upto
        return len(messages)

    def _fold(self, messages: list[Message]) -> None:
        """Keep the live profiles up; what Redis could not be told now is told with what comes next."""
        if self._live is None:
            return
        self._unfolded = [*self._unfolded, *messages][-_MOST_UNFOLDED:]
        try:
            self._live.fold(self._unfolded)
        except Unavailable as error:
            _log.error("live profiles are behind: %s", error)
        else:
            self._unfolded = []

    def _counting(self, messages: Sequence[Message]) -> list[Message]:
        """Those that are the first of their id, of people who are still there; conflicts are held."""
        self._shop.orders.teach((message.event for message in messages if message.event is not None), self._judge)
        outcomes = self._judge.judge(messages)
        if held := self._conflicts(messages, outcomes):
            now = self._shop.clock()
            self._shop.quarantine.add(held, import_id=new_id("r"), kind="event", file="stream", at=now)
        stored = [message for message, outcome in zip(messages, outcomes, strict=True) if outcome == "stored"]
        return self._of_those_who_stay(stored)

    def _conflicts(self, messages: Sequence[Message], outcomes: Sequence[Outcome]) -> list[Held]:
        """What is in conflict with an earlier message, or with what the lake knows of its order."""
        judged = list(zip(messages, outcomes, strict=True))
        orders = list(_orders(one for one, outcome in judged if outcome == "order_known"))
        kept = _orders([*self._waiting, *(one for one, outcome in judged if outcome == "stored")]) if orders else {}
        known = {f"order:{name}": its for name, its in sides_of(orders, kept.get, self._shop.orders).items()}
        return [
            conflicting(
                one.envelope.id, None if one.event is None else one.event.order, outcome, known,
                bytes(one.envelope.body).decode("utf-8", "replace")[:RAW_MAX],
            )
            for one, outcome in judged
            if outcome == "conflict" or outcome == "order_known"
        ]  # fmt: skip

    def _of_those_who_stay(self, messages: list[Message]) -> list[Message]:
        """Without what was received before its person was erased."""
        erased = self._shop.state.ledger.erased
        gone = erased({message.envelope.person for message in messages if message.envelope.person})
        return [
            message
            for message in messages
            if message.envelope.person not in gone
            or not erased([str(message.envelope.person)], since=_received(message))
        ]

    def due(self) -> bool:
        """Whether what waits should be committed now."""
        full = len(self._waiting) >= _MOST_HELD
        return full or time.monotonic() - self._first_at >= self._shop.settings.serve.drain_seconds

    def land(self, *, surely: bool = False) -> None:
        """Commit what waits to the lake, with how far each partition was read. ``surely``: the brokers know it too when
        this returns."""
        if self._opened is not None and self._upto:
            with self._shop.lake.rewriting():
                land(self._shop.lake, self._of_those_who_stay(self._waiting), self._upto)
            self._judge.landed(self._upto)
            self._reader.tell(self._upto, surely=surely)
        self._waiting, self._upto = [], {}
        self._first_at = time.monotonic()

    def _upkeep(self) -> None:
        self._shop.compact()
        self._reader.look_again()
        self._shop.forget_old_ids()
        self._retraining.look()

    def _mend(self) -> None:
        """Where the store of live profiles lost something, the lake must have everything before it is filled again."""
        now = time.monotonic()
        if now - self._mended_at >= _MEND_SECONDS:
            self._mended_at = now
            if self._shop.profiles_wanting():
                self.land()
                self._shop.mend_profiles()

    def close(self) -> None:
        """Commit what waits."""
        try:
            self.land()
        finally:
            self._retraining.stop()
            self._leave()
            self._judge.close()


def live_folding(shop: Shop) -> LiveFolding | None:
    """What keeps the live profiles up here; None where a Flink job does."""
    store = profile_store(shop.settings.profiles)
    if shop.settings.stream.live == "flink" or not isinstance(store, RedisProfiles):
        return None
    return LiveFolding(RedisLive(store), shop.settings.shop.currency)


def _orders(messages: Iterable[Message]) -> dict[str, Event]:
    return orders_in(message.event for message in messages if message.event is not None)


def _received(message: Message) -> datetime:
    """When it was received; of a decision, the beginning of its day, which is before."""
    if message.event is not None:
        return message.event.received_at or message.event.at
    return _EPOCH + timedelta(days=message.envelope.day)
