"""Everybody's profiles at once: one Parquet file a table, made by the engine of ``[batch]``."""

import time
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from shopkeeper.core.ports import Progress, quiet
from shopkeeper.features.tables import HANDED_ON, PROFILE, feature_sql
from shopkeeper.features.tone import PATTERNS
from shopkeeper.shop.shop import Shop


def write_profiles(
    shop: Shop, folder: Path, *, at: datetime | None = None, progress: Progress = quiet
) -> dict[str, dict[str, Any]]:
    """Write every table of profiles as of a moment (now, where absent); rows and seconds by table."""
    known = shop.batch_snapshot(at)
    asked = {"currency": known.currency, "timezone": shop.settings.shop.timezone, **PATTERNS}
    folder.mkdir(parents=True, exist_ok=True)
    more: dict[str, pa.Table] = {}
    done: dict[str, dict[str, Any]] = {}
    for place, name in enumerate(PROFILE):
        progress(name, place, len(PROFILE))
        began, sql = time.perf_counter(), feature_sql(name)
        used = {table: rows for table, rows in more.items() if table in sql}
        rows = known.query(sql, {key: value for key, value in asked.items() if f"${key}" in sql}, used)
        if name in HANDED_ON:
            more[HANDED_ON[name]] = rows
        pq.write_table(rows, folder / f"{name}.parquet", compression="zstd")
        done[name] = {"rows": rows.num_rows, "seconds": round(time.perf_counter() - began, 3)}
        del rows
    progress("", len(PROFILE), len(PROFILE))
    return done
