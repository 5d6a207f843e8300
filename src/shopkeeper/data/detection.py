# ruff: noqa: E501  # statements and tables are easier to read in long lines
"""How a file writes its dates and amounts, where its own cells prove it. What they do not prove is asked, never guessed.

Day and month are told apart by a number above 12; a decimal comma by one or two digits after it (12,50 can be nothing else);
a currency by a sign that only one has, or that the shop's own has. All of it is said in a warning.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from shopkeeper.core.errors import DataError
from shopkeeper.data.cleaning.columns import COLUMNS, Kind, match
from shopkeeper.data.cleaning.oddities import odd_texts, odd_times
from shopkeeper.data.cleaning.values import BLANKS, quoted, trimmed_sql
from shopkeeper.data.mapping import MapFile
from shopkeeper.data.rows import Refused, Rows, Warn, identifier

_SAMPLE: Final = 10_000
_DAY: Final = "([0-9]{1,2})([/.-])([0-9]{1,2})[/.-]([0-9]{4}|[0-9]{2})"
_CLOCKS: Final = (
    ("", ""), ("[ T][0-9]{1,2}:[0-9]{2}", " %H:%M"), ("[ T][0-9]{1,2}:[0-9]{2}:[0-9]{2}", " %H:%M:%S"),
    (" [0-9]{1,2}:[0-9]{2} ?[APap][Mm]", " %I:%M %p"), (" [0-9]{1,2}:[0-9]{2}:[0-9]{2} ?[APap][Mm]", " %I:%M:%S %p"),
)  # fmt: skip
_CHINESE: Final = "[0-9]{4}年[0-9]{1,2}月[0-9]{1,2}日"
_AFTERNOONS: Final = tuple(
    (f"{day} ?(上午|下午|AM|PM|am|pm) ?[0-9]{{1,2}}:[0-9]{{2}}{seconds}", f"{written} %p%I:%M{their}")
    for day, written in (
        ("[0-9]{4}/[0-9]{1,2}/[0-9]{1,2}", "%Y/%m/%d"), ("[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}", "%Y-%m-%d"),
        (_CHINESE, "%Y年%m月%d日"),
    ) for seconds, their in (("", ""), (":[0-9]{2}", ":%S"))
)  # fmt: skip
"""The year first, and the half of the day before its hour, as Chinese spreadsheets write it; and the format of each."""
_COMMA: Final = r"[+-]?([0-9]+|[0-9]{1,3}(\.[0-9]{3})+),[0-9]{1,2}"
_POINT: Final = r"[+-]?([0-9]+|[0-9]{1,3}(,[0-9]{3})+)\.[0-9]{1,2}"
_SIGNS: Final[Mapping[str, tuple[str, ...]]] = {
    "€": ("EUR",), "£": ("GBP",), "₹": ("INR",), "₩": ("KRW",), "₽": ("RUB",), "₺": ("TRY",), "₫": ("VND",), "฿": ("THB",),
    "zł": ("PLN",), "元": ("CNY",), "US$": ("USD",), "HK$": ("HKD",), "R$": ("BRL",), "¥": ("CNY", "JPY"), "￥": ("CNY", "JPY"),
    "$": ("USD", "AUD", "CAD", "NZD", "SGD", "HKD", "TWD", "MXN", "ARS", "CLP", "COP"), "kr": ("SEK", "NOK", "DKK", "ISK"),
    "KM": ("BAM",), "Kč": ("CZK",), "Ft": ("HUF",), "CHF": ("CHF",), "RMB": ("CNY",),
}  # fmt: skip
"""Which currencies a sign stands for."""


def settle(
    con: Any, kind: Kind, rows: Rows, mapping: MapFile, currency: str, timezone: str, file: str, *, plain: bool
) -> tuple[Rows, MapFile]:
    """The rows, and the mapping with what was found out about them. ``currency`` and ``timezone``: the shop's;
    ``plain``: the file is of no known format.

    Raises:
        DataError: dates can be read in two ways, or amounts or their currency can.
    """
    if kind not in COLUMNS or not COLUMNS[kind]:
        return rows, mapping
    theirs = match(kind, rows.columns, mapping, file).theirs
    forms = {column.name: column.form for column in COLUMNS[kind]}
    times = [their for name, their in theirs.items() if forms[name] == "time"]
    amounts = [their for name, their in theirs.items() if forms[name] == "amount"]
    warnings = list(odd_texts(con, kind, rows, theirs))
    first = _first(con, rows, [*times, *amounts])
    if times and not mapping.date_format:
        mapping, said = _dates(con, first, rows, times, mapping, file)
        warnings += said
    if amounts and mapping.decimal == ".":
        bare, mapping, said = _currency(con, first, amounts, mapping, currency, file, own="currency" in theirs)
        warnings += said
        rows, first = replace(rows, relation=bare(rows.relation)), replace(first, relation=bare(first.relation))
        mapping, said = _decimal(con, first, amounts, mapping, file)
        warnings += said
    warnings += odd_times(con, first, times, mapping, timezone)
    if plain and "currency" in theirs and not mapping.currency:
        rows = _ask_currency(rows, [name for name in theirs if forms[name] == "amount"])
    return replace(rows, warnings=(*rows.warnings, *warnings)), mapping


def dated(con: Any, rows: Rows, column: str, mapping: MapFile, file: str) -> tuple[MapFile, tuple[Warn, ...]]:
    """The mapping with how the dates of a column are written, and that this was found out.

    Raises:
        DataError: they can be read in two ways.
    """
    return _dates(con, _first(con, rows, [column]), rows, [column], mapping, file)


def _first(con: Any, rows: Rows, columns: Sequence[str]) -> Rows:
    """The first rows, read once for all the questions."""
    names = ", ".join(map(identifier, dict.fromkeys(columns))) or "1"
    con.execute(f"CREATE OR REPLACE TEMP TABLE first_rows AS SELECT {names} FROM {rows.relation} LIMIT {_SAMPLE}")
    return replace(rows, relation="first_rows")


def _cells(rows: Rows, column: str) -> str:
    return f"(SELECT {trimmed_sql(identifier(column), plain=rows.plain)} AS cell FROM {rows.relation})"


def _dates(
    con: Any, first: Rows, rows: Rows, columns: Sequence[str], mapping: MapFile, file: str
) -> tuple[MapFile, tuple[Warn, ...]]:
    """The one format of all columns of times that hold any; the usual one where they do not agree."""
    read = {column: _date_format(con, first, rows, column, file) for column in columns}
    found = {column: its for column, its in read.items() if its is not None}
    formats = {its for its, _ in found.values()}
    if len(formats) != 1 or "" in formats:
        return mapping, ()
    column, (its, example) = next(iter(found.items()))
    warn = Warn(key="date_format_found", facts={"column": column, "format": its, "value": example})
    return replace(mapping, date_format=its), (warn,)


def _date_format(con: Any, first_rows: Rows, rows: Rows, column: str, file: str) -> tuple[str, str] | None:
    """(format, example) of a column; format "" where it is the usual one or none is certain; None where it is empty."""
    shape = "CASE " + " ".join(
        f"WHEN regexp_full_match(rest, {quoted(clock)}) THEN {n}" for n, (clock, _) in enumerate(_CLOCKS)
    )
    for some in (first_rows, rows):
        filled, numbered, written = con.execute(
            f"SELECT count(*), count(*) FILTER (regexp_matches(cell, '^{_DAY}')), count(*) FILTER (contains(cell, '年')) "
            f"FROM {_cells(some, column)} WHERE cell <> ''"
        ).fetchone()
        if filled and (halves := _afternoons(con, some, column)):
            return halves
        if filled and numbered * 2 < filled and written < filled:
            return "", ""
        filled, fits, first, second, sign, long, short, least, most, example, chinese, chinese_example = con.execute(
            f"SELECT count(*), count(*) FILTER (fits), max(a) FILTER (fits), max(b) FILTER (fits), "
            f"CASE WHEN count(DISTINCT sign) FILTER (fits) = 1 THEN any_value(sign) FILTER (fits) END, "
            f"count(*) FILTER (fits AND length(year) = 4), count(*) FILTER (fits AND length(year) = 2), "
            f"min(clock) FILTER (fits), max(clock) FILTER (fits), any_value(cell) FILTER (fits), "
            f"count(*) FILTER (regexp_full_match(cell, '{_CHINESE}')), any_value(cell) FILTER (NOT fits) FROM ("
            f"SELECT *, regexp_matches(cell, '^{_DAY}') AND clock IS NOT NULL AS fits FROM (SELECT *, {shape} END AS clock FROM ("
            f"SELECT cell, TRY_CAST(regexp_extract(cell, '^{_DAY}', 1) AS INTEGER) AS a, "
            f"regexp_extract(cell, '^{_DAY}', 2) AS sign, TRY_CAST(regexp_extract(cell, '^{_DAY}', 3) AS INTEGER) AS b, "
            f"regexp_extract(cell, '^{_DAY}', 4) AS year, regexp_replace(cell, '^{_DAY}', '') AS rest "
            f"FROM {_cells(some, column)} WHERE cell <> '')))"
        ).fetchone()  # fmt: skip
        if not filled:
            return None
        if chinese and chinese == filled:
            return "%Y年%m月%d日", str(chinese_example)
        if fits * 2 < filled or sign is None or least != most or (long and short):
            return "", ""
        if first > 12 and second > 12:
            return "", ""
        if first > 12 or second > 12:
            parts = ("%d", "%m") if first > 12 else ("%m", "%d")
            return f"{sign.join(parts)}{sign}{'%Y' if long else '%y'}{_CLOCKS[least][1]}", str(example)
    day, month = f"%d{sign}%m{sign}{'%Y' if long else '%y'}", f"%m{sign}%d{sign}{'%Y' if long else '%y'}"
    clock = _CLOCKS[least][1]
    raise DataError(
        "date_format_unclear", file=file, column=column, value=example, day_first=day + clock, month_first=month + clock
    )


def _afternoons(con: Any, rows: Rows, column: str) -> tuple[str, str] | None:
    """(format, example) of a column all of whose cells name the half of the day before the hour."""
    counts = ", ".join(f"count(*) FILTER (regexp_full_match(cell, {quoted(form)}))" for form, _ in _AFTERNOONS)
    sql = f"SELECT any_value(cell), count(*), {counts} FROM {_cells(rows, column)} WHERE cell <> ''"
    example, filled, *found = con.execute(sql).fetchone()
    return next(((its, str(example)) for (_, its), n in zip(_AFTERNOONS, found, strict=True) if n == filled), None)


def _decimal(
    con: Any, rows: Rows, columns: Sequence[str], mapping: MapFile, file: str
) -> tuple[MapFile, tuple[Warn, ...]]:
    for column in columns:
        comma, point = con.execute(
            f"SELECT any_value(cell) FILTER (regexp_full_match(cell, '{_COMMA}')), "
            f"any_value(cell) FILTER (regexp_full_match(cell, '{_POINT}')) FROM {_cells(rows, column)}"
        ).fetchone()
        if comma is not None and point is not None:
            raise DataError("decimal_unclear", file=file, column=column, value=comma, other=point)
        if comma is not None:
            warn = Warn(key="decimal_comma_found", facts={"column": column, "value": comma})
            return replace(mapping, decimal=","), (warn,)
    return mapping, ()


def _currency(
    con: Any, rows: Rows, columns: Sequence[str], mapping: MapFile, shop: str, file: str, *, own: bool
) -> tuple[Callable[[str], str], MapFile, tuple[Warn, ...]]:
    """How to take the currency's sign out of the amounts of a relation, where it is one and the same."""
    signs: dict[str, tuple[str, str]] = {}
    for column in columns:
        found = con.execute(
            "SELECT DISTINCT trim(regexp_replace(cell, '[0-9.,+ \\x{00A0}-]', '', 'g')), any_value(cell) FROM "
            f"{_cells(rows, column)} WHERE regexp_matches(cell, '[0-9]') GROUP BY 1 LIMIT 20"
        ).fetchall()
        signs |= {sign: (column, cell) for sign, cell in found if sign}
    if len(signs) != 1 or own:
        return _as_it_is, mapping, ()
    (sign, (column, cell)), *_ = signs.items()
    if not _mostly(con, rows, column, sign):
        return _as_it_is, mapping, ()
    may_be = _SIGNS.get(sign, (sign,) if len(sign) == 3 and sign.isascii() and sign.isupper() else ())
    if not may_be:
        return _as_it_is, mapping, ()
    wanted = mapping.currency or (shop if shop in may_be or len(may_be) > 1 else may_be[0])
    if wanted not in may_be:
        raise DataError(
            "currency_unclear", file=file, column=column, value=cell, shop=wanted, allowed=", ".join(may_be)
        )
    bare = ", ".join(
        f"nullif(trim(replace({identifier(name)}, {quoted(sign)}, ''), {quoted(BLANKS)}), '') AS {identifier(name)}"
        for name in columns
    )
    warn = Warn(key="currency_found", facts={"column": column, "value": cell, "currency": wanted})
    return lambda relation: f"(SELECT * REPLACE ({bare}) FROM {relation})", replace(mapping, currency=wanted), (warn,)


def _as_it_is(relation: str) -> str:
    return relation


def _mostly(con: Any, rows: Rows, column: str, sign: str) -> bool:
    """Whether at least half of the filled cells have the sign; fewer are slips of their rows."""
    filled, signed = con.execute(
        f"SELECT count(*), count(*) FILTER (contains(cell, {quoted(sign)})) FROM {_cells(rows, column)} "
        "WHERE cell <> ''"
    ).fetchone()
    return bool(signed * 2 >= filled)


def _ask_currency(rows: Rows, amounts: Sequence[str]) -> Rows:
    """An amount that names no currency, in a file that names them, is not certain to be in the shop's."""
    priced = " OR ".join(f"r_{name} IS NOT NULL" for name in amounts) or "false"
    refused = Refused(reason="missing_currency", column="currency", condition=f"r_currency IS NULL AND ({priced})")
    return replace(rows, refused=(*rows.refused, refused))
