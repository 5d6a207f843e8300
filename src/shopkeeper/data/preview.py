"""What an import would do with the first rows of a file, without doing it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from shopkeeper.data.cleaning.columns import Kind
from shopkeeper.data.rows import Warn


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewRow:
    """One row: where it stands, what would become of it, and what it was read as."""

    line: int
    fate: Literal["kept", "duplicate", "quarantined"]
    reason: str = ""
    facts: Mapping[str, str | int | float] = field(default_factory=dict)
    values: Mapping[str, Any] = field(default_factory=dict)
    """The lake's columns that would be filled; of a held row, its cells as they came."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """The first rows of one kind in a file."""

    file: str
    kind: Kind
    format: str
    rows: tuple[PreviewRow, ...]
    warnings: tuple[Warn, ...] = ()
