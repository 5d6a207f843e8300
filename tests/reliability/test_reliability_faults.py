"""Laws of a failing disk: an error is never acknowledged, and the next start needs no help."""

import shutil
from pathlib import Path

import faults
import pytest

QUICK = [("fdatasync", 2), ("fdatasync", 5), ("fsync", 3), ("pwrite64", 6), ("pwrite64", 9), ("link", 1), ("unlink", 1)]


@pytest.mark.parametrize(("call", "nth"), QUICK)
def test_a_fault_of_the_disk_is_never_acknowledged(call: str, nth: int, quick_path: Path) -> None:
    """The n-th sync, write or link of every thread fails: what was acknowledged before and after is there once when the
    shop is opened again."""
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    found = faults.one(quick_path, call, nth)
    assert found.struck == {call: 1}
    assert found.found.clean, found.first


def test_after_a_failed_sync_nothing_more_is_acknowledged(quick_path: Path) -> None:
    """One sync of the journal fails and all later ones would succeed: still nothing is acknowledged until the shop is
    opened again, because the system may have dropped what it could not write."""
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    found = faults.one(quick_path, "fdatasync", 7)
    assert found.struck == {"fdatasync": 1}
    assert found.refusals > 0
    assert found.acknowledged + found.refusals == 24 + 1
    assert found.found.clean, found.first
