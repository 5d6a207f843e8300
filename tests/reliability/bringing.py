"""Imports that are killed: nothing of them is there in part; made again, nothing is doubled and nothing left over."""

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from shopkeeper.core.consent import Purpose
from shopkeeper.data.kill_points import POINTS, VARIABLE
from shopkeeper.data.schema import TABLES
from shopkeeper.shop import Shop
from shopkeeper.shop.importing import import_files

BRINGING = tuple(sorted(point for point in POINTS if point.startswith("import.")))
PLACES = (*((point, 1) for point in BRINGING), ("import.adopted", 2), ("lake.logged", 1), ("lake.linked", 2))
"""Where an import is killed: each place of its own, and those of the commits of its two tables."""
ENGINES = {"duckdb": "", "spark": '\n[batch]\nengine = "spark"\nmaster = "local[2]"\n[engine]\nmemory = "1GB"\n'}
_OF_SPARK = ("spark-", "blockmgr-")
"""Spark's own scratch in the shop's; of a killed Spark it goes when it is a day old."""
_ELSEWHERE = ("received_at",)
_WAIT_SECONDS = 900.0


@dataclass(slots=True)
class Brought:
    """Killed imports, and what was found after each and after the import that followed."""

    kills: int = 0
    rows: int = 0
    """Rows that the imports after the kills read."""
    missed: list[str] = field(default_factory=list)
    """Kills that came too late: the import had ended."""
    wrong: list[str] = field(default_factory=list)

    def add(self, other: "Brought") -> None:
        self.kills += other.kills
        self.rows += other.rows
        self.missed += other.missed
        self.wrong += other.wrong


def make_files(folder: Path, *, files: int = 3, orders: int = 40) -> Path:
    """Order lines: some twice, some that say another price of what is known, and some that cannot be believed."""
    folder.mkdir(parents=True)
    for number in range(files):
        lines = [
            f"o{number}-{order},{line},2026-10-{1 + order % 28:02d}T10:00:00Z,c{order % 7},p{line},{1 + line},2.50"
            for order in range(orders)
            for line in (1, 2)
        ]
        lines += [lines[3], lines[5].replace("2.50", "9.50"), f"o{number}-bad,1,yesterday,c1,p1,1,2.50"]
        head = "order,line,at,customer,product,quantity,price"
        (folder / f"orders-{number}.csv").write_text("\n".join([head, *lines]) + "\n", "utf-8")
    return folder


def make_shop(folder: Path, engine: str) -> Path:
    Shop.create(folder, name="Tried", currency="CNY", timezone="UTC", language="en").close()
    with (folder / "shop.toml").open("a", encoding="utf-8") as settings:
        settings.write(ENGINES[engine])
    return folder


def start(shop: Path, files: Path, kill_at: str = "") -> subprocess.Popen[bytes]:
    """``shopkeeper import`` in a process group of its own."""
    words = ["import", "--shop", shop, "--consent", "train", "--consent-source", "simulated", "--json", files]
    return subprocess.Popen(
        [sys.executable, "-m", "shopkeeper.apps.cli.main", *map(str, words)], stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, start_new_session=True, env={**os.environ, VARIABLE: kill_at},
    )  # fmt: skip


