"""Public data sets go in as they are, and the counts that are known of them come out."""

from pathlib import Path

import duckdb
import pytest
from taking import SHARED, by_kind, importing, rows

from shopkeeper.data.sources.known.online_retail import NOT_PRODUCTS

RETAIL = SHARED / "online_retail_ii"
CLICKS = SHARED / "rees46_clickstream" / "2019-Oct_first17k.csv"
_RAW = """
SELECT Invoice AS invoice, trim(StockCode) AS code, Quantity AS quantity, InvoiceDate AS moment, Price AS price,
  "Customer ID" AS customer, 1 AS file FROM '{0}/year_2009_2010.parquet'
UNION ALL SELECT InvoiceNo, trim(StockCode), Quantity, InvoiceDate::VARCHAR, UnitPrice, CustomerID, 2
FROM '{0}/year_2010_2011.parquet'
"""
_HELD = "(quantity < 0) <> (invoice LIKE 'C%') OR price < 0 OR price <> round(price, 2) OR invoice LIKE 'A%'"


@pytest.mark.skipif(not RETAIL.is_dir(), reason="needs ../shared/data/online_retail_ii")
def test_two_years_of_an_online_shop(tmp_path: Path) -> None:
    """UCI Online Retail II: 525,461 + 541,909 lines, 5,942 customers, 5,305 stock codes (one of them written once more
    with a blank), and every line that stands in both files is a duplicate."""
    with importing(tmp_path) as importer:
        first = by_kind(importer.take(RETAIL / "year_2009_2010.parquet"))
        second = by_kind(importer.take(RETAIL / "year_2010_2011.parquet"))
        assert (first["order_lines"].read, second["order_lines"].read) == (525_461, 541_909)
        assert rows(importer, "SELECT count(DISTINCT customer) FROM order_lines") == [(5_942,)]
        assert rows(importer, "SELECT count(DISTINCT id) FROM products") == [(5_304,)]
        raw = duckdb.sql(f"SELECT * FROM ({_RAW.format(RETAIL)})")
        kept = f"SELECT DISTINCT * EXCLUDE (file) FROM raw WHERE NOT ({_HELD})"
        assert raw is not None
        assert duckdb.sql(f"SELECT count(*) FROM ({kept})").fetchall() == [
            (first["order_lines"].kept + second["order_lines"].kept,)
        ]
        wanted = duckdb.sql(
            f"SELECT count(*) FILTER (invoice NOT LIKE 'C%'), count(*) FILTER (invoice LIKE 'C%') FROM "
            f"(SELECT DISTINCT invoice FROM raw WHERE NOT ({_HELD}))"
        ).fetchall()
        assert wanted == rows(
            importer, "SELECT count(*) FILTER (action = 'order'), count(*) FILTER (action = 'order_return') FROM events"
        )
        assert first["order_lines"].by_reason["stock_adjustment"] == 2_121
        assert second["order_lines"].by_reason["stock_adjustment"] == 1_336
        fees = rows(importer, "SELECT DISTINCT id FROM products WHERE NOT active ORDER BY id")
        assert {name for (name,) in fees} == set(NOT_PRODUCTS)
        assert rows(importer, "SELECT DISTINCT currency FROM order_lines") == [("GBP",)]


@pytest.mark.skipif(not CLICKS.is_file(), reason="needs ../shared/data/rees46_clickstream")
def test_a_morning_of_clicks(tmp_path: Path) -> None:
    """REES46: 17,435 rows are 17,056 views, 165 carts and 214 purchases; five are repeated, the last is cut."""
    with importing(tmp_path) as importer:
        accounts = by_kind(importer.take(CLICKS))
        events, lines = accounts["events"], accounts["order_lines"]
        assert (events.read, lines.read) == (17_056 + 165, 214)
        assert (events.duplicate, dict(events.by_reason), lines.kept) == (5, {"too_few_cells": 1}, 214)
        assert rows(importer, "SELECT action, count(*) FROM events GROUP BY 1 ORDER BY 1") == [
            ("cart_add", 164), ("order", 200), ("product_view", 17_051),
        ]  # fmt: skip
        assert rows(importer, "SELECT count(DISTINCT id), count(*) FROM products") == [(6_493, 6_493)]
        again = by_kind(importer.take(CLICKS))
        assert {kind: one.kept for kind, one in again.items()} == {"events": 0, "order_lines": 0, "products": 0}
