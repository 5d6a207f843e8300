"""The two places where state can be: each test that asks for ``place`` runs on SQLite and on a real PostgreSQL."""

from pathlib import Path

import pytest


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Path | str:
    """An empty place for a state."""
    if request.param == "sqlite":
        return tmp_path / "state.db"
    address: str = request.getfixturevalue("postgresql").address()
    return address
