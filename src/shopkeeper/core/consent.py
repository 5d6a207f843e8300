"""What a person has agreed to, purpose by purpose. Unknown means no."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Purpose(StrEnum):
    """What personal data may be used for (TRUST C1)."""

    ANALYTICS = "analytics"
    PERSONALISE = "personalise"
    PERSONALISED_PRICE = "personalised_price"
    EMAIL = "email"
    THIRD_PARTY = "third_party"
    TRAIN = "train"


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """A person's answers. A purpose that is absent was never asked and counts as refused."""

    given: Mapping[Purpose, bool] = field(default_factory=dict)
    at: datetime | None = None
    source: str = ""

    def allows(self, purpose: Purpose) -> bool:
        return self.given.get(purpose, False)

    def both(self, other: "Consent") -> "Consent":
        """What both have agreed to: where one browser shows another person's history."""
        return Consent(given={purpose: self.allows(purpose) and other.allows(purpose) for purpose in Purpose})


NO_CONSENT = Consent()
PERSONALISED = Consent(given={Purpose.PERSONALISE: True})
"""All that a decision asks for."""


def given_in(properties: Mapping[str, str]) -> dict[Purpose, bool]:
    """The answers that a consent event carries: purpose = "true" or "false"; other properties say nothing."""
    words = {purpose.value: purpose for purpose in Purpose}
    answers = {
        "true": True,
        "1": True,
        "yes": True,
        "granted": True,
        "false": False,
        "0": False,
        "no": False,
        "denied": False,
    }
    found = ((words.get(name), answers.get(value.strip().lower())) for name, value in properties.items())
    return {purpose: answer for purpose, answer in found if purpose is not None and answer is not None}
