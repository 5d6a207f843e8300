"""Laws of imports that are killed, with all they have started: none is there in part, and the next one completes it."""

from pathlib import Path

import bringing
import pytest


def _check(found: bringing.Brought, kills: int) -> None:
    assert found.missed == []
    assert found.wrong == []
    assert found.kills == kills
    assert found.rows == 3 * 83 * kills


def test_an_import_that_was_killed_is_completed_by_the_next(quick_path: Path) -> None:
    """Killed between the commits of its two tables."""
    files = bringing.make_files(quick_path / "files")
    truth, _ = bringing.made(quick_path, files, "duckdb")
    _check(bringing.at_places(quick_path, files, "duckdb", truth, [("import.adopted", 1)]), 1)


@pytest.mark.slow
@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("engine", sorted(bringing.ENGINES))
def test_an_import_may_be_killed_anywhere(quick_path: Path, engine: str) -> None:
    """At each of its places, on either engine."""
    if engine == "spark":
        pytest.importorskip("pyspark")
    files = bringing.make_files(quick_path / "files")
    truth, _ = bringing.made(quick_path, files, engine)
    assert (len(truth["order_lines"]), len(truth["events"]), len(truth["held"])) == (240, 120, 6)
    _check(bringing.at_places(quick_path, files, engine, truth), len(bringing.PLACES))
