"""What the process that listens and the processes that decide say to each other, in frames on a pair of sockets.

A frame is four bytes of length and a message. Frames arrive in the order in which they were sent: what was told of an
event before a question is known when the question is answered.
"""

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from shopkeeper.core.decision import Request
from shopkeeper.core.event import Event

_HEAD: Final = 4


class Ask(msgspec.Struct, tag=1, array_like=True, frozen=True, gc=False):
    """Decide. ``agreed``: whether the person's history may be read, as it is known at this moment."""

    number: int
    request: Request
    agreed: bool
    language: str


class Happened(msgspec.Struct, tag=2, array_like=True, frozen=True):
    """These events count from now on."""

    events: list[Event]


class Forget(msgspec.Struct, tag=3, array_like=True, frozen=True):
    """These people are unknown from now on."""

    people: list[str]


class Load(msgspec.Struct, tag=4, array_like=True, frozen=True):
    """Another version became current."""


class Ready(msgspec.Struct, tag=5, array_like=True, frozen=True):
    """Loaded; this version answers."""

    version: str


class Told(msgspec.Struct, tag=6, array_like=True, frozen=True, gc=False):
    """A decision: its id, the answer as its asker sees it, the row for the journal. No id: it could not decide."""

    number: int
    id: str = ""
    body: bytes = b""
    row: bytes = b""
    fallback: bool = False


Question = Ask | Happened | Forget | Load
Answer = Ready | Told
_encode: Final = msgspec.msgpack.Encoder().encode


def framed(message: Question | Answer) -> bytes:
    """A message as it goes over the wire."""
    body = _encode(message)
    return len(body).to_bytes(_HEAD, "big") + body


class Frames:
    """Cuts what arrives into messages."""

    def __init__(self, kind: Any) -> None:
        self._decode = msgspec.msgpack.Decoder(kind).decode
        self._left = b""

    def of(self, data: bytes) -> Iterator[Any]:
        """The messages that are whole now."""
        data = self._left + data if self._left else data
        begin = 0
        while len(data) - begin >= _HEAD:
            end = begin + _HEAD + int.from_bytes(data[begin : begin + _HEAD], "big")
            if end > len(data):
                break
            yield self._decode(data[begin + _HEAD : end])
            begin = end
        self._left = data[begin:]
