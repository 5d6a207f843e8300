"""Where an interrupted learning goes on: arrays and JSON in one folder, replaced as a whole after every epoch."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shopkeeper.learn.recommend.sequence.sequences import Sequences


def fingerprint(known: Sequences, facts: Mapping[str, Any]) -> str:
    """A name for what is being learned from what, so that a checkpoint is never used for something else."""
    mark = hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode())
    mark.update(known.offsets.tobytes())
    mark.update(known.item.tobytes())
    return mark.hexdigest()[:24]


class Checkpoint:
    """``<folder>/<mark>.npz``; a folder of "" keeps nothing."""

    def __init__(self, folder: str, mark: str) -> None:
        self.path = Path(folder) / f"{mark}.npz" if folder else None

    def write(self, arrays: Mapping[str, NDArray[Any]], facts: Mapping[str, Any]) -> None:
        if self.path is None:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        beside = self.path.with_suffix(".part")
        with beside.open("wb") as file:
            text = np.frombuffer(json.dumps(facts).encode(), np.uint8)
            np.savez(file, facts=text, **arrays)  # type: ignore[arg-type]  # numpy's stub takes keywords for its switch
        beside.replace(self.path)

    def read(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]] | None:
        """What was kept last, or None; a damaged file is none."""
        if self.path is None or not self.path.is_file():
            return None
        try:
            with np.load(self.path, allow_pickle=False) as held:
                arrays = {name: held[name] for name in held.files}
            return arrays, json.loads(arrays.pop("facts").tobytes())
        except (OSError, ValueError, KeyError):
            return None

    def remove(self) -> None:
        """It is done: nothing is left to go on with."""
        if self.path is not None:
            self.path.unlink(missing_ok=True)
