"""``kill -9`` at random and at every named place; the figures of what was lost and doubled."""

import os
import random
import shutil
import signal
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import deeds
from batches import Found, events, gone_on, look, look_into, new_shop
from writing import done, writer

from shopkeeper.data.kill_points import POINTS
from shopkeeper.data.model_store import ModelStore
from shopkeeper.data.schema import TABLES
from shopkeeper.data.store.state import State
from shopkeeper.shop import Shop

WRITING = sorted(point for point in POINTS if point.startswith(("journal.", "lake.", "drain.", "compact.")))
"""Places that a shop comes to by taking events and draining them."""
SELDOM = tuple(
    point for point in WRITING if point.startswith(("compact.", "lake.checkp", "lake.cleared", "lake.sweep"))
)
"""Of these the places that come once in 15 drains or more."""
_OLD_SECONDS = 7_200
_MANY = 10_000
_ROUNDS_A_SHOP = 40
_EARLIER = range(45)
"""Batches of a worn shop: tables are compacted after the 16th, 31st and 46th drain, the 50th version is near."""


@dataclass(slots=True)
class Killed:
    """Kills, what was acknowledged in all, and what the oracle found after each."""

    kills: int = 0
    acknowledged: int = 0
    found: Found = field(default_factory=Found)
    missed: list[str] = field(default_factory=list)
    """Places that were never reached: the test has proven nothing there."""
    ready_seconds: list[float] = field(default_factory=list)

    def add(self, other: "Killed") -> None:
        self.kills += other.kills
        self.acknowledged += other.acknowledged
        self.found.add(other.found)
        self.missed += other.missed
        self.ready_seconds += other.ready_seconds


def at_random(folder: Path, kills: int, seed: int) -> Killed:
    """Kill a writer at random moments, again and again, on the same folder; look after each kill."""
    rng = random.Random(seed)  # noqa: S311  # when to kill, not a secret
    killed = Killed()
    while killed.kills < kills:
        shop = new_shop(folder / f"random-{killed.kills}")
        acknowledged: list[int] = []
        for _ in range(min(_ROUNDS_A_SHOP, kills - killed.kills)):
            with writer(shop, max(acknowledged, default=-1) + 1) as running:
                assert running.wait_for(1), f"seed {seed}: no batch was acknowledged"
                running.listen(rng.uniform(0, 0.3))
            killed.kills += 1
            acknowledged += running.acknowledged
            killed.ready_seconds += running.ready_seconds
            killed.found.add(look(shop, acknowledged))
        killed.acknowledged += len(acknowledged)
        killed.found.add(gone_on(shop, acknowledged))
        shutil.rmtree(shop)
    return killed


def worn(folder: Path) -> Path:
    """A shop whose next drain compacts every table and whose one after that makes a checkpoint of each."""
    shop = new_shop(folder)
    with Shop.open(shop) as opened:
        for batch in _EARLIER:
            opened.collect(events(batch))
            opened.drain()
    return shop


def at(point: str, folder: Path, times: int = 1, *, first: int = 0, like: Path | None = None) -> Killed:
    """Let a writer end itself at a named place, ``times`` over, the first, second or third time it comes there; look
    after each. ``like``: on a copy of a worn shop, where places that are seldom come to are near."""
    killed = Killed()
    shop = new_shop(folder / point) if like is None else Path(shutil.copytree(like, folder / point))
    acknowledged = list(_EARLIER) if like else []
    for turn in range(first, first + times):
        _leave_an_orphan(shop)
        with writer(shop, max(acknowledged, default=-1) + 1, f"{point}:{turn % 3 + 1}") as running:
            running.wait_for(_MANY)
            if running.end() != -signal.SIGKILL or len(running.acknowledged) >= _MANY:
                killed.missed.append(point)
        killed.kills += 1
        acknowledged += running.acknowledged
        killed.found.add(look(shop, acknowledged))
        killed.found.add(gone_on(shop, acknowledged))
        acknowledged.append(max(acknowledged, default=-1) + 1)
    killed.acknowledged += len(acknowledged)
    shutil.rmtree(shop)
    return killed


