"""The corpus of bad input: each file through the shop's own import or its HTTP app, and what must become of it."""

import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

from corpus_cases import Case, cases, faults

ALL = range(1, 85)
MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108  # nothing of it is kept


@cache
def found_wrong(number: int) -> tuple[str, ...]:
    """What is wrong with the files of one number."""
    wrong = []
    for case in cases():
        if case.id == number:
            with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
                wrong += [f"{case.name}: {fault}" for fault in faults(case, Path(folder))]
    return tuple(wrong)


def _test(number: int, laws: list[Case]) -> Callable[[], None]:
    def test() -> None:
        assert found_wrong(number) == ()

    test.__doc__ = " ".join(dict.fromkeys(case.law for case in laws))
    return test


for _number in ALL:
    _its = [case for case in cases() if case.id == _number]
    _name = _its[0].name[4:].replace("-", "_") if _its else "missing"
    globals()[f"test_{_number:02}_{_name}"] = _test(_number, _its)


def test_the_score_is_84_of_84() -> None:
    """Every number has its files, and every file ends as its table says: counts, lines, columns, reasons, warnings."""
    assert [number for number in ALL if not any(case.id == number for case in cases())] == []
    assert sum(not found_wrong(number) for number in ALL) == 84
