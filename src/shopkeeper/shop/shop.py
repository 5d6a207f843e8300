"""A shop: one folder, one object. Apps parse, call this, and render."""

import logging
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TypeVar

from shopkeeper.core.consent import Consent
from shopkeeper.core.decision import Decision, Request
from shopkeeper.core.errors import DataError, NotFound, SettingsError, ShopkeeperError, Unavailable
from shopkeeper.core.event import Event
from shopkeeper.core.ids import PersonKey, ProductId
from shopkeeper.core.kept import Kept
from shopkeeper.data import belonging, leftovers, reports
from shopkeeper.data.drain import CONSENT, decode_event
from shopkeeper.data.journal import EVENT, forget_old_ids
from shopkeeper.data.lake_orders import LakeOrders
from shopkeeper.data.model_store import ModelStore
from shopkeeper.data.quarantine import Quarantine
from shopkeeper.data.schema import TABLES
from shopkeeper.data.snapshot import LakeSnapshot
from shopkeeper.decide.log import Logged, body_of
from shopkeeper.features.shared_profiles import ProfileWriter
from shopkeeper.settings import FILE, Settings, load, template
from shopkeeper.shop import answered, logged
from shopkeeper.shop.collecting import Collector, Verdict
from shopkeeper.shop.engines import batch_of, drain_of, duck_of, intake_of, profile_store
from shopkeeper.shop.identity import LEARNING, SHOWING, Identities
from shopkeeper.shop.listening import Listener
from shopkeeper.shop.serving import Serving, serving_of, without_models

_log: Final = logging.getLogger(__name__)
_STATIC_ITEMS: Final = 100
_UNLOADABLE: Final = frozenset({"model_damaged", "model_outdated", "extra_missing", "unknown_version"})
T = TypeVar("T")


def utc_now() -> datetime:
    """The clock of the wall."""
    return datetime.now(UTC)