def _leave_an_orphan(shop: Path) -> None:
    """What a crash left in the lake hours ago, for the sweep to find."""
    for number in range(4):
        orphan = shop / "lake" / "events" / f"part_left_{number}.parquet"
        orphan.write_bytes(b"half a file")
        os.utime(orphan, (time.time() - _OLD_SECONDS,) * 2)


MAKING = ("shop.tables_made",)
MIGRATING = ("state.migrating", "state.migrated")
TRAINING = tuple(sorted(point for point in POINTS if point.startswith("models.")))
SAVING = tuple(sorted(point for point in POINTS if point.startswith("backup.")))
RESTORING = tuple(sorted(point for point in POINTS if point.startswith("restore.")))


def _end_at(point: str, killed: Killed, deed: Callable[..., object], *words: object, turn: int = 1) -> None:
    killed.kills += 1
    if done(deed, *words, kill_at=f"{point}:{turn}") != -signal.SIGKILL:
        killed.missed.append(point)


def while_making(point: str, folder: Path, times: int = 1, *, first: int = 1) -> Killed:
    """A new shop is killed at a table of its lake; opened again, it is whole."""
    killed = Killed()
    for turn in range(first, first + times):
        shop = folder / f"{point}-{turn}"
        _end_at(point, killed, deeds.create, shop, turn=(turn - 1) % len(TABLES) + 1)
        with Shop.open(shop) as opened:
            opened.collect(events(0))
            killed.found.add(look_into(opened, [0]))
        killed.acknowledged += 1
        shutil.rmtree(shop)
    return killed


def while_migrating(point: str, folder: Path, times: int = 1, *, first: int = 1) -> Killed:
    """``state.db`` is killed between two statements of its upgrade; the next opening finishes it."""
    killed = Killed()
    for turn in range(first, first + times):
        file = folder / f"{point}-{turn}.db"
        _end_at(point, killed, deeds.migrate, file, turn=1 if point == "state.migrated" else (turn - 1) % 5 + 1)
        with closing(State(file)) as state:
            key = state.keys.create("secret", "test")
            killed.found.lost += state.keys.role_of(key) != "secret"
    return killed


def while_training(point: str, shop: Path, times: int = 1) -> Killed:
    """A training is killed on the way to its new version: what answers is whole, the old one or the new one, nothing
    half counts as a version, and the next training succeeds."""
    killed = Killed()
    for _ in range(times):
        store = ModelStore(shop / "models")
        before = store.current()
        _end_at(point, killed, deeds.train_again, shop)
        for version in store.versions():
            store.load(version)
        newest = max(store.versions())
        swapped = point in ("models.swapped", "models.trimming")
        killed.found.lost += store.current() != (newest if swapped else before)
        deeds.train_again(shop)
        killed.found.lost += store.current() != max(store.versions())
    return killed


def while_saving(point: str, shop: Path, folder: Path, acknowledged: list[int], times: int = 1) -> Killed:
    """A backup or its restoring is killed: the target is not there, and a second try is whole."""
    killed = Killed()
    for turn in range(times):
        backup, again = folder / f"{point}-{turn}", folder / f"{point}-{turn}-again"
        if point in SAVING:
            _end_at(point, killed, deeds.back_up, shop, backup)
            killed.found.halves += backup.exists()
        deeds.back_up(shop, backup)
        if point in RESTORING:
            _end_at(point, killed, deeds.restore, backup, again)
            killed.found.halves += again.exists()
        deeds.restore(backup, again)
        killed.found.add(look(again, acknowledged))
        shutil.rmtree(backup)
        shutil.rmtree(again)
    killed.acknowledged = len(acknowledged)
    return killed
