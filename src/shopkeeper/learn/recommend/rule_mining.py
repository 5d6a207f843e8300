"""Which products are bought together: all frequent itemsets and the rules they make, counted exactly.

Level by level (Agrawal & Srikant 1994): pairs by a sparse product of the basket table with itself, longer sets by
AND and popcount over one bit a basket. Nothing is sampled, so the result is the definition's, to the last set.

Source: R. Agrawal, R. Srikant, "Fast algorithms for mining association rules", VLDB 1994; M. Zaki, "Scalable
algorithms for association mining" (vertical tid-sets), IEEE TKDE 2000; lift and leverage as in M. Hahsler's survey.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from shopkeeper.core.histories import Int32, Int64

Float64 = NDArray[np.float64]
_BLOCK_WORDS = 4_000_000
_BLOCK_CELLS = 8_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Itemsets:
    """The frequent sets of one length: ``items`` (sets, length) ascending in each row, rows in dictionary order."""

    items: Int32
    count: Int64


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """ "Who buys all of these also buys all of those". Shapes (rules, longest side) padded with -1, and (rules,)."""

    antecedents: Int32
    consequents: Int32
    count: Int64
    """Baskets with both sides."""
    antecedent_support: Float64
    consequent_support: Float64
    support: Float64
    """Share of the baskets with both sides; so are the two before it for one side."""
    confidence: Float64
    """Share of the antecedent's baskets that hold the consequent too."""
    lift: Float64
    """Confidence over the consequent's own share: 1 = unrelated."""
    baskets: int

    def __len__(self) -> int:
        return len(self.count)

    @property
    def leverage(self) -> Float64:
        """Share of baskets above what independence would give."""
        return self.support - self.antecedent_support * self.consequent_support

    @property
    def conviction(self) -> Float64:
        """How much rarer the rule fails than under independence; inf where it never fails."""
        with np.errstate(divide="ignore"):
            return np.where(self.confidence < 1, (1 - self.consequent_support) / (1 - self.confidence), np.inf)


def basket_table(baskets: Sequence[Sequence[int]], products: int | None = None) -> sp.csr_matrix:
    """(baskets, products) of 0 and 1 from lists of product indices; empty baskets and repeats are fine."""
    sizes = np.fromiter((len(basket) for basket in baskets), np.int64, len(baskets))
    flat = np.fromiter((item for basket in baskets for item in basket), np.int32, int(sizes.sum()))
    width = int(flat.max(initial=-1)) + 1 if products is None else products
    return presence(np.repeat(np.arange(len(baskets)), sizes), flat, (len(baskets), width))


def presence(row: Int64 | Int32, item: Int32, shape: tuple[int, int]) -> sp.csr_matrix:
    """A table of 0 and 1 with 1 at each (row, item), however often it is given."""
    table = sp.csr_matrix((np.ones(len(row), np.int32), (row, item)), shape)
    table.sum_duplicates()
    table.data[:] = 1
    return table


def mine(
    baskets: sp.csr_matrix, *, min_support: float = 0.001, min_confidence: float = 0.0, max_length: int | None = None
) -> Rules:
    """All rules whose both sides together are frequent: every split of every frequent set of two or more products.

    ``baskets``: (baskets, products) of 0 and 1, also empty rows count. ``min_support``: a float is a share of the
    baskets, an int is a number of baskets. ``max_length`` bounds both sides together; None = no bound. Equal to
    mlxtend's ``association_rules(apriori(…), metric="confidence", min_threshold=min_confidence)``.
    """
    return split(frequent(baskets, min_support, max_length), baskets.shape[0], min_confidence)


