"""The audience builder: conditions in the address, a preview, and what is saved."""

import json
from typing import Any, Final

from starlette.responses import Response

from shopkeeper.apps.console.segment_pages import people
from shopkeeper.apps.console.visit import Visit
from shopkeeper.core.action import Action
from shopkeeper.core.consent import Purpose
from shopkeeper.core.errors import DataError, NotFound, ShopkeeperError
from shopkeeper.core.sensitive import is_sensitive
from shopkeeper.learn.segment.portraits import CATEGORY
from shopkeeper.market.audiences.reading import read_text
from shopkeeper.market.audiences.rules import FIELDS
from shopkeeper.shop import Shop, audiences
from shopkeeper.shop.segments import segmented

_ROWS: Final = 3
_MOST_ROWS: Final = 12
_EVENTS: Final = (
    Action.ORDER, Action.ORDER_RETURN, Action.PRODUCT_VIEW, Action.CART_ADD, Action.SEARCH, Action.WISHLIST_ADD,
    Action.REVIEW, Action.MAIL_OPEN, Action.MAIL_CLICK, Action.COUPON_ISSUED, Action.COUPON_REDEEMED, Action.AD_CLICK,
)  # fmt: skip
_TOLD: Final = """
SELECT DISTINCT unnest(json_keys(attributes)) AS name FROM customers WHERE attributes IS NOT NULL ORDER BY name LIMIT 60
"""
_TAGS: Final = "SELECT name FROM attributes WHERE name IS NOT NULL GROUP BY name ORDER BY count(*) DESC, name LIMIT 60"


def show_audiences(visit: Visit) -> Response:
    """The builder with what the address asks for, its count, and the saved audiences."""
    shop, words = visit.shop, visit.words
    wanted = visit.asked("for", Purpose.EMAIL.value)
    wanted = wanted if wanted in set(Purpose) else Purpose.EMAIL.value
    rows = _rows(visit)
    typed = visit.request.query_params.get("rule", "").strip()
    values: dict[str, Any] = {
        "rows": rows, "match": "any" if visit.asked("match") == "any" else "all", "wanted": wanted,
        "purposes": [purpose.value for purpose in Purpose], "error": "", "counted": None, "json_text": typed,
        "json_shown": "", "json_open": bool(typed), "fields": [(name, words(f"audience_{name}")) for name in FIELDS],
        "told": _told(shop), "tags": _tags(shop), "events": [action.word for action in _EVENTS],
        "categories": _categories(shop), "saved": _saved(shop),
    }  # fmt: skip
    if typed or any(row["field"] for row in rows):
        try:
            scale, more = audiences.scale_of(shop), shop.settings.privacy.sensitive
            asked = read_text(typed, scale=scale, sensitive=more) if typed else None
            value = audiences.rule_json(shop, asked) if asked is not None else _value(rows, values["match"])
            rule = audiences.rule_of(shop, value)
            found = audiences.count(shop, rule, Purpose(wanted))
            values["json_shown"] = json.dumps(audiences.rule_json(shop, rule), ensure_ascii=False)
            values["counted"] = {
                "matching": people(words, found.matching), "reachable": people(words, found.reachable),
                "everybody": people(words, found.everybody), "at": words.moment(found.moment),
            }  # fmt: skip
        except ShopkeeperError as error:
            values["error"] = words.of("errors", error.key, **error.facts) or error.key
    return visit.page("audiences.html", **values)


def save_audience(visit: Visit) -> Response:
    """Keep what was previewed."""
    shop = visit.shop
    purpose = _purpose(visit.sent("for"))
    rule = read_text(visit.sent("rule"), scale=audiences.scale_of(shop), sensitive=shop.settings.privacy.sensitive)
    audiences.save(shop, visit.sent("name"), audiences.rule_of(shop, audiences.rule_json(shop, rule)), purpose)
    visit.tell("note_audience_saved", name=visit.sent("name").strip())
    return visit.go("/audiences")


def delete_audience(visit: Visit) -> Response:
    """Remove a saved audience."""
    kept = audiences.saved(visit.shop, visit.sent("id"))
    visit.shop.state.audiences.delete(kept.id)
    visit.tell("note_audience_deleted", name=kept.name)
    return visit.go("/audiences")


