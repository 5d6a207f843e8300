"""How a text becomes a value, once as SQL (files) and once as Python (requests). Both accept exactly the same texts.

A text that is no such value gives NULL / None; the checks then say so. Amounts become integer minor units, times
become microseconds-exact instants, and nothing is ever guessed: a date whose order of day and month is not certain is
no time until its format is declared.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from shopkeeper.core.money import EXPONENTS, exponent

BLANKS: Final = (
    "\t\n\x0b\x0c\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000\ufeff\u200b"
)
"""Characters trimmed from both ends of every cell: white space of any script, the byte order mark, zero width space."""

_DAY = r"[0-9]{4}-(0[1-9]|1[0-2])-([0-2][0-9]|3[01])"
_SLASH_DAY = r"[0-9]{4}/[0-9]{1,2}/[0-9]{1,2}"
_CLOCK = r"([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]{1,6})?)?"
_ZONE = r"Z| ?[+-](0[0-9]|1[0-4])(:?[0-5][0-9])?"
TIME: Final = rf"{_DAY}([T ]{_CLOCK}({_ZONE})?)?"
SLASH_TIME: Final = rf"{_SLASH_DAY}( {_CLOCK})?"
NUMBER: Final = r"[+-]?[0-9]{1,15}(\.[0-9]{1,9})?"
INTEGER: Final = r"[+-]?[0-9]{1,15}"
EPOCH: Final = r"[0-9]{9,10}|[0-9]{12,13}|[0-9]{15,16}"
_YES, _NO = ("1", "true", "yes", "y", "是"), ("0", "false", "no", "n", "否")
_FLAGS: Final = {word: word in _YES for word in (*_YES, *_NO)}

_time = re.compile(TIME, re.ASCII).fullmatch
_slash = re.compile(SLASH_TIME, re.ASCII).fullmatch
_number = re.compile(NUMBER, re.ASCII).fullmatch
_integer = re.compile(INTEGER, re.ASCII).fullmatch
_epoch = re.compile(EPOCH, re.ASCII).fullmatch
_ORIGIN = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What must be declared about a file or a shop before its texts mean something."""

    currency: str = "USD"
    timezone: str = "UTC"
    decimal: str = "."
    date_format: str = ""
    """strptime format; empty = ISO 8601, year-first slashes, or epoch numbers by their length."""
    now: datetime = field(default_factory=lambda: datetime.now(UTC))


def plain_amount_pattern(places: int, decimal: str = ".") -> str:
    """Amounts in major units with at most that many places (further zeros allowed), thousands not grouped."""
    point = r"\." if decimal == "." else ","
    tail = rf"({point}[0-9]{{0,{places}}}0*)?" if places else rf"({point}0*)?"
    return rf"[+-]?[0-9]{{1,13}}{tail}"


def grouped_amount_pattern(places: int, decimal: str = ".") -> str:
    """The same with thousands grouped; only with a decimal point, since "1,299" is not certain."""
    point, group = (r"\.", ",") if decimal == "." else (",", r"\.")
    return rf"[+-]?[0-9]{{1,3}}({group}[0-9]{{3}})+{point}[0-9]{{1,{max(places, 1)}}}"


def amount_pattern(places: int, decimal: str = ".") -> str:
    """Either of the two."""
    return f"{plain_amount_pattern(places, decimal)}|{grouped_amount_pattern(places, decimal)}"


def any_amount_pattern(decimal: str = ".") -> str:
    """A decimal amount whatever its number of places: tells "too many places" from "not a number"."""
    return r"[+-]?[0-9]{1,13}" + (r"\." if decimal == "." else ",") + "[0-9]+"


_AMOUNTS: Final = {
    (places, decimal): re.compile(amount_pattern(places, decimal), re.ASCII).fullmatch
    for places in (0, 2, 3)
    for decimal in ".,"
}


def now_sql(reading: Reading) -> str:
    """The moment of the reading."""
    return moment_sql(reading.now)


def moment_sql(moment: datetime) -> str:
    """A moment as a SQL literal."""
    return f"TIMESTAMPTZ '{moment.isoformat()}'"


def quoted(text: str) -> str:
    """A SQL string literal."""
    return "'" + text.replace("'", "''") + "'"


def always_sql(text: str) -> str:
    """A text that stands in every row."""
    return one_of_sql(text, (text,))


def one_of_sql(text: str, words: Sequence[str]) -> str:
    """One of few texts, as a value of a type of its own, which is written as a text and far faster."""
    return f"{quoted(text)}::ENUM ({', '.join(map(quoted, words))})"


def trimmed_sql(column: str, *, plain: bool = False) -> str:
    """A cell without blanks round it; NULL where nothing is left. ``plain``: it is known that it is so."""
    if plain:
        return column
    edge = quoted(f"^[{BLANKS}]|[{BLANKS}]$")  # trim() itself is slow: only cells that need it are given to it
    return (
        f"CASE WHEN {column} = '' THEN NULL WHEN regexp_matches({column}, {edge}) "
        f"THEN nullif(trim({column}, {quoted(BLANKS)}), '') ELSE {column} END"
    )