def end(process: subprocess.Popen[bytes]) -> int:
    """``kill -9`` of the import and of everything that it started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    return process.returncode


def truth_of(shop: Path) -> dict[str, Any]:
    """Everything that an import leaves in a shop, but the moment at which it was made."""
    with Shop.open(shop) as opened:
        found: dict[str, Any] = {}
        for table in ("events", "order_lines", "products"):
            named = ", ".join(f'"{name}"' for name in TABLES[table].names if name not in _ELSEWHERE)
            with opened.lake.connect(tables=(table,)) as con:
                found[table] = sorted(map(repr, con.sql(f"SELECT {named} FROM {table}").fetchall()))
        found["held"] = sorted(
            (Path(row.file).name, row.line or 0, row.reason, row.raw, json.dumps(dict(row.facts), sort_keys=True))
            for row in opened.quarantine.list(limit=100_000)
        )
        found["agreed"] = sorted(opened.state.consent.allowing(Purpose.TRAIN))
    return found


def left_in(shop: Path) -> list[str]:
    """What lies in a shop folder that nobody needs."""
    with Shop.open(shop, readonly=True) as opened:
        known = {Path(file).name for table in TABLES for file in opened.lake.files(table)}
    left = [path.name for path in (shop / "lake").glob("*/*") if path.is_file() and path.name not in known]
    return sorted(left + [path.name for path in (shop / "tmp").iterdir() if not path.name.startswith(_OF_SPARK)])


def tables_in_part(shop: Path, truth: dict[str, Any]) -> list[str]:
    """Tables of a killed import that hold some of its rows: each is committed once, whole or not at all. Several files
    on one machine are several imports, and each is."""
    with Shop.open(shop, readonly=True) as opened:
        counts = {name: len(opened.snapshot().query(f"SELECT 1 FROM {name}")) for name in ("events", "order_lines")}
    return [name for name, count in counts.items() if count % max(1, len(truth[name]) // 3)]


def again(shop: Path, files: Path, truth: dict[str, Any], after: str) -> Brought:
    """Look at what a killed import left, make it again, and compare with a shop in which nothing was killed."""
    brought = Brought(kills=1)
    brought.wrong += [f"{after}: {name} in part" for name in tables_in_part(shop, truth)]
    second = start(shop, files)
    said, why = second.communicate(timeout=_WAIT_SECONDS)
    if second.returncode:
        brought.wrong.append(f"{after}: refused with {second.returncode}: {why.decode()[-300:]}")
        return brought
    accounts = json.loads(said)
    brought.rows = sum(account["read"] for account in accounts)
    for account in accounts:
        if account["read"] != account["kept"] + account["duplicate"] + account["quarantined"]:
            brought.wrong.append(f"{after}: {account}")
    found = truth_of(shop)
    brought.wrong += [f"{after}: {name} differ" for name in truth if found[name] != truth[name]]
    brought.wrong += [f"{after}: {name} is left over" for name in left_in(shop)]
    return brought


def at_places(
    aside: Path, files: Path, engine: str, truth: dict[str, Any], places: Sequence[tuple[str, int]] = PLACES
) -> Brought:
    """An import that ends itself at named places."""
    total = Brought()
    for point, times in places:
        shop = make_shop(aside / f"{engine}-{point}-{times}", engine)
        process = start(shop, files, f"{point}:{times}")
        process.communicate(timeout=_WAIT_SECONDS)
        if process.returncode != -signal.SIGKILL:
            total.missed.append(f"{point}:{times}")
        end(process)
        total.add(again(shop, files, truth, f"{engine} {point}:{times}"))
    return total


def at_random(
    aside: Path, files: Path, engine: str, truth: dict[str, Any], kills: int, seed: int, most: float
) -> Brought:
    """An import that is killed with all it has started, at any moment of the seconds that it takes."""
    total, dice = Brought(), random.Random(seed)  # noqa: S311  # when to kill, not a secret
    for number in range(kills):
        shop = make_shop(aside / f"{engine}-{seed}-{number}", engine)
        process, wait = start(shop, files), dice.uniform(0.2, most)
        until = time.monotonic() + wait
        while process.poll() is None and time.monotonic() < until:
            time.sleep(0.01)
        if process.poll() is not None:
            total.missed.append(f"{wait:.1f} s")
        end(process)
        total.add(again(shop, files, truth, f"{engine} after {wait:.2f} s (seed {seed})"))
    return total


def made(aside: Path, files: Path, engine: str) -> tuple[dict[str, Any], float]:
    """What the import leaves where nothing is killed, and how long it takes."""
    folder = make_shop(aside / f"{engine}-whole", engine)
    began = time.monotonic()
    with Shop.open(folder) as shop:
        import_files(shop, [files], purposes=[Purpose.TRAIN], consent_source="simulated")
    return truth_of(folder), time.monotonic() - began
