"""Servers that many tests share, one of each a session; each test takes keys, topics or schemas of its own."""

from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

import postgres
from servers import Started, kafka_broker, redis_server, redis_url

hypothesis.settings.register_profile("any machine", deadline=None)  # no law depends on how fast the machine is
hypothesis.settings.load_profile("any machine")


@pytest.fixture(scope="session")
def shared_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a real Redis."""
    with redis_server(tmp_path_factory.mktemp("redis")) as server:
        yield redis_url(server)


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Started]:
    """A Redis that is this test's to kill."""
    with redis_server(tmp_path) as server:
        yield server


@pytest.fixture(scope="session")
def shared_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Started]:
    """A broker that speaks Kafka's protocol."""
    with kafka_broker(tmp_path_factory.mktemp("broker")) as server:
        yield server


@pytest.fixture(scope="session")
def postgresql() -> Iterator[postgres.PostgreSQL]:
    """A running PostgreSQL."""
    postgres.needed()
    with postgres.running() as server:
        yield server
