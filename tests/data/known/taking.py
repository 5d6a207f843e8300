"""What the tests of known formats share: an importer, a file on disk, and the lake's rows."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from shopkeeper.data.account import Account
from shopkeeper.data.importing import Importer
from shopkeeper.data.lake import Lake
from shopkeeper.data.quarantine import Quarantine

NOW = datetime(2026, 11, 24, tzinfo=UTC)
SHARED = Path(__file__).parents[4] / "shared" / "data"


@contextmanager
def importing(folder: Path, **told: Any) -> Iterator[Importer]:
    """An importer into a fresh lake."""
    quarantine = Quarantine(folder / "quarantine.db")
    yield Importer(lake=Lake(folder / "lake"), quarantine=quarantine, clock=lambda: NOW, **told)
    quarantine.close()


def write(folder: Path, name: str, data: str | bytes) -> Path:
    """A file in a folder."""
    path = folder / name
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path


def by_kind(accounts: list[Account]) -> dict[str, Account]:
    """The accounts of a file by their kind, each checked to add up."""
    for one in accounts:
        assert one.read == one.kept + one.duplicate + one.quarantined
        assert sum(one.by_reason.values()) == one.quarantined
    assert len({one.kind for one in accounts}) == len(accounts)
    return {one.kind: one for one in accounts}


def rows(importer: Importer, sql: str) -> list[tuple[Any, ...]]:
    """Rows of the lake."""
    with importer.lake.connect() as con:
        found: list[tuple[Any, ...]] = con.execute(sql).fetchall()
        return found
