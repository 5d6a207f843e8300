"""What shop.toml chose: the journal and the store of live profiles, which processes can share, and the batch engine."""

from collections.abc import Callable, Sequence
from pathlib import Path

from shopkeeper.core.event import Event
from shopkeeper.core.figures import EngineFigures
from shopkeeper.core.live import ProfileStore
from shopkeeper.data.batch import Batch, DuckBatch
from shopkeeper.data.drain import Drain, landed_in
from shopkeeper.data.intake import Intake
from shopkeeper.data.journal import Journal
from shopkeeper.data.lake import Lake
from shopkeeper.data.leftovers import SCRATCH
from shopkeeper.data.quarantine import Quarantine
from shopkeeper.data.spark import SparkBatch
from shopkeeper.data.store.state import State
from shopkeeper.data.stream.kafka_journal import KafkaJournal
from shopkeeper.data.stream.redis_profiles import RedisProfiles
from shopkeeper.data.stream.topic import Topic
from shopkeeper.settings import EngineSection, ProfilesSection, Settings, StreamSection


def intake_of(wanted: StreamSection, folder: Path, *, beside: bool) -> Intake:
    """What makes events durable: the folder's own journal (``beside``: another process accepts events), or a topic."""
    if not wanted.url:
        return Journal(folder / "journal.db", beside=beside)
    return KafkaJournal(topic_of(wanted), partitions=wanted.partitions, group=wanted.group)


def drain_of(
    journal: Intake, lake: Lake, quarantine: Quarantine, agreed: Callable[[Sequence[Event]], None], *, beside: bool
) -> Drain | None:
    """What moves the folder's own journal into the lake; None for a topic. A journal that was made anew gives no number
    that the lake knows. ``agreed`` is told of consent before it leaves."""
    if not isinstance(journal, Journal):
        return None
    if not beside:
        journal.go_on_after(landed_in(lake))
    return Drain(journal, lake, quarantine, agreed)


def topic_of(wanted: StreamSection) -> Topic:
    """The topic of ``[stream]``."""
    return Topic.of(wanted.url, wanted.options)


def profile_store(wanted: ProfilesSection) -> ProfileStore | None:
    """Where live profiles are shared; None where they are in memory.

    Raises:
        SettingsError: the package of the store is not installed.
    """
    if not wanted.url:
        return None
    return RedisProfiles(wanted.url, prefix=wanted.prefix, keep_days=wanted.keep_days)


def figures_of(state: State, journal: Intake, store: ProfileStore | None) -> EngineFigures:
    """How the engines beside a shop answered this process."""
    return EngineFigures(
        state=state.database.figures(), stream=journal.figures(), profiles=None if store is None else store.figures()
    )


def duck_of(wanted: EngineSection) -> DuckBatch:
    """DuckDB with as much of the machine as it may take."""
    return DuckBatch(memory=wanted.memory, threads=wanted.threads)


def batch_of(settings: Settings, folder: Path) -> Batch:
    """What answers the SQL of training and evaluation of the shop in a folder.

    Raises:
        SettingsError: the engine is Spark, and it is not installed or does not answer.
    """
    if settings.batch.engine == "duckdb":
        return duck_of(settings.engine)
    scratch = str((folder / SCRATCH).absolute())
    return SparkBatch(master=settings.batch.master, memory=settings.engine.memory, scratch=scratch)
