"""Messages into the lake, exactly once: each table takes up, in the commit of the rows, how far every partition came.

A crash between the commits of two tables is repaired by reading again from where the last table stands: each table
takes only what lies behind its own place. An event is written as we write it, whoever put it into the topic.
Source: Delta protocol, "Transaction Identifiers".
"""

from collections.abc import Mapping, Sequence

from shopkeeper.data.drain import ROWS_OF, encode_event
from shopkeeper.data.lake import Lake
from shopkeeper.data.stream.judge import Message
from shopkeeper.data.stream.reader import POSITION


def land(lake: Lake, messages: Sequence[Message], upto: Mapping[str, int]) -> None:
    """Put the messages that count into the lake; ``upto``: how far each partition was read for them."""
    for table in (*(name for name in ROWS_OF if name != POSITION), POSITION):
        kind, rows_of = ROWS_OF[table]
        landed = lake.landed_of(table, upto)
        bodies = [
            bytes(message.envelope.body) if message.event is None else encode_event(message.event)
            for message in messages
            if message.envelope.kind == kind and message.place > landed[message.source]
        ]
        rows = rows_of(bodies)
        if len(rows) or table == POSITION:
            lake.land(table, rows, upto)
