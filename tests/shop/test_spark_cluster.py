"""The law of a Spark cluster: it leaves in the shop what one machine leaves, also when one of its workers is killed.

A master and two workers, each a process with a folder of its own to stand in, as Spark starts them on hosts.
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from servers import absent, port_that_is_free, started, wait_until
from shopkeeper.data.lake import Lake
from shopkeeper.data.quarantine import Quarantine
from two_engines import MARKS

pytestmark = MARKS
SOURCE = Path(__file__).parents[2] / "src"
ROWS = "SELECT * EXCLUDE (source, received_at) FROM {table} ORDER BY ALL"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """A cluster's master, and the folder with its operator's settings."""
    if shutil.which("java") is None:
        absent("Java")
    import pyspark

    folder = tmp_path_factory.mktemp("cluster")
    home, port = Path(pyspark.__file__).parent, port_that_is_free()
    begin = ["env", f"SPARK_HOME={home}", "SPARK_LOCAL_IP=127.0.0.1", "SPARK_NO_DAEMONIZE=1"]
    main = "org.apache.spark.deploy"
    (folder / "spark-defaults.conf").write_text(
        "spark.driver.host 127.0.0.1\nspark.executor.memory 600m\nspark.sql.shuffle.partitions 4\n"
        f"spark.executorEnv.PYTHONPATH {SOURCE}\nspark.pyspark.python {sys.executable}\n"
    )
    with contextlib.ExitStack() as stack:
        words = [*begin, str(home / "bin" / "spark-class"), f"{main}.master.Master", "--host", "127.0.0.1"]
        log = folder / "master.log"
        stack.enter_context(started([*words, "--port", str(port), "--webui-port", "0"], port, log))
        for name in ("one", "two"):
            (folder / name).mkdir()
            words = [*begin, str(home / "bin" / "spark-class"), f"{main}.worker.Worker", "--host", "127.0.0.1"]
            its = port_that_is_free()
            words += ["--port", str(its), "--cores", "1", "--memory", "1g", "--webui-port", "0"]
            words += ["--work-dir", str(folder / name), f"spark://127.0.0.1:{port}"]
            stack.enter_context(started(words, its, folder / name / "worker.log"))
        wait_until(lambda: log.read_text().count("Registering worker") == 2, "both workers", 120)
        yield f"spark://127.0.0.1:{port}", folder


def _shop(folder: Path, more: str = "") -> Path:
    """A shop, and a folder of two files beside it: broken amounts, repeated lines, orders of many lines."""
    files = folder / "files"
    files.mkdir(parents=True)
    for name in ("a", "b"):
        lines = [
            f"{name}{number // 3},2026-0{1 + number % 9}-11,c{number // 3 % 97},p{number % 31},{1 + number % 3},"
            + ("N/A" if number % 500 == 7 else f"{1 + number % 50}.50")
            for number in range(3_000)
        ]
        text = "\n".join(["order_id,date,customer_id,sku,quantity,price", *lines, *lines[-5:]])
        (files / f"{name}.csv").write_text(text + "\n")
    _run(folder, "init", "shop", "--currency", "EUR")
    with (folder / "shop" / "shop.toml").open("a") as told:
        told.write(more)
    return folder / "shop"


def _begin(folder: Path, *words: str, **more: str) -> subprocess.Popen[str]:
    """The program as its user starts it: nothing of its environment is on PATH, paths are relative."""
    kept = {name: its for name, its in os.environ.items() if name in ("HOME", "LANG", "JAVA_HOME")}
    return subprocess.Popen(
        [sys.executable, "-m", "shopkeeper.apps.cli.main", *words], cwd=folder, text=True,
        env=kept | {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(SOURCE)} | more,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def _run(folder: Path, *words: str, **more: str) -> tuple[str, str]:
    process = _begin(folder, *words, **more)
    said, wrong = process.communicate(timeout=500)
    assert process.returncode == 0, wrong
    return said, wrong


def _executors() -> set[int]:
    """Processes in which Spark's workers work."""
    found = psutil.process_iter(["cmdline"])
    return {
        one.pid for one in found if any("CoarseGrainedExecutorBackend" in word for word in one.info["cmdline"] or ())
    }


def _kept(shop: Path) -> list[object]:
    """What is in the lake and in the quarantine, but for when and from where."""
    quarantine = Quarantine(shop / "quarantine.db")
    held = [(Path(row.file).name, row.line, row.reason, row.raw) for row in quarantine.list(limit=1_000)]
    quarantine.close()
    with Lake(shop / "lake").connect() as con:
        rows = [con.execute(ROWS.format(table=table)).fetchall() for table in ("order_lines", "events")]
    return [*rows, sorted(held)]


def test_an_import_goes_through_though_a_worker_is_killed(cluster: tuple[str, Path], tmp_path: Path) -> None:
    """One executor is killed once the files are read; the shop has what it has after an import on one machine."""
    master, settings = cluster
    plain = _shop(tmp_path / "plain")
    _run(plain.parent, "import", "--shop", "shop", "files", "--kind", "order_lines")
    shop = _shop(tmp_path / "spark", f'\n[batch]\nengine = "spark"\nmaster = "{master}"\n')
    before = _executors()
    process = _begin(
        shop.parent,
        "import",
        "--shop",
        "shop",
        "files",
        "--kind",
        "order_lines",
        "--json",
        SPARK_CONF_DIR=str(settings),
    )
    wait_until(lambda: process.poll() is not None or any(shop.glob("tmp/*/texts/*.parquet")), "the files' texts", 200)
    os.kill(min(_executors() - before), signal.SIGKILL)
    said, wrong = process.communicate(timeout=500)
    assert process.returncode == 0, wrong
    assert "Lost executor" in wrong
    (account,) = json.loads(said)
    assert (account["read"], account["kept"], account["duplicate"], account["quarantined"]) == (6_010, 5_988, 10, 12)
    assert _kept(shop) == _kept(plain)
    assert not list((shop / "tmp").iterdir())
