"""The list of customers: filters, and rows with segment and value band."""

from dataclasses import asdict
from typing import Any, Final

from shopkeeper.apps.console.words import Words
from shopkeeper.core.consent import Purpose
from shopkeeper.learn.segment.spending import BANDS
from shopkeeper.shop import Shop
from shopkeeper.shop.customer_list import CustomerFilter, customers_page, told_fields
from shopkeeper.shop.people_table import current_people
from shopkeeper.shop.segment_words import name_said
from shopkeeper.shop.segments import segmented

_PAGE: Final = 50
_LASTS: Final = ("within30", "within90", "over90", "over180", "never")


def customers_values(shop: Shop, words: Words, wanted: CustomerFilter, page: int, order: str) -> dict[str, Any]:
    """A page of customers with what the filters may ask for."""
    order = order if order in ("revenue", "orders", "last", "id") else "revenue"
    asked = {name: value for name, value in asdict(wanted).items() if value}
    groups = _groups(shop, words)
    return {
        "outdated": current_people(shop).get("outdated", []),
        "list": customers_page(shop, wanted, page=page, size=_PAGE, order=order), "wanted": wanted, "order": order,
        "keep": {"q" if name == "text" else name: value for name, value in asked.items()},
        "filtered": bool(asked), "groups": groups, "names": dict(groups),
        "colours": {label: number for number, (label, _) in enumerate(groups)},
        "groups_shown": [(label, f"{label} · {name}") for label, name in groups],
        "bands_shown": [(band, words(f"band_{band}")) for band in BANDS],
        "lasts_shown": [(last, words(f"filter_{last}")) for last in _LASTS],
        "purposes_shown": [(purpose.value, words(f"purpose_{purpose.value}")) for purpose in Purpose],
        "fields": told_fields(shop),
    }  # fmt: skip


def _groups(shop: Shop, words: Words) -> list[tuple[str, str]]:
    """Each segment's letter and name."""
    _, found = segmented(shop)
    return [(one.label, name_said(one, words.language)) for one in found.segments] if found else []
