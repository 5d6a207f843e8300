"""Damage to files, and what becomes of it: found and named, or without effect; never a wrong answer, never a hang."""

import random
import shutil
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import deeds
from batches import events

from shopkeeper.core.errors import ShopkeeperError
from shopkeeper.data.model_store import ModelStore
from shopkeeper.shop import Shop
from shopkeeper.shop.doctor import examine

KINDS = ("bit", "zero", "truncate", "swap")
_PAGE = 4096
NOT_DAMAGE = ("sync_memory", "no_space")
"""What the doctor says of the disk and not of the files."""


@dataclass(slots=True)
class Damaged:
    """Damages by kind, and how each ended."""

    tried: int = 0
    ended: Counter[str] = field(default_factory=Counter)
    """``named``: refused or reported with its file; ``harmless``: every answer is as before; ``wrong``: neither."""
    wrong: list[str] = field(default_factory=list)

    def add(self, other: "Damaged") -> None:
        self.tried += other.tried
        self.ended.update(other.ended)
        self.wrong += other.wrong


def make_shop(folder: Path) -> Path:
    """A trained shop with keys, consent, held rows, events in the lake and in the journal."""
    shop = deeds.make_shop(folder)
    with Shop.open(shop) as opened:
        opened.state.keys.create("secret", "a")
        opened.state.keys.create("publishable", "b")
        for batch in range(3):
            opened.collect(events(batch))
            opened.drain()
        opened.collect([{"id": "x", "action": "juggle"}])
        opened.collect(events(4))
    return shop


def truth_of(shop: Path, aside: Path) -> dict[str, Any]:
    """What a sound copy answers."""
    copy = Path(shutil.copytree(shop, aside / "truth"))
    try:
        return answers(copy)
    finally:
        shutil.rmtree(copy)


def files_of(shop: Path) -> list[Path]:
    """Every file that holds something: locks and SQLite's shared memory hold nothing."""
    return sorted(
        path
        for path in shop.rglob("*")
        if path.is_file() and path.stat().st_size and not path.name.endswith((".lock", "lock", "-shm", ".log"))
    )


def damage(path: Path, kind: str, rng: random.Random, others: list[Path]) -> bool:
    """Change a file; False where this kind would change nothing."""
    data = bytearray(path.read_bytes())
    before = bytes(data)
    if kind == "bit":
        place = rng.randrange(len(data))
        data[place] ^= 1 << rng.randrange(8)
    elif kind == "zero":
        begin = rng.randrange(0, len(data), _PAGE)
        data[begin : begin + _PAGE] = bytes(len(data[begin : begin + _PAGE]))
    elif kind == "truncate":
        del data[rng.randrange(0, len(data), _PAGE) :]
    else:
        like = [other for other in others if other.suffix == path.suffix and other.read_bytes() != before]
        if not like:
            return False
        data = bytearray(rng.choice(like).read_bytes())
    path.write_bytes(bytes(data))
    return bytes(data) != before


def answers(folder: Path) -> dict[str, Any]:
    """Everything a shop answers that must not change: its facts, its models' files, who may do what."""
    with Shop.open(folder) as shop:
        shop.drain()
        known = shop.snapshot()
        found: dict[str, Any] = {
            table: sorted(map(repr, known.query(f"SELECT * FROM {table}").to_pylist()))
            for table in ("events", "order_lines", "products", "prices", "customers")
        }
        found["consent"] = shop.state.consent.may_train()
        found["keys"] = [(key.id, key.role, key.revoked_at) for key in shop.state.keys.list()]
        found["held"] = [repr(row) for row in shop.quarantine.list(limit=1_000)]
        store = ModelStore(folder / "models")
        version = store.current()
        found["model"] = version and store.manifest(version)["files"]
        if version:
            store.load(version)
        found["settings"] = repr(shop.settings)
        return found


def one(sound: Path, truth: dict[str, Any], name: str, kind: str, rng: random.Random, aside: Path) -> str:
    """Damage one file of a copy and look: ``named``, ``harmless``, ``wrong`` or ``same`` where nothing was changed."""
    folder = Path(shutil.copytree(sound, aside / "damaged"))
    try:
        others = [folder / path.relative_to(sound) for path in files_of(sound)]
        if not damage(folder / name, kind, rng, others):
            return "same"
        if any(finding.level == "wrong" and finding.key not in NOT_DAMAGE for finding in examine(folder)):
            return "named"
        try:
            return "harmless" if answers(folder) == truth else "wrong"
        except ShopkeeperError:
            return "named"
    finally:
        shutil.rmtree(folder)


def many(
    sound: Path, truth: dict[str, Any], aside: Path, count: int, seed: int, *, only: tuple[str, ...] = ()
) -> Damaged:
    """Damage files one after another, every file first, then at random; ``only``: in these folders."""
    rng = random.Random(seed)  # noqa: S311  # what to damage, not a secret
    names = [str(path.relative_to(sound)) for path in files_of(sound)]
    names = [name for name in names if not only or name.partition("/")[0] in only]
    plan = [(name, KINDS[number % len(KINDS)]) for number, name in enumerate(names)]
    plan += [(rng.choice(names), rng.choice(KINDS)) for _ in range(max(0, count - len(plan)))]
    found = Damaged()
    for name, kind in rng.sample(plan, len(plan))[:count]:
        ended = one(sound, truth, name, kind, rng, aside)
        if ended == "same":
            continue
        found.tried += 1
        found.ended[ended] += 1
        if ended == "wrong":
            found.wrong.append(f"{kind} of {name}")
    return found
