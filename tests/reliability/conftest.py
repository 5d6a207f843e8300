"""The journeys' servers and shops are used here too; where a test kills processes, memory serves as its disk."""

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "journeys"))
_MEMORY = Path("/dev/shm")  # noqa: S108  # a disk for folders of their own, made by tempfile


@pytest.fixture
def quick_path() -> Iterator[Path]:
    """A folder on a disk that syncs in no time: ``kill -9`` takes nothing from a file system, only a power cut does."""
    with tempfile.TemporaryDirectory(dir=_MEMORY if _MEMORY.is_dir() else None, prefix="shop-") as folder:
        yield Path(folder)
