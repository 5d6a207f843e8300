"""A *simulated* shop with known truth, as CSV files of any size: for measuring speed and for testing learners.

Customers belong to groups with favourite products, buy a few products as a habit, and some pairs of products are bought
together far more often than by chance. Everything is drawn in arrays; equal settings give equal files.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.csv as pc
from numpy.typing import NDArray

from shopkeeper.data.sources import planted

_DAYS: Final = 365
_GROUPS: Final = 20
_HABITS: Final = 6
_LINES: Final = 5
"""Mean lines of an order."""
_TOGETHER: Final = 0.3
"""How often the partner of a product follows it in the same order."""
_CHUNK: Final = 1_000_000

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class SyntheticShop:
    """Settings of a simulated shop. ``events`` = order lines and product views together; views are a share of them."""

    products: int = 10_000
    customers: int = 100_000
    events: int = 1_000_000
    view_share: float = 0.4
    until: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    seed: int = 0
    segments: int = 0
    """Planted kinds of customers (``planted.KINDS``), at most four; 0: all buy alike."""

    @property
    def lines(self) -> int:
        return self.events - self.views

    @property
    def views(self) -> int:
        return int(self.events * self.view_share)

    def partner(self, product: Ints) -> Ints:
        """The product that goes with another: the planted pairs are (0, 1), (2, 3), …"""
        found: Ints = np.minimum(product ^ 1, self.products - 1)
        return found

    def habits(self) -> Ints:
        """(customers, 6) what each customer buys again and again."""
        return np.random.default_rng([self.seed, 1]).integers(0, self.products, (self.customers, _HABITS))

    def write(self, folder: Path) -> dict[str, Path]:
        """Write ``products.csv``, ``order_lines.csv`` and ``events.csv``; their paths by kind."""
        folder.mkdir(parents=True, exist_ok=True)
        files = {kind: folder / f"{kind}.csv" for kind in ("products", "order_lines", "events")}
        pc.write_csv(self._products(), files["products"])
        habits = self.habits()
        _write(files["order_lines"], (self._lines(habits, first) for first in range(0, self.lines, _CHUNK)))
        _write(files["events"], (self._views(habits, first) for first in range(0, self.views, _CHUNK)))
        return files

    def _products(self) -> pa.Table:
        number = np.arange(self.products)
        return pa.table(
            {
                "id": [f"P{item:06d}" for item in number], "name": [f"Simulated product {item}" for item in number],
                "category_1": [f"Aisle {item % 12}" for item in number],
                "category_2": [f"Shelf {item % 96}" for item in number],
                "brand": [f"Brand {item % 37}" for item in number],
                "price": _amounts(self._prices()[number]),
            }
        )  # fmt: skip

    def _prices(self) -> Ints:
        """(products,) list prices in cents."""
        drawn = np.random.default_rng([self.seed, 2]).lognormal(1.6, 0.7, self.products)
        return np.maximum((drawn * 100).astype(np.int64), 29)

    def _lines(self, habits: Ints, first: int) -> pa.Table:
        rng = np.random.default_rng([self.seed, 3, first])
        count = min(_CHUNK, self.lines - first)
        if self.segments:
            return self._planted(rng, habits, first, count)
        order = np.sort(rng.integers(0, max(count // _LINES, 1), count))
        customer = rng.integers(0, self.customers, order[-1] + 1)[order]
        at = rng.integers(0, _DAYS * 86_400, order[-1] + 1)[order]
        product = self._bought(rng, habits, customer)
        follows = np.flatnonzero((np.diff(order, prepend=-1) == 0) & (rng.random(count) < _TOGETHER))
        product[follows] = self.partner(product[follows - 1])
        return pa.table(
            {
                "order": _names("O", order + first), "at": self._times(at), "customer": _names("C", customer),
                "product": _names("P", product, 6), "quantity": rng.integers(1, 4, count),
                "price": _amounts(self._prices()[product]),
            }
        )  # fmt: skip

    def _planted(self, rng: np.random.Generator, habits: Ints, first: int, count: int) -> pa.Table:
        drawn = planted.draw(rng, count, self.customers, self.segments)
        product = self._bought(rng, habits, drawn.customer)
        price = self._prices()[product]
        return pa.table(
            {
                "order": _names("O", drawn.order + first), "at": self._times(drawn.seconds),
                "customer": _names("C", drawn.customer), "product": _names("P", product, 6),
                "quantity": np.ones(count, np.int64), "price": _amounts(price),
                "discount": _amounts((price * drawn.discount).astype(np.int64)),
            }
        )  # fmt: skip

    def _bought(self, rng: np.random.Generator, habits: Ints, customer: Ints) -> Ints:
        """Half habit, the rest from the group's favourites, which are skewed like real sales (power law)."""
        count = len(customer)
        habit = habits[customer, rng.integers(0, _HABITS, count)]
        skewed = (self.products * rng.random(count) ** 3).astype(np.int64)
        shifted = (skewed + (customer % _GROUPS) * (self.products // _GROUPS)) % self.products
        return np.where(rng.random(count) < 0.5, habit, shifted)

    def _views(self, habits: Ints, first: int) -> pa.Table:
        rng = np.random.default_rng([self.seed, 4, first])
        count = min(_CHUNK, self.views - first)
        customer = rng.integers(0, self.customers, count)
        return pa.table(
            {
                "id": _names("E", np.arange(first, first + count)),
                "at": self._times(rng.integers(0, _DAYS * 86_400, count)), "action": ["product_view"] * count,
                "customer": _names("C", customer), "product": _names("P", self._bought(rng, habits, customer), 6),
            }
        )  # fmt: skip

    def _times(self, seconds: Ints) -> pa.Array:
        start = int(self.until.timestamp()) - _DAYS * 86_400
        return pa.array((start + seconds).astype("datetime64[s]")).cast(pa.timestamp("s", "UTC")).cast(pa.string())


def _names(letter: str, numbers: Ints, width: int = 1) -> pa.Array:
    text = np.char.zfill(numbers.astype(str), width)
    return pa.array(np.char.add(letter, text))


def _amounts(cents: Ints) -> list[str]:
    return [f"{value // 100}.{value % 100:02d}" for value in cents.tolist()]


def _write(path: Path, tables: Any) -> None:
    writer = None
    for table in tables:
        writer = writer or pc.CSVWriter(path, table.schema)
        writer.write(table)
    if writer is None:
        path.write_text("id,at,action,customer,product\n", "utf-8")
    else:
        writer.close()


def sizes(shop: SyntheticShop) -> Mapping[str, int]:
    """What was asked for, for tables and JSON."""
    return {"products": shop.products, "customers": shop.customers, "events": shop.events}
