"""Visits: what somebody did with less than half an hour between one event and the next.

Events may come in any order: one that comes late joins the visit it belongs to, or joins two visits into one.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

GAP: Final = 30 * 60 * 1_000_000
"""Microseconds of silence after which the next event begins another visit."""
KEPT: Final = 20


class Session(NamedTuple):
    """Microseconds since 1970 of its first and last event, and how many there were."""

    first_at: int
    last_at: int
    events: int


def with_event(sessions: Sequence[Session], at: int) -> tuple[Session, ...]:
    """The newest visits with one more event, oldest first."""
    joined = Session(at, at, 1)
    apart: list[Session] = []
    for session in sessions:
        if session.first_at - GAP < joined.last_at and joined.first_at < session.last_at + GAP:
            joined = Session(
                min(session.first_at, joined.first_at), max(session.last_at, joined.last_at),
                session.events + joined.events,
            )  # fmt: skip
        else:
            apart.append(session)
    return tuple(sorted([*apart, joined])[-KEPT:])


def is_over(session: Session, moment: int) -> bool:
    """Whether nothing that happens from this moment on can belong to it."""
    return moment - session.last_at >= GAP
