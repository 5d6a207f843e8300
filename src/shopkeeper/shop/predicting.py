"""What the shop foretells of one customer, as of any moment: numbers with reasons, or what they still need."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

import numpy as np

from shopkeeper.core.consent import Purpose
from shopkeeper.core.errors import NotFound
from shopkeeper.core.ids import PersonKey
from shopkeeper.core.prediction import Answer, Meter, Prediction
from shopkeeper.data import reports
from shopkeeper.data.model_store import Bundle, StoredModel
from shopkeeper.data.snapshot import LakeSnapshot
from shopkeeper.features.habits import of_one
from shopkeeper.features.tables import customer_features, feature_sql
from shopkeeper.learn.customer_value.lifetime import purchases_of
from shopkeeper.learn.loading import path_of
from shopkeeper.learn.propensity.columns import Columns
from shopkeeper.learn.propensity.foretell import NAME, Foretell, Foretold, columns_like, panel_to_judge
from shopkeeper.learn.propensity.panel import BETWEEN, Panel, numbers_of, texts_of
from shopkeeper.shop.of_version import of_version, why_none
from shopkeeper.shop.shop import Shop

YEAR: Final = 365.0
_LEVEL: Final = 0.8
NAMES: Final = (
    "churn", "buy", "lifetime_value", "lifetime_orders", "alive", "next_order", "order_value", "value", "returns",
    "deals", "price_response",
)  # fmt: skip
_MODEL_OF: Final = {
    "lifetime_value": "lifetime", "lifetime_orders": "lifetime", "alive": "lifetime", "order_value": "lifetime",
    "price_response": "prices",
}  # fmt: skip
_CATEGORIES: Final = 8
_PRICES: Final = """
WITH order_lines AS MATERIALIZED (
  SELECT * FROM order_lines WHERE product IN (SELECT product FROM order_lines WHERE customer = $key)
), found AS ({inner})
SELECT * FROM found WHERE person = $key
"""
_USUAL: Final = """
SELECT category_1 AS category, count(DISTINCT coalesce(customer, 'visitor:' || visitor)) AS buyers,
       count(DISTINCT coalesce(customer, 'visitor:' || visitor) || floor(epoch(order_lines."at") / 86400.0)) AS days
FROM order_lines JOIN products ON products.id = order_lines.product
WHERE coalesce(quantity, 1) > 0 AND coalesce(customer, visitor) IS NOT NULL AND category_1 IS NOT NULL GROUP BY 1
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerPredictions:
    """Every answer about one customer. ``fields``: the figures that marketing programs show, money in minor units."""

    id: str
    at: datetime
    currency: str
    version: str
    fields: Mapping[str, Any]
    answers: Mapping[str, Answer]
    categories: list[dict[str, Any]]
    """The widest categories this customer is most likely to buy from within ``buy``'s days."""


def fit_predictions(shop: Shop, known: LakeSnapshot, *, seed: int = 0) -> StoredModel:
    """The model of all predictions, as it is stored beside the recommenders."""
    wanted = shop.settings.predict
    settings = Foretell(learner=wanted.learner, days=wanted.days, folds=wanted.folds)
    model = settings.fit(known, people=frozenset(known.may_train()), seed=seed)
    return StoredModel(use=path_of(model), facts=model.facts(), arrays=model.arrays())


def panel_for(shop: Shop, outcome: str) -> Panel:
    """The rows on which one of ``OUTCOMES`` is learned and judged: people of this shop who agreed to training.

    Raises:
        DataError: no orders, or too short a history.
    """
    known, wanted = shop.batch_snapshot(), shop.settings.predict
    people = frozenset(known.may_train())
    return panel_to_judge(known, outcome, people=people, days=wanted.days, folds=wanted.folds)


def foretold(shop: Shop) -> tuple[str, Foretold | None]:
    """The current version's model, loaded once; None before the first training."""
    return of_version(shop, NAME, _read)


def _read(bundle: Bundle) -> Foretold | None:
    found = bundle.models.get(NAME)
    return Foretold.restore(found.arrays, found.facts) if found else None


