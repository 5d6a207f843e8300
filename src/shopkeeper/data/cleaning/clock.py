"""The sender's clock: by how much it was wrong, from when the sender says that it sent."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Final

from shopkeeper.data.cleaning.values import Reading, epoch_of, time_of, trimmed

MAX_SKEW: Final = timedelta(minutes=1)
"""Less may be the way from there to here."""
_NONE: Final = timedelta()
_UTC: Final = Reading(now=datetime(2000, 1, 1, tzinfo=UTC))


def skew_of(raw: Mapping[str, Any], received_at: datetime, timezone: str = "UTC") -> timedelta | None:
    """What must be added to a sender's times; None where ``sent_at`` is no time. ``timezone``: of times that name none.

    Source: Segment, "Spec: Common Fields", timestamp = receivedAt - (sentAt - originalTimestamp).
    """
    value = raw.get("sent_at")
    if value is None or raw.get("at") is None:
        return _NONE
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    text = str(value) if isinstance(value, int) else trimmed(value[:64]) or ""
    sent = epoch_of(value) if isinstance(value, int) else zoned(text) or local(text, timezone)
    return None if sent is None else received_at - sent


def zoned(text: str) -> datetime | None:
    """An ISO time that says its zone."""
    if text[-1:] != "Z" and text[-6:-5] not in ("+", "-") and text[-5:-4] not in ("+", "-") and not text.isdigit():
        return None
    return time_of(text, _UTC)


@lru_cache(maxsize=8)
def _reading(timezone: str) -> Reading:
    return Reading(timezone=timezone, now=_UTC.now)


def local(text: str, timezone: str) -> datetime | None:
    """A time that says no zone, by the clocks of one."""
    return time_of(text, _reading(timezone))


def applied(raw: Mapping[str, Any], received_at: datetime, timezone: str = "UTC") -> dict[str, Any]:
    """An event without ``sent_at``, its time put right: for one that was received long ago."""
    cells = {name: value for name, value in raw.items() if name != "sent_at"}
    skew = skew_of(raw, received_at, timezone)
    text = (trimmed(raw["at"][:64]) or "") if skew and isinstance(raw.get("at"), str) else ""
    at = zoned(text) or local(text, timezone)
    if skew and at is not None and abs(skew) >= MAX_SKEW:
        cells["at"] = (at + skew).isoformat()
    return cells
