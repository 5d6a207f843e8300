"""What neighbourhood models share: how much each product of a history counts, and sums over sparse tables.

Everything is over flat arrays: a single person and a block of people go through the same arithmetic in the same order,
so a score never depends on who else is in the batch.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from shopkeeper.core.histories import MICROSECONDS_PER_DAY, Bool, Float32, Histories, Int32, Int64
from shopkeeper.core.ports import Wanted

Float64 = NDArray[np.float64]


def meanings(histories: Histories) -> Float32:
    """(events,) how much each event says that the person wants its product, as the shop weighs actions. Negative: they
    do not; 0: nothing."""
    return histories.weights.of(histories.action, histories.quantity)


BLOCK_CELLS: Final = 4_000_000
"""How many cells of a table are worked on at once (32 MB of float64)."""


_WIDE: Final = 64
"""A catalogue of so many products for each that is spoken of is too wide to be looked through."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tastes:
    """Distinct products of each person, flat, grouped by person, oldest last touch first."""

    row: Int64
    item: Int64
    weight: Float64
    """> 0; one order of today is 1, more of the same product grow like a logarithm."""
    event: Int64
    """Index (in the histories it came from) of the newest event with this product."""
    people: int
    products: int

    def matrix(self) -> Any:
        """(people, products) CSR, float32."""
        shape = (self.people, self.products)
        table = sparse.csr_matrix((self.weight.astype(np.float32), (self.row, self.item)), shape=shape)
        table.sort_indices()
        return table

    def keep(self, kept: Bool) -> "Tastes":
        """The same people with only the marked entries."""
        parts = {name: getattr(self, name)[kept] for name in ("row", "item", "weight", "event")}
        return Tastes(**parts, people=self.people, products=self.products)


