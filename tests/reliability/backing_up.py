"""Backups of a shop while a process takes events and drains; each restored copy is asked for what was acknowledged."""

import shutil
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from batches import Found, look, new_shop
from writing import writer

from shopkeeper.shop import backups
from shopkeeper.shop.doctor import examine

_NOT_DAMAGE = ("sync_memory", "no_space")
"""What the doctor says of the disk and not of the files."""
_BETWEEN = 3
"""How many batches are acknowledged between two backups at least."""


@dataclass(slots=True)
class BackedUp:
    """Backups, what was acknowledged before they began in all, and what their restored copies held."""

    backups: int = 0
    acknowledged: int = 0
    meanwhile: int = 0
    """Batches that were acknowledged while backups were made."""
    found: Found = field(default_factory=Found)
    sick: int = 0
    """Restored shops of which the doctor says that something is wrong."""
    seconds: list[float] = field(default_factory=list)
    """How long a backup took."""

    def add(self, other: "BackedUp") -> None:
        self.backups += other.backups
        self.acknowledged += other.acknowledged
        self.meanwhile += other.meanwhile
        self.found.add(other.found)
        self.sick += other.sick
        self.seconds += other.seconds


def under_load(aside: Path, rounds: int) -> BackedUp:
    """Back a shop up again and again while it is written; then restore each backup and look."""
    shop, before, total = new_shop(aside / "shop"), [], BackedUp()
    with writer(shop, 0) as running:
        for number in range(rounds):
            assert running.wait_for(len(running.acknowledged) + _BETWEEN), "no batch was acknowledged"
            before.append(list(running.acknowledged))
            began = time.perf_counter()
            backups.backup(shop, aside / f"backup-{number}")
            total.seconds.append(time.perf_counter() - began)
            running.listen(0.05)
            total.meanwhile += len(running.acknowledged) - len(before[-1])
    for number, acknowledged in enumerate(before):
        total.add(_restored(aside / f"backup-{number}", aside / "again", acknowledged))
    shutil.rmtree(shop)
    return total


def _restored(backup: Path, again: Path, acknowledged: Iterable[int]) -> BackedUp:
    backups.restore(backup, again)
    found = look(again, acknowledged)
    sick = any(finding.level == "wrong" and finding.key not in _NOT_DAMAGE for finding in examine(again))
    shutil.rmtree(again)
    shutil.rmtree(backup)
    return BackedUp(backups=1, acknowledged=len(list(acknowledged)), found=found, sick=int(sick))
