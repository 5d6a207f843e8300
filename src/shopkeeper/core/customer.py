"""A known person."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from shopkeeper.core.consent import NO_CONSENT, Consent
from shopkeeper.core.ids import CustomerId


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """Who somebody said they are. Contact fields (name, email, phone) never enter features or models."""

    id: CustomerId
    registered_at: datetime | None = None
    name: str = ""
    email: str = ""
    phone: str = ""
    language: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)
    """Registration fields as imported (age band, household size, …); never guessed."""
    consent: Consent = NO_CONSENT
