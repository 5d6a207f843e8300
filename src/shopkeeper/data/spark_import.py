"""A folder of files into the lake on Spark: the same statements as of one file on one machine, the same account.

Workers read the files into texts, Spark cleans and compares them, and writes Parquet into the lake's folder; one Delta
commit a table lets it be part of the lake. Rows are numbered by file and line, so that the first of several is the
same one each time.
"""

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow.parquet as pq

from shopkeeper.core.errors import DataError
from shopkeeper.core.ids import new_id
from shopkeeper.core.ports import Progress, quiet
from shopkeeper.data.account import Account
from shopkeeper.data.cleaning.columns import Kind
from shopkeeper.data.disk import seal
from shopkeeper.data.held_pile import PIECE, HeldPile
from shopkeeper.data.import_run import ImportRun
from shopkeeper.data.importing import SOURCES, Importer, Look
from shopkeeper.data.lake import Lake
from shopkeeper.data.mapping import NO_MAPPING, MapFile
from shopkeeper.data.marking import Facts, Marking
from shopkeeper.data.rows import LINE, Rejects, Rows
from shopkeeper.data.spark import SparkBatch, lake_rows
from shopkeeper.data.spark_con import SparkConnection
from shopkeeper.data.spark_reading import FILE, Told, read_files

_TEXTS: Final = "texts"


@dataclass(frozen=True, slots=True)
class SparkFacts:
    """The lake's tables on a connection."""

    con: SparkConnection
    lake: Lake

    def files(self, name: str) -> list[str]:
        """See ``Facts.files``."""
        return self.lake.files(name)

    def relation_sql(self, name: str) -> str:
        """See ``Facts.relation_sql``."""
        lake_rows(self.con.session, self.lake, name).createOrReplaceTempView(f"lake_{name}")
        return f"lake_{name}"


@dataclass(frozen=True, slots=True)
class SparkMarking(Marking):
    """The marks of an import, without bringing a number of each row to one machine."""

    def find_repeated(self, name: str, what: str, rows: str, size: type[np.unsignedinteger[Any]]) -> bool:  # noqa: ARG002  # Spark's numbers have one size
        """See ``Marking.find_repeated``."""
        same = f"SELECT its FROM (SELECT {what} AS its FROM {rows}) GROUP BY its HAVING count(*) > 1"
        self.con.execute(f"CREATE OR REPLACE TABLE {name} AS {same}")
        return bool(self.con.execute(f"SELECT 1 FROM {name} LIMIT 1").fetchall())


@dataclass(slots=True, kw_only=True)
class SparkRun(ImportRun):
    """One import while it lasts, on Spark."""

    MARKING = SparkMarking

    @property
    def facts(self) -> Facts:
        """See ``ImportRun.facts``."""
        return SparkFacts(self.con, self.lake)

    def _placed_sql(self, rows: Rows, rejects: Rejects) -> str:  # noqa: ARG002  # rows of files are always numbered
        return f"(SELECT *, {LINE} % {FILE} AS place FROM whole)"

    def _place_sql(self) -> str:
        return LINE

    def _copy(self, name: str, select: str) -> int:
        written = self.scratch / f"out_{name}"
        self.con.frame(select).write.option("compression", "zstd").parquet(str(written))
        count, files = 0, []
        for part in sorted(written.glob("*.parquet")):
            rows = pq.read_metadata(part).num_rows
            if rows:
                count += rows
                files.append(part.rename(self.lake.stage_path(name)))
        if files:
            self.files[name] = [self.sealing.submit(seal, file) for file in files]
        return count


@dataclass(frozen=True, slots=True, kw_only=True)
class SparkImporter:
    """Imports of folders. ``importer``: what imports single files, and what the shop declares about itself."""

    importer: Importer
    batch: SparkBatch

    def take(
        self, folder: Path, kind: Kind | None = None, *, mapping: MapFile = NO_MAPPING, source: str = "",
        progress: Progress = quiet, kept_with: Mapping[str, Any] | None = None,
    ) -> list[Account]:  # fmt: skip
        """Import all files of a folder as one: what stands in two of them is a duplicate, an order may be in several.
        Files of a known format, and those whose rows must be made first, are imported one after the other here.

        Raises:
            DataError: there is no file in it, or one cannot be read as a whole or has other columns than the first;
                nothing was stored.
        """
        files, source = files_of(folder), source or f"file:{folder.name}"
        look = self.importer.look(files[0], kind, mapping=mapping)
        if look is None:
            taken = (
                self.importer.take(file, kind, mapping=mapping, source=source, progress=progress, kept_with=kept_with)
                for file in files
            )
            return [account for accounts in taken for account in accounts]
        return [self._take(folder, files, look, source, progress, kept_with)]

    def _take(
        self, folder: Path, files: Sequence[Path], look: Look, source: str, progress: Progress,
        kept_with: Mapping[str, Any] | None,
    ) -> Account:  # fmt: skip
        started = time.perf_counter()
        run = self._start(folder, look, source, progress)
        run.naming = "purposes" in (kept_with or {})
        with closing(run):
            run.con.execute(f"SET TimeZone='{look.reading.timezone}'")
            account, held = run.take(self._read(run, files, look))
            run.adopt()
            warnings = (*account.warnings, *run.told_after())
            by_file = [HeldPile(run.scratch, piece=1 + PIECE // len(files)) for _ in files]
            for one in held:
                number, line = divmod(one.line or 0, FILE)
                by_file[number].append(replace(one, line=line))
            for file, its in zip(files, by_file, strict=True):
                if len(its):
                    self.importer.hold(its, account, file, run, kept_with)
        return replace(account, warnings=warnings, seconds=time.perf_counter() - started)

    def _start(self, folder: Path, look: Look, source: str, progress: Progress) -> SparkRun:
        importer, name, hold = self.importer, new_id("i"), ExitStack()
        hold.enter_context(importer.lake.staging())
        scratch = importer.lake.folder.parent / "tmp" / name
        for made in ("tables", _TEXTS):
            (scratch / made).mkdir(parents=True)
        return SparkRun(
            id=name, lake=importer.lake, path=folder, kind=look.kind, mapping=look.mapping, source=source,
            reading=look.reading, scratch=scratch, progress=progress, sealing=ThreadPoolExecutor(importer.threads),
            con=SparkConnection(self.batch.session(), scratch / "tables"), hold=hold,
        )  # fmt: skip

    def _read(self, run: SparkRun, files: Sequence[Path], look: Look) -> Rows:
        """The files as one table of texts."""
        texts = (run.scratch / _TEXTS).absolute()
        told = Told(
            columns=look.rows.columns, texts=look.texts, mapping=look.mapping, timezone=look.reading.timezone,
            folder=texts,
        )  # fmt: skip
        read = read_files(run.con.session, files, told)
        run.con.session.read.parquet(str(texts)).createOrReplaceTempView(_TEXTS)
        return replace(
            look.rows, relation=_TEXTS, numbered=True, plain=read.plain, strange=read.strange, held=read.held,
            open_end=0, rejects=list,
        )  # fmt: skip


def files_of(folder: Path) -> list[Path]:
    """The files of a folder and of those in it that can be imported, by name.

    Raises:
        DataError: there is none.
    """
    files = (path for path in folder.rglob("*") if path.is_file() and path.suffix.lower() in SOURCES)
    found = sorted(path for path in files if not path.name.startswith((".", "_")))
    if not found:
        raise DataError("folder_empty", folder=str(folder), allowed=", ".join(SOURCES))
    return found