def trimmed(text: str) -> str | None:
    return text.strip(BLANKS) or None


def number_of(text: str, reading: Reading) -> float | None:
    if reading.decimal == ",":
        text = text.replace(",", ".") if "." not in text else ""
    return float(text) if _number(text) else None


def number_sql(raw: str, reading: Reading) -> str:
    if reading.decimal == ",":
        raw = f"(CASE WHEN NOT contains({raw}, '.') THEN replace({raw}, ',', '.') END)"
    digit = f"strlen({raw}) = 1 AND {raw} BETWEEN '0' AND '9' THEN CAST(ascii({raw}) - 48 AS DOUBLE)"  # most quantities
    return f"CASE WHEN {digit} WHEN regexp_full_match({raw}, '{NUMBER}') THEN TRY_CAST({raw} AS DOUBLE) END"


def integer_of(text: str, reading: Reading) -> int | None:  # noqa: ARG001  # one signature for all forms
    return int(text) if _integer(text) else None


def integer_sql(raw: str, reading: Reading) -> str:  # noqa: ARG001  # one signature for all forms
    return f"CASE WHEN regexp_full_match({raw}, '{INTEGER}') THEN TRY_CAST({raw} AS BIGINT) END"


def amount_of(text: str, reading: Reading) -> int | None:
    """Minor units of the reading's currency."""
    places = exponent(reading.currency)
    if not _AMOUNTS[places, reading.decimal](text):
        return None
    plain = text.replace(",", "") if reading.decimal == "." else text.replace(".", "").replace(",", ".")
    return int(Decimal(plain).scaleb(places))


def _decimal(places: int) -> str:
    """A type that holds 13 digits before the point after they were made minor units, and is quick where it can be."""
    return f"DECIMAL({18 if places < 3 else 20},{places})"


def _minor_sql(raw: str, places: int, decimal: str) -> str:
    no_groups = f"replace({raw}, ',', '')" if decimal == "." else f"replace(replace({raw}, '.', ''), ',', '.')"
    plain = raw if decimal == "." else f"replace({raw}, ',', '.')"

    def minor(text: str) -> str:
        return f"CAST(TRY_CAST({text} AS {_decimal(places)}) * {10**places} AS BIGINT)"

    return (
        f"CASE WHEN regexp_full_match({raw}, '{plain_amount_pattern(places, decimal)}') THEN {minor(plain)} "
        f"WHEN regexp_full_match({raw}, '{grouped_amount_pattern(places, decimal)}') THEN {minor(no_groups)} END"
    )


def amount_first_sql(raw: str, reading: Reading) -> str:
    """A decimal number of the reading's currency, by DuckDB's own idea of one."""
    return f"TRY_CAST({raw} AS {_decimal(exponent(reading.currency))})" if reading.decimal == "." else ""


def amount_sql(raw: str, reading: Reading, currency: str = "", first: str = "") -> str:
    """``currency``: a SQL expression of the row's own currency code, where the file has one. ``first``: one of
    ``amount_first_sql``, believed where it is written just as the cell is: quicker than asking a pattern."""
    places = exponent(reading.currency)
    usual = _minor_sql(raw, places, reading.decimal)
    if first:
        same = f"{first} BETWEEN 0 AND {10**13 - 1} AND CAST({first} AS VARCHAR) = {raw}"
        usual = f"CASE WHEN {same} THEN CAST({first} * {10**places} AS BIGINT) ELSE {usual} END"
    if not currency:
        return usual
    branches = [f"WHEN {currency} IS NULL OR {currency} = {quoted(reading.currency)} THEN {usual}"]
    for places in (0, 3):
        codes = ", ".join(quoted(code) for code, its in EXPONENTS.items() if its == places)
        branches.append(f"WHEN {currency} IN ({codes}) THEN {_minor_sql(raw, places, reading.decimal)}")
    return f"CASE {' '.join(branches)} ELSE {_minor_sql(raw, 2, reading.decimal)} END"


def time_of(text: str, reading: Reading) -> datetime | None:
    """An instant in UTC; a time without a zone is the reading's local time."""
    try:
        if reading.date_format:
            if "%p" in reading.date_format:
                text = text.replace("上午", "AM").replace("下午", "PM")
            return _in_utc(datetime.strptime(text, reading.date_format), reading)
        if _time(text):
            return _in_utc(datetime.fromisoformat(text.replace(" +", "+").replace(" -", "-")), reading)
        if _slash(text):
            return _in_utc(_slashed(text), reading)
        if _epoch(text):
            return epoch_of(int(text))
    except (ValueError, OverflowError):
        return None
    return None


def _slashed(text: str) -> datetime:
    day, _, clock = text.partition(" ")
    year, month, number = day.split("/")
    return datetime.fromisoformat(f"{year}-{month:0>2}-{number:0>2} {clock or '00:00'}")


