"""Servers that many tests share, one of each a session; each test takes keys, topics or schemas of its own."""

from collections.abc import Iterator

import pytest

import postgres
from servers import redis_server, redis_url


@pytest.fixture(scope="session")
def shared_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a real Redis."""
    with redis_server(tmp_path_factory.mktemp("redis")) as server:
        yield redis_url(server)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[postgres.PostgreSQL]:
    """A running PostgreSQL."""
    postgres.needed()
    with postgres.running() as server:
        yield server
