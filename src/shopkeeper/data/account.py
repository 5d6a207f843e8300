"""The account of an import: every row that was read is kept, a duplicate, or in quarantine."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from shopkeeper.data.rows import Warn


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What became of every row of an import: ``read == kept + duplicate + quarantined``."""

    import_id: str
    file: str
    kind: str
    read: int = 0
    kept: int = 0
    duplicate: int = 0
    quarantined: int = 0
    orders: int = 0
    """New order events made from order lines."""
    by_reason: Mapping[str, int] = field(default_factory=dict)
    warnings: tuple[Warn, ...] = ()
    seconds: float = 0.0
    format: str = ""
    """The known format that the file was recognised as."""
    again: tuple[str, ...] = field(default=(), repr=False)
    """The person keys of rows that were duplicates, where it was asked for whom a file names."""
    replayed: str = ""
    """The import whose held rows were tried again."""

    def __post_init__(self) -> None:
        if self.read != self.kept + self.duplicate + self.quarantined:
            raise AssertionError(f"the account of {self.file} does not add up: {self}")