def tastes(histories: Histories, products: int, *, half_life_days: float, newest: int) -> Tastes:
    """How much each person wants each product of their history.

    ``log2(1 + sum of action weights, each halved every half_life_days before the person's newest event)``; products
    whose sum is not positive (returned, taken out of the cart) are left out, as are indices outside the catalogue; only
    the ``newest`` products by last touch are kept. Dampening as term frequency.
    Source: Salton, Buckley (1988), Term-weighting approaches in automatic text retrieval.
    """
    width, item = max(products, 1), histories.product
    meaning = meanings(histories)
    use = ((item >= 0) & (item < products) & (meaning != 0)).nonzero()[0]
    key = item[use].astype(np.int64)
    newest_at = histories.at[-1:]
    if len(histories) != 1:
        row = histories.row_of_event()[use].astype(np.int64)
        key += row * width
        newest_at = histories.at[histories.offsets[1:][row] - 1]
    age_days = (newest_at - histories.at[use]) / MICROSECONDS_PER_DAY if len(use) else np.zeros(0)
    weight = meaning[use] * np.exp2(-np.minimum(age_days / half_life_days, 60.0))
    distinct, place = _distinct(key)
    total = np.bincount(place, weight, len(distinct))
    event = np.zeros(len(distinct), np.int64)
    event[place] = use  # the last assignment wins: the newest event
    keep = (total > 1e-9).nonzero()[0]
    if len(histories) == 1:
        keep = keep[event[keep].argsort()][-newest:]
    else:
        rows = distinct[keep] // width
        keep = keep[np.argsort(rows * max(len(item), 1) + event[keep])]
        keep = keep[_rank_from_end(distinct[keep] // width, len(histories)) < newest]
    kept = distinct[keep]
    row, of = (kept // width, kept % width) if len(histories) != 1 else (np.zeros(len(kept), np.int64), kept)
    return Tastes(
        row=row, item=of, weight=np.log2(1.0 + total[keep]), event=event[keep],
        people=len(histories), products=products,
    )  # fmt: skip


def wanted_by(people: Tastes) -> Wanted:
    """The same for an engine."""
    return Wanted(person=people.row, product=people.item, weight=people.weight)


def _distinct(key: Int64) -> tuple[Int64, Int64]:
    """Distinct keys, ascending, and each key's place among them."""
    turn = key.argsort(kind="stable")
    ordered = key[turn]
    first = np.ones(len(key), np.bool_)
    np.not_equal(ordered[1:], ordered[:-1], out=first[1:])
    place = np.empty(len(key), np.int64)
    place[turn] = first.cumsum() - 1
    return ordered[first], place


def _rank_from_end(sorted_rows: Int64, people: int) -> Int64:
    """For entries grouped by row: 0 for a row's last, 1 for the one before, …"""
    ends = np.cumsum(np.bincount(sorted_rows, minlength=people))
    return ends[sorted_rows] - 1 - np.arange(len(sorted_rows))


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbours:
    """A ragged table: entry ``a`` owns ``item[offsets[a]:offsets[a + 1]]`` and their weights."""

    offsets: Int64
    item: Int32
    weight: Float32

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def gather(self, which: Int64) -> tuple[Int64, Int64]:
        """Positions of all entries of the named rows, and for each the place in ``which`` it came from."""
        starts = self.offsets[which]
        sizes = self.offsets[which + 1] - starts
        starts -= sizes.cumsum() - sizes
        source = np.arange(len(which)).repeat(sizes)
        return starts[source] + np.arange(len(source)), source

    def weights_of(self, which: Int64, items: Sequence[int]) -> Float64:
        """(items, which) the weight of each item in each named row, 0 where it is not there."""
        position, source = self.gather(which)
        number, hit = np.nonzero(np.array(items, np.int64)[:, None] == self.item[position])
        cell = number * len(which) + source[hit]
        found = np.bincount(cell, self.weight[position[hit]], len(items) * len(which))
        return found.astype(np.float64).reshape(len(items), len(which))

    @classmethod
    def of_matrix(cls, table: Any) -> "Neighbours":
        return cls(
            offsets=table.indptr.astype(np.int64), item=table.indices.astype(np.int32),
            weight=table.data.astype(np.float32),
        )  # fmt: skip


def weigh(row: Int64, entry: Int64, weight: Float64, table: Neighbours, people: int, width: int) -> Float32:
    """(people, width): each person's sum of ``weight * table[entry]``; NaN where nothing was summed."""
    scores = np.full((people, width), np.nan, np.float32)
    for first, end in row_blocks(people, width):
        begin, stop = np.searchsorted(row, [first, end])
        position, source = table.gather(entry[begin:stop])
        cell = (row[begin:stop][source] - first) * width + table.item[position]
        total = np.bincount(cell, weight[begin:stop][source] * table.weight[position], (end - first) * width)
        block = total.astype(np.float32).reshape(end - first, width)
        block[block == 0] = np.nan
        scores[first:end] = block
    return scores


def weigh_one(entry: Int64, weight: Float64, table: Neighbours) -> tuple[Int64, Float32]:
    """``weigh`` of one person: the columns that got a sum, ascending, and the sums, bit for bit the same."""
    position, source = table.gather(entry)
    item, adds = table.item[position], weight[source] * table.weight[position]
    if len(table) > _WIDE * len(item):  # the products that are spoken of are put in order, not all looked through
        few, place = np.unique(item, return_inverse=True)
        own: Int64 = few.astype(np.int64)
        scores: Float32 = np.bincount(place, adds, len(own)).astype(np.float32)
    else:
        total = np.bincount(item, adds)
        own = total.nonzero()[0]
        scores = total[own].astype(np.float32)
    if scores.all():
        return own, scores
    kept = scores != 0
    return own[kept], scores[kept]


def row_blocks(rows: int, width: int) -> Iterator[tuple[int, int]]:
    """Consecutive groups of rows (first, end) whose dense table stays small."""
    step = min(max(1, BLOCK_CELLS // max(width, 1)), 4000)
    return ((start, min(start + step, rows)) for start in range(0, rows, step))


def strongest(block: Any, count: int, dice: NDArray[np.uint64]) -> Any:
    """A CSR block with only each row's ``count`` largest positive values.

    Ties go by ``dice`` (one number a column), never by the order of columns.
    """
    data = block.data.astype(np.float32)
    row = np.repeat(np.arange(block.shape[0]), np.diff(block.indptr))
    kept = best_of(row, data, block.shape[0], count, dice[block.indices])
    offsets = np.concatenate([[0], np.cumsum(np.bincount(row[kept], minlength=block.shape[0]))])
    return sparse.csr_matrix((data[kept], block.indices[kept], offsets), shape=block.shape)


def best_of(row: Int64, value: Float32, rows: int, count: int, dice: NDArray[np.uint64]) -> Int64:
    """Indices of each row's ``count`` largest positive values, row by row, largest first; ties by ``dice`` (20 bits).

    One sort of one 64-bit key: 12 bits of row, 32 of value, 20 of dice. Rows must be fewer than 4,096.
    """
    use = np.flatnonzero(value > 0)
    if rows == 1 and len(use) > count:  # a single request: sort only what can win
        use = use[value[use] >= np.partition(value[use], -count)[-count]]
    bits = np.uint64(0xFFFFFFFF) - value[use].astype(np.float32).view(np.uint32).astype(np.uint64)
    key = row[use].astype(np.uint64) << np.uint64(52) | bits << np.uint64(20) | dice[use]
    order = use[np.argsort(key)]
    sizes = np.bincount(row[order], minlength=rows)
    rank = np.arange(len(order)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return order[rank < count]


def dice_of(products: int, seed: int) -> NDArray[np.uint64]:
    """(products,) a random 20-bit number each, by which ties are broken."""
    return np.random.default_rng(seed).integers(0, 1 << 20, products, dtype=np.uint64)


def row_groups(table: Any, flops: Float64, limit: float = 2e7, most: int = 4000) -> Iterator[slice]:
    """Consecutive rows of ``table`` whose summed ``flops`` stay near ``limit``: what one product may cost in memory."""
    done = np.cumsum(flops)
    start = 0
    while start < table.shape[0]:
        spent = done[start - 1] if start else 0.0
        end = int(np.searchsorted(done, spent + limit, side="right"))
        end = min(max(end, start + 1), start + most, table.shape[0])
        yield slice(start, end)
        start = end


def stack(blocks: list[Any]) -> Neighbours:
    """Neighbour tables of consecutive rows as one."""
    if not blocks:
        return Neighbours(offsets=np.zeros(1, np.int64), item=np.zeros(0, np.int32), weight=np.zeros(0, np.float32))
    return Neighbours.of_matrix(sparse.vstack(blocks, format="csr"))
