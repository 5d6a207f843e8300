"""Rows of a source on their way to SQL: written to the scratch folder piece by piece, so that no file is held whole."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from shopkeeper.data.rows import LINE

SIZE: Final = 20_000
"""Rows of a piece."""


@dataclass(slots=True)
class Chunks:
    """Pieces of one file; their columns may differ."""

    folder: Path
    files: list[Path] = field(default_factory=list)
    names: dict[str, None] = field(default_factory=dict)

    def add(
        self, lines: Sequence[int], rows: Sequence[Mapping[str, str | None]], names: Sequence[str] | None = None
    ) -> None:
        """Keep some rows. ``names``: their columns, where they are the same in each piece."""
        its = list(names) if names is not None else list(dict.fromkeys(name for one in rows for name in one))
        self.names.update(dict.fromkeys(its))
        columns = {name: pa.array([one.get(name) for one in rows], pa.string()) for name in its}
        path = self.folder / f"piece_{len(self.files):06}.parquet"
        pq.write_table(pa.table({LINE: pa.array(lines, pa.int64()), **columns}), path, compression="lz4")
        self.files.append(path)

    @property
    def relation(self) -> str:
        """All pieces in order, as one table expression; a column that a piece lacks is NULL in it."""
        listing = ", ".join("'" + str(path).replace("'", "''") + "'" for path in self.files)
        return f"read_parquet([{listing}], union_by_name=true)"
