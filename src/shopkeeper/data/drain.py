"""The drain: moves the journal into the lake exactly once.

Every lake table remembers the highest journal number it has taken (``Lake.landed``), in the same commit as the rows.
A crash between the commits of two tables, or before the journal forgets, is repaired by running again: each table
takes only entries above its own number.
"""

import threading
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
import pyarrow as pa
from pyarrow.json import ParseOptions, ReadOptions, read_json

from shopkeeper.core.action import Action
from shopkeeper.core.event import Event
from shopkeeper.core.money import Money
from shopkeeper.data.journal import DECISION, EVENT, Journal, Kept
from shopkeeper.data.kill_points import reached
from shopkeeper.data.lake import Lake
from shopkeeper.data.schema import TABLES, event_row, line_rows, table_of

APP: Final = "journal"
_event = msgspec.json.Decoder(Event)
_DECISIONS: Final = "decisions"
_AT_ONCE: Final = 50_000
"""How many entries become one file of each table."""
_PART: Final = 2_000
"""How many decisions are read at once: what Arrow may hold of them beside the table."""


def encode_event(event: Event) -> bytes:
    """An event as the journal keeps it."""
    return msgspec.json.encode(event)


def decode_event(body: bytes) -> Event:
    """The inverse of ``encode_event``."""
    return _event.decode(body)


class Drain:
    """Moves entries; ``run`` may be called from any thread, one at a time works."""

    def __init__(self, journal: Journal, lake: Lake) -> None:
        self.journal, self.lake = journal, lake
        self._lock = threading.Lock()

    def run(self) -> int:
        """Move everything that is in the journal now (what comes meanwhile may wait for the next time: under load that
        would never end). Returns the number of entries moved."""
        moved = 0
        with self._lock:
            while entries := self.journal.undrained(limit=_AT_ONCE):
                self._move(entries)
                moved += len(entries)
                if len(entries) < _AT_ONCE:
                    break
        return moved

    def _move(self, entries: list[Kept]) -> None:
        last = entries[-1].seq
        for table, rows in self._rows(entries).items():
            landed = self.lake.landed(table, APP)
            fresh = [row for seq, row in rows if seq > landed]
            if fresh:
                self.lake.append(table, table_of(table, fresh), key=APP, number=last)
        landed = self.lake.landed(_DECISIONS, APP)
        bodies = [entry.body for entry in entries if entry.kind == DECISION and entry.seq > landed]
        if bodies:
            self.lake.append(_DECISIONS, decisions_of(bodies), key=APP, number=last)
        reached("drain.landed")
        self.journal.forget_drained(last)
        reached("drain.forgotten")

    def _rows(self, entries: list[Kept]) -> Mapping[str, list[tuple[int, dict[str, Any]]]]:
        tables: dict[str, list[tuple[int, dict[str, Any]]]] = {
            "events": [], "order_lines": [], "prices": [],
        }  # fmt: skip
        for entry in entries:
            if entry.kind == EVENT:
                event = decode_event(entry.body)
                tables["events"].append((entry.seq, event_row(event)))
                tables["order_lines"].extend((entry.seq, row) for row in line_rows(event))
                if event.action is Action.PRICE_CHANGE and event.price is not None:
                    tables["prices"].append((entry.seq, _price_row(event, event.price)))
        return tables


def _price_row(event: Event, price: Money) -> dict[str, Any]:
    return {
        "product": event.product, "at": event.at, "price_minor": price.minor, "currency": price.currency,
        "source": event.source or None,
    }  # fmt: skip


def decisions_of(bodies: Sequence[bytes]) -> pa.Table:
    """Decisions as the journal keeps them, as rows of the lake.

    Read by Arrow, whose reader leaves the interpreter to others: there are as many of them as there are requests, and
    reading them in Python would hold requests up.
    """
    parts = [bodies[begin : begin + _PART] for begin in range(0, len(bodies), _PART)]
    return pa.concat_tables([_read(b"\n".join(part)) for part in parts])


def _read(lines: bytes) -> pa.Table:
    how = ParseOptions(explicit_schema=TABLES[_DECISIONS], unexpected_field_behavior="ignore")
    whole = ReadOptions(use_threads=False, block_size=len(lines) + 1)
    return read_json(pa.BufferReader(lines), read_options=whole, parse_options=how)
