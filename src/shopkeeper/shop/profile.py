"""The profile of a customer or visitor as of any moment: what they told us, what they did, what others say."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

from shopkeeper.core.consent import Purpose
from shopkeeper.core.errors import NotFound, SettingsError
from shopkeeper.core.ids import PersonKey
from shopkeeper.data import reports
from shopkeeper.data.snapshot import LakeSnapshot
from shopkeeper.features.evidence import FIELDS, Evidence, evidence_of
from shopkeeper.features.habits import Base, Habit, base_of, habits_of, of_one
from shopkeeper.features.tables import customer_features, names_of
from shopkeeper.features.tone import PATTERNS
from shopkeeper.shop.browsers import known_as
from shopkeeper.shop.people import readable
from shopkeeper.shop.shop import Shop

TAG: Final = "tag."
"""Registration fields named ``tag.<source>.<name>`` came from a third party."""
_CONTACT: Final = frozenset({"name", "email", "phone", "attributes", "at", "id", "source"})
_WORDS: Final = 10
_OTHERS: Final = """
SELECT name, value, origin, consent_source, "at" FROM (
  SELECT *, row_number() OVER (PARTITION BY name, origin ORDER BY "at" DESC, value) AS place
  FROM attributes WHERE customer = $key
) WHERE place = 1 ORDER BY name, origin
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tag:
    """Something a third party says of a customer, and how they agreed that it is used."""

    name: str
    value: str
    source: str
    consent: str
    """Where the customer agreed; "" where only their general consent to third parties is known."""
    at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """Three groups, and who agreed to what. Nothing here is guessed: an absent field was never imported or seen."""

    id: str
    at: datetime
    registered: Mapping[str, Any]
    """The newest imported row, with contact fields, for those who may see them."""
    basic: Mapping[str, Any]
    behaviour: Mapping[str, Any]
    """Every number by its feature's name; None: nothing to make it from."""
    habits: list[Habit]
    categories: list[dict[str, Any]]
    usual: list[dict[str, Any]]
    searches: list[dict[str, Any]]
    tags: list[Tag]
    tags_allowed: bool
    """Whether the customer agreed to third parties; without it no tag is read."""
    profiled: bool = True
    """False: they said no to personalisation. Then likings are not worked out: habits, categories, usual products,
    searches, how they look round, the tone of their reviews."""


def moment_of(text: str, name: str) -> datetime | None:
    """A day or moment that a person typed; UTC where it has no zone; None for "".

    Raises:
        SettingsError: it is no moment (``name`` says whose value it is).
    """
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise SettingsError("setting_bad", where="profile", name=name, value=text, wanted="2026-06-30") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def profile_of(shop: Shop, customer_id: str, *, at: datetime | None = None) -> Profile:
    """What was known of a customer, or of ``visitor:<id>``, before a moment (now, where absent).

    Raises:
        NotFound: nobody of this id was known then.
    """
    customer_id = known_as(shop, customer_id, at)
    known, person = shop.snapshot(at, about=customer_id), PersonKey(customer_id)
    row = reports.one(known, "customers", customer_id)
    features = customer_features(known.query, person, currency=known.currency)
    if row is None and not features:
        raise NotFound("unknown_customer", customer=customer_id)
    registered = readable(row) if row else {}
    told = dict(registered.get("attributes") or {})
    allowed = shop.consent_of(person).allows(Purpose.THIRD_PARTY)
    profiled = shop.consent_of(person).given.get(Purpose.PERSONALISE, True)
    return Profile(
        id=customer_id, at=known.moment, registered=registered,
        basic={name: value for name, value in registered.items() if name not in _CONTACT}
        | {name: value for name, value in told.items() if not name.startswith(TAG)},
        behaviour={name: features.get(name) for name in names_of("customer")} | _looking(known, person, profiled),
        habits=_habits(shop, known, person, today=at is None) if profiled else [],
        categories=features.get("categories", []) if profiled else [],
        usual=features.get("usual", []) if profiled else [],
        searches=of_one(known.query, person, "customer_search").to_pylist()[:_WORDS] if profiled else [],
        tags=_tags(known, person, told) if allowed else [], tags_allowed=allowed, profiled=profiled,
    )  # fmt: skip


def _habits(shop: Shop, known: LakeSnapshot, person: PersonKey, *, today: bool) -> list[Habit]:
    zone = shop.settings.shop.timezone
    base = shop.remembered("habit_base", partial(_base, shop)) if today else _base_of(known, zone)
    return habits_of(known.query, person, base, currency=known.currency, timezone=zone)


def evidence(
    shop: Shop, customer_id: str, field: str, *, value: str = "", at: datetime | None = None, most: int = 100
) -> Evidence:
    """The events behind a number of a profile, newest first.

    Raises:
        SettingsError: no number bears this name.
        NotFound: nobody of this id did anything before the moment.
    """
    if field not in FIELDS:
        raise SettingsError(
            "setting_bad", where="profile", name="events", value=field, wanted=", ".join(sorted(FIELDS))
        )
    known, person = shop.snapshot(at, about=customer_id), PersonKey(customer_id)
    zone = shop.settings.shop.timezone
    found = evidence_of(known.query, person, field, value=value, currency=known.currency, timezone=zone, most=most)
    if found.rows or reports.one(known, "customers", customer_id) is not None:
        return found
    if not reports.timeline(known, customer_id, size=1):
        raise NotFound("unknown_customer", customer=customer_id)
    return found


def _base(shop: Shop) -> Base:
    return _base_of(shop.snapshot(), shop.settings.shop.timezone)


def _base_of(known: LakeSnapshot, timezone: str) -> Base:
    return base_of(known.query, currency=known.currency, timezone=timezone)


def _looking(known: LakeSnapshot, person: PersonKey, profiled: bool) -> dict[str, Any]:
    """How they look round and what their reviews sound like; nothing is read where they do not want to be profiled."""
    found: dict[str, Any] = {}
    for table, values in (("customer_browsing", {}), ("customer_reviews", PATTERNS)):
        rows = of_one(known.query, person, table, **values).to_pylist() if profiled else []
        found |= {name: rows[0][name] if rows else None for name in names_of(table)}
    return found


def _tags(known: LakeSnapshot, person: PersonKey, told: Mapping[str, Any]) -> list[Tag]:
    """The newest of what each third party says, from imported attributes and from registration fields."""
    found = [
        Tag(name=row["name"], value=str(row["value"]), source=row["origin"] or "", consent=row["consent_source"] or "",
            at=row["at"])
        for row in known.query(_OTHERS, {"key": person}).to_pylist()
    ]  # fmt: skip
    return found + [_tag(name, value) for name, value in sorted(told.items()) if name.startswith(TAG)]


def _tag(name: str, value: object) -> Tag:
    source, _, what = name.removeprefix(TAG).partition(".")
    return Tag(name=what or source, value=str(value), source=source if what else "", consent="")
