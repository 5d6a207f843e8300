"""What a shop does besides taking events, each in a process that may be killed in the middle of it."""

import json
import random
from datetime import timedelta
from pathlib import Path

from shopkeeper.core.consent import Purpose
from shopkeeper.data.store.state import State
from shopkeeper.shop import Shop, backups
from shopkeeper.shop.importing import import_files
from shopkeeper.shop.training import train

SETTINGS = """
[train]
personal = "popularity"
context = "popularity"
keep_versions = 1
[models.popularity]
use = "recommend.popularity.Popularity"
"""
PEOPLE, PRODUCTS = 12, 8


def make_shop(folder: Path, *, trained: int = 1) -> Path:
    """A shop with a little history (simulated), and versions of its models."""
    Shop.create(folder, name="Tried", currency="CNY", timezone="UTC", language="en").close()
    with (folder / "shop.toml").open("a", encoding="utf-8") as settings:
        settings.write(SETTINGS)
    rng = random.Random(5)  # noqa: S311  # a history, not a secret
    with Shop.open(folder) as shop:
        rows = [
            {"order": f"O{person}-{week}", "line": 1, "customer": f"k{person}", "quantity": 1, "price": "2.50",
             "product": f"p{rng.randrange(PRODUCTS)}", "at": (shop.clock() - timedelta(days=7 * week + 1)).isoformat()}
            for person in range(PEOPLE)
            for week in range(12)
        ]  # fmt: skip
        orders = folder.parent / "orders.jsonl"
        orders.write_text("\n".join(map(json.dumps, rows)), "utf-8")
        import_files(shop, [orders], kind="order_lines", purposes=tuple(Purpose), consent_source="simulated")
        for _ in range(trained):
            train(shop, judged=False)
    return folder


def create(folder: Path) -> None:
    Shop.create(folder, name="Tried", currency="CNY", timezone="UTC", language="en").close()


def train_again(folder: Path) -> None:
    with Shop.open(folder) as shop:
        train(shop, judged=False)


def migrate(file: Path) -> None:
    State(file).close()


def back_up(folder: Path, to: Path) -> None:
    backups.backup(folder, to)


def restore(backup: Path, to: Path) -> None:
    backups.restore(backup, to)
