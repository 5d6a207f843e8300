"""Messages into the lake, exactly once: each table takes up, in the commit of the rows, how far every partition came.

A crash between the commits of two tables is repaired by reading again from where the last table stands: each table
takes only what lies behind its own place. Source: Delta protocol, "Transaction Identifiers".
"""

from collections.abc import Mapping, Sequence
from typing import Final

from shopkeeper.data.drain import decisions_of, decode_event, event_tables
from shopkeeper.data.journal import DECISION, EVENT
from shopkeeper.data.lake import Lake
from shopkeeper.data.schema import table_of
from shopkeeper.data.stream.judge import Message
from shopkeeper.data.stream.reader import POSITION

_DECISIONS: Final = "decisions"


def land(lake: Lake, messages: Sequence[Message], upto: Mapping[str, int]) -> None:
    """Put the messages that count into the lake; ``upto``: how far each partition was read for them."""
    events = [
        ((message.source, message.place), decode_event(bytes(message.envelope.body)))
        for message in messages
        if message.envelope.kind == EVENT
    ]
    tables = event_tables(events)
    for table in (*(name for name in tables if name != POSITION), POSITION):
        landed = lake.landed_of(table, upto)
        fresh = [row for (source, place), row in tables[table] if place > landed[source]]
        if table == POSITION:
            _land_decisions(lake, messages, upto)
        if fresh or table == POSITION:
            lake.land(table, table_of(table, fresh) if fresh else None, upto)


def _land_decisions(lake: Lake, messages: Sequence[Message], upto: Mapping[str, int]) -> None:
    landed = lake.landed_of(_DECISIONS, upto)
    bodies = [
        bytes(message.envelope.body)
        for message in messages
        if message.envelope.kind == DECISION and message.place > landed[message.source]
    ]
    if bodies:
        lake.land(_DECISIONS, decisions_of(bodies), upto)
