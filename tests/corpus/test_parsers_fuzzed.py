"""The parsers under a fuzzer that follows their branches."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from mutating import bodies, small_files

HERE = Path(__file__).parent
PARSERS = 9
RUNS = 50_000
OPTIONS = ("-seed=1", "-max_len=4000", "-timeout=20")


@pytest.mark.slow
@pytest.mark.timeout(14_400)
def test_no_parser_crashes_under_a_fuzzer(tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    """Fifty thousand inputs that grow from the corpus towards new branches: each ends with rows or a sentence."""
    seeds = tmp_path / "seeds"
    seeds.mkdir()
    for path in (*small_files(), *bodies()):
        for parser in range(PARSERS):
            (seeds / f"{parser}-{path.name}").write_bytes(bytes([parser]) + path.read_bytes()[:4_000])
    done = subprocess.run(
        [sys.executable, str(HERE / "fuzz_parsers.py"), f"-runs={RUNS}", *OPTIONS, str(seeds)],
        capture_output=True, text=True, cwd=tmp_path, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, (done.stdout + done.stderr)[-4_000:]
    found = re.findall(r"#(\d+)\s+DONE", done.stderr)
    assert found
    assert int(found[-1]) >= RUNS
    record_property("inputs", int(found[-1]))
