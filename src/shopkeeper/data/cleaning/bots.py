"""Visitors that act faster than people: all their events of such a minute or hour are held, never silently dropped."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

MAX_A_MINUTE: Final = 120
MAX_AN_HOUR: Final = 2_000
_WINDOWS: Final = ((60, MAX_A_MINUTE), (3600, MAX_AN_HOUR))
_ORIGIN_MICROS: Final = 1_000_000


def rows_sql(table: str, mark: int) -> str:
    """(row, mark) of a staged table's events that came too fast. Hours are counted of those alone who did that much at
    all, minutes in hours in which as much was done: of most files nothing is left to be counted."""
    hour, minute = (f'epoch_us("at") // {seconds * _ORIGIN_MICROS}' for seconds in (3600, 60))
    acts = (
        f"SELECT row, coalesce(visitor, customer) AS person, {hour} AS hour, {minute} AS minute FROM {table} "
        "WHERE code = 0"
    )
    return (
        f"WITH acts AS ({acts}), "
        f"busy AS (SELECT person FROM acts GROUP BY person HAVING count(person) > {MAX_A_MINUTE}), "
        "theirs AS (SELECT * FROM acts WHERE person IN (SELECT person FROM busy)), "
        f"hours AS (SELECT person, hour FROM theirs GROUP BY person, hour HAVING count(*) > {MAX_A_MINUTE}) "
        f"SELECT row, {mark} FROM (SELECT row, count(*) OVER (PARTITION BY person, minute) AS a_minute, "
        "count(*) OVER (PARTITION BY person, hour) AS an_hour FROM theirs SEMI JOIN hours USING (person, hour)) "
        f"WHERE a_minute > {MAX_A_MINUTE} OR an_hour > {MAX_AN_HOUR}"
    )


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
