"""People's histories as sequences of products, and groups of them of like length."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from shopkeeper.core.histories import Histories, Int64
from shopkeeper.learn.recommend.sparse import meanings

WIDTHS: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256)
"""A sequence is padded to the first of these that holds it, so its arithmetic never depends on its neighbours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sequences:
    """Row ``u`` owns ``item[offsets[u]:offsets[u + 1]]``, oldest first."""

    offsets: Int64
    item: Int64
    event: Int64
    """Index of each entry in the histories it came from."""

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def sizes(self) -> Int64:
        return np.diff(self.offsets)

    @classmethod
    def of(cls, histories: Histories, products: int) -> "Sequences":
        """Events that want a product of the catalogue; direct repeats count once, at their newest event."""
        item, row = histories.product, histories.row_of_event()
        wanted = (item >= 0) & (item < products) & (meanings(histories) > 0)
        event = np.flatnonzero(wanted)
        last = np.ones(len(event), np.bool_)
        last[:-1] = (row[event[1:]] != row[event[:-1]]) | (item[event[1:]] != item[event[:-1]])
        event = event[last]
        offsets = np.zeros(len(histories) + 1, np.int64)
        np.cumsum(np.bincount(row[event], minlength=len(histories)), out=offsets[1:])
        return cls(offsets=offsets, item=item[event].astype(np.int64), event=event)

    def windows(self, length: int) -> "Windows":
        """Every sequence cut into pieces of at most ``length + 1`` items that share one item, newest piece whole."""
        sizes = self.sizes
        pieces = np.maximum((sizes - 2) // length + 1, 0)
        row = np.repeat(np.arange(len(sizes)), pieces)
        number = np.arange(len(row)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
        end = self.offsets[1:][row] - number * length
        start = np.maximum(self.offsets[:-1][row], end - length - 1)
        return Windows(start=start, size=end - start)

    def newest(self, length: int) -> "Windows":
        """Each sequence's last ``length`` items."""
        size = np.minimum(self.sizes, length)
        return Windows(start=self.offsets[1:] - size, size=size)

    def padded(self, windows: "Windows", width: int) -> Int64:
        """(windows, width) items, filled up with 0 behind each window's end."""
        place = np.arange(width)
        inside = place < windows.size[:, None]
        return np.where(inside, self.item[np.where(inside, windows.start[:, None] + place, 0)], 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Windows:
    """Pieces of sequences: where each begins in the flat items, and how many items it has."""

    start: Int64
    size: Int64

    def __len__(self) -> int:
        return len(self.start)

    def rows(self, which: NDArray[np.intp]) -> "Windows":
        return Windows(start=self.start[which], size=self.size[which])

    def batches(self, tokens: int, dice: np.random.Generator) -> list["Windows"]:
        """Windows of like size, each group of about ``tokens`` items with its padding, in a random order."""
        order = np.argsort(self.size + dice.random(len(self)), kind="stable")
        size, groups, first = self.size[order], [], 0
        while first < len(order):
            most = size[first : first + max(1, tokens // int(size[first]))]
            count = int(
                np.searchsorted(np.maximum.accumulate(most) * np.arange(1, len(most) + 1), tokens, side="right")
            )
            groups.append(self.rows(order[first : first + max(count, 1)]))
            first += max(count, 1)
        return [groups[at] for at in dice.permutation(len(groups))]

    def by_width(self, most: int) -> Iterator[tuple[int, NDArray[np.intp]]]:
        """(width, which windows) for each width of ``WIDTHS`` that is needed, in groups that fit into memory."""
        widths = np.array([width for width in WIDTHS if width < most] + [most])
        slot = np.searchsorted(widths, self.size)
        for number in np.unique(slot[self.size > 0]):
            rows = np.flatnonzero((slot == number) & (self.size > 0))
            for start in range(0, len(rows), 1024):
                yield int(widths[number]), rows[start : start + 1024]
