"""A person's live profile: decayed counts, last acts and visits, kept up event by event and written as JSON.

It is ``FeatureFold`` for one person, so whoever keeps it (the drain in its process, or a Flink job) has the numbers of
the tables; from the same events in the same order come the same bytes.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from shopkeeper.core.event import Event
from shopkeeper.core.ids import PersonKey
from shopkeeper.features.fold import FeatureFold, PersonState
from shopkeeper.features.sessions import Session, with_event
from shopkeeper.features.state import ActsState, BrowsingState, CustomerState, micros_of


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveProfile:
    """What is known of one person until their newest event."""

    state: PersonState = field(default_factory=PersonState)
    sessions: tuple[Session, ...] = ()

    def folded(self, event: Event, person: PersonKey, currency: str) -> "LiveProfile":
        """The profile after one more of the person's events."""
        fold = FeatureFold(currency=currency)
        fold.take_up(person, self.state)
        fold.fold(event)
        return LiveProfile(state=fold.state_of(person), sessions=with_event(self.sessions, micros_of(event.at)))

    def encoded(self) -> str:
        """JSON with its keys in order; the inverse of ``decoded``."""
        state = self.state
        told: Mapping[str, Any] = {
            "customer": None if state.customer is None else asdict(state.customer),
            "browsing": asdict(state.browsing),
            "acts": {product: asdict(acts) for product, acts in state.acts.items()},
            "recent": state.recent, "sessions": self.sessions,
        }  # fmt: skip
        return json.dumps(told, sort_keys=True, separators=(",", ":"), ensure_ascii=False)

    @classmethod
    def decoded(cls, text: str) -> "LiveProfile":
        """The profile that ``encoded`` wrote."""
        told = json.loads(text)
        customer = told["customer"]
        state = PersonState(
            customer=None if customer is None else CustomerState(**customer),
            browsing=BrowsingState(**told.get("browsing", {})),
            acts={product: ActsState(**acts) for product, acts in told["acts"].items()},
            recent=[tuple(act) for act in told["recent"]],
        )
        return cls(state=state, sessions=tuple(Session(*each) for each in told["sessions"]))
