"""Laws of brokers that refuse or forget: one sentence says it, and nothing that was acknowledged is passed over."""

import asyncio
import json
import os
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from servers import Started, kafka_url, other_broker
from shopkeeper.apps.http.app import app_of
from shopkeeper.apps.http.from_shop import ShopEngine
from shopkeeper.core.errors import DataError, Unavailable
from shopkeeper.data.journal import EVENT, Entry
from shopkeeper.data.stream.kafka_journal import KafkaJournal
from shopkeeper.data.stream.reader import Gap, Reader
from shopkeeper.data.stream.topic import Topic, forbidden
from shopkeeper.shop import Shop
from shopkeeper.shop.doctor import examine
from shopkeeper.shop.streaming import StreamDrain


@pytest.fixture(scope="module")
def numberless(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Started]:
    """A broker that deletes what it is told to, and gives topics no numbers of their own."""
    with other_broker(tmp_path_factory.mktemp("broker")) as broker:
        yield broker


@pytest.fixture
def topic(numberless: Started) -> Topic:
    return Topic.of(kafka_url(numberless, f"t-{uuid.uuid4().hex}"))


@pytest.fixture
def redis(shared_redis: str) -> str:
    """Lines of shop.toml."""
    return f'[profiles]\nurl = "{shared_redis}"\nprefix = "r-{uuid.uuid4().hex}"\n'


def _shop(folder: Path, topic: Topic, redis: str, partitions: int = 1) -> Path:
    Shop.create(folder, name="t", currency="USD", timezone="UTC", language="en").close()
    with (folder / "shop.toml").open("a", encoding="utf-8") as settings:
        settings.write(f'\n[stream]\nurl = "kafka://{topic.servers}/{topic.name}"\npartitions = {partitions}\n{redis}')
    return folder


def _admin(topic: Topic) -> Any:
    from confluent_kafka.admin import AdminClient

    return AdminClient(topic.client())


def _delete_before(topic: Topic, offset: int) -> None:
    from confluent_kafka import TopicPartition

    admin = _admin(topic)
    for done in admin.delete_records([TopicPartition(topic.name, 0, offset)]).values():
        done.result(10)


def _delete(topic: Topic) -> None:
    admin = _admin(topic)
    admin.delete_topics([topic.name])[topic.name].result(10)


def _collect(folder: Path, first: int, count: int) -> None:
    with Shop.open(folder, sharing=True) as shop:
        for number in range(first, first + count):
            (verdict,) = shop.collect([{"id": f"e{number}", "action": "page_view", "visitor": "v1"}])
            assert verdict.status == "stored"


def _drained(folder: Path, *, anew: bool = False) -> list[int]:
    with Shop.open(folder) as shop, closing(StreamDrain(shop)) as drain:
        again = drain.begin_anew() if anew else []
        drain.run_once()
    return again


def _stored(folder: Path) -> Counter[str]:
    with Shop.open(folder, readonly=True) as shop:
        return Counter(shop.snapshot().query("SELECT id FROM events").column(0).to_pylist())


def _wrong(folder: Path) -> list[tuple[str, str]]:
    """What the doctor says of the stream: the finding, and the error behind it."""
    found = [one for one in examine(folder) if one.key.startswith("stream") or one.facts.get("part") == "stream"]
    return [(one.key, "" if one.error is None else one.error.key) for one in found]


def test_what_the_retention_deleted_unread_is_told(topic: Topic, redis: str, tmp_path: Path) -> None:
    """The doctor says so before the drain comes; the drain goes on with what is left; which messages are gone stands in
    the quarantine, once, until somebody discards it. So it is before anything was read, and later."""
    folder = _shop(tmp_path / "shop", topic, redis)
    _collect(folder, 0, 6)
    _delete_before(topic, 2)
    assert _wrong(folder) == [("stream_deleted", "")]
    _drained(folder)
    assert _wrong(folder) == [("stream", "")]
    _collect(folder, 6, 6)
    _delete_before(topic, 9)
    assert _wrong(folder) == [("stream_deleted", "")]
    _drained(folder)
    _drained(folder)
    assert _stored(folder) == Counter(f"e{number}" for number in (2, 3, 4, 5, 9, 10, 11))
    with Shop.open(folder, readonly=True) as shop:
        held = [(row.reason, row.facts["first"], row.facts["last"]) for row in shop.quarantine.list()]
        assert held == [("messages_deleted", 0, 1), ("messages_deleted", 6, 8)]


def test_a_reader_that_was_overtaken_by_the_retention_says_so(topic: Topic, redis: str, tmp_path: Path) -> None:
    """What it was to read next is deleted while it works: it does not silently go on at another place."""
    folder = _shop(tmp_path / "shop", topic, redis)
    _collect(folder, 0, 4)
    gaps: list[Gap] = []
    with Shop.open(folder) as shop:
        reader = Reader(topic, shop.lake, group="g", lost=gaps.append)
        from confluent_kafka import TopicPartition

        _delete_before(topic, 3)
        reader._consumer.assign([TopicPartition(topic.name, 0, 0)])  # nothing of it was fetched yet
        with pytest.raises(Unavailable, match="stream_unreachable"):
            reader.read(most=1, seconds=30.0)
        reader.close()
        Reader(topic, shop.lake, group="g", lost=gaps.append).close()
    assert gaps == [Gap(topic=topic.name, partition=0, first=0, last=2)]


