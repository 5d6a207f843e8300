"""Laws of ``benchmark speed``: a real, small run; every figure is there, with the counts that were asked for."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from shopkeeper.apps.jobs.growth import exponent
from shopkeeper.apps.jobs.speed import Asked, measure
from shopkeeper.apps.jobs.stages import STAGES, Clock
from shopkeeper.features.tables import FORETELLING, PROFILE, TABLES

FIGURES = {"import", "train", "import_tenth", "train_tenth", "stages", "serve", "drain", "growth_exponent"}


def test_a_small_run_measures_everything(tmp_path: Path) -> None:
    """Import, training and a served shop are really run; nothing fails, and the result says that it is simulated."""
    out = tmp_path / "speed.json"
    command = ["benchmark", "speed", "--products", "100", "--customers", "200", "--events", "4000", "--rate", "20"]
    done = subprocess.run(
        [sys.executable, "-m", "shopkeeper.apps.cli.main", *command, "--seconds", "1", "--batches", "5", "--out", out],
        capture_output=True, text=True, timeout=280, check=False,
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
    assert found["drain"] == {**found["drain"], "events": 500}, "all of them, and nothing that was there before"
    effects = found["serve"]["effects"]
    assert effects["stale"] == 0, "the very next answer obeys"
    assert effects["rounds"] == 200
    assert 0 < effects["p50_ms"] <= effects["p99_ms"]
    assert list(found["stages"]["microseconds"]) == list(STAGES)
    assert found["stages"]["total_microseconds"] == sum(found["stages"]["microseconds"].values())


def test_every_feature_table_is_measured_at_three_sizes(tmp_path: Path) -> None:
    """``--only features`` imports a fiftieth, a fifth and the whole, computes every table, leaves nothing behind."""
    asked = Asked(products=100, customers=500, events=10_000)
    found = measure(asked, tmp_path, lambda *_: None, only="features")
    assert [size["events"] for size in found["features"]] == [200, 2_000, 10_000]
    assert [size["load"]["rows"]["order_lines"] for size in found["features"]] == [120, 1_200, 6_000]
    for size in found["features"]:
        assert size["tables"].keys() == {*TABLES, *FORETELLING, *PROFILE}
        assert size["tables"]["customer"]["rows"] == size["tables"]["customer_browsing"]["rows"] > 0
    assert list(tmp_path.iterdir()) == []


def test_the_exponent_is_one_where_cost_grows_as_the_size_does() -> None:
    """Cost = 3 n^p has the exponent p."""
    sizes = [1e6, 1e7, 5e7]
    for power in (0.5, 1.0, 1.3):
        assert exponent(sizes, [3 * size**power for size in sizes]) == pytest.approx(power)


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
