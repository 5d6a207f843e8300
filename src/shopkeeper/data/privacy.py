"""A person's rows everywhere in the lake: found, handed out, removed.

Removal rewrites the files that hold the person and deletes the old ones in the same call; the Delta log keeps row
counts only, so nothing personal is left in it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import pyarrow.compute as pc

from shopkeeper.core.identity import PHONE, is_phone
from shopkeeper.core.ids import PersonKey
from shopkeeper.data.identity import Identity
from shopkeeper.data.lake import Lake, table_sql
from shopkeeper.data.schema import PERSON_COLUMNS

_KEY: Final = {"visitor": "'visitor:' || visitor"}
"""How a column becomes a person key, where it is not one."""
_END: Final = datetime(9999, 1, 1, tzinfo=UTC)
_WITHIN: Final = (
    "EXISTS (SELECT 1 FROM (SELECT unnest(?::VARCHAR[]) AS whom, unnest(?::TIMESTAMPTZ[]) AS from_at, "
    'unnest(?::TIMESTAMPTZ[]) AS until_at) t WHERE t.whom = visitor AND "at" >= t.from_at AND "at" < t.until_at)'
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A time in which a browser that others use too was somebody's: from ``from_at``, before ``until_at``."""

    visitor: str
    from_at: datetime
    until_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A customer with the browsers that were seen signed in as them, or one unknown visitor."""

    customer: str | None
    phones: tuple[str, ...] = ()
    """Telephone numbers that stand for them in orders."""
    visitors: tuple[str, ...] = ()
    """Browsers that nobody else signed in with: all that they did is this person's."""
    spans: tuple[Span, ...] = ()
    """When they used browsers that others use too."""

    @property
    def keys(self) -> tuple[PersonKey, ...]:
        """Every key that is this person's alone."""
        known = tuple(map(PersonKey, self.names))
        return known + tuple(PersonKey(f"visitor:{visitor}") for visitor in self.visitors)

    @property
    def names(self) -> tuple[str, ...]:
        """What rows call the customer."""
        return (self.customer, *self.phones) if self.customer else ()

    @property
    def shared_keys(self) -> tuple[PersonKey, ...]:
        """The keys of browsers that others use too."""
        return tuple(PersonKey(f"visitor:{visitor}") for visitor in sorted({span.visitor for span in self.spans}))


def find_person(identity: Identity, customer: str) -> Person:
    """The customer (or the one whose telephone number it is) with the browsers that were theirs, at whatever moment,
    whatever anybody agreed to."""
    customer = identity.whose(PersonKey(customer), _END)
    spans = identity.links(_END).filter(pc.field("customer") == customer).to_pylist()
    phones = [row["visitor"].removeprefix(PHONE) for row in spans if is_phone(row["visitor"])]
    pairs = identity.pairs(_END).filter(pc.field("customer").isin([customer, *phones])).to_pylist()
    alone = {
        row["visitor"]
        for row in pairs
        if row["customers"] == 1 and row["verdict"] != "unlinked" and not is_phone(row["visitor"])
    }
    shared = (row for row in spans if row["visitor"] not in alone and not is_phone(row["visitor"]))
    return Person(
        customer=customer, phones=tuple(sorted(set(phones))), visitors=tuple(sorted(alone)),
        spans=tuple(Span(visitor=row["visitor"], from_at=row["from_at"], until_at=row["until_at"]) for row in shared),
    )  # fmt: skip


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

    A visitor's nameless rows count: all of them where nobody else signed in there, else those of this person's time.
    """
    columns = PERSON_COLUMNS[table]
    if len(columns) == 1:
        return f"coalesce(list_contains(?::VARCHAR[], {columns[0]}), false)", [[*person.names]]
    nameless, values = "list_contains(?::VARCHAR[], visitor)", [[*person.visitors]]
    if person.spans:
        nameless = f"({nameless} OR {_WITHIN})"
        values += [[getattr(span, name) for span in person.spans] for name in ("visitor", "from_at", "until_at")]
    named = "coalesce(list_contains(?::VARCHAR[], customer), false)"
    sql = f"({named} OR (customer IS NULL AND coalesce({nameless}, false)))"
    return sql, [[*person.names], *values]


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
    lake.clear(table)  # what was replaced now, and before while somebody read it
    return gone


def _files_with(lake: Lake, table: str, sql: str, values: Sequence[Any]) -> list[str]:
    files = lake.files(table)
    if not files:
        return []
    with lake.connect(tables=()) as con:
        asked = f"SELECT DISTINCT filename FROM {table_sql(table, files, named=True)} WHERE {sql}"
        rows = con.execute(asked, values).fetchall()
    return [row[0] for row in rows]
