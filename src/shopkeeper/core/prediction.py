"""What a model says of one customer: a number with its range and its reasons, or what it still needs to say one."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One feature's exact share in a prediction, in the unit of the model's score (log-odds for probabilities)."""

    feature: str
    value: float
    """The feature's own value; NaN where it is unknown."""
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """A number with the range it lies in. ``value`` of a date is days from the moment it was asked."""

    name: str
    value: float
    low: float
    high: float
    level: float
    """How often the truth should lie in the range."""
    unit: str
    """share, minor, count, days or number."""
    why: tuple[Part, ...] = ()
    """Largest first; together with ``base`` they add up to the model's score where ``exact``."""
    base: float = 0.0
    exact: bool = False
    days: int = 0
    """The window it is about; 0 where it has none."""
    facts: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Meter:
    """Why there is no number yet: what the model needs, what it has, when it will be ready, who answers until then."""

    name: str
    key: str
    """The sentence, in the locale's area ``predict``."""
    needs: float
    has: float
    ready_at: datetime | None = None
    """About when, at the pace so far; None where no pace can be told."""
    until: str = "shop_average"
    """What answers until then, a key of the same area."""
    facts: Mapping[str, object] = field(default_factory=dict)


Answer = Prediction | Meter
