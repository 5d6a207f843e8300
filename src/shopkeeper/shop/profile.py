"""A customer's profile as of any moment, in three groups: what they told us, what they did, what others say of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from shopkeeper.core.consent import Purpose
from shopkeeper.core.errors import NotFound
from shopkeeper.core.ids import PersonKey
from shopkeeper.data import reports
from shopkeeper.features.habits import Habit, base_of, habits_of, of_one
from shopkeeper.features.tables import customer_features
from shopkeeper.shop.people import readable
from shopkeeper.shop.shop import Shop

TAG: Final = "tag."
"""Registration fields named ``tag.<source>.<name>`` came from a third party."""
_CONTACT: Final = frozenset({"name", "email", "phone", "attributes", "at", "id"})
_SEARCHES: Final = """
SELECT query, count(*) AS times FROM events
WHERE customer = $key AND query IS NOT NULL GROUP BY query ORDER BY times DESC, query LIMIT 10
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tag:
    """Something a third party says of a customer."""

    name: str
    value: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """Three groups, and who agreed to what. Nothing here is guessed: an absent field was never imported or seen."""

    id: str
    at: datetime
    basic: Mapping[str, Any]
    behaviour: Mapping[str, Any]
    habits: list[Habit]
    searches: list[dict[str, Any]]
    tags: list[Tag]
    tags_allowed: bool
    """Whether the customer agreed to third parties; without it no tag is read."""


def profile_of(shop: Shop, customer_id: str, *, at: datetime | None = None) -> Profile:
    """What was known of a customer before a moment (now, where absent).

    Raises:
        NotFound: nobody of this id was known then.
    """
    known, person = shop.snapshot(at), PersonKey(customer_id)
    row = reports.one(known, "customers", customer_id)
    features = customer_features(known.query, person, currency=known.currency)
    if row is None and not features:
        raise NotFound("unknown_customer", customer=customer_id)
    registered = readable(row) if row else {}
    told = dict(registered.get("attributes") or {})
    zone = shop.settings.shop.timezone
    base = shop.remembered("habit_base", lambda: base_of(shop.snapshot().query, zone)) if at is None else None
    allowed = shop.consent_of(person).allows(Purpose.THIRD_PARTY)
    return Profile(
        id=customer_id, at=known.moment,
        basic={name: value for name, value in registered.items() if name not in _CONTACT}
        | {name: value for name, value in told.items() if not name.startswith(TAG)},
        behaviour={name: value for name, value in features.items() if not isinstance(value, list)}
        | _browsing(known, person),
        habits=habits_of(known.query, person, base_of(known.query, zone) if base is None else base, zone),
        searches=known.query(_SEARCHES, {"key": customer_id}).to_pylist(),
        tags=[_tag(name, value) for name, value in sorted(told.items()) if name.startswith(TAG)] if allowed else [],
        tags_allowed=allowed,
    )  # fmt: skip


def _browsing(known: Any, person: PersonKey) -> dict[str, Any]:
    rows = of_one(known.query, person, "customer_browsing").to_pylist()
    return {name: value for name, value in rows[0].items() if name != "person"} if rows else {}


def _tag(name: str, value: object) -> Tag:
    source, _, what = name.removeprefix(TAG).partition(".")
    return Tag(name=what or source, value=str(value), source=source if what else "")
