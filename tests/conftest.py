"""What tests of several rooms share: a real PostgreSQL, started once, when the first of them asks for it."""

from collections.abc import Iterator

import pytest

import postgres


@pytest.fixture(scope="session")
def postgresql() -> Iterator[postgres.PostgreSQL]:
    """A running server."""
    postgres.needed()
    with postgres.running() as server:
        yield server
