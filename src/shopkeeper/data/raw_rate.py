"""How fast DuckDB alone turns a CSV into Parquet on this machine: the yardstick of the import."""

import time
from pathlib import Path

import duckdb


def raw_seconds(path: Path, out: Path, *, threads: int = 2) -> tuple[float, float]:
    """Seconds, and processor seconds, to read a CSV with DuckDB's own guesses and to write it as Parquet with the
    importer's codec."""
    con = duckdb.connect()
    try:
        con.execute(f"SET threads={threads}")
        con.execute("SET enable_progress_bar=false")
        started, spent = time.perf_counter(), time.process_time()
        con.execute("COPY (FROM read_csv(?)) TO '" + str(out) + "' (FORMAT parquet, COMPRESSION snappy)", [str(path)])
        return time.perf_counter() - started, time.process_time() - spent
    finally:
        con.close()
        out.unlink(missing_ok=True)
