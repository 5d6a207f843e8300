"""What a row that is in conflict stands against: the first row with its id, or what the shop knows of it."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from shopkeeper.core.money import exponent
from shopkeeper.data.cleaning.columns import Kind
from shopkeeper.data.cleaning.rows import Staging, content_sql, identity_sql
from shopkeeper.data.cleaning.values import quoted
from shopkeeper.data.marking import Facts
from shopkeeper.data.marks import ID_CONFLICT, ORDER_KNOWN
from shopkeeper.data.schema import lake_types

_MOST: Final = 10_000
"""Of how many rows the other side is looked up; the rest are held without."""
_LONGEST: Final = 300
_ORIGIN: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SILENT: Final = frozenset({"received_at", "source", "line", "event_id", "currency"})


def known_sides(con: Any, lake: Facts, kind: Kind, plan: Staging, *, timed: bool) -> dict[int, str]:
    """row -> what the row that it is in conflict with says."""
    found: dict[int, str] = {}
    if _any(con, ID_CONFLICT):
        found |= _told(con, kind, _in_lake(lake, kind, plan, timed=timed)) | _told(con, kind, _in_file(kind))
    if _any(con, ORDER_KNOWN) and lake.files("order_lines"):
        found |= _told(con, "order_lines", _order(lake))
    return found


def _any(con: Any, what: int) -> bool:
    return bool(con.execute("SELECT 1 FROM marks WHERE what = ? LIMIT 1", [what]).fetchall())


def _bad(what: int) -> str:
    return f"(SELECT w.* FROM whole w JOIN marks m USING (row) WHERE m.what = {what} ORDER BY row LIMIT {_MOST})"


def _in_file(kind: Kind) -> str:
    return (
        f"WITH bad AS (SELECT row, identity FROM {_bad(ID_CONFLICT)}), first AS (SELECT identity, min(row) AS first "
        "FROM whole WHERE code = 0 AND identity IN (SELECT identity FROM bad) GROUP BY identity) "
        f"SELECT bad.row, {_whole(kind, 'w')} FROM bad JOIN first USING (identity) JOIN whole w ON w.row = first "
        "WHERE first < bad.row"
    )


def _in_lake(lake: Facts, kind: Kind, plan: Staging, *, timed: bool) -> str:
    if not lake.files(kind):
        return ""
    by = content_sql(kind, lake_types(kind), by_content=True) if plan.by_content else None
    identity = by or identity_sql(kind, timed=timed, by_event=plan.by_event)
    return (
        f"WITH bad AS (SELECT row, identity FROM {_bad(ID_CONFLICT)}) "
        f"SELECT row, min({_whole(kind, 'l')}) FROM bad JOIN (SELECT {identity} AS identity, * "
        f"FROM {lake.relation_sql(kind)}) l USING (identity) GROUP BY row"
    )


def _order(lake: Facts) -> str:
    return (
        f"SELECT row, min({_whole('order_lines', 'l')}) FROM (SELECT row, order_id FROM {_bad(ORDER_KNOWN)}) bad "
        f"JOIN {lake.relation_sql('order_lines')} l USING (order_id) GROUP BY row"
    )


def _whole(kind: Kind, row: str) -> str:
    """A row as JSON; a moment in microseconds, which no engine writes otherwise."""
    cells = (
        f"{quoted(name)}: " + (f'epoch_us({row}."{name}")' if its == "TIMESTAMPTZ" else f'{row}."{name}"')
        for name, its in lake_types(kind).items()
    )
    return f"to_json({{{', '.join(cells)}}})::VARCHAR"


def _told(con: Any, kind: Kind, sql: str) -> dict[int, str]:
    if not sql:
        return {}
    moments = [name for name, its in lake_types(kind).items() if its == "TIMESTAMPTZ"]
    found = {row: json.loads(text) for row, text in con.execute(sql).fetchall()}
    for cells in found.values():
        for name in moments:
            cells[name] = None if cells[name] is None else _ORIGIN + timedelta(microseconds=cells[name])
    return {row: said_by(kind, cells) for row, cells in found.items()}


def said_by(kind: Kind, cells: dict[str, Any]) -> str:
    """A row of the lake in short; amounts as people write them."""
    currency = cells.get("currency")
    said = []
    for name in lake_types(kind):
        value = cells.get(name)
        if value is None or name in _SILENT:
            continue
        if name.endswith("_minor"):
            places = exponent(currency) if currency else 2
            value = f"{int(value) / 10**places:.{places}f} {currency or ''}".rstrip()
        said.append(f"{name.removesuffix('_minor')}={value}")
    return ", ".join(said)[:_LONGEST]