def predictions_of(shop: Shop, customer_id: str, *, at: datetime | None = None) -> CustomerPredictions:
    """What is foretold of a customer, from what was known before ``at`` (now, where absent).

    Somebody who did not agree to personalisation is not foretold: every answer is a meter that says so.

    Raises:
        NotFound: nobody of this id was imported or seen.
    """
    known = shop.snapshot(at)
    person = PersonKey(customer_id)
    version, model = foretold(shop)
    features = customer_features(known.query, person, currency=known.currency)
    if not features and reports.one(known, "customers", customer_id) is None:
        raise NotFound("unknown_customer", customer=customer_id)
    if not shop.consent_of(person).allows(Purpose.PERSONALISE):
        refused = {name: Meter(name=name, key="no_consent", needs=1, has=0, until="nothing") for name in NAMES}
        return CustomerPredictions(
            id=customer_id, at=known.moment, currency=known.currency, version=version, fields={}, answers=refused,
            categories=[],
        )  # fmt: skip
    one = _One(shop, known, person, model, today=at is None)
    answers = {name: one.answer(name) for name in NAMES}
    return CustomerPredictions(
        id=customer_id, at=known.moment, currency=known.currency, version=version, answers=answers,
        fields=_fields(features, answers, known.moment), categories=one.categories(),
    )  # fmt: skip


