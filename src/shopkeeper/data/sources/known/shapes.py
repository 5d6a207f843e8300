"""Plain files whose rows are not yet rows of a table: stock levels, attributes of which each has its column."""

from collections.abc import Sequence
from typing import Final

from shopkeeper.core.errors import DataError
from shopkeeper.data.cleaning.columns import Kind, match
from shopkeeper.data.cleaning.values import quoted
from shopkeeper.data.mapping import MapFile
from shopkeeper.data.rows import Rows, identifier
from shopkeeper.data.sources.known.format import Known, Part

PLAIN: Final = Known(name="", needs=(), parts=())
"""No format: the file's own columns, trimmed."""
_SHARED: Final = ("customer", "origin", "consent", "consent_source", "at")


def shaped(kind: Kind, rows: Rows, mapping: MapFile, file: str) -> Part | None:
    """How the rows of a plain file become rows of a table; None where they are such rows already.

    Raises:
        DataError: a needed column is missing.
    """
    if kind == "stock":
        return _stock(rows, mapping, file)
    if kind == "attributes" and is_wide(rows.columns, mapping):
        return _attributes(rows, mapping)
    return None


def is_wide(columns: Sequence[str], mapping: MapFile) -> bool:
    """Whether a file of attributes has a column for each of them, and not one for their names."""
    try:
        found = match("attributes", columns, mapping, "", partly=True).theirs
    except DataError:
        return False  # the map names columns of another kind
    needed = all(name in found or name in mapping.constants for name in ("customer", "origin", "consent"))
    return needed and not {"name", "value"} <= {*found, *mapping.constants}


def _stock(rows: Rows, mapping: MapFile, file: str) -> Part:
    theirs = match("stock", rows.columns, mapping, file).theirs

    def cell(name: str) -> str:
        constant = mapping.constants.get(name)
        return quoted(constant) if constant is not None else identifier(theirs[name]) if name in theirs else "NULL"

    ours = {"product": "product", "level": "quantity", "at": "at"}
    columns = {our: theirs[name] for name, our in ours.items() if name in theirs and name not in mapping.constants}
    named = {name: identifier(columns.get(our, our)) for name, our in ours.items()}
    at = cell("at") if cell("at") != "NULL" else "{now}"
    place = f"to_json({{{{location: {cell('location')}}}}})::VARCHAR" if cell("location") != "NULL" else "NULL"
    return Part(
        kind="events",
        select=f"SELECT {{line}}, 'stock_change' AS action, {cell('product')} AS {named['product']}, "
        f"{cell('level')} AS {named['level']}, {place} AS properties, {at} AS {named['at']} FROM {{rows}}",
        columns=columns,
    )


def _attributes(rows: Rows, mapping: MapFile) -> Part:
    found = match("attributes", rows.columns, mapping, "", partly=True).theirs
    shared = {name: found[name] for name in _SHARED if name in found}
    others = [name for name in rows.columns if name not in shared.values()]
    if not others:
        raise DataError("column_missing", file="", name="name", found=", ".join(rows.columns), hint="-")
    cells = "".join(f", {identifier(their)} AS {identifier(name)}" for name, their in shared.items())
    names, values = ", ".join(map(quoted, others)), ", ".join(map(identifier, others))
    return Part(
        kind="attributes",
        select=f"SELECT * FROM (SELECT {{line}}{cells}, unnest([{names}]) AS name, unnest([{values}]) AS value "
        "FROM {rows}) WHERE value IS NOT NULL",
    )
