"""What each feature table of a simulated shop takes at three sizes, for ``benchmark speed --only features``."""

import math
import resource
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from shopkeeper.core.ports import quiet
from shopkeeper.data.sources.synthetic import SyntheticShop
from shopkeeper.features.tables import FORETELLING, HANDED_ON, PROFILE, TABLES, feature_sql
from shopkeeper.features.tone import PATTERNS
from shopkeeper.learn.propensity.line_returns import MOST_LINES
from shopkeeper.shop import Shop
from shopkeeper.shop.importing import import_files

SHARES: Final = (50, 5, 1)
"""The asked size divided by these: the sizes between which growth is told."""
_OUTCOME_DAYS: Final = 28


def load(folder: Path, simulated: SyntheticShop) -> dict[str, Any]:
    """Write the simulated files, import them with full validation, and delete them."""
    files = simulated.write(folder / "files")
    rows: dict[str, int] = {}
    began = time.perf_counter()
    with Shop.create(folder / "shop", name="simulated", currency="USD", timezone="UTC", language="en") as shop:
        for kind, path in files.items():
            ((_, account),) = import_files(shop, [path], kind=kind, progress=quiet)
            rows[kind] = account.read
            path.unlink()
    return {"rows": rows, "seconds": time.perf_counter() - began, "peak_mib": peak_mib()}


def measure_features(folder: Path) -> dict[str, Any]:
    """Seconds and rows of every feature table, computed as training does: from the lake into memory."""
    tables: dict[str, dict[str, float]] = {}
    more: dict[str, Any] = {}
    with Shop.open(folder) as shop:
        known = shop.snapshot()
        told = {
            "currency": shop.settings.shop.currency, "timezone": shop.settings.shop.timezone, "moment": known.moment,
            "since": known.moment - timedelta(days=_OUTCOME_DAYS), "line_limit": MOST_LINES, **PATTERNS,
        }  # fmt: skip
        for name in dict.fromkeys((*TABLES, *FORETELLING, *PROFILE)):
            sql = feature_sql(name)
            began, spent = time.perf_counter(), time.process_time()
            used = {table: rows for table, rows in more.items() if table in sql}
            rows = known.query(sql, {key: value for key, value in told.items() if f"${key}" in sql}, used)
            if name in HANDED_ON:
                more[HANDED_ON[name]] = rows
            tables[name] = {
                "rows": rows.num_rows, "seconds": time.perf_counter() - began,
                "cpu_seconds": time.process_time() - spent,
            }  # fmt: skip
    return {
        "tables": tables, "seconds": sum(one["seconds"] for one in tables.values()),
        "cpu_seconds": sum(one["cpu_seconds"] for one in tables.values()), "peak_mib": peak_mib(),
    }  # fmt: skip


def exponent(sizes: Sequence[float], costs: Sequence[float]) -> float:
    """The slope of log cost over log size: 1 where the cost grows as the size does. NaN for fewer than two sizes."""
    if len(sizes) < 2:
        return math.nan
    x, y = [math.log(size) for size in sizes], [math.log(cost) for cost in costs]
    mean_x, mean_y = sum(x) / len(x), sum(y) / len(y)
    over = sum((a - mean_x) ** 2 for a in x)
    return sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True)) / over


def peak_mib() -> float:
    """The most memory that this process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
