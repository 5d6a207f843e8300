"""A profile as JSON values: every number with its unit and the address of the events behind it."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final
from urllib.parse import quote, urlencode

from shopkeeper.features.evidence import FIELDS, Evidence
from shopkeeper.features.habits import Habit
from shopkeeper.features.tables import FEATURES
from shopkeeper.shop.profile import Profile

UNITS: Final[Mapping[str, str]] = {feature.name: feature.unit for feature in FEATURES}
WORDS: Final = "search_words"


def profile_facts(found: Profile, currency: str) -> dict[str, Any]:
    """The three groups. Money is in minor units of ``currency``."""
    at = found.at.isoformat()

    def behind(field: str, value: str = "") -> str | None:
        if field not in FIELDS:
            return None
        asked = {"field": field, **({"value": value} if value else {}), "as_of": at}
        return f"/v1/customers/{quote(found.id, safe='')}/events?{urlencode(asked)}"

    numbers = {
        name: {"value": value, "unit": UNITS[name], "events": behind(name)} for name, value in found.behaviour.items()
    }
    return {
        "id": found.id, "at": at, "currency": currency, "basic": dict(found.basic),
        "behaviour": {
            "numbers": numbers,
            "habits": [{**asdict(habit), "events": behind(habit.habit, habit.value)} for habit in found.habits],
            "searches": [{**row, "events": behind(WORDS, row["words"])} for row in _without_person(found.searches)],
            "categories": [{**row, "events": behind("category", row["category"])} for row in found.categories],
            "usual": found.usual, "profiled": found.profiled,
        },
        "others": {"allowed": found.tags_allowed, "values": [asdict(tag) for tag in found.tags]},
    }  # fmt: skip


def evidence_facts(found: Evidence, customer_id: str) -> dict[str, Any]:
    """The events behind a number."""
    return {"id": customer_id, **asdict(found)}


def habit_text(habit: Habit, words: Mapping[str, str]) -> str:
    """A habit's value in words: the weekday, the hour, the band."""
    if habit.habit == "hour":
        return f"{int(habit.value):02d}:00"
    return words.get(f"{habit.habit}_{habit.value}", habit.value)


def _without_person(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: value for name, value in row.items() if name != "person"} for row in rows]