def export_audience(visit: Visit) -> Response:
    """The customers of an audience as a file: those who agreed to its purpose. What a spreadsheet would take for a
    formula gets a quote before it."""
    found = audiences.export(visit.shop, visit.sent("id"))
    lines = ["customer", *(f"'{each}" if each[:1] in "=+-@\t\r" else each for each in found)]
    text = "\r\n".join(f'"{line.replace(chr(34), chr(34) * 2)}"' if set(line) & set('",\n') else line for line in lines)
    headers = {"Content-Disposition": "attachment; filename=audience.csv"}
    return Response(text + "\r\n", media_type="text/csv; charset=utf-8", headers=headers)


def _purpose(word: str) -> Purpose:
    try:
        return Purpose(word)
    except ValueError:
        raise DataError("audience_bad", place="for", wanted=", ".join(Purpose)) from None


def _rows(visit: Visit) -> list[dict[str, str]]:
    """The conditions of the address, and some empty ones."""
    found = []
    for number in range(1, _MOST_ROWS + 1):
        row = {name: visit.asked(f"{name}{number}").strip() for name in ("field", "low", "high", "value", "days")}
        row["negated"] = "1" if visit.asked(f"not{number}") else ""
        found.append(row)
    last = max((number for number, row in enumerate(found, 1) if row["field"]), default=0)
    return found[: min(max(_ROWS, last + 1 + (3 if visit.asked("more") else 0)), _MOST_ROWS)]


def _value(rows: list[dict[str, str]], match: str) -> dict[str, Any]:
    parts = []
    for number, row in enumerate(rows, 1):
        if row["field"]:
            part = _condition(row, number)
            parts.append({"not": part} if row["negated"] else part)
    return {match: parts}


def _condition(row: dict[str, str], number: int) -> dict[str, Any]:
    kind, _, name = row["field"].rpartition(":")
    several = [part.strip() for part in row["value"].replace("，", ",").split(",") if part.strip()]
    if kind == "told":
        return {"told": name, "in": several}
    if kind == "tag":
        if several:
            return {"tag": name, "in": several}
        pairs = (("at_least", "low"), ("at_most", "high"))
        return {"tag": name} | {key: _number(row[part], number) for key, part in pairs if row[part]}
    if kind == "like":
        return {"like": name, "people": _number(row["high"] or row["low"] or "100", number)}
    if kind == "did":
        found: dict[str, Any] = {"did": name}
        found |= {"category": row["value"]} if row["value"] else {}
        for key, wanted in (("times_at_least", "low"), ("times_at_most", "high"), ("days", "days")):
            if row[wanted]:
                found[key] = _number(row[wanted], number)
        return found
    if name in FIELDS and FIELDS[name].kind == "word":
        return {"field": name, "in": several}
    ends = {key: _number(row[part], number) for key, part in (("at_least", "low"), ("at_most", "high")) if row[part]}
    return {"field": name, **ends}


def _number(text: str, number: int) -> float | int:
    """A number as people write it: 12.5, 20 %.

    Raises:
        DataError: it is none.
    """
    share = text.endswith(("%", "％"))
    try:
        found = float(text.rstrip("%％ ").replace(",", ""))
    except ValueError:
        raise DataError("audience_bad", place=f"{number}", wanted="12.5") from None
    found = found / 100 if share else found
    return int(found) if found.is_integer() and abs(found) < 1e15 else found


def _told(shop: Shop) -> list[str]:
    more = shop.settings.privacy.sensitive
    rows = shop.remembered("told_fields", lambda: shop.snapshot().query(_TOLD).to_pylist())
    return [row["name"] for row in rows if not row["name"].startswith("tag.") and not is_sensitive(row["name"], more)]


def _tags(shop: Shop) -> list[str]:
    more = shop.settings.privacy.sensitive
    rows = shop.remembered("tag_names", lambda: shop.snapshot().query(_TAGS).to_pylist())
    return [row["name"] for row in rows if not is_sensitive(row["name"], more)]


def _categories(shop: Shop) -> list[str]:
    try:
        _, found = segmented(shop)
    except (DataError, NotFound):
        return []
    own = [] if found is None else list(found.categories)
    return [name.removeprefix(CATEGORY) for name in own]


def _saved(shop: Shop) -> list[dict[str, str]]:
    return [
        {"id": one.id, "name": one.name, "purpose": one.purpose, "text": json.dumps(one.rule, ensure_ascii=False)}
        for one in shop.state.audiences.list()
    ]