def frequent(baskets: sp.csr_matrix, min_support: float, max_length: int | None = None) -> list[Itemsets]:
    """The frequent sets, one entry a length from 1 on; ends with the longest that exists."""
    single = np.bincount(baskets.indices, minlength=baskets.shape[1])
    floor = _floor(min_support, baskets.shape[0])
    kept = np.flatnonzero(single >= floor).astype(np.int32)
    levels = [Itemsets(items=kept[:, None], count=single[kept])]
    if len(kept) < 2 or max_length == 1:
        return levels
    narrow = baskets[:, kept].tocsr()
    pairs = _pairs(narrow, floor)
    found = [pairs]
    bits = _bits(narrow) if len(pairs.count) and (max_length is None or max_length > 2) else None
    while bits is not None and len(found[-1].count) and (max_length is None or len(found) + 1 < max_length):
        found.append(_longer(found[-1], pairs, bits, floor))
    return levels + [Itemsets(items=kept[level.items], count=level.count) for level in found if len(level.count)]


def _floor(min_support: float, baskets: int) -> int:
    """The fewest baskets that satisfy ``count / baskets >= min_support``, at least one."""
    if isinstance(min_support, int):
        return max(1, min_support)
    near = int(min_support * baskets)
    return max(1, next(n for n in range(max(near - 1, 0), near + 3) if n >= baskets or n / baskets >= min_support))


