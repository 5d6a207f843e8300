"""What is sent, and the oracle: it holds what was acknowledged and asks the shop's facts whether that is there, once.

The oracle runs in the test's process; it never believes a counter of the process that it tests.
"""

import re
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from shopkeeper.core.consent import Purpose
from shopkeeper.core.ids import PersonKey
from shopkeeper.shop import Shop

VIEWS = 6
_OURS = re.compile(r"b\d{6}-\d$")
SIZE = VIEWS + 3
_ASKED_ALONE = 20
"""Of how many of the newest people consent is also asked one by one, as a decision asks it."""


def ids(batch: int) -> list[str]:
    return [f"b{batch:06d}-{place}" for place in range(SIZE)]


def events(batch: int) -> list[dict[str, Any]]:
    """Views, an order of two lines, a price and a consent: something for every table that the drain fills."""
    names, person = ids(batch), f"c{batch:06d}"
    at = f"2026-11-01T10:{batch // 60 % 60:02d}:{batch % 60:02d}Z"
    views: list[dict[str, Any]] = [
        {"id": name, "action": "product_view", "customer": person, "product": f"p{batch}", "at": at}
        for name in names[:VIEWS]
    ]
    lines = [{"product": "p1", "quantity": 2, "price": "1.50"}, {"product": "p2", "price": "3.00"}]
    order = {"id": names[VIEWS], "action": "order", "customer": person, "order": f"o{batch}", "at": at, "lines": lines}
    price = {"id": names[VIEWS + 1], "action": "price_change", "product": f"p{batch}", "price": "9.99", "at": at}
    agreed = {"id": names[VIEWS + 2], "action": "consent", "customer": person, "at": at,
              "properties": {"train": "true", "personalise": "true"}}  # fmt: skip
    return [*views, order, price, agreed]


@dataclass(slots=True)
class Found:
    """What the oracle found; ``lost`` and ``doubled`` count events, ``halves`` batches that are there in part."""

    acknowledged: int = 0
    lost: int = 0
    doubled: int = 0
    halves: int = 0
    damaged: int = 0
    seconds: list[float] = field(default_factory=list)
    """How long the shop took to open."""

    def add(self, other: "Found") -> None:
        self.acknowledged = max(self.acknowledged, other.acknowledged)
        self.lost += other.lost
        self.doubled += other.doubled
        self.halves += other.halves
        self.damaged += other.damaged
        self.seconds += other.seconds

    @property
    def clean(self) -> bool:
        return not (self.lost or self.doubled or self.halves or self.damaged)


def look(folder: Path, acknowledged: Iterable[int]) -> Found:
    """Open the shop as after an accident, move everything into the lake, and count."""
    began = time.perf_counter()
    with Shop.open(folder) as shop:
        seconds = time.perf_counter() - began
        return look_into(shop, acknowledged, seconds)


def look_into(shop: Shop, acknowledged: Iterable[int], seconds: float = 0.0) -> Found:
    shop.drain()
    known = shop.snapshot()
    kept = Counter(_column(known, "SELECT id FROM events"))
    lines = Counter(_column(known, "SELECT event_id FROM order_lines"))
    prices = Counter(_column(known, "SELECT product FROM prices"))
    acknowledged = set(acknowledged)
    agreed = set(shop.state.consent.may_train())
    newest = set(sorted(acknowledged)[-_ASKED_ALONE:])
    found = Found(acknowledged=SIZE * len(acknowledged), seconds=[seconds] if seconds else [])
    for batch in acknowledged:
        names, person = ids(batch), PersonKey(f"c{batch:06d}")
        allowed = person in agreed and (batch not in newest or shop.consent_of(person).allows(Purpose.TRAIN))
        found.lost += sum(name not in kept for name in names) + max(0, 2 - lines[names[VIEWS]])
        found.lost += (not prices[f"p{batch}"]) + (not allowed)
    found.doubled += sum(times - 1 for times in kept.values()) + sum(times - 1 for times in prices.values())
    found.doubled += sum(max(0, times - 2) for times in lines.values())
    there = Counter(name.partition("-")[0] for name in kept if _OURS.match(name))
    found.halves += sum(count != SIZE for count in there.values())
    return found


def _column(known: Any, sql: str) -> list[str]:
    values: list[str] = known.query(sql).column(0).to_pylist()
    return values


def new_shop(folder: Path) -> Path:
    """An empty shop, without keys."""
    Shop.create(folder, name="Tried", currency="CNY", timezone="UTC", language="en").close()
    return folder


def gone_on(folder: Path, acknowledged: Sequence[int]) -> Found:
    """Open it once more, send the newest again and one batch that is new, tell the newest orders under other ids, and
    look: what a shop does after an accident harms nothing of before."""
    with closing(Shop.open(folder)) as shop:
        again = [verdict.status for batch in acknowledged[-3:] for verdict in shop.collect(events(batch))]
        orders = [{**events(batch)[VIEWS], "id": f"again-{batch}"} for batch in acknowledged[-3:]]
        again += [verdict.status for verdict in shop.collect(orders)]
        fresh = max(acknowledged, default=-1) + 1
        shop.collect(events(fresh))
        shop.drain()
    found = look(folder, [*acknowledged, fresh])  # by another: the one that wrote may know from memory what is lost
    found.doubled += sum(status != "duplicate" for status in again)
    return found
