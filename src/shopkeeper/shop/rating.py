"""Which stars a customer would give a product, from the stars that were given in this shop; or what is missing."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from shopkeeper.core.consent import Purpose
from shopkeeper.core.errors import DataError, NotFound
from shopkeeper.core.ids import PersonKey
from shopkeeper.core.prediction import Answer, Meter, Prediction
from shopkeeper.data import reports
from shopkeeper.data.model_store import Bundle, StoredModel
from shopkeeper.data.snapshot import LEVELS, LakeSnapshot
from shopkeeper.decide.tags import tags_of
from shopkeeper.features.habits import of_one
from shopkeeper.features.tables import feature_sql
from shopkeeper.learn.loading import path_of
from shopkeeper.learn.propensity.columns import Float64
from shopkeeper.learn.rating.rated import Ratings, Words
from shopkeeper.learn.rating.rater import LEVEL, NAME, Rates, Stars, enough, fit_rater, rater_of
from shopkeeper.shop.of_version import of_version, why_none
from shopkeeper.shop.predicting import meter_of
from shopkeeper.shop.shop import Shop

TABLE: Final = "rating"
_PRODUCTS: Final = """
SELECT id, category_1, category_2, category_3, category_4, category_5, brand, tags FROM products ORDER BY id
"""
_SEEN: Final = """
SELECT 1 FROM customers WHERE id = $key UNION ALL SELECT 1 FROM order_lines WHERE customer = $key
UNION ALL SELECT 1 FROM events WHERE customer = $key LIMIT 1
"""
_USUAL: Final = "product_mean"


@dataclass(frozen=True, slots=True, kw_only=True)
class RatingsOf:
    """What one customer would give some products."""

    customer: str
    at: datetime
    version: str
    learner: str
    low: float
    high: float
    """The shop's scale."""
    gave: int
    """How many products the customer rated."""
    products: list[tuple[str, str, Answer]]
    """Id, name and the stars, as asked."""


def known_ratings(known: LakeSnapshot) -> tuple[Ratings, tuple[str, ...], Words]:
    """The ratings of everybody who agreed to training, the products they may be of, and what is said of these."""
    table = known.query(feature_sql(TABLE))
    may = pa.array(sorted(known.may_train()), pa.string())
    table = table.filter(pc.is_in(table.column("person"), value_set=may))
    rows = known.query(_PRODUCTS).to_pylist()
    ids = sorted({row["id"] for row in rows} | set(table.column("product").to_pylist()))
    said = {row["id"]: _words(row) for row in rows}
    place = {one: number for number, one in enumerate(ids)}
    product = np.array([place[one] for one in table.column("product").to_pylist()], np.int64)
    who = np.unique(np.array(table.column("person").to_pylist(), np.str_), return_inverse=True)[1].astype(np.int64)
    stars = table.column("stars").to_numpy(zero_copy_only=False).astype(np.float64)
    ratings, _ = Ratings.sorted(who, product, stars, _seconds(table))
    return ratings, tuple(ids), Words.of([said.get(one, ()) for one in ids])


def fit_rates(shop: Shop, known: LakeSnapshot, *, seed: int = 0) -> StoredModel:
    """The shop's model of ratings, as it is stored beside the recommenders; why there is none where there is none."""
    name = shop.settings.predict.rating
    rater_of(name)
    ratings, products, words = known_ratings(known)
    try:
        rater, judged = fit_rater(name, ratings, products, words, seed=seed)
        model = Rates(rater=rater, judged={**judged, "learner": name} if judged else {})
    except DataError as error:
        model = Rates(rater=None, refused={"key": error.key, "facts": dict(error.facts)})
    return StoredModel(use=path_of(model), facts=model.facts(), arrays=model.arrays())


def ratings_for(shop: Shop) -> tuple[Ratings, tuple[str, ...], Words]:
    """What the learners of ratings are compared on: the shop's own.

    Raises:
        DataError: there is too little of it.
    """
    found = known_ratings(shop.batch_snapshot())
    enough(found[0])
    return found


def rates_of(shop: Shop) -> tuple[str, Rates | None]:
    """The current version's model, loaded once; None before the first training."""
    return of_version(shop, NAME, _read)


def _read(bundle: Bundle) -> Rates | None:
    found = bundle.models.get(NAME)
    return Rates.restore(found.arrays, found.facts) if found else None


def would_rate(shop: Shop, customer_id: str, products: Sequence[str], *, at: datetime | None = None) -> RatingsOf:
    """The stars a customer would give these products, from what was known before ``at`` (now, where absent).

    Raises:
        NotFound: nobody of this id was imported or seen, or there is no such product.
    """
    known, person = shop.snapshot(at), PersonKey(customer_id)
    version, model = rates_of(shop)
    for product in products:
        if product not in shop.serving.catalogue.index and reports.one(known, "products", product) is None:
            raise NotFound("unknown_product", product=product)
    table = of_one(known.query, person, TABLE)
    if not table.num_rows and not _seen(known, customer_id):
        raise NotFound("unknown_customer", customer=customer_id)
    answers = _answers(shop, known, person, table, model, products)
    rater = model.rater if model else None
    return RatingsOf(
        customer=customer_id, at=known.moment, version=version, learner=rater.learner if rater else "",
        low=rater.spread.low if rater else float("nan"), high=rater.spread.high if rater else float("nan"),
        gave=table.num_rows,
        products=[(one, shop.name_of(one), answer) for one, answer in zip(products, answers, strict=True)],
    )  # fmt: skip


def _seen(known: LakeSnapshot, customer_id: str) -> bool:
    return bool(known.query(_SEEN, {"key": customer_id}).num_rows)


def _answers(
    shop: Shop, known: LakeSnapshot, person: PersonKey, table: pa.Table, model: Rates | None, products: Sequence[str]
) -> list[Answer]:
    def all_of(meter: Meter) -> list[Answer]:
        return [meter for _ in products]

    if not shop.consent_of(person).allows(Purpose.PERSONALISE):
        return all_of(Meter(name=TABLE, key="no_consent", needs=1, has=0, until="nothing"))
    if model is None:
        return all_of(Meter(name=TABLE, key=why_none(shop, NAME), needs=1, has=0, until=_USUAL))
    if model.rater is None:
        return all_of(replace(meter_of(TABLE, model.refused, known.moment), until=_USUAL))
    gave = list(zip(table.column("product").to_pylist(), table.column("stars").to_pylist(), _seconds(table).tolist(),
                    strict=True))  # fmt: skip
    return [_said(one) for one in model.rater.stars(gave, products)]


def _said(one: Stars) -> Prediction:
    return Prediction(name=TABLE, value=one.value, low=one.low, high=one.high, level=LEVEL, unit="number", why=one.why,
                      base=one.base, exact=one.exact)  # fmt: skip


def _seconds(table: pa.Table) -> Float64:
    micros: Float64 = table.column("at").cast(pa.int64()).to_numpy(zero_copy_only=False).astype(np.float64)
    return micros / 1e6


def _words(row: dict[str, Any]) -> list[str]:
    """Categories of every level, the brand and the tags, each marked with what it is."""
    found = [f"category:{row[f'category_{level}']}" for level in range(1, LEVELS + 1) if row[f"category_{level}"]]
    found += [f"brand:{row['brand']}"] if row["brand"] else []
    return found + [f"tag:{word}" for word in tags_of(row["tags"] or "")]
