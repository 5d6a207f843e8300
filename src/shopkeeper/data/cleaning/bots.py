"""Visitors that act faster than people: all their events of such a minute or hour are held, never silently dropped."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

MAX_A_MINUTE: Final = 120
MAX_AN_HOUR: Final = 2_000
_WINDOWS: Final = ((60, MAX_A_MINUTE), (3600, MAX_AN_HOUR))
_ORIGIN_MICROS: Final = 1_000_000


def rows_sql(table: str, mark: int) -> str:
    """(row, mark) of a staged table's events that came too fast."""
    person = "coalesce(visitor, customer)"
    parts = []
    for seconds, limit in _WINDOWS:
        window = f'epoch_us("at") // {seconds * _ORIGIN_MICROS}'
        parts.append(
            f"SELECT row, {mark} FROM {table} WHERE code = 0 AND ({person}, {window}) IN ("
            f"SELECT ({person}, {window}) FROM {table} WHERE code = 0 AND {person} IS NOT NULL "
            f"GROUP BY {person}, {window} HAVING count(*) > {limit})"
        )
    return " UNION ".join(parts)


def too_fast(events: Iterable[tuple[str | None, datetime]]) -> list[bool]:
    """The same of (person, moment) pairs, in order: which of them belong to a minute or hour with too many."""
    known = [(person, int(at.timestamp() * 1_000_000)) for person, at in events]
    counts: dict[tuple[int, str, int], int] = {}
    for person, micros in known:
        if person is not None:
            for seconds, _ in _WINDOWS:
                key = (seconds, person, micros // (seconds * _ORIGIN_MICROS))
                counts[key] = counts.get(key, 0) + 1
    return [
        person is not None
        and any(counts[seconds, person, micros // (seconds * _ORIGIN_MICROS)] > limit for seconds, limit in _WINDOWS)
        for person, micros in known
    ]
