"""The cleaning of a whole file as one SQL statement.

``staged_sql`` reads a relation of texts once and gives the lake's columns, the number of the reason for which a row
is held (0 = none) with the row's own text, and half a hash (``key``) that rows of one identity have in common. What the
whole row says is hashed only where it is asked for.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from shopkeeper.core.action import Action
from shopkeeper.data.cleaning.checks import CHECKS, FUTURE, IN_FUTURE
from shopkeeper.data.cleaning.columns import COLUMNS, Column, Kind, Matched
from shopkeeper.data.cleaning.quick import quick_sql, usual_sql
from shopkeeper.data.cleaning.rules import AnyRule, rules_of
from shopkeeper.data.cleaning.values import FORMS, Reading, now_sql, quoted, trimmed_sql
from shopkeeper.data.mapping import MapFile
from shopkeeper.data.rows import LINE, Rows, identifier
from shopkeeper.data.schema import FOLLOWS

TOTALS: Final = (
    "total", "totals", "grand total", "subtotal", "sub total", "sum", "gesamt", "summe", "total général",
    "合计", "总计", "小计", "共计", "汇总", "总额", "合計", "總計", "小計",
)  # fmt: skip
"""What a spreadsheet writes in the line below its rows."""
_WORDS: Final = frozenset({"id", "person", "text", "time"})
"""Forms of cells that can hold such a word."""

_NOT_CONTENT: Final = frozenset({"received_at", "source", "event_id"})
"""Columns that say where a row came from, not what it says."""
IDENTITY: Final[Mapping[Kind, tuple[str, ...]]] = {
    "events": ("id",),
    "order_lines": ("order_id", "line"),
    "products": ("id", "at"),
    "customers": ("id", "at"),
    "prices": ("product", "at"),
    "competitor_prices": ("product", "competitor", "at"),
    "attributes": ("customer", "name", "origin", "at"),
}
"""Which lake columns say that two rows are about the same thing; another content under it is a conflict."""

_ALIKE: Final[Mapping[Kind, tuple[str, ...]]] = {
    "events": ("at", "customer", "visitor", "product"), "order_lines": ("order_id", "product", "quantity"),
}  # fmt: skip
"""Lake columns that rows of equal content have in common, and few others do: cheaper to compare than all of it."""

HAPPENED: Final[frozenset[Kind]] = frozenset({"events", "order_lines"})
"""Kinds whose rows happened at their moment: one of the future is a clock that was wrong, and becomes that of receipt,
but of an event without an id, which would be another one the next time. The moment of the other kinds says from when
something holds, and so does that of a price change: it is not guessed."""
VERSIONED: Final[frozenset[Kind]] = frozenset({"products", "customers", "attributes"})
"""Kinds whose rows hold until the next of the same name; without a moment of their own they hold from now on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Staging:
    """The statement and the reasons its numbers stand for: (reason, our column, their column)."""

    sql: str
    whole: str
    """The staged rows with ``row``, with a hash of what a row says (``content``) and one of what it is about
    (``identity``), and with the columns that are the same everywhere."""
    reasons: tuple[tuple[str, str, str], ...]
    by_content: bool
    """Rows have no identity of their own, so equal content is the same row."""
    absent: frozenset[str] = frozenset()
    """Lake columns of which the file says nothing: NULL, or what ``FOLLOWS``."""
    by_event: bool = False
    """Order lines name the event they belong to: an order and its returns may bear the same order id."""
    so_far: bool = False
    """What returns and cancellations say is of the order as a whole until now."""


