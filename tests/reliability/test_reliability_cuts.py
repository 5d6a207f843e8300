"""Laws of a power cut: what was answered is on the disk, whatever the system had not written yet.

The real server is traced at work, its disk made again from what was synced, and a shop opened on it. A server from
which a sync was taken out must fail here: otherwise these tests would prove nothing.
"""

import random
import shutil
from pathlib import Path

import cutting
import pytest
from disk import Disk
from tracing import Call

SEED = 20_261_126


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> cutting.Traced:
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    return cutting.traced(tmp_path_factory.mktemp("cut"), 30)


def test_no_cut_loses_what_was_answered(work: cutting.Traced, quick_path: Path) -> None:
    """Cut just after an answer began to leave, and in between: with nothing unsynced kept, with any of it, and with the
    beginnings of writes, everything answered is there once, and the shop opens by itself."""
    found = cutting.cut(work, quick_path, cuts=8, seed=SEED)
    assert found.cuts == {"drop": 8, "subset": 8, "torn": 8}
    assert found.failed == {}, found.first
    assert len(work.answered) == len(work.heard) == 30


def test_every_answer_waits_for_a_sync(work: cutting.Traced) -> None:
    """Between the last byte of a batch in the journal and the first of its answer lies a sync that succeeded, and every
    name that came into the shop was followed by a sync of its folder."""
    assert cutting.answered_before_synced(work) == []
    assert cutting.names_left(work) == []


def test_a_journal_that_does_not_sync_is_found_out(tmp_path: Path, quick_path: Path) -> None:
    """With synchronous=NORMAL every cut loses something: these tests can fail."""
    broken = cutting.traced(tmp_path, 15, code=cutting.BROKEN["journal NORMAL"])
    assert cutting.cut(broken, quick_path, cuts=5, seed=SEED, modes=("drop",)).failed == {"drop": 5}
    assert cutting.answered_before_synced(broken) != []


@pytest.mark.slow
@pytest.mark.parametrize("name", ["journal OFF", "lake without fsync"])
def test_every_sync_that_is_taken_out_is_found_out(name: str, tmp_path: Path, quick_path: Path) -> None:
    """Without a sync of the journal or of the lake some cut loses something."""
    broken = cutting.traced(tmp_path, 60, code=cutting.BROKEN[name])
    assert cutting.cut(broken, quick_path, cuts=20, seed=SEED, modes=("drop",)).failed


@pytest.mark.slow
@pytest.mark.parametrize("name", ["", "journal not settled"])
def test_a_duplicate_is_as_durable_as_what_it_repeats(name: str, tmp_path: Path, quick_path: Path) -> None:
    """Killed as it was about to sync, started again, sent the same once more, and then the power goes: a server that
    answers "duplicate" from what was only in memory loses it, ours does not."""
    work = cutting.killed_and_served_again(tmp_path, 12, at=9, code=cutting.BROKEN.get(name, cutting.RUN))
    found = cutting.cut(work, quick_path, cuts=12, seed=SEED, modes=("drop",))
    assert bool(found.failed) == bool(name), found


def _call(name: str, at: int, **more: object) -> Call:
    plain: dict[str, object] = {"texts": (), "paths": (), "handle": 3, "numbers": (), "words": "", "result": 0}
    return Call(name=name, start=at, end=at, **{**plain, **more})  # type: ignore[arg-type]  # a test's shorthand


def test_the_disk_keeps_only_what_was_synced(tmp_path: Path) -> None:
    """A known answer: bytes without a sync, a name without a sync of its folder, bytes whose sync failed: all gone."""
    base = tmp_path / "base"
    base.mkdir()
    root, file = Path("/shop"), "/shop/a"
    calls = [
        _call("openat", 1, paths=("/", file), texts=(b"/shop/a",), words="O_CREAT", result=3),
        _call("pwrite64", 2, paths=(file,), texts=(b"one",), numbers=(3, 0), result=3),
        _call("fsync", 3, paths=(file,)),
        _call("fsync", 5, paths=("/shop",)),
        _call("pwrite64", 6, paths=(file,), texts=(b"two",), numbers=(3, 3), result=3),
        _call("fsync", 7, paths=(file,), result=-1),
        _call("pwrite64", 8, paths=(file,), texts=(b"3",), numbers=(1, 6), result=1),
        _call("fsync", 9, paths=(file,)),
    ]
    disk = Disk(base, root, calls)

    def after(cut: int) -> dict[str, bytes]:
        shutil.rmtree(tmp_path / "after", ignore_errors=True)
        disk.after_cut(cut, "drop", random.Random(0), tmp_path / "after")  # noqa: S311  # no secret
        return {path.name: path.read_bytes() for path in (tmp_path / "after").iterdir()}

    assert after(4) == {}
    assert after(6) == after(8) == {"a": b"one"}
    assert after(10) == {"a": b"one\0\0\x003"}
