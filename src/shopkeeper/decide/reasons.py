"""Reasons as they are logged (product ids and dates) and as they are said (names, in the reader's language)."""

from collections.abc import Mapping
from datetime import date, timedelta
from functools import lru_cache

from shopkeeper.core.decision import Reason
from shopkeeper.core.histories import Catalogue
from shopkeeper.decide.shelf import shelf_of
from shopkeeper.locale import language_of, say

Facts = Mapping[str, str | int | float]

_ONE = {"buy_again": "times", "popular": "buyers", "popular_in": "buyers", "like_you": "people"}
"""The count whose sentence has another form when it is 1."""
_PERSONAL = frozenset({"because_bought", "because_viewed", "buy_again", "like_you"})
_MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()


def settle(reason: Reason, catalogue: Catalogue) -> Reason:
    """A scorer's reason as it can be logged: ``product_index`` becomes ``product`` (its id), ``at`` an ISO date."""
    facts: dict[str, str | int | float] = {}
    for name, value in reason.facts.items():
        if name == "product_index":
            facts["product"] = str(catalogue.ids[int(value)])
        elif name == "at" and not isinstance(value, str):
            facts["at"] = _day(int(value) // 86_400_000_000)
        else:
            facts[name] = _plain(value)
    return Reason(key=reason.key, facts=facts, scorer=reason.scorer)


@lru_cache(10_000)
def _day(days: int) -> str:
    """Days since 1970 as an ISO date."""
    return (date(1970, 1, 1) + timedelta(days=days)).isoformat()


def about_page(reason: Reason, product: int) -> Reason:
    """A scorer's reason found for a page's or cart's products: nobody bought them just now, so it says "goes with"."""
    if reason.key not in _PERSONAL:
        return reason
    return Reason(
        key="goes_with", facts={"product_index": reason.facts.get("product_index", product)}, scorer=reason.scorer
    )


def say_reason(reason: Reason, catalogue: Catalogue, language: str) -> str:
    """A logged reason as a sentence. Where a fact is missing it is said in general words."""
    facts = {name: _said(name, value, catalogue, language) for name, value in reason.facts.items()}
    counted = _ONE.get(reason.key)
    form = "_once" if counted and reason.facts.get(counted) == 1 else ""
    for key in (reason.key + form, reason.key + "_plain", "fallback"):
        try:
            return say(language, "reasons", key, **facts)
        except KeyError:
            continue
    return reason.key


@lru_cache(10_000)
def say_date(day: str, language: str) -> str:
    """An ISO date as people write it: 3 Nov 2017, 2017年11月3日."""
    when = date.fromisoformat(day)
    if language_of(language) == "zh":
        return f"{when.year}年{when.month}月{when.day}日"
    return f"{when.day} {_MONTHS[when.month - 1]} {when.year}"


def _said(name: str, value: str | float, catalogue: Catalogue, language: str) -> str:
    if name == "product":
        index = shelf_of(catalogue).index_of.get(str(value))
        return str(value) if index is None else str(catalogue.names[index]) or str(value)
    if name == "at":
        return say_date(str(value), language)
    if isinstance(value, str):
        return value
    return f"{round(value):,}" if float(value).is_integer() or abs(value) >= 100 else f"{value:.2g}"


def _plain(value: object) -> str | int | float:
    """A numpy number as a Python one."""
    if type(value) in (str, int, float):
        return value  # type: ignore[return-value]  # just looked
    if hasattr(value, "item"):
        value = value.item()
    return value if isinstance(value, str | int | float) else str(value)
