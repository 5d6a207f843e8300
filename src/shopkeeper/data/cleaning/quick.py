"""Cheap conditions that most good cells satisfy, so that the full checks are asked of few rows: a ``usual`` one, which
is one AND of the cheapest tests, and a ``quick`` one, which lets all but the odd cells through.

They are true only of cells of which every check of their form is false (a test holds them to that); where they are not
true nothing is said yet.
"""

from collections.abc import Callable, Mapping
from typing import Final

from shopkeeper.core.action import Action
from shopkeeper.core.ids import ID_MAX_CHARS, PLACEHOLDERS
from shopkeeper.data.cleaning.checks import (
    EARLIEST,
    FUTURE,
    MAX_AMOUNT_MINOR,
    MAX_DWELL_SECONDS,
    MAX_POSITION,
    MAX_QUANTITY,
    MAX_RATING,
    PLACEHOLDER_TIME,
)
from shopkeeper.data.cleaning.values import Reading, quoted

_FREQUENT: Final = (
    Action.PRODUCT_VIEW, Action.PAGE_VIEW, Action.LIST_VIEW, Action.IMPRESSION, Action.CLICK, Action.CART_ADD,
    Action.SEARCH,
)  # fmt: skip
"""What most events are: asked for first."""
_CURRENCIES: Final = ("USD", "EUR", "CNY", "GBP", "JPY")
_LONGEST: Final = max(len(word) for word in PLACEHOLDERS if not word.startswith("00000000-"))
"""In characters; a letter that casefold() makes longer or shorter (\u017f, \ufb05) is at most three bytes for two."""
_NOBODY: Final = quoted("00000000-0000-0000-0000-000000000000")


def _id(raw: str, _value: str, _reading: Reading) -> str:
    """What lost its digits begins with one and holds a plus; ":" comes after "9"."""
    return f"strlen({raw}) <= {ID_MAX_CHARS} AND ({raw} >= ':' OR NOT contains({raw}, '+'))"


def _person(raw: str, value: str, reading: Reading) -> str:
    """The placeholders with a digit in the second or the last place ("-1", "0", "00", …) all sort before "1"; and but
    one, none is long. The second place is asked first: it is several times as quick as the last."""
    named = f"{raw} >= '1' AND ({raw} GLOB '?[0-9]*' OR {raw}[-1] BETWEEN '0' AND '9')"
    return f"{_id(raw, value, reading)} AND (({named}) OR (strlen({raw}) > {2 * _LONGEST} AND {raw} <> {_NOBODY}))"


def _usual_id(raw: str, _value: str, _reading: Reading) -> str:
    return f"strlen({raw}) <= {ID_MAX_CHARS} AND {raw} >= ':'"


def _usual_person(raw: str, value: str, reading: Reading) -> str:
    return f"{_usual_id(raw, value, reading)} AND {raw} GLOB '?[0-9]*'"


def _action(raw: str, _value: str, _reading: Reading) -> str:
    return "(" + " OR ".join(f"{raw} = {quoted(action.word)}" for action in dict.fromkeys((*_FREQUENT, *Action))) + ")"


def _currency(raw: str, _value: str, reading: Reading) -> str:
    words = dict.fromkeys((reading.currency, *_CURRENCIES)) if reading.currency in _CURRENCIES else _CURRENCIES
    return "(" + " OR ".join(f"{raw} = {quoted(code)}" for code in words) + ")"


def _time(raw: str, value: str, reading: Reading) -> str:
    latest = (reading.now + FUTURE).isoformat()
    inside = f"{value} BETWEEN TIMESTAMPTZ '{EARLIEST.isoformat()}' AND TIMESTAMPTZ '{latest}'"
    if not reading.date_format and reading.now.year < 9999:
        return inside  # as ISO, every placeholder lies outside
    return f"{inside} AND NOT ({PLACEHOLDER_TIME.sql(raw, value, reading)})"


def _between(low: float, high: float) -> Callable[[str, str, Reading], str]:
    return lambda _raw, value, _reading: f"{value} BETWEEN {low} AND {high}"


def _readable(_raw: str, value: str, _reading: Reading) -> str:
    return f"{value} IS NOT NULL"


QUICK: Final[Mapping[str, Callable[[str, str, Reading], str]]] = {
    "text": lambda raw, _value, _reading: f"{raw} IS NOT NULL",
    "id": _id, "person": _person, "action": _action, "currency": _currency, "time": _time,
    "number": _readable, "integer": _readable, "flag": _readable,
    "agreed": lambda _raw, value, _reading: value,
    "quantity": lambda _raw, value, _reading: f"{value} > 0 AND {value} <= {MAX_QUANTITY}",
    "level": _between(0, MAX_QUANTITY), "rating": _between(0, MAX_RATING), "seconds": _between(0, MAX_DWELL_SECONDS),
    "position": _between(0, MAX_POSITION), "amount": _between(0, MAX_AMOUNT_MINOR),
}  # fmt: skip


USUAL: Final = {**QUICK, "id": _usual_id, "person": _usual_person}


def usual_sql(form: str, raw: str, value: str, reading: Reading, *, plain: bool) -> str:
    """True of most good cells that are not empty. ``plain``: the cells are known to hold no control characters."""
    return _whole(USUAL[form](raw, value, reading), form, raw, plain=plain)


def quick_sql(form: str, raw: str, value: str, reading: Reading, *, plain: bool) -> str:
    """True of nearly all good cells that are not empty. ``plain``: as in ``usual_sql``."""
    return _whole(QUICK[form](raw, value, reading), form, raw, plain=plain)


def _whole(condition: str, form: str, raw: str, *, plain: bool) -> str:
    if form in ("id", "person") and not plain:
        condition += f" AND NOT regexp_matches({raw}, '[\\x00-\\x1f\\x7f]')"
    return f"({condition})"
