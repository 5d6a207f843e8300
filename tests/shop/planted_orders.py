"""A small shop whose truth is planted: who is loyal, what comes back, what is bought on a deal."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from shopkeeper.core.consent import Purpose
from shopkeeper.core.ids import PersonKey
from shopkeeper.data.model_store import Bundle, StoredModel
from shopkeeper.data.schema import TABLES
from shopkeeper.data.store.consent import Answer
from shopkeeper.learn.loading import path_of
from shopkeeper.learn.propensity.foretell import NAME
from shopkeeper.learn.rating.rater import NAME as RATER
from shopkeeper.learn.training import fit_all
from shopkeeper.shop import Shop
from shopkeeper.shop.predicting import fit_predictions
from shopkeeper.shop.rating import fit_rates
from shopkeeper.shop.training import version_of

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
DRESSES = 4
"""The first products: half of what is sold of them comes back within twelve days; of the others one in a hundred."""
AGREED = {Purpose.PERSONALISE: True, Purpose.TRAIN: True}
_ONE_MODEL = """
[train]
personal = "popularity"
context = "popularity"

[predict]
folds = 3

[models.popularity]
use = "recommend.popularity.Popularity"
"""
"""One recommender, the quickest: here it is about predictions."""


def rows_of(people: int = 160, days: int = 330, products: int = 20, seed: int = 0) -> list[dict[str, Any]]:
    """Order lines: a third of the people buy about weekly, the others about monthly; half of each leave on the way."""
    dice, rows = np.random.default_rng(seed), []
    for person in range(people):
        gap = 7.0 if person % 3 == 0 else 30.0
        leaves = dice.uniform(0.2, 1.0) * days if person % 2 else days
        day = dice.uniform(0, gap)
        while day < leaves:
            at = NOW - timedelta(days=days - day)
            for line, product in enumerate(dice.choice(products, 2, replace=False).tolist(), 1):
                deal = int(dice.random() < (0.6 if person % 4 == 0 else 0.1)) * 100
                rows.append(line_of(f"c{person}", f"o{person}-{day:.3f}", at, f"p{product}", line=line, deal=deal))
                if dice.random() < (0.5 if product < DRESSES else 0.01):
                    back_at = at + timedelta(days=dice.uniform(1, 12))
                    if back_at < NOW:
                        rows.append(line_of(f"c{person}", f"r{len(rows)}", back_at, f"p{product}", quantity=-1.0))
            day += dice.gamma(4, gap / 4)
    return rows


def line_of(
    customer: str, order: str, at: datetime, product: str, *, line: int = 1, quantity: float = 1.0, price: int = 1000,
    deal: int = 0, currency: str = "EUR",
) -> dict[str, Any]:  # fmt: skip
    return {"customer": customer, "order_id": order, "at": at, "received_at": at, "product": product, "line": line,
            "quantity": quantity, "price_minor": price, "discount_minor": deal, "currency": currency}  # fmt: skip


def stars_of(people: int, each: int = 8) -> list[dict[str, Any]]:
    """Everybody rates ``each`` products: p0 to p9 are good (4 to 5), the others bad (1 to 2); some rate twice."""
    dice, rows = np.random.default_rng(0), []
    for person in range(people):
        for product in dice.choice(20, each, replace=False).tolist():
            good = product < 10
            rows.append({"id": f"r{person}-{product}", "at": NOW - timedelta(days=float(dice.uniform(1, 200))),
                         "received_at": NOW, "action": "rating", "customer": f"c{person}", "product": f"p{product}",
                         "rating": float(dice.integers(4, 6) if good else dice.integers(1, 3))})  # fmt: skip
    again = {**rows[0], "id": "again", "at": NOW - timedelta(hours=2), "rating": 3.0, "action": "review"}
    return [*rows, again]


def shop_of(folder: Path, lines: list[dict[str, Any]], *, now: datetime = NOW, products: int = 20) -> Shop:
    """An open shop of these lines; everybody in them agreed to personalisation and to training."""
    Shop.create(folder / "shop", name="simulated", currency="EUR", timezone="UTC", language="en").close()
    with (folder / "shop" / "shop.toml").open("a", encoding="utf-8") as settings:
        settings.write(_ONE_MODEL)
    shop = Shop.open(folder / "shop", clock=lambda: now)
    known = {"price_minor": 1000, "currency": "EUR", "at": NOW - timedelta(days=500)}
    kinds = ["Dresses" if n < DRESSES else "Kitchen" for n in range(products)]
    goods = [{"id": f"p{n}", "name": f"Product {n}", "category_1": kind, **known} for n, kind in enumerate(kinds)]
    shop.lake.append("products", pa.Table.from_pylist(goods, schema=TABLES["products"]), key="products")
    if lines:
        shop.lake.append("order_lines", pa.Table.from_pylist(lines, schema=TABLES["order_lines"]), key="lines")
    people = sorted({row["customer"] for row in lines})
    shop.state.consent.record_many(
        Answer(person=PersonKey(one), given=AGREED, at=NOW - timedelta(days=600), source="simulated") for one in people
    )
    return shop


def train_predictions(shop: Shop) -> None:
    """A version that holds the predictions and the one recommender, without segments and rules."""
    known = shop.snapshot()
    models = {name: StoredModel(use=path_of(one.model), facts=one.model.facts(), arrays=one.model.arrays())
              for name, one in fit_all(shop.settings.models, known).items()}  # fmt: skip
    made = {NAME: fit_predictions(shop, known), RATER: fit_rates(shop, known)}
    bundle = Bundle(
        version=version_of(known.moment), moment=known.moment, received_until=known.received_until(), report={},
        models=models | made, catalogue=known.catalogue(), histories=known.histories(),
    )  # fmt: skip
    shop.models.save(bundle, keep=1)
