"""How much each key may ask a second, how many bytes may be in work: what is too much is told when to come again."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from shopkeeper.core.errors import Unavailable
from shopkeeper.data.store.keys import Role
from shopkeeper.settings import LimitsSection

_MEGABYTE: Final = 1_000_000


@dataclass(slots=True, kw_only=True)
class Bucket:
    """A token bucket: ``rate`` flow in a second, at most ``most`` lie in it. Whoever comes while anything is left is
    let in, and what they take beyond that is owed: so no batch is too large for ever.

    Source: Turner 1986, "New Directions in Communications (or Which Way to the Information Age?)".
    """

    rate: float
    most: float
    left: float
    at: float

    def take(self, amount: float, now: float) -> float:
        """Seconds to wait until there is anything again; 0 where the amount was taken."""
        self.left = min(self.most, self.left + (now - self.at) * self.rate)
        self.at = now
        if self.left <= 0:
            return max(-self.left, 1e-9) / self.rate
        self.left -= amount
        return 0.0


@dataclass(slots=True, kw_only=True)
class Limits:
    """The buckets of every key, and the bytes in work. Used in the event loop only."""

    settings: LimitsSection
    clock: Callable[[], float] = time.monotonic
    bytes: int = 0
    """Of bodies that were read and are not answered yet."""
    _buckets: dict[tuple[str, str], Bucket] = field(default_factory=dict)

    def request(self, key: str, role: Role) -> None:
        """Let one request of a key in.

        Raises:
            Unavailable: it asked more than its share (``rate_limited``).
        """
        wanted = self.settings
        self._take("requests", key, 1, wanted.secret_requests if role == "secret" else wanted.publishable_requests)

    def events(self, key: str, role: Role, count: int) -> None:
        """Let a batch of a key in.

        Raises:
            Unavailable: as ``request``.
        """
        wanted = self.settings
        self._take("events", key, count, wanted.secret_events if role == "secret" else wanted.publishable_events)

    def _take(self, what: str, key: str, amount: int, rate: float) -> None:
        if rate <= 0:
            return
        now = self.clock()
        bucket = self._buckets.get((what, key))
        if bucket is None:
            most = max(1.0, rate * self.settings.burst_seconds)
            bucket = self._buckets[what, key] = Bucket(rate=rate, most=most, left=most, at=now)
        wait = bucket.take(amount, now)
        if wait:
            raise Unavailable("rate_limited", retry_after_seconds=math.ceil(wait), what=what, a_second=round(rate))

    def weigh(self, size: int) -> None:
        """Take up room for a part of a body.

        Raises:
            Unavailable: there is none (``overloaded``).
        """
        if self.bytes + size > self.settings.waiting_mb * _MEGABYTE:
            raise Unavailable("overloaded", retry_after_seconds=1)
        self.bytes += size
