"""The drain: moves the journal into the lake exactly once.

Every lake table remembers the highest journal number it has taken (``Lake.landed``), in the same commit as the rows.
A crash between the commits of two tables, or before the journal forgets, is repaired by running again: each table
takes only entries above its own number.
"""

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow.json import ParseOptions, ReadOptions, read_json

from shopkeeper.core.action import Action
from shopkeeper.core.event import Event
from shopkeeper.core.ids import new_id
from shopkeeper.core.money import Money
from shopkeeper.data.journal import DECISION, EVENT, Journal
from shopkeeper.data.journal_rows import Kept
from shopkeeper.data.kill_points import reached
from shopkeeper.data.lake import Lake
from shopkeeper.data.quarantine import Quarantine
from shopkeeper.data.rows import Held
from shopkeeper.data.schema import TABLES, line_rows, table_of

_log: Final = logging.getLogger(__name__)
APP: Final = "journal"
_event = msgspec.json.Decoder(Event)
_OWN: Final = ("action", "price_minor", "currency", "properties")
"""Columns that an encoded event writes in another way."""
_WIRE: Final = pa.schema(
    [
        *(column for column in TABLES["events"] if column.name not in _OWN),
        ("action", pa.int8()), ("order", pa.string()),
        ("price", pa.struct([("minor", pa.int64()), ("currency", pa.string())])),
    ]
)  # fmt: skip
"""An encoded event, but for its lines and properties."""
_WORDS: Final = pa.array([Action(code).word if code else None for code in range(len(Action) + 1)], pa.string())
_NO_LINES, _PRICE_CHANGE, _PROPERTIES = b',"lines":[],', b',"action":35,', b',"properties":'
CONSENT: Final = b',"action":33,'
"""What the bytes of an event of consent hold."""
_AT_ONCE: Final = 50_000
"""How many entries become one file of each table."""
_PARSED: Final = 2_000
"""How many bodies are read at once: what Arrow may hold of them beside the table."""


def encode_event(event: Event) -> bytes:
    """An event as the journal keeps it."""
    return msgspec.json.encode(event)


def decode_event(body: bytes) -> Event:
    """The inverse of ``encode_event``."""
    return _event.decode(body)


class Drain:
    """Moves entries; ``run`` may be called from any thread, one at a time works."""

    def __init__(
        self, journal: Journal, lake: Lake, quarantine: Quarantine,
        agreed: Callable[[Sequence[Event]], None] = lambda _: None,
    ) -> None:  # fmt: skip
        self.journal, self.lake, self.quarantine = journal, lake, quarantine
        self._agreed = agreed
        self._lock = threading.Lock()

    def run(self) -> int:
        """Move everything that is in the journal now (what comes meanwhile may wait for the next time: under load that
        would never end). Returns the number of entries moved."""
        moved = 0
        with self._lock:
            while entries := self.journal.undrained(limit=_AT_ONCE):
                sound = [entry for entry in entries if entry.sound]
                if len(sound) < len(entries):
                    self._hold([entry for entry in entries if not entry.sound])
                if sound:
                    self._move(sound)
                moved += len(sound)
                if len(entries) < _AT_ONCE:
                    break
        return moved

    def _hold(self, damaged: list[Kept]) -> None:
        """What the journal's file does not say any more as it was written becomes no fact: people may look at it."""
        for entry in damaged:
            said = f"{entry.kind} {entry.id}: {entry.body.decode('utf-8', 'backslashreplace')}"
            held = Held(reason="journal_row_damaged", facts={"row": entry.seq}, raw=said)
            file = self.journal.path.name
            self.quarantine.add([held], import_id=new_id("r"), kind="journal", file=file, at=datetime.now(UTC))
        _log.error("%d damaged rows of the journal are in the quarantine", len(damaged))
        self.journal.drop(entry.seq for entry in damaged)

    def _move(self, entries: list[Kept]) -> None:
        last = entries[-1].seq
        agreed = [entry.body for entry in entries if CONSENT in entry.body and entry.kind == EVENT]
        if agreed:  # nobody looks for it in the lake: no answer leaves before it is in the book
            self._agreed([decode_event(body) for body in agreed])
        for table, (kind, of) in ROWS_OF.items():
            landed = self.lake.landed(table, APP)
            rows = of([entry.body for entry in entries if entry.kind == kind and entry.seq > landed])
            if len(rows):
                self.lake.append(table, rows, key=APP, number=last)
        reached("drain.landed")
        self.journal.forget_drained(last)
        reached("drain.forgotten")


