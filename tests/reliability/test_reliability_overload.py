"""Laws of too much: three times what a server manages, offered whether it keeps up or not."""

from pathlib import Path

import overload
import pytest


def _check(found: dict[str, object], most_growth_mib: int) -> None:
    assert (found["lost"], found["doubled"], found["halves"]) == (0, 0, 0), found
    assert found["rude"] == 0, found
    assert int(str(found["peak"])) - int(str(found["before"])) < most_growth_mib, found
    assert int(str(found["answered"])) > 0, found


def test_what_was_taken_under_overload_is_kept(quick_path: Path) -> None:
    """Everything acknowledged is there once; everything else was refused with Retry-After; memory stays bounded; some
    recommendations are answered all the while."""
    _check(overload.run(quick_path, seconds=3), 400)


@pytest.mark.slow
def test_overload_for_a_minute(quick_path: Path) -> None:
    """The same for a minute, with the same bound on memory."""
    _check(overload.run(quick_path, seconds=60), 400)
