"""What a file is: a known format, or a kind that its columns tell. What is not certain is asked, never guessed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from shopkeeper.core.errors import DataError
from shopkeeper.data.cleaning.columns import COLUMNS, KINDS, Kind, match
from shopkeeper.data.detection import dated
from shopkeeper.data.mapping import MapFile
from shopkeeper.data.rows import Rows, Warn
from shopkeeper.data.sources.header import looks_like_data
from shopkeeper.data.sources.known import recognise
from shopkeeper.data.sources.known.format import Known, Part, part_rows
from shopkeeper.data.sources.known.shapes import PLAIN, is_wide, shaped


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Rows of one kind in a file, and how they are read."""

    kind: Kind
    rows: Rows
    mapping: MapFile
    orders: bool = True
    derived: bool = False
    format: str = ""


def find(con: Any, rows: Rows, kind: Kind | None, mapping: MapFile, file: str, now: datetime) -> Iterator[Found]:
    """What a file holds, part by part; each must be taken before the next is asked for.

    A map file that names columns is believed: then no known format is looked for.

    Raises:
        DataError: no kind fits its columns, or more than one does.
    """
    known = None if mapping.columns else recognise(rows.columns)
    parts = [] if known is None else [part for part in known.parts if kind in (None, part.kind, part.of)]
    if known is not None and parts:
        yield from _parts(con, known, parts, rows, mapping, now, file)
        return
    if not mapping.columns and looks_like_data(rows.columns):
        raise DataError("header_missing", file=file, found=", ".join(rows.columns)[:200])
    certain = kind or kind_of(rows.columns, mapping, file)
    said = () if kind else (Warn(key="kind_found", facts={"kind": certain}),)
    rows = replace(rows, warnings=(*said, *rows.warnings))
    part = shaped(certain, rows, mapping, file)
    if part is not None:
        loaded = PLAIN.load(con, rows)
        plain = replace(mapping, columns=part.columns)
        yield Found(kind=part.kind, rows=part_rows(con, part, loaded, now, main=True), mapping=plain)
        return
    yield Found(kind="order_lines" if certain == "baskets" else certain, rows=rows, mapping=mapping)


def _parts(
    con: Any, known: Known, parts: Sequence[Part], rows: Rows, mapping: MapFile, now: datetime, file: str
) -> Iterator[Found]:
    declared = {name: value for name, value in known.declared.items() if not getattr(mapping, name)}
    mapping = replace(mapping, free=True, **declared)  # type: ignore[arg-type]  # only texts are declared
    loaded = known.load(con, rows)
    said = (Warn(key="format_found", facts={"name": known.name}), *known.skips(con))
    if known.dated and not mapping.date_format:
        mapping, found = dated(con, loaded, known.dated, mapping, file)
        said += found
    loaded = replace(loaded, warnings=(*said, *loaded.warnings))
    for number, part in enumerate(parts):
        main, dates = number == len(parts) - 1, mapping.date_format
        its = part_rows(con, part, loaded, now, main=main, dates=dates)
        yield Found(
            kind=part.kind, rows=its, orders=part.orders, derived=part.derived, format=known.name,
            mapping=replace(mapping, returns=part.returns or mapping.returns),
        )  # fmt: skip


def kind_of(columns: Sequence[str], mapping: MapFile, file: str) -> Kind:
    """The one kind whose needed columns are all there, and of which most columns are.

    Raises:
        DataError: there is none, or two fit equally well.
    """
    if is_wide(columns, mapping):
        return "attributes"
    fits = {kind: size for kind in KINDS if (size := _size(kind, columns, mapping, file))}
    best = [kind for kind, size in fits.items() if size == max(fits.values())]
    if not best:
        raise DataError("kind_unknown", file=file, found=", ".join(columns), allowed=", ".join(KINDS))
    if len(best) > 1:
        raise DataError("kind_unclear", file=file, found=", ".join(columns), allowed=", ".join(best))
    return best[0]


def _size(kind: Kind, columns: Sequence[str], mapping: MapFile, file: str) -> int:
    """How many columns of a kind are there; 0 where a needed one is not, or nothing but an id."""
    try:
        theirs = match(kind, columns, mapping, file).theirs
    except DataError:
        return 0
    needed = sum(column.required for column in COLUMNS[kind])
    size = len(theirs) + sum(name in mapping.constants for name in (column.name for column in COLUMNS[kind]))
    return size if size > 1 or needed > 1 else 0
