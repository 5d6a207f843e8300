"""An entry as a message of the topic: JSON, so that a job in another language can read it.

``{"v": 1, "kind": "event", "id": …, "same": …, "person": …, "day": …, "forever": …, "body": {…}}``; the key is the
person, so everything somebody does is in one partition, in order.
"""

from hashlib import blake2b
from typing import Final, Literal

import msgspec

from shopkeeper.data.journal import Entry

VERSION: Final = 1


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """A message, taken apart. ``same`` is a digest of what makes two bodies of one id equal."""

    v: int
    kind: Literal["event", "decision"]
    id: str
    same: str
    day: int
    body: msgspec.Raw
    person: str | None = None
    forever: bool = False


_decoder = msgspec.json.Decoder(Envelope)
_encoder = msgspec.json.Encoder()


def wrapped(entry: Entry) -> bytes:
    """The message of an entry."""
    return _encoder.encode(
        Envelope(
            v=VERSION, kind=entry.kind, id=entry.id, day=entry.day, body=msgspec.Raw(entry.body), person=entry.person,
            same=blake2b(entry.same_as or entry.body, digest_size=8).hexdigest(), forever=entry.forever,
        )
    )  # fmt: skip


def key_of(entry: Entry) -> bytes:
    """What decides the partition: the person, or the entry where it is nobody's."""
    return (entry.person or entry.id).encode("utf-8", "surrogatepass")


def unwrapped(message: bytes) -> Envelope | None:
    """The inverse of ``wrapped``; None for what is no message of ours."""
    try:
        found = _decoder.decode(message)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return found if found.v == VERSION else None
