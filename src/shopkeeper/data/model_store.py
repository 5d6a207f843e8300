"""Trained models on disk: arrays as .npy, facts as JSON, texts as Parquet; no pickle anywhere.

``models/<version>/`` is written beside its final place, synced, renamed, and only then named in ``models/current``:
a reader sees a whole version or the one before. Arrays are memory-mapped, so loading costs what is used.
"""

import json
import os
import re
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from shopkeeper.core.errors import DataError, NotFound, Unavailable
from shopkeeper.core.histories import Catalogue, Histories
from shopkeeper.core.identity import NO_RUNS, Runs
from shopkeeper.data.disk import digest, fsync_dir, fsync_file, fsync_tree
from shopkeeper.data.kill_points import reached
from shopkeeper.data.storing import storing

MANIFEST: Final = "manifest.json"
_CURRENT: Final = "current"
_VERSION: Final = re.compile(r"[\w.-]{1,100}")
_LEFT_SECONDS: Final = 86_400
_PAGE: Final = frozenset({"version", "moment", "received_until", "report", "models", "files"})


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredModel:
    """One model as parts: its class by path, settings, JSON facts and arrays."""

    use: str
    """Path of the model class, ``recommend.item_knn.ItemKNNModel``."""
    facts: Mapping[str, Any]
    arrays: Mapping[str, NDArray[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """Everything one training run leaves for serving."""

    version: str
    moment: datetime
    """Training knows nothing from this moment on."""
    received_until: datetime
    """When the newest fact that training knows was received; serving folds what came later."""
    models: Mapping[str, StoredModel]
    catalogue: Catalogue
    histories: Histories
    """Of the people who agreed to personalisation, until ``moment``."""
    report: Mapping[str, Any]
    runs: Runs = NO_RUNS
    """Who signed in on the browsers of those people, until ``moment``."""


class ModelStore:
    """The folder ``models`` of a shop."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def versions(self) -> list[str]:
        """Version names, oldest first."""
        return sorted(path.parent.name for path in self.folder.glob(f"*/{MANIFEST}") if path.parent.suffix != ".part")

    def current(self) -> str | None:
        """The version that answers now; None before the first training.

        Raises:
            DataError: the file that names it holds no name (``model_damaged``).
        """
        path = self.folder / _CURRENT
        try:
            version = path.read_text("utf-8").strip()
        except FileNotFoundError:
            return None
        except UnicodeDecodeError as error:
            raise DataError("model_damaged", file=str(path)) from error
        if not _VERSION.fullmatch(version):
            raise DataError("model_damaged", file=str(path))
        return version

    def manifest(self, version: str) -> dict[str, Any]:
        """The JSON page of a version.

        Raises:
            NotFound: there is no such version.
            DataError: it is there but cannot be read (``model_damaged``).
        """
        path = self.folder / version / MANIFEST
        try:
            found: dict[str, Any] = json.loads(path.read_text("utf-8"))
        except FileNotFoundError:
            raise NotFound("unknown_version", version=version, known=", ".join(self.versions()) or "-") from None
        except ValueError as error:
            raise DataError("model_damaged", file=str(path)) from error
        if not isinstance(found, dict) or not found.keys() >= _PAGE:
            raise DataError("model_damaged", file=str(path))
        return found

    def save(self, bundle: Bundle, *, keep: int) -> None:
        """Write a version completely, then make it current, then remove the oldest beyond ``keep``.

        Raises:
            Unavailable: the disk is full or failed; the versions are those from before.
        """
        final = self.folder / bundle.version
        part = final.with_suffix(".part")
        shutil.rmtree(part, ignore_errors=True)
        try:
            with storing(self.folder):
                self._write(bundle, part)
        except Unavailable:
            shutil.rmtree(part, ignore_errors=True)
            raise
        reached("models.written")
        part.rename(final)
        fsync_dir(self.folder)
        reached("models.renamed")
        self.make_current(bundle.version)
        self._trim(keep)

    def _write(self, bundle: Bundle, part: Path) -> None:
        part.mkdir(parents=True)
        for name, model in bundle.models.items():
            _save_arrays(part / name, model.arrays)
        pq.write_table(_catalogue_table(bundle.catalogue), part / "catalogue.parquet")
        _save_arrays(part / "histories", _histories_arrays(bundle.histories))
        _save_arrays(part / "runs", _runs_arrays(bundle.runs))
        pq.write_table(
            pa.table({"person": pa.array(bundle.histories.people.tolist(), pa.string())}), part / "people.parquet"
        )
        manifest = {
            "version": bundle.version, "moment": bundle.moment.isoformat(), "report": bundle.report,
            "received_until": bundle.received_until.isoformat(),
            "models": {name: {"use": model.use, "facts": model.facts} for name, model in bundle.models.items()},
            "files": {str(path.relative_to(part)): digest(path) for path in sorted(part.rglob("*")) if path.is_file()},
        }  # fmt: skip
        (part / MANIFEST).write_text(json.dumps(manifest, ensure_ascii=False, indent=1), "utf-8")
        fsync_tree(part)

    def current_since(self) -> float | None:
        """When the version that answers was chosen, in seconds since 1970; None before the first training."""
        try:
            return (self.folder / _CURRENT).stat().st_mtime
        except FileNotFoundError:
            return None

    def take(self, other: "ModelStore", version: str) -> None:
        """Move a version in from a store on the same disk, and make it current."""
        (other.folder / version).rename(self.folder / version)
        fsync_dir(self.folder)
        self.make_current(version)

    def make_current(self, version: str) -> None:
        """Name the version that answers, atomically.

        Raises:
            NotFound: there is no such version.
        """
        self.manifest(version)
        fresh = self.folder / f"{_CURRENT}.part"
        fresh.write_text(version, "utf-8")
        fsync_file(fresh)
        reached("models.named")
        os.replace(fresh, self.folder / _CURRENT)  # noqa: PTH105 - the atomic call, by its own name
        fsync_dir(self.folder)
        reached("models.swapped")

    def _trim(self, keep: int) -> None:
        current = self.current()
        old = [version for version in self.versions() if version != current][: -max(keep - 1, 1)]
        for version in old:
            (self.folder / version / MANIFEST).unlink(missing_ok=True)  # first: half a version must not look like one
            reached("models.trimming")
            shutil.rmtree(self.folder / version, ignore_errors=True)
        limit = time.time() - _LEFT_SECONDS
        for left in self.folder.iterdir():  # by a training or a trimming that was killed
            whole = left.suffix != ".part" and (left / MANIFEST).exists()
            if left.is_dir() and not whole and left.stat().st_mtime < limit:
                shutil.rmtree(left, ignore_errors=True)

    def load(self, version: str, *, verify: bool = True) -> Bundle:
        """A version with its arrays memory-mapped.

        Raises:
            NotFound: no such version.
            DataError: a file is missing or its bytes are not those that were written (``model_damaged``).
        """
        folder = self.folder / version
        manifest = self.manifest(version)
        if verify:
            _verify(folder, manifest["files"])
        histories: dict[str, Any] = dict(_load_arrays(folder / "histories"))
        people = np.array(pq.read_table(folder / "people.parquet").column("person").to_pylist(), object)
        return Bundle(
            version=version, moment=datetime.fromisoformat(manifest["moment"]), report=manifest["report"],
            received_until=datetime.fromisoformat(manifest["received_until"]),
            models={
                name: StoredModel(use=model["use"], facts=model["facts"], arrays=_load_arrays(folder / name))
                for name, model in manifest["models"].items()
            },
            catalogue=_catalogue(pq.read_table(folder / "catalogue.parquet")),
            histories=Histories(people=people, **histories), runs=_runs(folder / "runs"),
        )  # fmt: skip

    def model(self, version: str, name: str) -> StoredModel | None:
        """One model of a version, with its arrays memory-mapped; None where the version has no such model.

        Raises:
            NotFound: no such version.
        """
        known = self.manifest(version)["models"].get(name)
        if known is None:
            return None
        arrays = _load_arrays(self.folder / version / name)
        return StoredModel(use=known["use"], facts=known["facts"], arrays=arrays)

    def forget_people(self, gone: set[str]) -> int:
        """Take people out of every version's histories and of who signed in where; the files are rewritten. Returns how
        many rows of histories went."""
        rows, mark = 0, "visitor:"
        browsers = {person.removeprefix(mark) for person in gone if person.startswith(mark)}
        for version in self.versions():
            bundle = self.load(version, verify=False)
            stay = np.array([person not in gone for person in bundle.histories.people.tolist()], bool)
            runs = bundle.runs.without(browsers, gone)
            if stay.all() and len(runs) == len(bundle.runs):
                continue
            rows += int((~stay).sum())
            histories = bundle.histories.rows(np.flatnonzero(stay))
            self._replace_people(version, replace(histories, people=bundle.histories.people[stay]), runs)
        return rows

    def _replace_people(self, version: str, histories: Histories, runs: Runs) -> None:
        folder = self.folder / version
        _save_arrays(folder / "histories", _histories_arrays(histories))
        _save_arrays(folder / "runs", _runs_arrays(runs))
        people = pa.table({"person": pa.array(histories.people.tolist(), pa.string())})
        pq.write_table(people, folder / "people.parquet")
        manifest = self.manifest(version)
        for name in manifest["files"]:
            if name == "people.parquet" or name.startswith(("histories/", "runs/")):
                manifest["files"][name] = digest(folder / name)
        fresh = folder / f"{MANIFEST}.part"
        fresh.write_text(json.dumps(manifest, ensure_ascii=False, indent=1), "utf-8")
        for path in folder.rglob("*"):
            if path.is_file():
                fsync_file(path)
        os.replace(fresh, folder / MANIFEST)  # noqa: PTH105 - the atomic call, by its own name
        fsync_dir(folder)


def _verify(folder: Path, files: Mapping[str, str]) -> None:
    for name, wanted in files.items():
        path = folder / name
        if not path.is_file() or digest(path) != wanted:
            raise DataError("model_damaged", file=str(path))


def _save_arrays(folder: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """One .npy an array, written under another name first: a reader may have the old file mapped."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in arrays.items():
        fresh = folder / f"{name}.part"
        with fresh.open("wb") as file:
            np.save(file, np.ascontiguousarray(array), allow_pickle=False)
        fresh.replace(folder / f"{name}.npy")


def _load_arrays(folder: Path) -> dict[str, NDArray[Any]]:
    """Every array of a folder, memory-mapped.

    Raises:
        DataError: one of them cannot be read (``model_damaged``).
    """
    found: dict[str, NDArray[Any]] = {}
    for path in sorted(folder.glob("*.npy")):
        try:
            found[path.stem] = np.load(path, mmap_mode="r", allow_pickle=False).view(np.ndarray)
        except (ValueError, EOFError) as error:
            raise DataError("model_damaged", file=str(path)) from error
    return found


def _histories_arrays(histories: Histories) -> dict[str, NDArray[Any]]:
    names = ("offsets", "product", "at", "action", "quantity", "price", "order")
    return {name: getattr(histories, name) for name in names}


def _runs_arrays(runs: Runs) -> dict[str, NDArray[Any]]:
    return {"visitor": runs.visitor, "customer": runs.customer, "at": runs.at}


def _runs(folder: Path) -> Runs:
    """Who signed in where; nobody in a version of an older release."""
    return Runs(**_load_arrays(folder)) if folder.is_dir() else NO_RUNS


def _catalogue_table(catalogue: Catalogue) -> pa.Table:
    texts = {"id": catalogue.ids, "name": catalogue.names, "brand": catalogue.brands}
    if catalogue.tags is not None:
        texts["tags"] = catalogue.tags
    texts |= {f"category_{level}": column for level, column in enumerate(catalogue.categories, 1)}
    columns = {name: pa.array(list(values), pa.string()) for name, values in texts.items()}
    return pa.table(columns | {"price": catalogue.price, "cost": catalogue.cost, "in_stock": catalogue.in_stock})


def _catalogue(table: pa.Table) -> Catalogue:
    def text(name: str) -> NDArray[Any]:
        return np.array(table.column(name).to_pylist(), object)

    levels = [name for name in table.column_names if name.startswith("category_")]
    return Catalogue(
        ids=text("id"), names=text("name"), brands=text("brand"), categories=tuple(text(name) for name in levels),
        price=table.column("price").to_numpy(), cost=table.column("cost").to_numpy(),
        in_stock=table.column("in_stock").to_numpy(zero_copy_only=False),
        tags=text("tags") if "tags" in table.column_names else None,
    )  # fmt: skip