class _One:
    """One customer's numbers, read once, and each model's word on them."""

    def __init__(
        self, shop: Shop, known: LakeSnapshot, person: PersonKey, model: Foretold | None, *, today: bool
    ) -> None:
        self.shop, self.known, self.person, self.model, self.today = shop, known, person, model, today
        table = of_one(known.query, person, "customer_rhythm", currency=known.currency)
        self.columns = numbers_of(table)
        self.bought = table.num_rows > 0
        self._prices: Mapping[str, float] = {}

    def number(self, name: str) -> np.ndarray[Any, np.dtype[np.float64]]:
        return self.columns.values[:, self.columns.names.index(name)]

    def answer(self, name: str) -> Answer:
        """A prediction, or the meter that says what is missing."""
        model = self.model
        if model is None:
            return Meter(name=name, key=why_none(self.shop, NAME), needs=1, has=0)
        error = model.refused.get(_MODEL_OF.get(name, name))
        if error is not None:
            return meter_of(name, error, self.known.moment)
        if not self.bought:
            return Meter(name=name, key="no_orders_yet", needs=1, has=0)
        made: Answer | None = getattr(self, f"_{name}")(model)
        return made if made is not None else Meter(name=name, key="not_trained", needs=1, has=0)

    def _learned(self, name: str, kind: str, model: Foretold, days: float) -> Prediction | None:
        one = model.learned.get(kind)
        if one is None:
            return None
        columns = columns_like(one.names, self.columns)
        value = float(one.probability(columns)[0])
        low, high = one.interval(value)
        why, base, exact = one.why(columns)
        return Prediction(
            name=name, value=value, low=low, high=high, level=0.95, unit="share", why=why, base=base, exact=exact,
            days=round(days),
        )  # fmt: skip

    def _churn(self, model: Foretold) -> Answer | None:
        quiet = float(self.number("last_days")[0])
        if quiet > 2 * model.churn_days:
            needed = 2 * model.churn_days
            return Meter(name="churn", key="already_gone", needs=needed, has=quiet, until="alive")
        return self._learned("churn", "churn", model, model.churn_days)

    def _buy(self, model: Foretold) -> Answer | None:
        return self._learned("buy", "buy", model, model.buy_days)

    def _drawn(self, model: Foretold, name: str) -> Answer | None:
        if model.lifetime is None:
            return None
        bought = purchases_of(*(self.number(each) for each in ("order_days", "first_days", "last_days")))
        worth = self.number("paid_a_day")
        orders, money = model.lifetime.draw(bought, worth, YEAR)
        expected = float(model.lifetime.buying.expected(bought, YEAR)[0])
        each = float(model.lifetime.spending.expected(bought.x + 1, worth)[0])
        drawn, value, unit = (
            (orders, expected, "count") if name == "lifetime_orders" else (money, expected * each, "minor")
        )
        low, high = np.quantile(drawn[0], [(1 - _LEVEL) / 2, (1 + _LEVEL) / 2])
        return Prediction(
            name=name, value=value, low=float(min(low, value)), high=float(max(high, value)), level=_LEVEL, unit=unit,
            days=int(YEAR), facts={"order_days": float(bought.x[0] + 1), "age_days": float(bought.T[0]),
                                   "quiet_days": float(bought.T[0] - bought.t_x[0])},
        )  # fmt: skip

    def _lifetime_value(self, model: Foretold) -> Answer | None:
        return self._drawn(model, "lifetime_value")

    def _lifetime_orders(self, model: Foretold) -> Answer | None:
        return self._drawn(model, "lifetime_orders")

    def _alive(self, model: Foretold) -> Answer | None:
        if model.lifetime is None:
            return None
        bought = purchases_of(*(self.number(each) for each in ("order_days", "first_days", "last_days")))
        found = model.lifetime.buying
        rng = np.random.default_rng(0)
        value = float(found.alive(bought)[0])
        low, high = np.quantile(found.alive_under(bought, rng), [0.025, 0.975])
        return Prediction(name="alive", value=value, low=min(float(low), value), high=max(float(high), value),
                          level=0.95, unit="share")  # fmt: skip

    def _next_order(self, model: Foretold) -> Answer | None:
        if model.next_order is None:
            return None
        usual = float(model.next_order.usual_gap(self.number("order_days"), self.number("gap_mean"))[0])
        quiet = max(float(self.number("last_days")[0]), 0.0)
        low, value, high = (model.next_order.wait(usual, quiet, share) for share in (0.1, 0.5, 0.9))
        if not np.isfinite(value):
            return Meter(name="next_order", key="may_never_come", needs=usual, has=quiet, until="alive")
        return Prediction(name="next_order", value=value, low=low, high=high, level=_LEVEL, unit="days",
                          facts={"usual_gap_days": usual, "quiet_days": quiet})  # fmt: skip

    def _order_value(self, model: Foretold) -> Answer | None:
        if model.lifetime is None:
            return None
        orders, worth = self.number("order_days"), self.number("paid_a_day")
        value = float(model.lifetime.spending.expected(orders, worth)[0])
        low, high = (float(end[0]) for end in model.lifetime.spending.interval(orders, worth, _LEVEL))
        facts = {"order_days": float(orders[0]), "mean_minor": float(worth[0])}
        return Prediction(name="order_value", value=value, low=min(low, value), high=max(high, value), level=_LEVEL,
                          unit="minor", facts=facts)  # fmt: skip

    def _value(self, model: Foretold) -> Answer | None:
        if model.value is None:
            return None
        columns = columns_like(model.value.names, self.columns)
        value = float(model.value.expected(columns)[0])
        low, high = model.value.spread.interval(value, _LEVEL)
        why, base = model.value.why(columns)
        return Prediction(name="value", value=value, low=low, high=high, level=_LEVEL, unit="minor", why=why, base=base,
                          exact=True, days=round(model.value.days))  # fmt: skip

    def _returns(self, model: Foretold) -> Answer | None:
        if model.returns is None:
            return None
        back, orders = float(self.number("returns")[0]), float(self.number("order_days")[0])
        value = float(model.returns.expected(np.array([back]), np.array([orders]))[0])
        low, high = model.returns.interval(min(back, orders), orders, _LEVEL)
        value = min(value, 1.0)
        return Prediction(name="returns", value=value, low=min(low, value), high=max(high, value), level=_LEVEL,
                          unit="share", facts={"returns": back, "order_days": orders})  # fmt: skip

    def _own_prices(self) -> Mapping[str, float]:
        """Prices on offer are the whole shop's, so the products that this customer bought are read with all buyers."""
        if not self._prices:
            sql = _PRICES.format(inner=feature_sql("customer_prices"))
            asked = {"key": str(self.person), "currency": self.known.currency}
            columns = numbers_of(self.known.query(sql, asked))
            nothing = dict.fromkeys(("deals", "lines", "pull", "room"), 0.0)
            own = dict(zip(columns.names, columns.values[0].tolist(), strict=True)) if len(columns) else nothing
            self._prices = own
        return self._prices

    def _deals(self, model: Foretold) -> Answer | None:
        if model.deals is None:
            return None
        own = self._own_prices()
        worth = self.number("paid_a_day")
        value = float(model.deals.expected(np.array([own["deals"]]), np.array([own["lines"]]), worth)[0])
        low, high = model.deals.interval(own["deals"], own["lines"], _LEVEL, float(worth[0]))
        return Prediction(name="deals", value=value, low=low, high=high, level=_LEVEL, unit="share",
                          facts={"deals": own["deals"], "lines": own["lines"]})  # fmt: skip

    def _price_response(self, model: Foretold) -> Answer | None:
        if model.prices is None:
            return None
        own = self._own_prices()
        worth = self.number("paid_a_day")
        value, low, high = model.prices.interval(own["pull"], own["room"], float(worth[0]))
        segment = float(model.prices.bands.mean_of(worth, model.prices.mean)[0])
        return Prediction(name="price_response", value=value, low=low, high=high, level=_LEVEL, unit="number",
                          facts={"shop": model.prices.mean, "segment": segment, "own_weight": own["room"]})  # fmt: skip

    def categories(self) -> list[dict[str, Any]]:
        """What is bought from next, most likely first."""
        one = self.model.learned.get("category") if self.model else None
        if one is None or not self.bought:
            return []
        table = of_one(self.known.query, self.person, "category_rhythm")
        make = partial(_category_usual, self.known)
        usual = self.shop.remembered("category_usual", make) if self.today else make()
        columns = _with_shop(columns_like(one.names, numbers_of(table)), texts_of(table), usual)
        said = one.probability(columns)
        names = [key.partition(BETWEEN)[2] for key in texts_of(table).tolist()]
        best = np.argsort(-said, kind="stable")[:_CATEGORIES]
        found = []
        for place in best.tolist():
            low, high = one.interval(float(said[place]))
            found.append({"category": names[place], "probability": float(said[place]), "low": low, "high": high})
        return found


