"""What is stored but looked odd: unseen signs, text garbled before, blanks and accents of ids, times without a zone.

Each is one warning a file with an example; nothing here holds a row. Texts are looked through only where the bytes of
the file say that there may be something (``Rows.strange``); times by the first rows.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from unicodedata import normalize
from zoneinfo import ZoneInfo

from shopkeeper.core.visible import visible
from shopkeeper.data.cleaning.columns import COLUMNS, Kind
from shopkeeper.data.cleaning.values import (
    BLANKS,
    EPOCH,
    SLASH_TIME,
    TIME,
    Reading,
    epoch_of,
    now_sql,
    parsed_sql,
    quoted,
    trimmed_sql,
)
from shopkeeper.data.mapping import MapFile
from shopkeeper.data.rows import Rows, Warn, identifier

_INVISIBLE: Final = r"[\x{200b}\x{200e}\x{200f}\x{202a}-\x{202e}\x{2060}-\x{2064}\x{2066}-\x{2069}\x{feff}\x{ad}]"
_GARBLED: Final = r"锟斤拷|\x{fffd}|[ÃÂ][\x{80}-\x{bf}]|â€"
_ZONED: Final = r":[0-9]{2}(\.[0-9]+)? ?(Z|[+-][0-9]{2}(:?[0-9]{2})?)"
_SAMPLE: Final = 10_000
_IDS: Final = ("id", "person")
_WIDE: Final = "".join(sign for sign in BLANKS if sign > "\x7f")
_SHOWN: Final = 60
_ODD: Final[Mapping[str, str]] = {
    "garbled_text": f"regexp_matches(CELL, {quoted(_GARBLED)})",
    "invisible_characters": f"regexp_matches(trim(CELL, {quoted(BLANKS)}), {quoted(_INVISIBLE)})",
    "blanks_trimmed": f"regexp_matches(CELL, {quoted(f'^[{_WIDE}]|[{_WIDE}]$')})",
    "ids_composed": "nfc_normalize(CELL) <> CELL",
}
"""SQL conditions of a cell that is not ASCII."""
_hides, _garbles = (
    re.compile(re.sub(r"\\x\{([0-9a-f]+)\}", lambda sign: chr(int(sign[1], 16)), pattern)).search
    for pattern in (_INVISIBLE, _GARBLED)
)


def odd_text(name: str, form: str, text: str) -> Iterator[Warn]:
    """The same warnings about one field of a request."""
    if text.isascii():
        return
    found = {"garbled_text": bool(_garbles(text)), "invisible_characters": bool(_hides(text.strip(BLANKS)))}
    if form in _IDS:
        found["blanks_trimmed"] = text[0] in _WIDE or text[-1] in _WIDE
        found["ids_composed"] = normalize("NFC", text) != text
    for key, odd in found.items():
        if odd:
            yield Warn(key=key, facts={"column": name, "count": 1, "value": visible(text)[:_SHOWN]})


def odd_texts(con: Any, kind: Kind, rows: Rows, theirs: Mapping[str, str]) -> tuple[Warn, ...]:
    """Warnings about the cells of the columns that are ours."""
    forms = {column.name: column.form for column in COLUMNS[kind]}
    said = _odd_signs(con, rows, theirs, forms) if rows.strange and theirs else {}
    if "garbled_text" not in said and (
        found := _read_as_gbk(con, rows, [theirs[n] for n in theirs if forms[n] == "text"])
    ):
        said["garbled_text"] = found
    return tuple(said.values())


def _odd_signs(con: Any, rows: Rows, theirs: Mapping[str, str], forms: Mapping[str, str]) -> dict[str, Warn]:
    ids = [their for name, their in theirs.items() if forms[name] in _IDS]
    all_of = tuple(dict.fromkeys(theirs.values()))
    wanted = [(key, column) for key, among in (("garbled_text", all_of), ("invisible_characters", all_of),
              ("blanks_trimmed", ids), ("ids_composed", ids)) for column in among]  # fmt: skip
    parts = ", ".join(_counted(key, identifier(column)) for key, column in wanted)
    found = iter(con.execute(f"SELECT {parts} FROM {rows.relation}").fetchone())
    said: dict[str, Warn] = {}
    for (key, column), count, cell in zip(wanted, found, found, strict=False):
        if count and key not in said:
            said[key] = Warn(key=key, facts={"column": column, "count": count, "value": visible(cell)[:_SHOWN]})
    return said


def _read_as_gbk(con: Any, rows: Rows, columns: Sequence[str]) -> Warn | None:
    """A warning where texts of the first rows are UTF-8 that somebody read as GBK: turned back they are words."""
    for column in columns:
        cell = identifier(column)
        found = con.execute(
            f"SELECT DISTINCT {cell} FROM (SELECT {cell} FROM {rows.relation} LIMIT {_SAMPLE}) "
            f"WHERE strlen({cell}) > length({cell}) LIMIT 1000"
        ).fetchall()
        if cells := sorted(text for (text,) in found if _garbled(text)):
            shown = visible(cells[0])[:_SHOWN]
            return Warn(key="garbled_text", facts={"column": column, "count": len(cells), "value": shown})
    return None


def _garbled(text: str) -> bool:
    try:
        back = text.rstrip("?").encode("gb18030")
        words = back.decode("utf-8") if len(back) % 2 == 0 else back[: len(back) - len(back) % 3].decode("utf-8")
    except UnicodeError:
        return False
    return sum("\u4e00" <= sign <= "\u9fff" for sign in words) > 1


def _counted(key: str, cell: str) -> str:
    """SQL: how many cells of a column are odd in this way, and one of them."""
    odd = _ODD[key].replace("CELL", cell)
    where = f"(WHERE strlen({cell}) <> length({cell}) AND {odd})"
    return f"count(*) FILTER {where}, min({cell}) FILTER {where}"


def odd_times(con: Any, rows: Rows, columns: Sequence[str], mapping: MapFile, timezone: str) -> Iterator[Warn]:
    """Warnings about columns of times: numbers since 1970, and times without a zone. ``timezone``: the shop's."""
    declared = bool(mapping.date_format)
    naive = f"regexp_full_match(cell, {quoted(f'{TIME}|{SLASH_TIME}')}) AND NOT regexp_matches(cell, '{_ZONED}$')"
    if declared:
        read = f"{parsed_sql('cell', mapping.date_format)} IS NOT NULL"
        naive = "false" if "%z" in mapping.date_format else read
    said = set[str]()
    for column in columns:
        cell = trimmed_sql(identifier(column), plain=rows.plain)
        cells = f"SELECT {cell} AS cell FROM {rows.relation} LIMIT {_SAMPLE}"
        epoch = "false" if declared else f"regexp_full_match(cell, {quoted(EPOCH)})"
        number, local = con.execute(
            f"SELECT min(cell) FILTER ({epoch}), min(cell) FILTER ({naive}) FROM ({cells})"
        ).fetchone()
        if number is not None and "epoch" not in said and (at := epoch_of(int(number))) is not None:
            said.add("epoch")
            yield Warn(key="epoch_times", facts={"column": column, "value": number, "at": at.isoformat()})
        if local is not None and not mapping.timezone and "local" not in said:
            said.add("local")
            yield Warn(key="local_times", facts={"column": column, "value": local, "timezone": timezone})


