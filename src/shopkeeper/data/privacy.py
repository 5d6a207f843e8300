"""A person's rows everywhere in the lake: found, handed out, removed.

Removal rewrites the files that hold the person and deletes the old ones in the same call; the Delta log keeps row
counts only, so nothing personal is left in it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from shopkeeper.core.ids import PersonKey
from shopkeeper.data.lake import Lake
from shopkeeper.data.schema import PERSON_COLUMNS

_KEY: Final = {"visitor": "'visitor:' || visitor"}
"""How a column becomes a person key, where it is not one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A customer with the browsers that were seen signed in as them, or one unknown visitor."""

    customer: str | None
    visitors: tuple[str, ...] = ()

    @property
    def keys(self) -> tuple[PersonKey, ...]:
        """Every key under which histories of this person are kept."""
        known = (PersonKey(self.customer),) if self.customer else ()
        return known + tuple(PersonKey(f"visitor:{visitor}") for visitor in self.visitors)


def find_person(lake: Lake, customer: str) -> Person:
    """The customer with their linked visitors, from every table that joins the two."""
    with lake.connect(tables=("events", "order_lines")) as con:
        rows = con.execute(
            "SELECT DISTINCT visitor FROM (SELECT visitor, customer FROM events UNION ALL "
            "SELECT visitor, customer FROM order_lines) WHERE customer = ? AND visitor IS NOT NULL ORDER BY 1",
            [customer],
        ).fetchall()
    return Person(customer=customer, visitors=tuple(row[0] for row in rows))


def people_in(lake: Lake) -> frozenset[PersonKey]:
    """The keys of everybody of whom the lake keeps a row."""
    parts = [
        f"SELECT DISTINCT {_KEY.get(column, column)} AS person FROM {table}"
        for table, columns in PERSON_COLUMNS.items()
        for column in columns
    ]
    with lake.connect(tables=PERSON_COLUMNS) as con:
        rows = con.execute(" UNION ".join(parts)).fetchall()
    return frozenset(PersonKey(row[0]) for row in rows if row[0])


def _theirs(table: str, person: Person) -> tuple[str, list[Any]]:
    """SQL that is true for a person's rows, never NULL, with its parameters.

    A visitor's rows count only while they name no other customer: a shared browser is not one person.
    """
    columns = PERSON_COLUMNS[table]
    if len(columns) == 1:
        return f"coalesce({columns[0]} = ?, false)", [person.customer]
    unnamed = "customer IS NULL AND coalesce(list_contains(?::VARCHAR[], visitor), false)"
    sql = f"(coalesce(customer = ?, false) OR ({unnamed}))"
    return sql, [person.customer, list(person.visitors)]


def rows_of(lake: Lake, person: Person) -> dict[str, list[dict[str, Any]]]:
    """Every row about the person, by table."""
    found: dict[str, list[dict[str, Any]]] = {}
    for table in PERSON_COLUMNS:
        sql, values = _theirs(table, person)
        with lake.connect(tables=(table,)) as con:
            order = "" if table == "customers" else ' ORDER BY "at"'
            cursor = con.execute(f"SELECT * FROM {table} WHERE {sql}{order}", values)
            names = [column[0] for column in cursor.description]
            found[table] = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    return found


def erase_rows(lake: Lake, person: Person) -> dict[str, int]:
    """Remove every row about the person; rows removed by table."""
    return {table: _erase(lake, table, person) for table in PERSON_COLUMNS}


def _erase(lake: Lake, table: str, person: Person) -> int:
    sql, values = _theirs(table, person)
    files = _files_with(lake, table, sql, values)
    gone = lake.rewrite(table, files, f"NOT {sql}", values)
    lake.clear(table)  # also what was replaced before and was being read then
    return gone


def _files_with(lake: Lake, table: str, sql: str, values: Sequence[Any]) -> list[str]:
    files = lake.files(table)
    if not files:
        return []
    listing = ", ".join("'" + file.replace("'", "''") + "'" for file in files)
    source = f"read_parquet([{listing}], union_by_name=true, filename=true)"
    with lake.connect(tables=()) as con:
        rows = con.execute(f"SELECT DISTINCT filename FROM {source} WHERE {sql}", values).fetchall()
    return [row[0] for row in rows]
