"""The checks of one cell. Each is named after what it finds; the name is the message key in ``locale/*/checks.toml``.

A check sees the trimmed text (``raw``) and what it was read as (``value``, NULL where it could not be). It has a SQL
form (true = bad) for files and a Python form for single events, and a test holds the two equal.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from shopkeeper.core.action import Action
from shopkeeper.core.ids import CONTROL as CONTROL_SIGNS
from shopkeeper.core.ids import ID_MAX_CHARS, PLACEHOLDERS, is_placeholder
from shopkeeper.data.cleaning.values import Reading, any_amount_pattern, quoted

MAX_QUANTITY: Final = 1_000_000
MAX_AMOUNT_MINOR: Final = 10**11
MAX_DWELL_SECONDS: Final = 86_400
MAX_POSITION: Final = 100_000
MAX_RATING: Final = 10
FUTURE: Final = timedelta(hours=24)
EARLIEST: Final = datetime(2000, 1, 1, tzinfo=UTC)
_NOT_A_TIME: Final = ("0001-01-01", "1899-12-30", "1899-12-31", "1900-01-01", "1970-01-01", "9999-12-31")
_END: Final = datetime(9999, 12, 30, tzinfo=UTC)
"""The end of time, in whatever zone and format it is written."""
_EXCEL: Final = r"[0-9](\.[0-9]+)?[Ee]\+[0-9]{2}"
_excel = re.compile(_EXCEL, re.ASCII).fullmatch

# Source: ISO 4217, active alphabetic codes of currencies in circulation.
CURRENCIES: Final = frozenset(
    """
    AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CLP
    CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF
    IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD
    MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB
    RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD
    UYU UZS VES VND VUV WST XAF XCD XOF XPF YER ZAR ZMW ZWG
    """.split()
)


@dataclass(frozen=True, slots=True)
class Check:
    """``sql(raw, value, reading)`` is an expression that is true for bad cells; ``bad`` says the same of one cell."""

    name: str
    sql: Callable[[str, str, Reading], str]
    bad: Callable[[str, Any, Reading], bool]


def _unreadable(name: str) -> Check:
    return Check(name, lambda raw, value, _: f"{raw} IS NOT NULL AND {value} IS NULL", lambda _r, v, _: v is None)


def _outside(name: str, low: float, high: float) -> Check:
    return Check(
        name,
        lambda _r, value, _: f"{value} < {low} OR {value} > {high}",
        lambda _r, value, _: value is not None and (value < low or value > high),
    )


def _words(name: str, allowed: frozenset[str]) -> Check:
    listing = ", ".join(quoted(word) for word in sorted(allowed))
    return Check(name, lambda raw, _v, _: f"{raw} NOT IN ({listing})", lambda raw, _v, _: raw not in allowed)


_any_amount = {decimal: re.compile(any_amount_pattern(decimal), re.ASCII).fullmatch for decimal in ".,"}
_placeholders = ", ".join(quoted(word) for word in sorted(PLACEHOLDERS))

_FULL_WIDTH: Final = "[０-９．，＋－]+"
_full_width = re.compile(_FULL_WIDTH).fullmatch
FULL_WIDTH = Check(
    "full_width_digits",
    lambda raw, value, _: f"{value} IS NULL AND regexp_full_match({raw}, '{_FULL_WIDTH}')",
    lambda raw, value, _: value is None and _full_width(raw) is not None,
)
TOO_LONG = Check(
    "id_too_long",
    lambda raw, _v, _: f"length({raw}) > {ID_MAX_CHARS}",
    lambda raw, _v, _: len(raw) > ID_MAX_CHARS,
)
CONTROL = Check(
    "control_character",
    lambda raw, _v, _: f"regexp_matches({raw}, '[\\x00-\\x1f\\x7f]')",
    lambda raw, _v, _: CONTROL_SIGNS.search(raw) is not None,
)
DIGITS_LOST = Check(
    "digits_lost",
    lambda raw, _v, _: f"contains({raw}, '+') AND regexp_full_match({raw}, '{_EXCEL}')",
    lambda raw, _v, _: "+" in raw and _excel(raw) is not None,
)
PLACEHOLDER = Check(
    "placeholder_identity",
    # casefold of these letters is plain ASCII, lower() leaves them
    lambda raw, _v, _: f"lower(replace(replace(replace({raw}, 'ſ', 's'), 'ﬅ', 'st'), 'ﬆ', 'st')) IN ({_placeholders})",
    lambda raw, _v, _: is_placeholder(raw),
)
UNKNOWN_ACTION = _words("unknown_action", frozenset(action.word for action in Action))
UNKNOWN_CURRENCY = _words("unknown_currency", CURRENCIES)
NOT_A_TIME = _unreadable("not_a_time")
PLACEHOLDER_TIME = Check(
    "placeholder_time",
    lambda raw, value, _: (
        f"substr({raw}, 1, 10) IN ({', '.join(map(quoted, _NOT_A_TIME))}) OR {raw} = '0' "
        f"OR coalesce({value} >= TIMESTAMPTZ '{_END.isoformat()}', false)"
    ),
    lambda raw, value, _: raw[:10] in _NOT_A_TIME or raw == "0" or (value is not None and value >= _END),
)
TOO_EARLY = Check(
    "too_early",
    lambda _r, value, _: f"{value} < TIMESTAMPTZ '{EARLIEST.isoformat()}'",
    lambda _r, value, _: value is not None and value < EARLIEST,
)
IN_FUTURE = Check(
    "in_future",
    lambda _r, value, reading: f"{value} > TIMESTAMPTZ '{(reading.now + FUTURE).isoformat()}'",
    lambda _r, value, reading: value is not None and value > reading.now + FUTURE,
)
NO_CONSENT = Check("no_consent", lambda _r, value, _: f"NOT {value}", lambda _r, value, _: value is False)
TOO_MANY_DECIMALS = Check(
    "too_many_decimals",
    lambda raw, value, reading: (
        f"{value} IS NULL AND regexp_full_match({raw}, '{any_amount_pattern(reading.decimal)}')"
    ),
    lambda raw, value, reading: value is None and _any_amount[reading.decimal](raw) is not None,
)
NEGATIVE_AMOUNT = Check(
    "negative_amount", lambda _r, value, _: f"{value} < 0", lambda _r, value, _: value is not None and value < 0
)
ABSURD_AMOUNT = Check(
    "absurd_amount",
    lambda _r, value, _: f"{value} > {MAX_AMOUNT_MINOR}",
    lambda _r, value, _: value is not None and value > MAX_AMOUNT_MINOR,
)
ZERO_QUANTITY = Check("zero_quantity", lambda _r, value, _: f"{value} = 0", lambda _r, value, _: value == 0)
NEGATIVE_QUANTITY = Check(
    "negative_quantity", lambda _r, value, _: f"{value} < 0", lambda _r, value, _: value is not None and value < 0
)
ABSURD_QUANTITY = _outside("absurd_quantity", -MAX_QUANTITY, MAX_QUANTITY)

_ID = (TOO_LONG, CONTROL, DIGITS_LOST)
CHECKS: Final[Mapping[str, tuple[Check, ...]]] = {
    "text": (),
    "id": _ID,
    "person": (*_ID, PLACEHOLDER),
    "action": (UNKNOWN_ACTION,),
    "currency": (UNKNOWN_CURRENCY,),
    "time": (PLACEHOLDER_TIME, NOT_A_TIME, TOO_EARLY, IN_FUTURE),
    "number": (
        FULL_WIDTH,
        _unreadable("not_a_number"),
    ),
    "integer": (
        FULL_WIDTH,
        _unreadable("not_a_number"),
    ),
    "flag": (_unreadable("not_a_flag"),),
    "agreed": (_unreadable("not_a_flag"), NO_CONSENT),
    "quantity": (FULL_WIDTH, _unreadable("not_a_number"), ZERO_QUANTITY, NEGATIVE_QUANTITY, ABSURD_QUANTITY),
    "level": (FULL_WIDTH, _unreadable("not_a_number"), NEGATIVE_QUANTITY, ABSURD_QUANTITY),
    "rating": (FULL_WIDTH, _unreadable("not_a_number"), _outside("rating_out_of_range", 0, MAX_RATING)),
    "seconds": (FULL_WIDTH, _unreadable("not_a_number"), _outside("dwell_out_of_range", 0, MAX_DWELL_SECONDS)),
    "position": (FULL_WIDTH, _unreadable("not_a_number"), _outside("position_out_of_range", 0, MAX_POSITION)),
    "amount": (TOO_MANY_DECIMALS, FULL_WIDTH, _unreadable("not_an_amount"), NEGATIVE_AMOUNT, ABSURD_AMOUNT),
}
"""The checks of each form of value, in the order in which they are asked; the first that is true names the reason."""


def found(form: str, raw: str, value: Any, reading: Reading) -> str | None:
    """The name of the first check that a cell fails."""
    for check in CHECKS[form]:
        if check.bad(raw, value, reading):
            return check.name
    return None