class Shop:
    """An open shop folder.

    ``readonly`` opens beside a running server: nothing is collected or drained, everything can be read and trained.
    ``sharing``, where there is a ``[stream]``: one of several processes that collect and answer; another drains.
    Close it, or use it as a context manager.
    """

    def __init__(
        self, folder: Path, settings: Settings, *, readonly: bool, sharing: bool, clock: Callable[[], datetime],
        consent: Callable[[PersonKey], Consent] | None = None,
    ) -> None:  # fmt: skip
        self.folder, self.settings, self.readonly, self.clock = folder, settings, readonly, clock
        self.streaming = bool(settings.stream.url)
        self.sharing = sharing and self.streaming
        beside = readonly or self.sharing
        self._lock, self.lake, self.state = belonging.opened(folder, settings.state.url, clock, beside=beside)
        self.quarantine = Quarantine(folder / "quarantine.db")
        self._consent = consent or self.state.consent.personal_consent
        self.identities = Identities(self.lake, self.state, settings)
        self.models = ModelStore(folder / "models")
        self.journal = intake_of(settings.stream, folder, beside=beside)
        self._drain = drain_of(self.journal, self.lake, self.quarantine, self.agreed, beside=beside)
        belonging.mark(folder, self.state, beside=beside)
        if not beside:
            leftovers.tidy(folder, self.lake)
        self.orders = LakeOrders(self.lake)
        self._collector = Collector(self.journal, self.quarantine, settings.shop, clock, self.take, self.orders)
        self.kept: defaultdict[str, Kept[Any]] = defaultdict(Kept)
        """By name: what is read from models, counted from profiles or worked out for pages, in memory."""
        self.store = profile_store(settings.profiles)
        self._writer = None if self.store is None else ProfileWriter(self.store, settings.shop.currency)
        self._serving: Serving | None = None
        self._wanted = ""
        self._serving_lock = threading.Lock()
        self.forgiving = False
        """Answer with an older version, or the popular list, where the current one cannot be loaded: for servers."""
        self.listeners: list[Listener] = []
        """Who else is told of stored events and of people to be forgotten."""
        self._forgot_day = 0
        if not readonly:
            self.agreed(self._undrained(CONSENT))

    @classmethod
    def create(
        cls, folder: Path, *, name: str, currency: str, timezone: str, language: str, notice: str = ""
    ) -> "Shop":
        """Make a new shop folder and open it.

        Raises:
            SettingsError: there is a shop in the folder already, or a value is impossible.
        """
        if (folder / FILE).exists():
            raise SettingsError("shop_folder_exists", folder=str(folder))
        if not folder.exists():
            folder.mkdir(parents=True)
            folder.chmod(0o700)  # it will hold what people did
        (folder / FILE).write_text(template(name, currency, timezone, language, notice), "utf-8")
        try:
            return cls.open(folder)
        except ShopkeeperError:
            (folder / FILE).unlink()
            raise

    @classmethod
    def open(
        cls, folder: Path | str, *, readonly: bool = False, sharing: bool = False,
        clock: Callable[[], datetime] = utc_now, consent: Callable[[PersonKey], Consent] | None = None,
    ) -> "Shop":  # fmt: skip
        """Open a shop folder. ``consent``: who says what people agreed to, where it is not the folder.

        Raises:
            SettingsError: no shop there, of another format, or its settings are wrong.
            DataError: a file of it is damaged, or is another shop's.
            Unavailable: another process has it open for writing.
        """
        folder = Path(folder)
        return cls(folder, load(folder), readonly=readonly, sharing=sharing, clock=clock, consent=consent)

    def __enter__(self) -> "Shop":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Finish what is waiting and let the folder go. What is not drained stays safe in the journal."""
        self.journal.close()
        if self.store is not None:
            self.store.close()
        self.quarantine.close()
        self.state.close()
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    # --- facts in

    def collect(
        self, raws: Sequence[Any], *, source: str = "api", browser: bool = False, hold: bool = True
    ) -> list[Verdict]:
        """Take events in; returns when what was accepted is durable. One verdict an event, in order. ``hold``: what is
        not believed goes into the quarantine.

        Raises:
            Unavailable: nothing could be made durable, and nothing was acknowledged.
        """
        self._writable()
        return self._collector.collect(raws, source=source, browser=browser, hold=hold)

    def take(self, stored: Sequence[Event], again: Sequence[Event] = ()) -> None:
        """Let what was stored count: consent first, then the next answers. Consent that was sent again counts as of
        when it was first told: the book may have been out of reach then. What is not in the journal any more is in the
        book: the drain sees to that."""
        certain = answered.certain(stored) if self.sharing else stored
        self.agreed([*certain, *answered.first_told(again, self.journal)])
        if self._writer is not None:
            self._writer.tell(stored)
        if self._serving is not None:
            self._serving.fold_many(stored)
        for listener in self.listeners:
            listener.heard(stored)

    def agreed(self, events: Iterable[Event]) -> None:
        """Write answers of consent down, each as of its moment."""
        if answers := answered.answers_in(events):
            self.state.consent.record_many(answers)

    def _undrained(self, words: bytes = b"") -> list[Event]:
        """The events that the lake does not hold yet, of those whose bytes hold ``words``. Folding one twice changes
        nothing."""
        waiting = self.journal.undrained(limit=10_000_000)
        return [decode_event(kept.body) for kept in waiting if kept.sound and kept.kind == EVENT and words in kept.body]

    def drain(self) -> int:
        """Move the journal into the lake; a topic is moved by ``StreamDrain``. Returns how many entries moved."""
        self._writable()
        if self._drain is None:
            return 0
        with (
            self._serving_lock,
            self.lake.rewriting(),
        ):  # who takes up the models reads the lake first, then the journal
            moved = self._drain.run()
        self.forget_old_ids()
        if moved:
            self.compact()
        return moved

    def compact(self) -> None:
        """Join the lake's small files where there are many."""
        with self.lake.rewriting():
            for table in ("events", "order_lines", "decisions"):
                if self.lake.compact(table):
                    self.lake.sweep(table)

    def forget_old_ids(self) -> None:
        """Once a day: ids that nobody may send again any more."""
        today = int(self.clock().timestamp() // 86_400)
        if today != self._forgot_day:
            forget_old_ids(self.folder / "journal.db", today - self.settings.privacy.remember_ids_days)
            self._forgot_day = today

    def _writable(self) -> None:
        if self.readonly:
            raise Unavailable("shop_locked", folder=str(self.folder), pid="-")

    # --- what is known

    def snapshot(
        self, moment: datetime | None = None, *, learning: bool = False, about: str = ""
    ) -> LakeSnapshot:  # fmt: skip
        """What the lake knows (before a moment, or now), with the people who agreed to training.

        A browser's past joins its customer's where both agreed to personalisation; ``learning``: and to training.
        ``about``: for questions about one person, whose browsers alone are joined, which is quick in a large shop.
        """
        purposes = LEARNING if learning else SHOWING
        identities = self.identities
        return LakeSnapshot(
            lake=self.lake, moment=moment or self.clock(), currency=self.settings.shop.currency,
            may_train=self.state.consent.may_train, weights=self.settings.weights.table(),
            batch=duck_of(self.settings.engine), identity=lambda: identities.about(about, purposes),
        )  # fmt: skip

    def batch_snapshot(self, moment: datetime | None = None) -> LakeSnapshot:
        """The same, asked by the engine of ``[batch]``: for training and evaluation.

        Raises:
            SettingsError: the engine is Spark, and it is not installed or does not answer.
        """
        return replace(self.snapshot(moment, learning=True), batch=batch_of(self.settings, self.folder))

    def consent_of(self, person: PersonKey) -> Consent:
        """What a person agreed to; nothing, where nothing is known."""
        return self.state.consent.consent_of(person)

    def remembered(self, name: str, make: Callable[[], T]) -> T:
        """A value computed from the lake, kept until the lake changes, or who is kept apart."""
        state = (*(self.lake.version(table) for table in TABLES), self.state.unlinked.mark())
        found: T = self.kept[name].at(state, make)
        return found

    # --- decisions

    @property
    def serving(self) -> Serving:
        """The models that answer, loaded at the first use and again when another version became current."""
        serving = self._serving
        return self.reload() if serving is None else serving

    def reload(self, *, anew: bool = False) -> Serving:
        """Load the current version if it is not the one that answers, or ``anew``. Events taken meanwhile count."""
        with self._serving_lock:
            version = self._current()
            if self._serving is not None and self._wanted == (version or "") and not anew:
                return self._serving
            before = self._undrained()  # another process may move them into the lake after we have looked there
            fresh = self._load_some(version) if self.forgiving else self._load(version)
            known = self._since(fresh)
            fresh.fold_many(known)
            self._serving, self._wanted = fresh, version or ""
            waiting = before + self._undrained()  # after it answers: what comes from now on is told to it
            fresh.fold_many(waiting)
            if not self.streaming:
                self.mend_profiles()
            return fresh

    def _since(self, serving: Serving) -> list[Event]:
        """What the lake has and the models do not know."""
        return [] if serving.until is None else list(reports.events_since(self.snapshot(), serving.until))

    def profiles_wanting(self) -> bool:
        """Whether the store of live profiles may lack something that the models do not know."""
        return self._writer is not None and self.models.current() is not None and self._writer.wanting()

    def mend_profiles(self) -> None:
        """Give the store of live profiles what it has lost, or what could not be told to it."""
        version = self.models.current()
        if self._writer is not None and version is not None and self.profiles_wanting():
            until = datetime.fromisoformat(self.models.manifest(version)["received_until"])
            self._writer.refill([*self._undrained(), *reports.events_since(self.snapshot(), until)])

    def _current(self) -> str | None:
        """The version that is to answer; for servers the newest, where the file that names it is damaged."""
        try:
            return self.models.current()
        except DataError as error:
            if not self.forgiving:
                raise
            _log.error("the current version is not known: %s", error)
            return max(self.models.versions(), default=None)

    def _load_some(self, version: str | None) -> Serving:
        """The version, or the newest older one that can be loaded, or none: the popular list."""
        older = [each for each in reversed(self.models.versions()) if each < (version or "")]
        for each in (version, *older):
            try:
                return self._load(each)
            except (DataError, Unavailable, NotFound) as error:
                if error.key not in _UNLOADABLE:
                    raise
                _log.error("model version %s cannot answer: %s", each, error)
        return self._load(None)

    def _load(self, version: str | None) -> Serving:
        now = self.snapshot()
        if version is None:
            best = reports.bestsellers(now, _STATIC_ITEMS)
            return without_models(now.catalogue(), best, self.settings, self.log_decision, self.store)
        bundle = self.models.load(version)
        return serving_of(
            bundle, now.catalogue(), self.settings, consent=self._consent, log=self.log_decision, store=self.store,
            partners=self.state.bundles.partners_of, apart=self.state.unlinked.visitors,
        )  # fmt: skip

    def decide(self, request: Request) -> Decision:
        """The answer to a request, logged.

        Raises:
            NotFound: no such placement.
        """
        policy = self._policy(request.placement)
        with self.serving.profiles.once():
            return policy.decide(request)

    def preview(self, request: Request) -> Decision:
        """The answer that a request would get now; shown to nobody, so not logged."""
        policy = self._policy(request.placement)
        with self.serving.profiles.once():
            return policy.inner.decide(request)

    def count_of(self, placement: str) -> int:
        """How many items a placement shows where the request does not say.

        Raises:
            NotFound: no such placement.
        """
        self._policy(placement)
        return self.serving.counts[placement]

    def _policy(self, placement: str) -> Logged:
        policies = self.serving.policies
        policy = policies.get(placement)
        if policy is None:
            raise NotFound("unknown_placement", placement=placement, allowed=", ".join(policies))
        return policy

    def similar_to(self, product: str, count: int) -> Request:
        """The request that asks what goes with a product.

        Raises:
            NotFound: no such product.
        """
        if product not in self.serving.catalogue.index:
            raise NotFound("unknown_product", product=product)
        return Request(
            placement="product", at=self.clock(), product=ProductId(product), count=count, mode="nonpersonal"
        )

    def name_of(self, product: str) -> str:
        """What a product is called; its id where it has no name."""
        catalogue = self.serving.catalogue
        index = catalogue.index.get(product)
        return product if index is None else str(catalogue.now.names[index]) or product

    def forget(self, people: Sequence[PersonKey]) -> None:
        """Drop people from what answers, here and where live profiles are shared."""
        if self._serving is not None:
            for person in people:
                self._serving.profiles.forget(person)
        if self.store is not None:
            self.store.forget(people)
        for listener in self.listeners:
            listener.forget(people)

    def log_decision(self, decision: Decision) -> None:
        """Keep a decision without waiting for the disk; nothing where the shop is open for reading only."""
        if not self.readonly:
            self.log_body(decision.id, body_of(decision), decision.request)

    def log_body(self, decision_id: str, body: bytes, request: Request) -> None:
        """The same of a decision that stands written already (``decide.log.body_of``)."""
        logged.keep(self.journal, decision_id, body, request)

    def explain(self, decision_id: str) -> Decision:
        """A logged decision.

        Raises:
            NotFound: it was never made, or was erased.
        """
        return logged.find(self.journal, self.snapshot(), decision_id)