def future_times(con: Any, staged: str, column: str, reading: Reading) -> tuple[Warn, ...]:
    """A warning where rows of a table said that they happen later, and have the moment of the reading instead."""
    same = f'SELECT count(*) FROM {staged} WHERE code = 0 AND "at" = {now_sql(reading)}'
    ((count,),) = con.execute(same).fetchall()
    facts = {"column": column, "count": count, "at": reading.now.isoformat()}
    return (Warn(key="future_times", facts=facts),) if count else ()


def clock_changes(con: Any, staged: str, timezone: str) -> tuple[Warn, ...]:
    """A warning where times of a table lie in an hour that the clocks of their zone skipped or repeated."""
    if timezone == "UTC":
        return ()
    ends = f'SELECT min(epoch_us("at")), max(epoch_us("at")) FROM {staged} WHERE code = 0'
    ((first, last),) = con.execute(ends).fetchall()
    if first is None:
        return ()
    for change, by in _changes(timezone, first, last):
        micros = int(change.timestamp()) * 1_000_000
        inside = f'epoch_us("at") BETWEEN {micros - by} AND {micros + by - 1}'
        if con.execute(f"SELECT 1 FROM {staged} WHERE code = 0 AND {inside} LIMIT 1").fetchall():
            return (_clock_changed(timezone, change),)
    return ()


def odd_local(name: str, text: str, at: datetime, timezone: str) -> Iterator[Warn]:
    """The same warnings about a time of a request that names no zone."""
    yield Warn(key="local_times", facts={"column": name, "value": text, "timezone": timezone})
    if timezone != "UTC":
        micros = round(at.timestamp() * 1_000_000)
        for change, by in _changes(timezone, micros, micros):
            if abs(change - at) <= timedelta(microseconds=by) and at - change < timedelta(microseconds=by):
                yield _clock_changed(timezone, change)


def _clock_changed(timezone: str, change: datetime) -> Warn:
    return Warn(key="clock_changed", facts={"timezone": timezone, "value": f"{change:%Y-%m-%d %H:%M} UTC"})


def _changes(timezone: str, first: int, last: int) -> Iterator[tuple[datetime, int]]:
    """When the offset of a zone changed between two moments (microseconds since 1970), and by how many of them."""
    zone, hour = ZoneInfo(timezone), timedelta(hours=1)
    day = datetime.fromtimestamp(first // 1_000_000, UTC).replace(minute=0, second=0) - timedelta(days=1)
    end = datetime.fromtimestamp(last // 1_000_000, UTC) + timedelta(days=1)
    offset = day.astimezone(zone).utcoffset()
    while day < end:
        after = (day + timedelta(days=1)).astimezone(zone).utcoffset()
        if after != offset and after is not None and offset is not None:
            change = day
            while (change + hour).astimezone(zone).utcoffset() == offset:
                change += hour
            yield change + hour, abs(int((after - offset).total_seconds())) * 1_000_000
        offset, day = after, day + timedelta(days=1)