def _pairs(table: sp.csr_matrix, floor: int) -> Itemsets:
    columns, across = table.tocsc(), table.shape[1]
    step = max(1, _BLOCK_CELLS // across)
    parts = [_pairs_of(columns, table, start, min(start + step, across), floor) for start in range(0, across, step)]
    items, count = (np.concatenate(part) for part in zip(*parts, strict=True))
    return Itemsets(items=items, count=count)


def _pairs_of(columns: sp.csc_matrix, table: sp.csr_matrix, start: int, end: int, floor: int) -> tuple[Int32, Int64]:
    together = (columns[:, start:end].T @ table).tocsr()
    together.sort_indices()
    first = np.repeat(np.arange(start, end, dtype=np.int32), np.diff(together.indptr))
    mask = (together.data >= floor) & (together.indices > first)
    items = np.stack([first[mask], together.indices[mask].astype(np.int32)], axis=1)
    return items, together.data[mask].astype(np.int64)


def _bits(table: sp.csr_matrix) -> NDArray[np.uint64]:
    """(products, words): bit ``b`` of a product says whether basket ``b`` holds it."""
    words = -(-table.shape[0] // 64)
    bits = np.zeros((table.shape[1], words), np.uint64)
    basket = np.repeat(np.arange(table.shape[0]), np.diff(table.indptr))
    np.bitwise_or.at(bits, (table.indices, basket >> 6), np.uint64(1) << (basket & 63).astype(np.uint64))
    return bits


def _longer(level: Itemsets, pairs: Itemsets, bits: NDArray[np.uint64], floor: int) -> Itemsets:
    """Sets one longer: two sets equal but for the last item, joined where the two last items are a frequent pair."""
    width = len(bits)
    pair_keys = pairs.items[:, 0].astype(np.int64) * width + pairs.items[:, 1]
    parts_items, parts_count = [np.zeros((0, level.items.shape[1] + 1), np.int32)], [np.zeros(0, np.int64)]
    for left, right in _joins(level.items, max(1, _BLOCK_WORDS // bits.shape[1])):
        key = level.items[left, -1].astype(np.int64) * width + level.items[right, -1]
        spot = np.minimum(np.searchsorted(pair_keys, key), len(pair_keys) - 1)
        both = pair_keys[spot] == key
        items = np.concatenate([level.items[left[both]], level.items[right[both], -1:]], axis=1)
        count = _count(items, bits)
        parts_items.append(items[count >= floor])
        parts_count.append(count[count >= floor])
    return Itemsets(items=np.concatenate(parts_items), count=np.concatenate(parts_count))


def _joins(items: Int32, size: int) -> Iterator[tuple[Int64, Int64]]:
    """Row pairs (left < right) with the same items but the last, in blocks of about ``size`` pairs."""
    fresh = np.r_[True, (items[1:, :-1] != items[:-1, :-1]).any(axis=1)]
    group = np.cumsum(fresh) - 1
    end = np.r_[np.flatnonzero(fresh)[1:], len(items)][group]
    follow = end - 1 - np.arange(len(items))
    total = np.cumsum(follow)
    start = 0
    while start < len(items):
        done = total[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(total, done + size, side="right")))
        left = np.repeat(np.arange(start, stop), follow[start:stop])
        begin = np.cumsum(follow[start:stop]) - follow[start:stop]
        yield left, left + 1 + np.arange(len(left)) - np.repeat(begin, follow[start:stop])
        start = stop


def _count(items: Int32, bits: NDArray[np.uint64]) -> Int64:
    together = bits[items[:, 0]]
    for column in items.T[1:]:
        together &= bits[column]
    count: Int64 = np.bitwise_count(together).sum(axis=1, dtype=np.int64)
    return count


def split(levels: Sequence[Itemsets], baskets: int, min_confidence: float = 0.0) -> Rules:
    """Every way to cut a frequent set into an antecedent and a consequent, with its numbers."""
    longest = max(len(levels) - 1, 1)
    parts = [_cut(levels, level, mask) for level in levels[1:] for mask in range(1, 2 ** level.items.shape[1] - 1)]
    wide = [(_pad(a, longest), _pad(c, longest), both, of_a, of_c) for a, c, both, of_a, of_c in parts]
    none = (np.zeros((0, longest), np.int32), np.zeros((0, longest), np.int32), *(np.zeros(0, np.int64),) * 3)
    ante, cons, both, of_a, of_c = (np.concatenate(part) for part in zip(none, *wide, strict=True))
    keep = both / np.maximum(of_a, 1) >= min_confidence
    ante, cons, both, of_a, of_c = (part[keep] for part in (ante, cons, both, of_a, of_c))
    return Rules(
        antecedents=ante, consequents=cons, count=both, baskets=baskets, antecedent_support=of_a / baskets,
        consequent_support=of_c / baskets, support=both / baskets, confidence=both / of_a,
        lift=both * float(baskets) / (of_a * of_c.astype(np.float64)),
    )  # fmt: skip


def _cut(levels: Sequence[Itemsets], level: Itemsets, mask: int) -> tuple[Int32, Int32, Int64, Int64, Int64]:
    chosen = np.array([bool(mask >> bit & 1) for bit in range(level.items.shape[1])])
    ante, cons = level.items[:, chosen], level.items[:, ~chosen]
    return ante, cons, level.count, _count_of(levels, ante), _count_of(levels, cons)


def _count_of(levels: Sequence[Itemsets], items: Int32) -> Int64:
    """Counts of sets that are known to be frequent: found level by level as (row of the prefix, last item)."""
    single = levels[0].items[:, 0]
    at = np.searchsorted(single, items[:, 0])
    for length in range(1, items.shape[1]):
        table = levels[length].items
        prefix = _rows(levels, length)
        keys = prefix * len(single) + np.searchsorted(single, table[:, -1])
        at = np.searchsorted(keys, at * len(single) + np.searchsorted(single, items[:, length]))
    count: Int64 = levels[items.shape[1] - 1].count[at]
    return count


def _rows(levels: Sequence[Itemsets], length: int) -> Int64:
    """For each set of ``length + 1`` items, the row of its first ``length`` items among the sets of that length."""
    table, shorter = levels[length].items[:, :-1], levels[length - 1].items
    fresh = np.r_[True, (table[1:] != table[:-1]).any(axis=1)]
    heads = table[fresh]
    stacked = np.concatenate([shorter, heads])
    order = np.lexsort((np.r_[np.zeros(len(shorter)), np.ones(len(heads))], *stacked.T[::-1]))
    rank = np.cumsum(order < len(shorter)) - 1
    row = np.empty(len(stacked), np.int64)
    row[order] = rank
    of_set: Int64 = row[len(shorter) :][np.cumsum(fresh) - 1]
    return of_set


def _pad(items: Int32, width: int) -> Int32:
    return np.pad(items, ((0, 0), (0, width - items.shape[1])), constant_values=-1)
