"""Saved audiences, and what was said of how many people sets of people have."""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import delete, insert, select

from shopkeeper.core.kept import Kept
from shopkeeper.data.store.database import Database
from shopkeeper.data.store.tables import audience_figures, audiences

_REMEMBERED: Final = 300
"""So many counts and so many lists are remembered, the newest."""
Bits = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """An audience with a name: its rule as JSON, and what its people must have agreed to."""

    id: str
    name: str
    rule: Mapping[str, Any]
    purpose: str
    changed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """What was said of a set of people (bits by person number); None: fewer than the floor."""

    members: Bits
    people: int | None


class AudienceBook:
    """What marketers asked for. Figures asked for lately stay in memory."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._figures: Kept[Sequence[Figure]] = Kept()
        self.figures_written = 0
        """How many counts this process has written."""

    def save(self, saved: Saved) -> None:
        """Keep an audience, or change the one of the same id."""
        row = {"id": saved.id, "name": saved.name, "rule": dict(saved.rule), "purpose": saved.purpose,
               "changed_at": saved.changed_at}  # fmt: skip
        made = self._database.insert_into(audiences)
        fresh = {name: made.excluded[name] for name in row if name != "id"}
        self._database.write(made.on_conflict_do_update(index_elements=["id"], set_=fresh), [row])

    def find(self, audience_id: str) -> Saved | None:
        """The audience of an id; None where there is none."""
        return next((saved for saved in self.list() if saved.id == audience_id), None)

    def delete(self, audience_id: str) -> bool:
        """Remove an audience; whether there was one."""
        with self._database.transaction() as connection:
            return bool(connection.execute(delete(audiences).where(audiences.c.id == audience_id)).rowcount)

    def figures(self) -> Sequence[Figure]:
        """The counts that were said, oldest first."""
        return self._figures.at(self._database.generation(), self._read_figures)

    def _read_figures(self) -> Sequence[Figure]:
        table = audience_figures
        rows = self._database.read(select(table).where(table.c.audience == "").order_by(table.c.seq))
        return tuple(Figure(members=_bits(row.members), people=row.people) for row in rows)

    def remember(self, members: Bits, people: int | None, *, at: datetime, audience: str = "") -> None:
        """Keep a count that was said, or (with ``audience``) a list that was handed out."""
        table = audience_figures
        row = {"members": zlib.compress(members.tobytes(), 1), "people": people, "audience": audience, "at": at}
        kind = table.c.audience == "" if not audience else table.c.audience != ""
        kept = select(table.c.seq).where(kind).order_by(table.c.seq.desc()).limit(_REMEMBERED)
        with self._database.transaction() as connection:
            connection.execute(insert(table), [row])
            connection.execute(delete(table).where(kind, table.c.seq.not_in(kept)))
        self.figures_written += not audience

    def lists(self, *, other_than: str) -> Sequence[Bits]:
        """The lists of other audiences that were handed out."""
        table = audience_figures
        asked = select(table.c.members).where(table.c.audience.not_in(["", other_than])).order_by(table.c.seq)
        return [_bits(row.members) for row in self._database.read(asked)]

    def list(self) -> list[Saved]:
        """All of them by name."""
        rows = self._database.read(select(audiences).order_by(audiences.c.name, audiences.c.id))
        return [Saved(id=r.id, name=r.name, rule=r.rule, purpose=r.purpose, changed_at=r.changed_at) for r in rows]


def _bits(packed: bytes) -> Bits:
    return np.frombuffer(zlib.decompress(packed), np.uint8)
