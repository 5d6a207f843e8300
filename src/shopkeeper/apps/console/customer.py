"""The customer page: the profile in three groups with the events behind each number, and who they are to the shop."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any, Final

from shopkeeper.apps.console.charts import Point, lying_bars
from shopkeeper.apps.console.visit_address import address
from shopkeeper.apps.console.words import Words
from shopkeeper.core.consent import Purpose
from shopkeeper.core.decision import Request
from shopkeeper.core.identity import PHONE
from shopkeeper.core.ids import CustomerId, PersonKey, VisitorId
from shopkeeper.data import reports
from shopkeeper.locale import phrases
from shopkeeper.shop import Shop
from shopkeeper.shop.browsers import browsers_of
from shopkeeper.shop.profile import TAG, Profile, evidence, moment_of, profile_of
from shopkeeper.shop.profile_facts import UNITS, habit_text
from shopkeeper.shop.segment_words import name_said
from shopkeeper.shop.segments import segment_of, segmented

Values = dict[str, Any]
_TWIGS: Final = 8
_FACTS: Final = 120
_EVIDENCE: Final = 200
_HIDDEN: Final = frozenset({"at", "source", "attributes", "id", "name"})
_OF_EVENT: Final = ("product", "name", "query", "path", "text", "rating", "dwell_seconds", "quantity")
_ORDER: Final = (
    "orders", "monetary_minor", "mean_basket_minor", "mean_basket_lines", "usual_price_minor", "discount_share",
    "return_rate", "returns", "recency_days", "days_between_orders", "first_order_at", "last_order_at", "last_seen_at",
    "sessions", "session_depth", "dwell_seconds", "views", "searches", "cart_adds", "reviews", "rating_mean",
    "review_tone",
)  # fmt: skip
"""The numbers of a profile that are shown, in this order."""


def request_for(shop: Shop, customer_id: str, language: str) -> Request:
    """What the home page would ask for this customer or visitor now."""
    visitor = customer_id.removeprefix("visitor:")
    who: dict[str, Any] = {"visitor": VisitorId(visitor)} if visitor != customer_id else {}
    who = who or {"customer": CustomerId(customer_id)}
    return Request(placement="home", at=shop.clock(), count=10, language=language, **who)


def customer_values(shop: Shop, words: Words, customer_id: str, as_of: str) -> Values:
    """Profile, segment, consent and history of one customer or visitor.

    Raises:
        NotFound: nobody of this id was imported or seen, or not yet at that moment.
    """
    at = moment_of(as_of, "as_of")
    found = profile_of(shop, customer_id, at=at)
    customer_id = found.id
    timeline = reports.timeline(shop.snapshot(at, about=customer_id), customer_id, size=_FACTS)
    consent = shop.consent_of(PersonKey(customer_id)).given
    return {
        "id": customer_id, "visitor": customer_id.startswith("visitor:"), "name": found.registered.get("name", ""),
        "as_of": as_of[:10],
        "read_at": words.day(found.at) if at else "",
        "basic": _basic(found.registered, words),
        "numbers": _numbers(found, words, as_of), "habits": _habits(found, words, as_of),
        "searched": [(row["words"], words.number(row["times"]), behind(found.id, "search_words", row["words"], as_of))
                     for row in found.searches],
        "others": [(tag.name, tag.value, tag.source, tag.consent, words.day(tag.at) if tag.at else "")
                   for tag in found.tags],
        "profiled": found.profiled,
        "others_allowed": found.tags_allowed, "tastes": _tastes(found, words), "usual": _usual(shop, found, words),
        "segment": _segment(shop, customer_id, words),
        "consent": [(purpose.value, consent.get(purpose)) for purpose in Purpose],
        "browsers": [_browser(row, words) for row in browsers_of(shop, customer_id, at)],
        "timeline": _timeline(timeline), "more": len(timeline) >= _FACTS, "seen": words.number(len(timeline)),
    }  # fmt: skip


def _browser(row: Values, words: Words) -> Values:
    """A browser in words; ``act`` is what can be done about it."""
    shared = row["verdict"] == "linked" and row["customers"] > 1
    said = "browser_shared" if shared else f"browser_{row['verdict']}"
    return {
        "visitor": row["visitor"], "shown": row["visitor"].removeprefix(PHONE),
        "since": words("browsers_since", day=words.day(row["since"])),
        "says": words(said, count=words.number(row["customers"])),
        "act": "relink" if row["verdict"] == "unlinked" else "unlink",
    }  # fmt: skip


def behind(customer_id: str, field: str, value: str = "", as_of: str = "") -> str:
    """The page of the events behind a number."""
    return address("/customer/events", id=customer_id, field=field, value=value, as_of=as_of)


def evidence_values(shop: Shop, words: Words, customer_id: str, field: str, value: str, as_of: str) -> Values:
    """The events behind a number.

    Raises:
        SettingsError: no number bears this name.
        NotFound: nobody of this id did anything.
    """
    found = evidence(shop, customer_id, field, value=value, at=moment_of(as_of, "as_of"), most=_EVIDENCE)
    told = phrases(words.language, "profile")
    label = told.get(f"habit_{field}") or (words("searched") if field == "search_words" else _label(field, words))
    shown = told.get(f"{field}_{value}", value)
    rows = [_event(row, words) for row in found.rows]
    return {
        "id": customer_id, "label": label, "value": f"{int(value):02d}:00" if field == "hour" else shown, "rows": rows,
        "total": words.number(found.total), "more": found.total > len(rows), "shown": words.number(len(rows)),
        "as_of": as_of[:10],
    }  # fmt: skip


def _event(row: Mapping[str, Any], words: Words) -> Values:
    """One event, with what it does not have as None."""
    minor = row.get("price_minor")
    price = "" if minor is None else words.price(minor, row.get("currency"))
    return dict.fromkeys(_OF_EVENT) | dict(row) | {"at": words.moment(row["at"]), "price": price}


def _basic(row: Mapping[str, Any], words: Words) -> list[tuple[str, str]]:
    told = {name: value for name, value in row.items() if name not in _HIDDEN} | dict(row.get("attributes") or {})
    return [
        (words.of("console", f"field_{name}") or name.replace("_", " ").capitalize(),
         words.day(value) if name == "registered_at" else words.plain(value))
        for name, value in told.items() if not name.startswith(TAG)
    ]  # fmt: skip


def _numbers(found: Profile, words: Words, as_of: str) -> list[tuple[str, str, str]]:
    """Label, value and address of each number that is known."""
    return [
        (_label(name, words), _fact(name, found.behaviour[name], words), behind(found.id, name, as_of=as_of))
        for name in _ORDER if found.behaviour.get(name) is not None
    ]  # fmt: skip


def _label(name: str, words: Words) -> str:
    return words.of("console", f"feature_{name}") or words.of("features", name) or name


def _fact(name: str, value: Any, words: Words) -> str:
    """A feature with its unit."""
    match UNITS.get(name):
        case "minor":
            return words.money(value)
        case "share":
            return words.share(value)
        case "days":
            return words("unit_days", count=words.number(value, 0 if value >= 10 else 1))
        case "seconds":
            return words("unit_seconds", count=words.number(value, 0 if value >= 10 else 1))
        case "moment":
            return words.day(value)
    return words.number(value, 1)


def _habits(found: Profile, words: Words, as_of: str) -> list[Values]:
    """One block a habit, each with its values."""
    told = phrases(words.language, "profile")
    telling = [each for each in found.habits if 0 < each.usual < 1]  # what everybody does, or nobody, says nothing
    blocks = []
    for habit, group in groupby(telling, key=lambda each: each.habit):
        rows = [
            {"value": habit_text(each, told), "share": words.share(each.share), "usual": words.share(each.usual),
             "url": behind(found.id, habit, each.value, as_of), "confidence": words.share(each.confidence)}
            for each in group
        ]  # fmt: skip
        blocks.append({"label": told[f"habit_{habit}"], "confidence": rows[0]["confidence"], "rows": rows})
    return blocks


def _tastes(found: Profile, words: Words) -> Any:
    points = [
        Point(label=str(row["category"]), value=float(row["weight"]), title=words.number(row["weight"], 1))
        for row in found.categories[:_TWIGS]
    ]
    return lying_bars(points, words("chart_tastes"), words.axis)


def _usual(shop: Shop, found: Profile, words: Words) -> list[tuple[str, str, str]]:
    return [
        (row["product"], shop.name_of(row["product"]), words.number(row["orders"]))
        for row in found.usual[:_TWIGS]
        if row["orders"] > 1
    ]


def _segment(shop: Shop, customer_id: str, words: Words) -> Values | None:
    """Letter, colour and name of their segment."""
    _, model = segmented(shop)
    letter = segment_of(shop, customer_id) if model is not None else ""
    if model is None or not letter:
        return None
    place = next(number for number, one in enumerate(model.segments) if one.label == letter)
    return {"label": letter, "colour": place, "name": name_said(model.segments[place], words.language)}


def _timeline(rows: Sequence[Values]) -> list[Values]:
    """Rows of one moment, action and order together, newest first."""
    together = groupby(rows, key=lambda row: (row["at"], row["action"], row["order_id"]))
    return [
        {"at": at, "action": action, "order": order, "rows": list(group)} for (at, action, order), group in together
    ]