def _price_row(event: Event, price: Money) -> dict[str, Any]:
    return {
        "product": event.product, "at": event.at, "price_minor": price.minor, "currency": price.currency,
        "source": event.source or None,
    }  # fmt: skip


def lines_of(bodies: Sequence[bytes]) -> pa.Table:
    """The order lines of events as the journal keeps them."""
    events = map(decode_event, (body for body in bodies if _NO_LINES not in body))
    return table_of("order_lines", [row for event in events for row in line_rows(event)])


def prices_of(bodies: Sequence[bytes]) -> pa.Table:
    """The prices that such events tell."""
    events = map(decode_event, (body for body in bodies if _PRICE_CHANGE in body))
    return table_of("prices", [_price_row(event, event.price) for event in events if event.price is not None])


def events_of(bodies: Sequence[bytes]) -> pa.Table:
    """Events as the journal keeps them, as rows of the lake: of each what ``event_row`` says."""
    found = _parsed(bodies, _WIRE)
    columns: dict[str, Any] = {name: _present(found[name]) for name in found.column_names}
    columns["action"] = _WORDS.take(found["action"])
    columns["order_id"] = columns["order"]
    columns["received_at"] = pc.coalesce(found["received_at"], found["at"])
    price = found["price"].combine_chunks()
    columns["price_minor"], columns["currency"] = pc.struct_field(price, "minor"), pc.struct_field(price, "currency")
    columns["properties"] = pa.array(map(_properties, bodies), pa.string())
    return pa.table([columns[column.name] for column in TABLES["events"]], schema=TABLES["events"])


def _present(column: Any) -> Any:
    """A column with NULL for empty text."""
    return pc.if_else(pc.equal(column, ""), None, column) if pa.types.is_string(column.type) else column


def _properties(body: bytes) -> str | None:
    """What stands last in an encoded event."""
    _, _, told = body.partition(_PROPERTIES)
    return None if told in (b"{}}", b"") else told[:-1].decode()


def decisions_of(bodies: Sequence[bytes]) -> pa.Table:
    """Decisions as the journal keeps them, as rows of the lake."""
    return _parsed(bodies, TABLES["decisions"])


def _parsed(bodies: Sequence[bytes], schema: pa.Schema) -> pa.Table:
    """Read by Arrow, whose reader leaves the interpreter to others: there are as many bodies as there are requests and
    more, and reading them in Python would hold requests up."""
    parts = [bodies[begin : begin + _PARSED] for begin in range(0, len(bodies), _PARSED)]
    return pa.concat_tables([schema.empty_table(), *(_read(b"\n".join(part), schema) for part in parts)])


def _read(lines: bytes, schema: pa.Schema) -> pa.Table:
    how = ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore")
    whole = ReadOptions(use_threads=False, block_size=len(lines) + 1)
    return read_json(pa.BufferReader(lines), read_options=whole, parse_options=how)


ROWS_OF: Final[Mapping[str, tuple[str, Callable[[Sequence[bytes]], pa.Table]]]] = {
    "events": (EVENT, events_of), "order_lines": (EVENT, lines_of), "prices": (EVENT, prices_of),
    "decisions": (DECISION, decisions_of),
}  # fmt: skip
"""What each kind of entry becomes in the lake."""


def landed_in(lake: Lake) -> int:
    """The number of the last entry of the journal that a lake has taken; -1 where there is none."""
    return max(lake.landed(table, APP) for table in ROWS_OF)
