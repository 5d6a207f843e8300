"""Of whom a file tells what the shop knows already."""

from collections.abc import Mapping
from typing import Any, Final

from shopkeeper.data.cleaning.columns import Kind
from shopkeeper.data.marks import DUPLICATE

PERSON_KEYS: Final[Mapping[str, str]] = {
    "customers": "id",
    **dict.fromkeys(("events", "order_lines"), "coalesce(customer, 'visitor:' || visitor)"),
}
"""By kind of row: SQL of the person it is of. A browser speaks for itself, whoever it belongs to."""


def people_again(con: Any, kind: Kind) -> tuple[str, ...]:
    """The people of the staged rows that are marked as duplicates, in order."""
    key = PERSON_KEYS.get(kind)
    if key is None:
        return ()
    twice = f"SELECT row FROM marks WHERE what = {DUPLICATE}"
    theirs = f"SELECT DISTINCT {key} AS person FROM whole WHERE code = 0 AND row IN ({twice})"
    found = con.execute(f"SELECT person FROM ({theirs}) ORDER BY 1").fetchall()
    return tuple(person for (person,) in found if person)
