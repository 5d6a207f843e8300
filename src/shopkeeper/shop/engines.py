"""What shop.toml chose for the two roles that processes can share: the journal, and the store of live profiles."""

from pathlib import Path

from shopkeeper.core.live import ProfileStore
from shopkeeper.data.intake import Intake
from shopkeeper.data.journal import Journal
from shopkeeper.data.stream.kafka_journal import KafkaJournal
from shopkeeper.data.stream.redis_profiles import RedisProfiles
from shopkeeper.data.stream.topic import Topic
from shopkeeper.settings import ProfilesSection, StreamSection


def intake_of(wanted: StreamSection, folder: Path, *, beside: bool) -> Intake:
    """What makes events durable: the folder's own journal (``beside``: another process accepts events), or a topic."""
    if not wanted.url:
        return Journal(folder / "journal.db", beside=beside)
    return KafkaJournal(topic_of(wanted), partitions=wanted.partitions, group=wanted.group)


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
