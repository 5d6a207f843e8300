"""A commit of a Delta table that is on disk, whole, before anybody can see it.

delta-rs writes a commit and links it into place without syncing it: after a power cut the newest versions may be empty
files, and with them would go what the journal has already forgotten. So commits are written here: beside the table,
synced, linked under their number (which fails where it is taken), and the folder synced.
Source: Delta protocol, "Delta Log Entries", "Add File and Remove File", "Transaction Identifiers" and "Checkpoints".
"""

import json
import os
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final

from shopkeeper.data.kill_points import reached

CHECKPOINT_EVERY: Final = 50
_DIGITS: Final = 20
_KEPT_SECONDS: Final = 86_400.0
LAST: Final = "_last_checkpoint"
_COPY: Final = ".checkpoint"
"""In the name of a checkpoint, which is a copy of what the versions say."""
_MAKES: Final = '{"metaData":'
_SEAL: Final = "shopkeeperSeal"
"""A digest of a version's table, number and actions, in its own commitInfo."""

Action = Mapping[str, Any]


def add(file: Path, rows: int) -> Action:
    """A file comes in. The row count is its only statistic, so that no personal value stands in the log."""
    facts = {
        "path": file.name, "partitionValues": {}, "size": file.stat().st_size, "modificationTime": _millis(),
        "dataChange": True, "stats": json.dumps({"numRecords": rows}),
    }  # fmt: skip
    return {"add": facts}


def remove(file: Path) -> Action:
    """A file goes out."""
    facts = {
        "path": file.name, "deletionTimestamp": _millis(), "dataChange": True, "extendedFileMetadata": True,
        "partitionValues": {}, "size": file.stat().st_size,
    }  # fmt: skip
    return {"remove": facts}


def transaction(app: str, number: int) -> Action:
    """What this application has handed over so far."""
    return {"txn": {"appId": app, "version": number}}


def commit(table: Path, version: int, actions: Iterable[Action]) -> None:
    """Make a version of a table: nobody sees it before it is durable, and then it is there for good.

    Raises:
        FileExistsError: the version is there already.
        OSError: it could not be written; the version does not exist.
    """
    done = "".join(json.dumps(action, separators=(",", ":")) + "\n" for action in actions)
    said = {"timestamp": _millis(), "operation": "WRITE", "operationParameters": {"mode": "Append"}}
    seal = {_SEAL: _seal_of(table, f"{version:020}", done)}
    lines = json.dumps({"commitInfo": said | seal}, separators=(",", ":")) + "\n" + done
    part = table.with_name(f"{table.name}.commit")
    part.unlink(missing_ok=True)  # left by an end in the middle of this, it may be a version's own file under two names
    try:
        with part.open("x", encoding="utf-8") as file:
            file.write(lines)
            file.flush()
            os.fsync(file.fileno())
        reached("lake.logged")
        os.link(part, table / "_delta_log" / f"{version:020}.json")
        reached("lake.twice_named")
    finally:
        # Whether the version is there does not hang on it, and the next commit removes it first.
        with suppress(OSError):
            part.unlink(missing_ok=True)


def trim(log: Path, checkpoint: int) -> None:
    """Forget versions that a checkpoint holds, but those of the last day: each commit is a file of its own, and a shop
    makes thousands a day. Of checkpoints, which name every file that went in that day, the one before is kept too: it
    may just be read."""
    limit = time.time() - _KEPT_SECONDS
    for path in log.iterdir():
        number = path.name[:_DIGITS]
        if not number.isdigit():
            continue
        if _COPY in path.name:
            gone = int(number) < checkpoint - CHECKPOINT_EVERY
        else:
            gone = int(number) < checkpoint and path.stat().st_mtime < limit
        if gone:
            path.unlink(missing_ok=True)


def damaged(table: Path) -> Path | None:
    """The first version of a table's log that is not what was written; those of older releases bear no seal and only
    need to say something. Only the first version, which no release seals, makes a table."""
    for path in sorted((table / "_delta_log").glob("[0-9]*.json")):
        try:
            first, _, done = path.read_text("utf-8").partition("\n")
            said = json.loads(first)
        except ValueError:
            return path
        seal = said.get("commitInfo", {}).get(_SEAL)
        if seal is not None and seal != _seal_of(table, path.stem, done):
            return path
        if seal is None and int(path.stem) > 0 and _MAKES in done:
            return path
    return None


def _seal_of(table: Path, version: str, done: str) -> str:
    return blake2b(f"{table.name} {version}\n{done}".encode(), digest_size=16).hexdigest()


def _millis() -> int:
    return int(time.time() * 1000)
