"""How long counting an audience takes on a *simulated* shop: facts are put straight into the lake, then rules asked."""

import resource
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa

from shopkeeper.core.consent import Purpose
from shopkeeper.core.ids import PersonKey
from shopkeeper.core.ports import Progress
from shopkeeper.data.schema import TABLES
from shopkeeper.data.store.consent import Answer
from shopkeeper.shop import Shop
from shopkeeper.shop.audiences import agreed, count, rule_of
from shopkeeper.shop.people_table import refresh_people

_CHUNK: Final = 1_000_000
_DAYS: Final = 365
_LINES: Final = 4
_KINDS: Final = ("product_view", "page_view", "search", "review")
_SHARES: Final = (0.6, 0.25, 0.1, 0.05)
_TEXTS: Final = ("very good, would buy again", "not good", "质量很好，喜欢", "不好用，后悔", "arrived on Tuesday")
_RULES: Final[tuple[tuple[str, dict[str, Any]], ...]] = (
    ("profile", {"all": [{"field": "orders", "at_least": 2}, {"field": "quiet_days", "at_most": 90}]}),
    ("bought a category twice in 30 days", {"did": "order", "category": "Aisle 3", "times_at_least": 2, "days": 30}),
    ("bought a category twice in 365 days", {"did": "order", "category": "Aisle 3", "times_at_least": 2, "days": 365}),
    ("bought, not viewed, in two windows", {"all": [
        {"did": "order", "times_at_least": 1, "days": 60}, {"not": {"did": "product_view", "days": 180}},
        {"any": [{"field": "spend", "at_least": 50}, {"did": "order", "brand": "Brand 7"}]}]}),
)  # fmt: skip


def measure(folder: Path, *, customers: int, events: int, products: int, progress: Progress) -> dict[str, Any]:
    """Make the shop, then ask each rule three times; seconds of the wall and of the processor. One JSON-able result."""
    until = datetime.now(UTC).replace(microsecond=0)
    found: dict[str, Any] = {"simulated": True, "customers": customers, "events": events, "products": products}
    with Shop.create(folder / "shop", name="simulated", currency="USD", timezone="UTC", language="en") as shop:
        progress("facts", 0, 3)
        fill(shop, customers=customers, events=events, products=products, until=until)
        progress("consent", 1, 3)
        given = {Purpose.EMAIL: True}
        shop.state.consent.record_many(
            Answer(person=PersonKey(f"C{number}"), given=given, at=until, source="simulated")
            for number in range(customers)
        )
        progress("people", 2, 3)
        found["people_table"] = _timed(lambda: refresh_people(shop))
        found["consent_bits"] = _timed(lambda: agreed(shop, Purpose.EMAIL))
        found["rules"] = []
        for name, rule in _RULES:
            tries = [_timed(lambda: count(shop, rule_of(shop, rule), Purpose.EMAIL)) for _ in range(3)]  # noqa: B023 - called at once
            said = count(shop, rule_of(shop, rule), Purpose.EMAIL)
            found["rules"].append({"rule": name, "people": said.matching, "first": tries[0], "best": min(
                tries, key=lambda one: one["seconds"])})  # fmt: skip
    found["peak_mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    progress("", 3, 3)
    return found


def _timed(work: Any) -> dict[str, float]:
    wall, spent = time.perf_counter(), time.process_time()
    work()
    return {"seconds": time.perf_counter() - wall, "processor_seconds": time.process_time() - spent}


def fill(shop: Shop, *, customers: int, events: int, products: int, until: datetime, looking: bool = False) -> None:
    """Seven of ten events are order lines, the rest product views; with ``looking`` they have a time on the page and a
    channel, and some are searches and reviews."""
    number = np.arange(products)
    goods = {"id": [f"P{n}" for n in number], "name": [f"Product {n}" for n in number],
             "category_1": [f"Aisle {n % 12}" for n in number], "brand": [f"Brand {n % 37}" for n in number],
             "price_minor": 100 + number % 900, "currency": ["USD"] * products,
             "at": [until - timedelta(days=_DAYS + 1)] * products}  # fmt: skip
    shop.lake.append("products", _rows("products", goods, products), key="products")
    lines = int(events * 0.7)
    for table, whole in (("order_lines", lines), ("events", events - lines)):
        for first in range(0, whole, _CHUNK):
            size = min(_CHUNK, whole - first)
            rows = _chunk(table, first, size, customers, products, until, looking)
            shop.lake.append(table, rows, key=f"{table}-{first}")


def _chunk(
    table: str, first: int, size: int, customers: int, products: int, until: datetime, looking: bool
) -> pa.Table:
    dice = np.random.default_rng([first, len(table)])
    group = np.arange(size) // (_LINES if table == "order_lines" else 1)
    customer = dice.integers(0, customers, group[-1] + 1)[group]
    ago = dice.integers(0, _DAYS * 86_400, group[-1] + 1)[group]
    at = (np.datetime64(until.replace(tzinfo=None), "us") - ago.astype("timedelta64[s]")).astype("datetime64[us]")
    product = (products * dice.random(size) ** 2).astype(np.int64)
    known: dict[str, Any] = {
        "at": pa.array(at, pa.timestamp("us", tz="UTC")), "received_at": pa.array(at, pa.timestamp("us", tz="UTC")),
        "customer": np.char.add("C", customer.astype(str)), "product": np.char.add("P", product.astype(str)),
        "currency": ["USD"] * size,
    }  # fmt: skip
    if table == "order_lines":
        line = (np.arange(size) % _LINES + 1).astype(np.int32)
        known |= {"order_id": np.char.add(f"O{first}-", group.astype(str)), "line": line,
                  "quantity": np.ones(size), "price_minor": 100 + product % 900,
                  "discount_minor": np.where(dice.random(size) < 0.2, 20, 0)}  # fmt: skip
    else:
        known |= {"id": np.char.add(f"E{first}-", np.arange(size).astype(str)), "action": ["product_view"] * size}
        known |= _looking(dice, size) if looking else {}
    return _rows(table, known, size)


def _looking(dice: np.random.Generator, size: int) -> dict[str, Any]:
    kind = dice.choice(len(_KINDS), size, p=_SHARES)
    words = np.char.add("words ", dice.integers(0, 2000, size).astype(str))
    return {
        "action": np.array(_KINDS)[kind], "dwell_seconds": dice.exponential(30.0, size),
        "channel": np.array(["web", "app", "mini"])[dice.integers(0, 3, size)],
        "query": pa.array(words, mask=kind != _KINDS.index("search")),
        "text": pa.array(np.array(_TEXTS)[dice.integers(0, len(_TEXTS), size)], mask=kind != _KINDS.index("review")),
    }  # fmt: skip


def _rows(table: str, known: dict[str, Any], size: int) -> pa.Table:
    """A lake table of these columns; the others are NULL."""
    schema = TABLES[table]
    columns = [
        pa.array(known[part.name], part.type) if part.name in known else pa.nulls(size, part.type) for part in schema
    ]
    return pa.table(columns, schema=schema)