def _with_shop(columns: Columns, keys: np.ndarray[Any, Any], usual: Mapping[str, tuple[float, float]]) -> Columns:
    """The shop's figures of each category, which one person's rows cannot tell."""
    values = columns.values.copy()
    for number, name in enumerate(("category_buyers", "category_rate")):
        if name in columns.names:
            place = columns.names.index(name)
            values[:, place] = [usual.get(key.partition(BETWEEN)[2], (np.nan, np.nan))[number] for key in keys.tolist()]
    return Columns(names=columns.names, values=values)


def _category_usual(known: LakeSnapshot) -> dict[str, tuple[float, float]]:
    rows = known.query(_USUAL).to_pylist()
    return {row["category"]: (float(row["buyers"]), row["days"] / row["buyers"]) for row in rows}


def meter_of(name: str, error: Mapping[str, Any], now: datetime) -> Meter:
    """Why a model could not be fitted, and about when it can: needs of days come with the calendar."""
    facts = dict(error["facts"])
    needs, has = float(facts.get("needed", 1) or 1), float(facts.get("have", 0) or 0)
    waits = error["key"] == "too_short_for_panel"
    ready = now + timedelta(days=max(needs - has, 1)) if waits else None
    return Meter(name=name, key=error["key"], needs=needs, has=has, ready_at=ready, facts=facts)


def _fields(features: Mapping[str, Any], answers: Mapping[str, Answer], now: datetime) -> dict[str, Any]:
    """The figures that marketing programs show; None where there is none."""

    def value(name: str) -> float | None:
        found = answers[name]
        return found.value if isinstance(found, Prediction) else None

    historic, predicted, wait = features.get("monetary_minor", 0), value("lifetime_value"), value("next_order")
    return {
        "historic_value_minor": historic,
        "predicted_value_minor": None if predicted is None else round(predicted),
        "total_value_minor": None if predicted is None else round(historic + predicted),
        "historic_orders": features.get("orders", 0), "predicted_orders": value("lifetime_orders"),
        "days_between_orders": features.get("days_between_orders"),
        "average_order_value_minor": features.get("mean_basket_minor"), "churn_probability": value("churn"),
        "next_order_at": None if wait is None else now + timedelta(days=wait),
    }  # fmt: skip