def staging(
    kind: Kind, rows: Rows, matched: Matched, mapping: MapFile, reading: Reading, lake: Mapping[str, str], source: str
) -> Staging:
    """The SELECT that cleans every row of ``rows`` into the columns of a lake table (name -> DuckDB type)."""
    cells = {column.name: _cell(column, matched, mapping, rows) for column in COLUMNS[kind]}
    present = [column for column in COLUMNS[kind] if cells[column.name]]
    names = {column.name for column in present}
    by_content = (kind == "events" and "id" not in names) or (kind == "order_lines" and "line" not in names)
    reasons, branches = _reasons(kind, present, matched, mapping, reading)
    for one in rows.refused:
        reasons.append((one.reason, one.column, matched.theirs.get(one.column, "")))
        branches.append(f"WHEN {one.condition} THEN {len(reasons)}")
    trimmed = ", ".join(f"{cells[column.name]} AS r_{column.name}" for column in present)
    typed = ", ".join(f"{_typed(column, reading, names)} AS v_{column.name}" for column in present)
    raw = ", ".join(f"{quoted(name)}: {identifier(name)}" for name in rows.columns)
    line = f"{LINE}, " if rows.numbered else ""
    values = {name: f"TRY_CAST({_landed(name, kind, present, reading, source)} AS {its})" for name, its in lake.items()}
    values |= {name: f"TRY_CAST({value} AS {lake[name]})" for name, value in _follows(kind, present, reading).items()}
    same = {name: value for name, value in values.items() if "v_" not in value}
    landed = "".join(f", {value} AS {identifier(name)}" for name, value in values.items() if name not in same)
    first = "".join(f", {sql} AS f_{name}" for name, sql in _firsts(present, reading).items())
    inner = f"SELECT *, {typed} FROM (SELECT *{first} FROM (SELECT *, {trimmed} FROM {rows.relation}))"
    quick = _quick(present, reading, rules_of(kind, mapping, names), plain=rows.plain)
    for one in rows.refused:
        quick += f" AND NOT coalesce({one.condition}, false)"
    code = f"CASE WHEN {quick} THEN 0 {' '.join(branches)} ELSE 0 END::UTINYINT"
    judged = f"SELECT *, {code} AS code FROM ({inner})"
    staged = (
        f"SELECT {line}code, CASE WHEN code > 0 THEN to_json({{{raw}}})::VARCHAR END AS raw {landed} FROM ({judged})"
    )
    by_event = kind == "order_lines" and "event" in names
    alike = [identifier(name) for name in _ALIKE[kind] if name not in same] if by_content else None
    own = ", ".join(map(identifier, identity_of(kind, timed="at" in names, by_event=by_event)))
    staged = f"SELECT *, {short_hash_sql(', '.join(alike) if alike else own)} AS key FROM ({staged})"
    if by_content and kind == "events":
        same.pop("id")
    added = "".join(f", {value} AS {identifier(name)}" for name, value in same.items())
    content = content_sql(kind, lake, by_content=by_content)
    whole = f"SELECT *, {content} AS content FROM (SELECT rowid AS row, *{added} FROM staged)"
    made = ", 'e_' || format('{:016x}', content) AS id" if by_content and kind == "events" else ""
    identity = "content" if by_content else identity_sql(kind, timed="at" in names, by_event=by_event)
    whole = f"SELECT *, {identity} AS identity{made} FROM ({whole})"
    return Staging(
        sql=staged, whole=whole, reasons=tuple(reasons),
        by_content=by_content, by_event=by_event, so_far=rows.so_far,
        absent=frozenset(name for name, its in lake.items() if same.get(name) in _unsaid(kind, name, its)),
    )  # fmt: skip


def _cell(column: Column, matched: Matched, mapping: MapFile, rows: Rows) -> str:
    """The SQL of a cell's trimmed text, of an id with its accents composed; "" where the file has no such column."""
    their = matched.theirs.get(column.name)
    if their is not None:
        cell = trimmed_sql(identifier(their), plain=rows.plain)
        if words := mapping.values.get(column.name):
            cases = " ".join(f"WHEN {quoted(word)} THEN {quoted(meant)}" for word, meant in words.items())
            cell = f"CASE {cell} {cases} ELSE {cell} END"
        return f"nfc_normalize({cell})" if rows.strange and column.form in ("id", "person") else cell
    constant = mapping.constants.get(column.name)
    return "" if constant is None else quoted(constant)


def _typed(column: Column, reading: Reading, names: set[str]) -> str:
    told = {"first": f"f_{column.name}"} if _firsts([column], reading) else {}
    if column.form == "amount" and "currency" in names:
        told["currency"] = "r_currency"
    return FORMS[column.form].sql(f"r_{column.name}", reading, **told)


def _firsts(present: Sequence[Column], reading: Reading) -> dict[str, str]:
    """SQL of the quick readings of columns that have one."""
    found = {column.name: FORMS[column.form].first(f"r_{column.name}", reading) for column in present}
    return {name: sql for name, sql in found.items() if sql}


def _reasons(
    kind: Kind, present: Sequence[Column], matched: Matched, mapping: MapFile, reading: Reading
) -> tuple[list[tuple[str, str, str]], list[str]]:
    """Numbered reasons and the CASE branches that give their numbers."""
    reasons: list[tuple[str, str, str]] = []
    branches: list[str] = []

    def add(name: str, column: str, condition: str) -> None:
        reasons.append((name, column, matched.theirs.get(column, "")))
        branches.append(f"WHEN {condition} THEN {len(reasons)}")

    names = {column.name for column in present}
    add("looks_like_total", present[0].name, _total(present))
    for column in present:
        if column.required:
            add("missing_value", column.name, f"r_{column.name} IS NULL")
        for check in CHECKS[column.form]:
            bad = check.sql(f"r_{column.name}", f"v_{column.name}", reading)
            if check is IN_FUTURE and column.name == "at" and kind == "order_lines":
                continue
            if check is IN_FUTURE and column.name == "at" and kind == "events" and "id" in names:
                bad = f"({bad}) AND v_action = '{Action.PRICE_CHANGE.word}'"
            if not (mapping.returns and check.name == "negative_quantity"):
                add(check.name, column.name, bad)
    for rule in rules_of(kind, mapping, names):
        add(rule.name, rule.column, rule.sql(lambda name: f"v_{name}" if name in names else "NULL"))
    return reasons, branches


def latest_sql(reading: Reading) -> str:
    """The last moment that is believed."""
    return f"TIMESTAMPTZ '{(reading.now + FUTURE).isoformat()}'"