def _in_utc(at: datetime, reading: Reading) -> datetime:
    """An hour that the clocks skipped is read as the one after it, of one that they repeated the second is meant."""
    if at.tzinfo is not None:
        return at.astimezone(UTC)
    if reading.timezone == "UTC":
        return at.replace(tzinfo=UTC)
    local = at.replace(tzinfo=ZoneInfo(reading.timezone))
    return max(local.astimezone(UTC), local.replace(fold=1).astimezone(UTC))


def epoch_of(number: int) -> datetime | None:
    """Seconds (9-10 digits), milliseconds (12-13) or microseconds (15-16); anything else is ambiguous."""
    digits = len(str(number))
    unit = {9: 10**6, 10: 10**6, 12: 10**3, 13: 10**3, 15: 1, 16: 1}.get(digits)
    return None if unit is None or number < 0 else _ORIGIN + timedelta(microseconds=number * unit)


def time_first_sql(raw: str, reading: Reading) -> str:
    """A time, by DuckDB's own idea of one; the session's TimeZone must be the reading's zone."""
    return "" if reading.date_format else f"TRY_CAST({raw} AS TIMESTAMPTZ)"


def time_sql(raw: str, reading: Reading, first: str = "") -> str:
    """TIMESTAMPTZ; the session's TimeZone must be the reading's zone. ``first``: one of ``time_first_sql``, believed
    where every sign of the cell has its place, to the second: quicker than asking a regular expression."""
    if first:
        second = "[1-9]???-??-?[0-9][ T][0-2]?:??:?[0-9]"
        zones = "Z", "", "[+-]0?:[0-5][0-9]"
        usual = " ".join(f"WHEN {raw} GLOB '{second}{zone}' AND NOT {_at_24(raw, zone)} THEN {first}" for zone in zones)
        return f"CASE {usual} ELSE {time_sql(raw, reading)} END"
    if reading.date_format:
        return f"CAST({parsed_sql(raw, reading.date_format)} AS TIMESTAMPTZ)"
    number = f"TRY_CAST({raw} AS BIGINT)"
    return (
        f"CASE WHEN regexp_full_match({raw}, '{TIME}|{SLASH_TIME}') AND NOT starts_with({raw}, '0000') "
        f"THEN TRY_CAST(CASE WHEN ends_with({raw}, 'Z') THEN {raw} "
        f"ELSE replace(replace({raw}, ' +', '+'), ' -', '-') END AS TIMESTAMPTZ) "
        f"WHEN regexp_full_match({raw}, '{EPOCH}') THEN make_timestamptz({number} * "
        f"CASE WHEN {number} < 100000000 THEN NULL WHEN length({raw}) <= 10 THEN 1000000 "
        f"WHEN length({raw}) <= 13 THEN 1000 ELSE 1 END) END"
    )


def parsed_sql(raw: str, date_format: str) -> str:
    """A text by a declared format, as a time of no zone or its own; NULL where it is none."""
    if "%p" in date_format:
        raw = f"replace(replace({raw}, '上午', 'AM'), '下午', 'PM')"
    return f"try_strptime({raw}, {quoted(date_format)})"


def _at_24(raw: str, zone: str) -> str:
    """SQL: the hour is 24, which only the engine takes for one."""
    return f"ends_with({raw}, '24:00:00{zone}')" if len(zone) < 2 else f"contains({raw}, '24:00:00')"


def flag_of(text: str, reading: Reading) -> bool | None:  # noqa: ARG001  # one signature for all forms
    return _FLAGS.get(text.lower())


def flag_sql(raw: str, reading: Reading) -> str:  # noqa: ARG001  # one signature for all forms
    def among(words: tuple[str, ...]) -> str:
        return f"lower({raw}) IN ({', '.join(map(quoted, words))})"

    return f"CASE WHEN {among(_YES)} THEN true WHEN {among(_NO)} THEN false END"


def text_of(text: str, reading: Reading) -> str:  # noqa: ARG001  # one signature for all forms
    return text


def text_sql(raw: str, reading: Reading) -> str:  # noqa: ARG001  # one signature for all forms
    return raw


@dataclass(frozen=True, slots=True)
class Form:
    """One kind of value in its two executions. ``first``: SQL of a quick reading that ``sql`` may be given, "" where
    there is none; in a query of its own below, so that it is computed once."""

    sql: Callable[..., str]
    python: Callable[[str, Reading], Any]
    first: Callable[[str, Reading], str] = lambda _raw, _reading: ""


FORMS: Final[Mapping[str, Form]] = {
    "text": Form(text_sql, text_of),
    "id": Form(text_sql, text_of),
    "person": Form(text_sql, text_of),
    "action": Form(text_sql, text_of),
    "currency": Form(text_sql, text_of),
    "time": Form(time_sql, time_of, time_first_sql),
    "number": Form(number_sql, number_of),
    "quantity": Form(number_sql, number_of),
    "level": Form(number_sql, number_of),
    "rating": Form(number_sql, number_of),
    "seconds": Form(number_sql, number_of),
    "position": Form(integer_sql, integer_of),
    "integer": Form(integer_sql, integer_of),
    "amount": Form(amount_sql, amount_of, amount_first_sql),
    "flag": Form(flag_sql, flag_of),
    "agreed": Form(flag_sql, flag_of),
}
