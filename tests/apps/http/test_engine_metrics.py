"""Laws of the figures of engines: a real PostgreSQL, broker and Redis, read at /metrics while they work and fail."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fake_engine import asking

from postgres import PostgreSQL
from servers import Started, kafka_broker, kafka_url, redis_url
from shopkeeper.apps.http.from_shop import build
from shopkeeper.core.errors import Unavailable
from shopkeeper.core.ids import PersonKey
from shopkeeper.data.journal import EVENT, Entry
from shopkeeper.data.stream.kafka_journal import KafkaJournal
from shopkeeper.settings import FILE
from shopkeeper.shop import Shop
from shopkeeper.shop.streaming import StreamDrain

EVENTS = 6


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Started]:
    """A broker that is this test's to kill."""
    with kafka_broker(tmp_path) as server:
        yield server


@pytest.fixture
def folder(postgresql: PostgreSQL, broker: Started, redis: Started, tmp_path: Path) -> Path:
    """A shop with every engine."""
    folder = tmp_path / "shop"
    Shop.create(folder, name="Tea", currency="CNY", timezone="UTC", language="en").close()
    for file in folder.glob("*.db*"):  # they bear the mark of the state they were made beside
        file.unlink()
    with (folder / FILE).open("a", encoding="utf-8") as settings:
        settings.write(
            f'\n[stream]\nurl = "{kafka_url(broker, "figures")}"\npartitions = 3\n'
            f'[profiles]\nurl = "{redis_url(redis)}"\n[state]\nurl = "{postgresql.address()}"\n'
        )
    return folder


def _figures(ask: Callable[..., Any], key: str) -> dict[str, float]:
    text = ask("GET", "/metrics", key=key).text
    return {name: float(value) for name, value in re.findall(r"^(shopkeeper_\S+) (\S+)$", text, re.MULTILINE)}


def _lag(told: dict[str, float]) -> list[float]:
    return [value for name, value in told.items() if name.startswith("shopkeeper_stream_lag")]


def test_engines_are_counted_while_they_work_and_fail(folder: Path, broker: Started, redis: Started) -> None:
    """What was asked, how long it took, what waits in each partition and for how long; after a failure its errors, and
    the figures of the others go on."""
    with Shop.open(folder, sharing=True) as shop:
        ask, key = asking(build(shop)), shop.state.keys.create("secret")
        events = [{"id": f"e{number}", "action": "product_view", "customer": f"c{number}", "product": "p1"}
                  for number in range(EVENTS)]  # fmt: skip
        for event in events:  # one by one: of messages that came together this broker counts the first
            assert ask("POST", "/v1/events", key=key, json=[event]).json()["stored"] == 1
        told = _figures(ask, key)
        assert len(_lag(told)) == 3
        assert sum(_lag(told)) == told["shopkeeper_journal_undrained"] == EVENTS
        assert 0 < told["shopkeeper_stream_unread_seconds"] < 3600
        assert told["shopkeeper_stream_seconds_count"] == EVENTS
        assert told["shopkeeper_stream_queue"] == told["shopkeeper_stream_errors_total"] == 0
        assert told["shopkeeper_state_seconds_count"] > 0
        assert told['shopkeeper_state_connections{use="most"}'] == 8
        assert told["shopkeeper_state_errors_total"] == told["shopkeeper_profiles_errors_total"] == 0
        with Shop.open(folder) as drain:
            assert StreamDrain(drain).run_once() == EVENTS
        told = _figures(ask, key)
        assert told["shopkeeper_journal_undrained"] == sum(_lag(told)) == told["shopkeeper_stream_unread_seconds"] == 0
        assert shop.store is not None
        shop.store.look(PersonKey("c1"))
        before = _figures(ask, key)
        redis.kill()
        with pytest.raises(Unavailable):
            shop.store.look(PersonKey("c1"))
        told = _figures(ask, key)
        assert told["shopkeeper_profiles_errors_total"] == told["shopkeeper_profiles_fallbacks_total"] == 1
        assert told["shopkeeper_profiles_seconds_count"] == before["shopkeeper_profiles_seconds_count"] + 1
        broker.kill()
        assert isinstance(shop.journal, KafkaJournal)
        answer = shop.journal.append_soon([Entry(kind=EVENT, id="late", body=b"{}", person="c1", day=1)])
        shop.journal._producer.purge()  # as after the ten seconds that it is tried again for
        with pytest.raises(Unavailable):
            answer.result(timeout=60)
        told = _figures(ask, key)
        assert told["shopkeeper_stream_errors_total"] == 1
        assert told["shopkeeper_journal_undrained"] == 0
        assert _lag(told) == []


def test_a_database_that_is_gone_is_counted(folder: Path, postgresql: PostgreSQL) -> None:
    """Its errors are seen at /metrics while it is away."""
    with Shop.open(folder, sharing=True) as shop:
        ask, key = asking(build(shop)), shop.state.keys.create("secret")
        assert _figures(ask, key)["shopkeeper_state_errors_total"] == 0
        postgresql.stop()
        try:
            with pytest.raises(Unavailable):
                shop.state.keys.list()
            assert _figures(ask, key)["shopkeeper_state_errors_total"] >= 1
        finally:
            postgresql.start()


def test_a_shop_without_engines_has_no_figures_of_them(tmp_path: Path) -> None:
    """Its journal is counted all the same."""
    with Shop.create(tmp_path / "shop", name="Tea", currency="CNY", timezone="UTC", language="en") as shop:
        told = _figures(asking(build(shop)), shop.state.keys.create("secret"))
    assert told["shopkeeper_journal_undrained"] == 0
    assert not any(name.startswith(("shopkeeper_state", "shopkeeper_stream", "shopkeeper_profiles")) for name in told)
