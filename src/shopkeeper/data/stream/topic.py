"""A Kafka topic by its address: reached, made where it is absent, and named in errors."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Final, TypeVar

from shopkeeper.core.errors import SettingsError, Unavailable

SCHEME: Final = "kafka://"
_SECONDS: Final = 5.0
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """``kafka://host:port,host:port/topic`` with the client's own options (security, compression, …)."""

    servers: str
    name: str
    options: Mapping[str, str]

    @classmethod
    def of(cls, url: str, options: Mapping[str, str] | None = None) -> "Topic":
        """Take an address apart.

        Raises:
            SettingsError: it is none.
        """
        servers, _, name = url.removeprefix(SCHEME).partition("/")
        if not url.startswith(SCHEME) or not servers or not name or "/" in name:
            raise SettingsError(
                "setting_bad", where="stream", name="url", value=url.rpartition("@")[2],
                wanted="kafka://host:port/topic",
            )  # fmt: skip
        return cls(servers=servers, name=name, options=dict(options or {}))

    def client(self, **own: Any) -> dict[str, Any]:
        """What a client of the library is made with; ``own`` may name options with ``_`` for ``.``."""
        return {
            **self.options, "bootstrap.servers": self.servers, "client.id": "shopkeeper",
            "error_cb": lambda _: None, "log_level": 2,
            **{name.replace("_", "."): value for name, value in own.items()},
        }  # fmt: skip

    def unreachable(self, why: object) -> Unavailable:
        """The error that says so, in the library's words where it has some."""
        return Unavailable("stream_unreachable", servers=self.servers, topic=self.name, why=_said(why)[:200])


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A topic as the brokers know it. ``identity`` changes where a topic of the same name is made anew; of brokers that
    number no topics it is the name."""

    identity: str
    partitions: int
    forbidden: frozenset[str] = frozenset()
    """What our user may not do with it (``read``, ``write``), where the brokers say so."""


def library() -> ModuleType:
    """confluent-kafka.

    Raises:
        SettingsError: it is not installed.
    """
    try:
        import confluent_kafka
        import confluent_kafka.admin
    except ImportError:
        raise SettingsError("extra_missing", extra="scale", package="confluent-kafka", what="[stream] url") from None
    return confluent_kafka


def look(topic: Topic, *, partitions: int = 0, seconds: float = _SECONDS) -> Found:
    """Ask the brokers for the topic; make it with so many partitions where it is absent and ``partitions`` is given.

    Raises:
        Unavailable: they do not answer within ``seconds``, or have no such topic.
        SettingsError: an option is none, or the library is not installed.
    """
    kafka, told = library(), list[Any]()
    admin = made(kafka.admin.AdminClient, {**topic.client(), "error_cb": told.append})
    try:
        known = _asked(topic, lambda: admin.list_topics(timeout=seconds).topics)
        if topic.name not in known or known[topic.name].error is not None:
            if not partitions:
                raise Unavailable("stream_topic_missing", servers=topic.servers, topic=topic.name)
            wanted = kafka.admin.NewTopic(topic.name, num_partitions=partitions, replication_factor=-1)
            _made(topic, kafka, admin, wanted)
        described = _asked(
            topic, lambda: admin.describe_topics(
                kafka.TopicCollection([topic.name]), include_authorized_operations=True
            )[topic.name].result(seconds),
        )  # fmt: skip
    except Unavailable as error:
        admin.poll(0)  # the cause, such as a refused connection, is told by the way
        if error.key == "stream_unreachable" and told:
            raise topic.unreachable(told[0]) from error
        raise
    numbered = str(described.topic_id)
    return Found(
        identity=topic.name if numbered.strip("A=") == "" else numbered, partitions=len(described.partitions),
        forbidden=forbidden(one.name for one in described.authorized_operations or ()),
    )  # fmt: skip


def forbidden(allowed: Iterable[str]) -> frozenset[str]:
    """What is needed and not among the operations that brokers with access lists name; without any they have none."""
    named = {name.upper() for name in allowed}
    if not named or "ALL" in named:
        return frozenset()
    return frozenset(need for need in ("read", "write") if need.upper() not in named)


def check(url: str, options: Mapping[str, str] | None = None) -> Found:
    """Whether the topic of an address can be used; see ``look``."""
    return look(Topic.of(url, options))


def made(kind: Callable[[dict[str, Any]], T], settings: dict[str, Any]) -> T:
    """A client of the library.

    Raises:
        SettingsError: an option of shop.toml is none of the library's.
    """
    try:
        return kind(settings)
    except library().KafkaException as error:
        raise SettingsError(
            "setting_bad", where="stream", name="options", value=_said(error.args[0]), wanted="librdkafka's options"
        ) from error


def _made(topic: Topic, kafka: ModuleType, admin: Any, wanted: Any) -> None:
    try:
        admin.create_topics([wanted])[topic.name].result(_SECONDS)
    except kafka.KafkaException as error:
        if error.args[0].code() != kafka.KafkaError.TOPIC_ALREADY_EXISTS:  # another process was faster
            raise topic.unreachable(error.args[0]) from error


def _asked(topic: Topic, ask: Callable[[], T]) -> T:
    try:
        return ask()
    except (library().KafkaException, TimeoutError) as error:
        raise topic.unreachable(error.args[0] if error.args else "no answer") from error


def _said(why: object) -> str:
    """A reason without the library's own way to write it down."""
    words = getattr(why, "str", None)  # of a KafkaError
    return str(words() if callable(words) else why)