@pytest.mark.slow
def test_a_topic_made_anew_under_its_name_is_not_passed_over(topic: Topic, redis: str, tmp_path: Path) -> None:
    """Brokers that number no topics cannot tell it from the old one, and here it has fewer partitions, too. The drain
    stands still and says why; told so it begins anew, and an id that was known counts once."""
    folder = _shop(tmp_path / "shop", topic, redis, partitions=2)
    _collect(folder, 0, 9)
    _drained(folder)
    _delete(topic)
    settings = (folder / "shop.toml").read_text("utf-8")
    (folder / "shop.toml").write_text(settings.replace("partitions = 2", "partitions = 1"), "utf-8")
    _collect(folder, 8, 1)
    _drained(folder, anew=True)
    _collect(folder, 9, 2)
    _drained(folder)
    assert _stored(folder) == Counter(f"e{number}" for number in range(11))


def test_a_shorter_topic_stops_the_drain(topic: Topic, redis: str, tmp_path: Path) -> None:
    """Made anew with less in it: nothing is read before somebody says that it may be, and nothing is lost."""
    folder = _shop(tmp_path / "shop", topic, redis)
    _collect(folder, 0, 5)
    _drained(folder)
    _delete(topic)
    _collect(folder, 4, 3)
    assert _wrong(folder) == [("broken", "stream_shorter")]
    with pytest.raises(Unavailable, match="stream_shorter"):
        _drained(folder)
    assert _drained(folder, anew=True) == [0]
    assert _drained(folder, anew=True) == []
    assert _stored(folder) == Counter(f"e{number}" for number in range(7))
    assert _wrong(folder) == [("stream", "")]


@pytest.mark.slow
def test_two_topics_of_brokers_that_number_none_are_two(numberless: Started, redis: str, tmp_path: Path) -> None:
    """A shop that moves to another topic of the same brokers reads it from its beginning."""
    one, two = (Topic.of(kafka_url(numberless, name)) for name in ("first-topic", "second-topic"))
    folder = _shop(tmp_path / "shop", one, redis)
    _collect(folder, 0, 4)
    _drained(folder)
    settings = (folder / "shop.toml").read_text("utf-8")
    (folder / "shop.toml").write_text(settings.replace("first-topic", "second-topic"), "utf-8")
    _collect(folder, 4, 2)
    _drained(folder)
    assert _stored(folder) == Counter(f"e{number}" for number in range(6))
    assert two.name == "second-topic"


def _entry(name: str, size: int) -> Entry:
    text = os.urandom(size).hex()  # nothing that could be packed
    return Entry(kind=EVENT, id=name, body=json.dumps({"id": name, "text": text}).encode(), person="c", day=1)


@pytest.mark.parametrize("limit", ["the client's", "the brokers'"])
def test_a_message_that_is_too_large_does_not_send_the_brokers_away(topic: Topic, limit: str) -> None:
    """It is refused as what it is, and not to be sent again; the next one is taken at once."""
    options = {} if limit == "the client's" else {"message.max.bytes": "50000000"}
    journal = KafkaJournal(Topic(servers=topic.servers, name=topic.name, options=options), partitions=1, group="g")
    with closing(journal):
        assert journal.append([_entry("small", 10)]) == ["stored"]
        with pytest.raises(DataError, match="stream_too_large"):
            journal.append([_entry("large", 3_000_000)])
        assert journal.append([_entry("next", 10)]) == ["stored"]
        assert journal.figures().up


def test_brokers_that_do_not_let_us_in_are_named(topic: Topic, redis: str, tmp_path: Path) -> None:
    """Wrong ways to sign in: a batch is answered 503 with Retry-After, in words that name the way."""
    folder = _shop(tmp_path / "shop", topic, redis)
    with (folder / "shop.toml").open("a", encoding="utf-8") as settings:
        settings.write('[stream.options]\n"security.protocol" = "SSL"\n"socket.timeout.ms" = "2000"\n')
    with Shop.open(folder, sharing=True) as shop:
        key = {"Authorization": f"Bearer {shop.state.keys.create('secret')}"}
        answer = _posted(shop, key)
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0
    fault = answer.json()["error"]
    assert fault["key"] == "stream_unreachable"
    assert "ssl" in fault["facts"]["why"].lower()


def _posted(shop: Shop, key: dict[str, str]) -> httpx.Response:
    async def post() -> httpx.Response:
        transport = httpx.ASGITransport(app=app_of(ShopEngine(shop)))
        async with httpx.AsyncClient(transport=transport, base_url="http://shop", headers=key) as client:
            events = [{"id": "e", "action": "page_view", "visitor": "v1"}]
            return await client.post("/v1/events", json={"events": events})

    return asyncio.run(post())


def test_rights_that_are_missing_are_named() -> None:
    """Of brokers with access lists; those without any name none, and who may do all may do each."""
    assert forbidden([]) == frozenset()
    assert forbidden(["ALL"]) == frozenset()
    assert forbidden(["READ", "WRITE", "DESCRIBE"]) == frozenset()
    assert forbidden(["DESCRIBE", "READ"]) == {"write"}
    assert forbidden(["describe"]) == {"read", "write"}
