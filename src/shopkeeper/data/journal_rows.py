"""Entries as they lie in the journal, read back and compared with their sums."""

import json
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any, Final

from shopkeeper.data.row_sums import row_sum
from shopkeeper.data.seen import entry_sum

KEPT: Final = "seq, kind, id, person, body"
"""What an entry's own sum is of, and of what it is read again."""
_OLDEST = f"SELECT {KEPT}, row_sum FROM entries WHERE seq > ? ORDER BY seq LIMIT ?"
_EACH = (
    f"SELECT {', '.join(f'CAST({column} AS BLOB)' for column in KEPT.split(', '))}, row_sum FROM entries "
    "WHERE seq > ? ORDER BY seq LIMIT ?"
)
_TOGETHER = (
    "SELECT CAST(group_concat(seq) AS BLOB), CAST(group_concat(kind) AS BLOB), "
    "CAST(json_group_array(id) AS BLOB), CAST(json_group_array(person) AS BLOB), "
    "CAST(group_concat(row_sum) AS BLOB), CAST(group_concat(length(CAST(body AS BLOB))) AS BLOB), "
    "CAST(group_concat(body, '') AS BLOB) FROM"
)
"""Many entries as one row: SQLite asks for the interpreter after each row, and may have to wait for it."""
Read = Callable[[str, Sequence[object]], list[Any]]


@dataclass(frozen=True, slots=True)
class Kept:
    """An entry as it lies in the journal."""

    seq: int
    kind: str
    id: str
    body: bytes
    sound: bool = True
    """Whether it is as it was written; what is not must not become a fact."""


def some(read: Read, after: int, limit: int) -> list[Kept]:
    """The oldest entries after a number, each compared with its sum."""
    try:
        ((seqs, kinds, ids, people, own, sizes, bodies),) = read(f"{_TOGETHER} ({_OLDEST})", (after, limit))
        if seqs is None:
            return []
        ends = list(accumulate(map(int, sizes.split(b",")), initial=0))
        texts = [bodies[begin:end] for begin, end in pairwise(ends)]
        numbers, names = list(map(int, seqs.split(b","))), json.loads(ids)
        words = kinds.decode().split(",")
        found = map(entry_sum, numbers, words, names, json.loads(people), texts)
        told = list(map(int, own.split(b",")))
        if list(found) == told and len(told) == len(numbers) == len(texts):
            return list(map(Kept, numbers, words, names, texts))
    except (sqlite3.DataError, sqlite3.OperationalError, ValueError):
        pass  # together they are more than SQLite puts into one value, or one is no text: each is looked at alone
    return _each(read, after, limit)


def _each(read: Read, after: int, limit: int) -> list[Kept]:
    """The same row by row, each with whether it is sound."""
    return [
        Kept(int(seq), _text(kind), _text(its), body or b"", row_sum(seq, kind, its, person, body) == own)
        for seq, kind, its, person, body, own in read(_EACH, (after, limit))
    ]


def _text(value: bytes | None) -> str:
    """Text that may be damaged."""
    return (value or b"").decode("utf-8", "backslashreplace")
