"""A small real shop for tests of the console and of whole journeys: simulated people with tastes, over some months."""

import atexit
import csv
import json
import random
import shutil
import tempfile
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from shopkeeper.core.consent import Purpose
from shopkeeper.core.decision import Request
from shopkeeper.core.ids import CustomerId
from shopkeeper.shop import Shop
from shopkeeper.shop.importing import import_files
from shopkeeper.shop.training import train

PEOPLE, PRODUCTS, DAYS = 60, 40, 150
XSS = "<img src=x onerror=\"document.title='hacked'\">"
SPECIAL = "c/ü%2F 61&x=<b>"
"""A customer whose id holds everything that an address could trip over."""
MODELS = """
[models.popularity]
use = "recommend.popularity.Popularity"
[models.buy_again]
use = "recommend.buy_again.BuyAgain"
[models.item_knn]
use = "recommend.item_knn.ItemKNN"
[models.hybrid]
use = "recommend.hybrid.Hybrid"
"""
_SHELVES = {
    "Tea": ["Longjing", "Tieguanyin", "Pu'er", "Jasmine", "Oolong", "Keemun", "Biluochun", "White Peony"],
    "Bakery": ["Sourdough", "Rye loaf", "Mooncake", "Croissant", "Baguette", "Sesame bun", "Scone", "Brioche"],
    "Fruit": ["Apples", "Pears", "Lychees", "Mangoes", "Plums", "Grapes", "Kiwis", "Figs"],
    "Kitchen": ["Wok", "Cleaver", "Steamer", "Chopsticks", "Rice cooker", "Ladle", "Tea pot", "Whisk"],
    "Home": ["Candles", "Towels", "Soap", "Basket", "Vase", "Lantern", "Cushion", "Blanket"],
}
_ALL = (Purpose.ANALYTICS, Purpose.PERSONALISE, Purpose.TRAIN)


def _write(path: Path, rows: list[dict[str, Any]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def _products() -> list[dict[str, Any]]:
    names = [(shelf, name) for shelf, names in _SHELVES.items() for name in names]
    rows = [
        {"id": f"p{number:02d}", "name": name, "category_1": shelf, "brand": "掌柜 Own",
         "price": f"{5 + number * 1.5:.2f}", "stock": 100 if number % 9 else 0}
        for number, (shelf, name) in enumerate(names)
    ]  # fmt: skip
    rows[3]["name"] = XSS
    return rows


def _order_lines(rng: random.Random, end: datetime) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for person in range(PEOPLE):
        customer, taste = (SPECIAL if person == 0 else f"c{person:02d}"), person % 5
        day = rng.uniform(0, 12)
        while day < DAYS:
            at = end - timedelta(days=DAYS - day)
            own = [taste * 8 + number for number in range(8)]
            basket = {rng.choice(own) for _ in range(3)} | {rng.randrange(PRODUCTS)}
            for line, product in enumerate(sorted(basket), 1):
                rows.append(
                    {"order": f"o{person:02d}-{day:06.2f}", "line": line, "at": at.isoformat(), "customer": customer,
                     "product": f"p{product:02d}", "quantity": rng.choice((1, 1, 2)),
                     "price": f"{5 + product * 1.5:.2f}"}
                )  # fmt: skip
            day += rng.uniform(4, 16)
    return rows


def _bad(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    one = {**lines[0], "order": "bad-1"}
    return [
        {**one, "quantity": "many"}, {**one, "order": "bad-2", "at": "yesterday"},
        {**one, "order": "bad-3", "customer": "guest"}, {**one, "order": "bad-4", "price": XSS},
    ]  # fmt: skip


def build(folder: Path, *, trained: bool = True) -> Shop:
    """An open shop with people, products, orders, rows in quarantine, two model versions and logged decisions."""
    shutil.copytree(_made_once(trained=trained), folder, dirs_exist_ok=True)
    return Shop.open(folder)


@cache
def _made_once(*, trained: bool) -> Path:
    """The folder of which each test has a copy: to learn takes longer than most tests do."""
    place = tempfile.TemporaryDirectory(prefix="small-shop-")
    atexit.register(place.cleanup)
    folder = Path(place.name) / "shop"
    _make(folder, trained=trained)
    return folder


def _make(folder: Path, *, trained: bool) -> None:
    rng = random.Random(7)  # noqa: S311  # a shop to look at, not a secret
    end = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=5)
    Shop.create(
        folder, name="Tea & Things", currency="CNY", timezone="Asia/Shanghai", language="en",
        notice="Everything in this shop is simulated: no real person is shown.",
    ).close()  # fmt: skip
    settings = folder / "shop.toml"
    settings.write_text(settings.read_text("utf-8") + MODELS, "utf-8")
    shop = Shop.open(folder)
    lines = _order_lines(rng, end)
    customers = [
        {"id": SPECIAL if number == 0 else f"c{number:02d}", "name": "" if number % 3 else f"Person {number}",
         "registered_at": (end - timedelta(days=200 + number)).isoformat(), "email": f"p{number}@example.org",
         "attributes": json.dumps({"age_band": "35-44", "household_size": "2"})}
        for number in range(PEOPLE)
    ]  # fmt: skip
    files = folder / "files"
    files.mkdir()
    import_files(shop, [_write(files / "products.csv", _products())], kind="products")
    import_files(shop, [_write(files / "customers.csv", customers)], kind="customers")
    orders = _write(files / "orders.csv", [*lines, *_bad(lines)])
    import_files(shop, [orders], kind="order_lines", purposes=_ALL, consent_source="simulated")
    if trained:
        train(shop, judged=False)
        train(shop)
    for person in ("c01", "c02", "c03"):
        decision = shop.decide(Request(placement="home", at=shop.clock(), customer=CustomerId(person), count=5))
        click = {
            "id": f"click-{person}", "action": "click", "customer": person, "product": decision.choices[0].item,
            "decision": decision.id, "at": shop.clock().isoformat(),
        }  # fmt: skip
        shop.collect([click])
    shop.drain()
    shop.close()


def newest_decision(shop: Shop) -> str:
    """The id of the decision that was logged last."""
    rows = shop.snapshot().query('SELECT id FROM decisions ORDER BY "at" DESC LIMIT 1').to_pylist()
    return str(rows[0]["id"])
