"""Laws of ``benchmark speed``: a real, small run; every figure is there, with the counts that were asked for."""

import json
import subprocess
import sys
from pathlib import Path

from shopkeeper.apps.jobs.stages import STAGES, Clock

FIGURES = {"import", "train", "import_tenth", "train_tenth", "stages", "serve", "growth_exponent"}


def test_a_small_run_measures_everything(tmp_path: Path) -> None:
    """Import, training and a served shop are really run; nothing fails, and the result says that it is simulated."""
    out = tmp_path / "speed.json"
    command = ["benchmark", "speed", "--products", "100", "--customers", "200", "--events", "4000", "--rate", "20"]
    done = subprocess.run(
        [sys.executable, "-m", "shopkeeper.apps.cli.main", *command, "--seconds", "1", "--batches", "5", "--out", out],
        capture_output=True, text=True, timeout=200, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "imulated" in done.stdout
    found = json.loads(out.read_text("utf-8"))
    assert found["simulated"] is True
    assert found.keys() >= FIGURES
    assert found["import"]["rows"] == {"products": 100, "order_lines": 2400, "events": 1600}
    assert found["import_tenth"]["rows"]["order_lines"] == 240
    assert 3800 <= found["train"]["events"] <= 4000, "a line that repeats another of its order is a duplicate"
    assert found["serve"]["events"] == {**found["serve"]["events"], "acknowledged": 500, "refused": 0}
    assert found["serve"]["decisions"] == {**found["serve"]["decisions"], "requests": 20, "failed": 0}
    assert found["serve"]["decisions"]["server_ms_per_request"] > 0
    effects = found["serve"]["effects"]
    assert effects["stale"] == 0, "the very next answer obeys"
    assert effects["rounds"] == 200
    assert 0 < effects["p50_ms"] <= effects["p99_ms"]
    assert list(found["stages"]["microseconds"]) == list(STAGES)
    assert found["stages"]["total_microseconds"] == sum(found["stages"]["microseconds"].values())


def test_every_moment_belongs_to_the_stage_that_ends_it() -> None:
    """What lies before ``start`` belongs to none; a stage that comes twice adds up."""
    ticks = iter([0, 500, 2_500, 3_500, 9_000, 10_000])
    clock = Clock(lambda: next(ticks))
    clock.start()
    clock.mark("score")
    clock.mark("find")
    clock.start()
    clock.mark("score")
    assert clock.microseconds(2) == {**dict.fromkeys(STAGES, 0.0), "score": 1.5, "find": 0.5}