def _total(present: Sequence[Column]) -> str:
    """SQL: a needed cell is empty, and another holds the word for a total."""
    words = ", ".join(map(quoted, TOTALS))
    absent = [f"r_{column.name} IS NULL" for column in present if column.required]
    said = [f"lower(rtrim(r_{column.name}, ' :：')) IN ({words})" for column in present if column.form in _WORDS]
    told = " OR ".join(f"coalesce({one}, false)" for one in said)
    return f"({' OR '.join(absent) or 'false'}) AND ({told or 'false'})"


def _quick(present: Sequence[Column], reading: Reading, rules: Sequence[AnyRule], *, plain: bool) -> str:
    """True for most rows without a fault, and for none with one. The cheapest tests of rows with all their cells come
    first, in one piece: where they hold nothing else is asked."""
    usual, quick = [], []
    for column in present:
        if column.required or CHECKS[column.form]:
            told = (column.form, f"r_{column.name}", f"v_{column.name}", reading)
            optional = "" if column.required else f"r_{column.name} IS NULL OR "
            usual.append(usual_sql(*told, plain=plain))
            quick.append(f"({optional}{quick_sql(*told, plain=plain)})")
    names = {column.name for column in present}
    good = [rule.good(lambda name: f"v_{name}" if name in names else "NULL") for rule in rules]
    cells = [f"(({' AND '.join(usual)}) OR ({' AND '.join(quick)}))"] if quick else []
    return " AND ".join([*cells, *good]) or "true"


def identity_of(kind: Kind, *, timed: bool, by_event: bool) -> list[str]:
    """Lake columns that identify a row. ``timed``: the file says when its rows hold."""
    named = [name for name in IDENTITY[kind] if name != "at" or timed]
    return [*named, "event_id"] if by_event else named


def identity_sql(kind: Kind, *, timed: bool, by_event: bool) -> str:
    """A hash of what a row of the lake (or one staged for it) is about: a line of an order and its return, which may
    bear the same number, are two."""
    named = list(map(identifier, identity_of(kind, timed=timed, by_event=by_event)))
    return f"hash({', '.join([*named, 'coalesce(quantity, 1) < 0'] if kind == 'order_lines' else named)})"


def short_hash_sql(columns: str) -> str:
    """Half of a hash: to find out what may be equal, in half of the time; by chance others have it in common too."""
    return f"(hash({columns}) >> 32)::UINTEGER"


_AS_SAID: Final = 'CASE WHEN "at" = received_at THEN NULL ELSE "at" END'
"""The moment of what happened; nothing where that of receipt stands for it, which differs each time it is told."""


def content_sql(kind: Kind, lake: Iterable[str], *, by_content: bool) -> str:
    """A hash of everything a row of the lake (or one staged for it) says."""
    skip = set(_NOT_CONTENT)
    if by_content:
        skip.add("id" if kind == "events" else "line")
    if kind in VERSIONED:
        skip.add("at")
    said = (_AS_SAID if name == "at" and kind in HAPPENED else identifier(name) for name in lake if name not in skip)
    return f"hash({', '.join(said)})"


def _follows(kind: Kind, present: Sequence[Column], reading: Reading) -> dict[str, str]:
    """Lake columns that follow from others of the row, so that they need not be kept before they are written."""
    follows = {}
    theirs = {column.name for column in present}
    amounts = [f"{identifier(column.lake)} IS NOT NULL" for column in present if column.form == "amount"]
    if amounts and "currency" not in theirs:
        follows["currency"] = f"CASE WHEN {' OR '.join(amounts)} THEN {quoted(reading.currency)} END"
    if kind == "order_lines" and "event" not in theirs:
        follows |= FOLLOWS[kind]
    return follows


def _unsaid(kind: Kind, name: str, its: str) -> tuple[str, ...]:
    """What a lake column is where the file says nothing of it."""
    return tuple(f"TRY_CAST({value} AS {its})" for value in ("NULL", FOLLOWS.get(kind, {}).get(name, "NULL")))


def _landed(name: str, kind: Kind, present: Sequence[Column], reading: Reading, source: str) -> str:
    """One lake column of the staged rows."""
    now = now_sql(reading)
    its = {column.lake: column.name for column in present}
    value = f"v_{its[name]}" if name in its else "NULL"
    amounts = [f"v_{column.name} IS NOT NULL" for column in present if column.form == "amount"]
    priced = " OR ".join(amounts) or "false"
    special = {
        "received_at": now,
        "source": quoted(source),
        "event_id": f"coalesce({value}, 'order:' || v_order)",
        "currency": f"CASE WHEN {priced} THEN coalesce({value}, {quoted(reading.currency)}) END",
    }
    if kind in VERSIONED:
        special |= {"at": f"coalesce({value}, {now})", "active": f"coalesce({value}, true)"}
    if kind == "order_lines":
        special["quantity"] = f"coalesce({value}, 1)"
    if kind in HAPPENED and "at" in its:
        special["at"] = f"CASE WHEN v_at > {latest_sql(reading)} THEN {now} ELSE v_at END"
    return special.get(name, value)
