"""What is foretold of everybody at once: the columns of the table of people that audiences and lists ask for."""

from datetime import datetime
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from shopkeeper.core.errors import DataError
from shopkeeper.data.snapshot import LakeSnapshot
from shopkeeper.learn.customer_value.lifetime import purchases_of
from shopkeeper.learn.propensity.columns import Columns, Float64
from shopkeeper.learn.propensity.foretell import Foretold, columns_like, prices_of
from shopkeeper.learn.propensity.panel import Texts, features_of

YEAR: Final = 365.0
FORETOLD: Final = {
    "churn_probability": pa.float64(), "buy_probability": pa.float64(), "alive_probability": pa.float64(),
    "predicted_value": pa.float64(), "predicted_orders": pa.float64(), "predicted_soon": pa.float64(),
    "next_order_at": pa.timestamp("us", tz="UTC"), "return_share": pa.float64(), "deal_share": pa.float64(),
    "price_response": pa.float64(),
}  # fmt: skip
"""The columns and their kinds. NULL: it cannot be told, or the customer has not agreed to personalisation."""


def foretold_of_all(model: Foretold | None, known: LakeSnapshot, people: frozenset[str]) -> pa.Table:
    """One row a buyer among these people; ``person`` and the columns of ``FORETOLD``. The same as asking one by one.

    Raises:
        DataError: the model was made by an older program (``model_outdated``).
    """
    who, columns = features_of(known, people) if model is not None and people else (np.zeros(0, object), None)
    if model is None or columns is None or not len(who):
        empty = {name: pa.nulls(0, kind) for name, kind in FORETOLD.items()}
        return pa.table({"person": pa.array([], pa.string()), **empty})
    number = {name: columns.values[:, place] for place, name in enumerate(columns.names)}
    try:
        found = {
            **_chances(model, columns, number), **_worth(model, columns, number),
            **_prices(model, known, people, who, number), **_next_order(model, number, known.moment),
        }  # fmt: skip
    except (KeyError, ValueError) as error:
        raise DataError("model_outdated", model="foretell") from error
    made = {
        name: pa.array(found[name], kind, from_pandas=True) if name in found else pa.nulls(len(who), kind)
        for name, kind in FORETOLD.items()
    }
    return pa.table({"person": pa.array(who.tolist(), pa.string()), **made})


def _chances(model: Foretold, columns: Columns, number: dict[str, Float64]) -> dict[str, Float64]:
    found: dict[str, Float64] = {}
    for name, column in (("churn", "churn_probability"), ("buy", "buy_probability")):
        one = model.learned.get(name)
        if one is not None:
            found[column] = one.probability(columns_like(one.names, columns))
    if "churn_probability" in found:
        may_leave = number["last_days"] <= 2 * model.churn_days
        found["churn_probability"] = np.where(may_leave, found["churn_probability"], np.nan)
    if model.returns is not None:
        shares = model.returns.expected(number["returns"], number["order_days"])
        found["return_share"] = np.minimum(shares, 1.0)
    return found


def _worth(model: Foretold, columns: Columns, number: dict[str, Float64]) -> dict[str, Float64]:
    found: dict[str, Float64] = {}
    if model.value is not None:
        found["predicted_soon"] = model.value.expected(columns_like(model.value.names, columns))
    if model.lifetime is not None:
        bought = purchases_of(number["order_days"], number["first_days"], number["last_days"])
        orders = model.lifetime.buying.expected(bought, YEAR)
        each = model.lifetime.spending.expected(bought.x + 1, number["paid_a_day"])
        found |= {"predicted_orders": orders, "predicted_value": orders * each,
                  "alive_probability": model.lifetime.buying.alive(bought)}  # fmt: skip
    return found


def _prices(
    model: Foretold, known: LakeSnapshot, people: frozenset[str], who: Texts, number: dict[str, Float64]
) -> dict[str, Float64]:
    """By customer; somebody who bought nothing in the shop's currency has their segment's figures."""
    worth = number["paid_a_day"]
    found: dict[str, Float64] = {}
    if model.deals is None and model.prices is None:
        return {}
    buyers, own = prices_of(known, people, who, worth)
    place = {person: row for row, person in enumerate(buyers.tolist())}
    row = np.array([place.get(person, -1) for person in who.tolist()], np.int64)
    theirs = {name: np.append(own[name], 0.0)[row] for name in ("deals", "lines", "pull", "room")}
    if model.deals is not None:
        found["deal_share"] = model.deals.expected(theirs["deals"], theirs["lines"], worth)
    if model.prices is not None:
        found["price_response"] = model.prices.expected(theirs["pull"], theirs["room"], worth)[0]
    return found


def _next_order(model: Foretold, number: dict[str, Float64], now: datetime) -> dict[str, NDArray[Any]]:
    if model.next_order is None:
        return {}
    usual = model.next_order.usual_gap(number["order_days"], number["gap_mean"])
    days = model.next_order.waits(usual, np.maximum(number["last_days"], 0.0), 0.5)
    late = np.where(np.isfinite(days), days * 86_400e6, 0.0).astype(np.int64)
    moment = np.datetime64(round(now.timestamp() * 1e6), "us") + late.astype("timedelta64[us]")
    return {"next_order_at": np.where(np.isfinite(days), moment, np.datetime64("NaT", "us"))}
