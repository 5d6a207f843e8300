"""Odd shops: nobody, one customer, everybody alike, an extreme spender, a clock in the future, two currencies, missing
registration fields. Each gets a finite number in its range or the sentence that says why there is none."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from planted_orders import AGREED, NOW, line_of, rows_of, shop_of, train_predictions

from shopkeeper.core.errors import DataError
from shopkeeper.core.ids import PersonKey
from shopkeeper.core.prediction import Meter
from shopkeeper.data.schema import TABLES
from shopkeeper.learn.propensity.foretell import OUTCOMES
from shopkeeper.learn.propensity.panel import RHYTHM, features_of
from shopkeeper.shop import Shop
from shopkeeper.shop.everybody import FORETOLD, foretold_of_all
from shopkeeper.shop.people_table import people_file, refresh_people
from shopkeeper.shop.predicting import CustomerPredictions, fit_predictions, foretold, panel_for, predictions_of
from shopkeeper.shop.rating import fit_rates
from shopkeeper.shop.telling import told

ALIKE = [line_of(f"c{person}", f"o{person}-{day}", NOW - timedelta(days=day), "p1")
         for person in range(25) for day in range(5, 200, 25)]  # fmt: skip


def registered(shop: Shop, people: list[str], attributes: dict[str, str] | None = None) -> None:
    rows = [{"id": one, "registered_at": NOW - timedelta(days=300), "at": NOW - timedelta(days=300),
             "attributes": json.dumps(attributes) if attributes else None} for one in people]  # fmt: skip
    shop.lake.append("customers", pa.Table.from_pylist(rows, schema=TABLES["customers"]), key="customers")


def sound(shop: Shop, found: CustomerPredictions) -> dict[str, Any]:
    """Every answer is a finite number in its range, or a sentence in both languages; each as JSON."""
    for language in ("en", "zh"):
        body = told(found, language)
        assert "NaN" not in json.dumps(body)
        for name, answer in body["answers"].items():
            if answer["value"] is None:
                assert answer["message"], name
            else:
                assert answer["low"] is None or answer["low"] <= answer["value"], name
                assert answer["high"] is None or answer["value"] <= answer["high"], name
    refresh_people(shop)
    for row in people_file(shop).table(["person", *FORETOLD]).to_pylist():
        for name in FORETOLD:
            assert not isinstance(row[name], float) or np.isfinite(row[name]), (row["person"], name)
    return body["answers"]


def test_a_shop_without_orders_says_so(tmp_path: Path) -> None:
    """Nobody ordered: every model is refused with the same sentence, and so is every comparison of learners; the
    customer's page says that nothing was trained."""
    with shop_of(tmp_path, []) as shop:
        registered(shop, ["c0"])
        shop.state.consent.record(PersonKey("c0"), AGREED, at=NOW)
        facts = fit_predictions(shop, shop.snapshot()).facts
        assert {error["key"] for error in facts["refused"].values()} == {"no_orders_known"}
        assert {*OUTCOMES, "lifetime", "next_order", "value", "returns", "deals", "prices"} == facts["refused"].keys()
        assert fit_rates(shop, shop.snapshot()).facts["refused"]["key"] == "too_few_ratings"
        found = predictions_of(shop, "c0")
        sound(shop, found)
        assert {answer.key for answer in found.answers.values() if isinstance(answer, Meter)} == {"not_trained"}
        for outcome in OUTCOMES:
            with pytest.raises(DataError, match="no_orders_known"):
                panel_for(shop, outcome)


@pytest.mark.parametrize("lines", [
    [line_of("c0", "o1", NOW - timedelta(days=3), "p1")],
    [line_of("c0", f"o{n}", NOW - timedelta(days=9 * n), "p1") for n in range(1, 30)],
    [line_of("c0", "o1", NOW - timedelta(days=3), "p1", price=0), line_of("c0", "o2", NOW, "p1", quantity=-1)],
])  # fmt: skip
def test_one_customer_gets_sentences(tmp_path: Path, lines: list[dict[str, Any]]) -> None:
    """One order, thirty, or one for nothing that came back: no model can be fitted on one person, and each says why."""
    with shop_of(tmp_path, lines) as shop:
        train_predictions(shop)
        answers = sound(shop, predictions_of(shop, "c0"))
        for name in ("churn", "buy", "lifetime_value", "value", "next_order"):
            assert answers[name]["value"] is None
            assert answers[name]["needs"] > answers[name]["has"]


def test_everybody_alike_leaves_nothing_to_tell_apart(tmp_path: Path) -> None:
    """Thirty customers with the same orders on the same days: what needs differences says so, in words."""
    with shop_of(tmp_path, ALIKE) as shop:
        train_predictions(shop)
        answers = sound(shop, predictions_of(shop, "c3"))
        for name in ("churn", "buy", "deals", "lifetime_value", "price_response"):
            assert answers[name]["value"] is None, name
        with pytest.raises(DataError, match="no_returns"):
            panel_for(shop, "line_return")


@pytest.fixture(scope="module")
def usual(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What is foretold of the customers of a usual shop."""
    with shop_of(tmp_path_factory.mktemp("usual"), rows_of(people=60, days=200)) as shop:
        registered(shop, [f"c{n}" for n in range(60)])
        train_predictions(shop)
        return everybody(shop)


def everybody(shop: Shop) -> dict[str, dict[str, Any]]:
    table = foretold_of_all(foretold(shop)[1], shop.snapshot(), frozenset(shop.state.consent.may_train()))
    return {row["person"]: row for row in table.to_pylist()}


def same(found: dict[str, dict[str, Any]], wanted: dict[str, dict[str, Any]]) -> None:
    """Equal but for the rounding of sums that were added up in another order."""
    assert found.keys() == wanted.keys()
    for person, row in wanted.items():
        for name, value in row.items():
            assert found[person][name] == (pytest.approx(value, rel=1e-6) if isinstance(value, float) else value), name


def test_one_extreme_spender_moves_nobody_elses_number_far(tmp_path: Path, usual: dict[str, Any]) -> None:
    """Somebody who spends ten million times as much: the others' numbers move by less than a third, on average; all
    numbers are finite."""
    extreme = [
        line_of("whale", f"w{n}", NOW - timedelta(days=11 * n), "p1", price=10_000_000_000) for n in range(1, 15)
    ]
    with shop_of(tmp_path, rows_of(people=60, days=200) + extreme) as shop:
        train_predictions(shop)
        found = everybody(shop)
        sound(shop, predictions_of(shop, "whale"))
    for name in ("buy_probability", "predicted_orders", "alive_probability", "deal_share"):
        pairs = [(found[one][name], usual[one][name]) for one in usual if usual[one][name] is not None]
        now, before = np.array([pair for pair in pairs if pair[0] is not None]).T
        assert abs(now - before).mean() < before.mean() / 3, name


def test_orders_of_the_future_and_registration_fields_change_nothing(tmp_path: Path, usual: dict[str, Any]) -> None:
    """Law: with orders dated after now, from a wrong clock, and with ages and genders of everybody or of nobody, the
    same is foretold; no registration field is a column."""
    future = [line_of(f"c{n}", f"f{n}", NOW + timedelta(days=40 + n), "p1", price=999_999) for n in range(30)]
    with shop_of(tmp_path, rows_of(people=60, days=200) + future) as shop:
        registered(shop, [f"c{n}" for n in range(60)], {"age": "35-44", "gender": "f"})
        train_predictions(shop)
        same(everybody(shop), usual)
        _, columns = features_of(shop.snapshot(), None, RHYTHM)
        assert not {"age", "gender"} & set(columns.names)


def test_other_currencies_are_left_out_of_amounts(tmp_path: Path) -> None:
    """Whoever pays in dollars in a shop of euros is counted in orders, not in euros: no value is made up for them."""
    mixed = rows_of(people=60, days=200)
    dollars = {f"c{n}" for n in range(0, 60, 5)}
    mixed = [{**row, "currency": "USD", "price_minor": 77_777} if row["customer"] in dollars else row for row in mixed]
    with shop_of(tmp_path, mixed) as shop:
        train_predictions(shop)
        sound(shop, predictions_of(shop, "c0"))
        _, columns = features_of(shop.snapshot(), frozenset({"c0", "c1"}), RHYTHM)
        paid = columns.values[:, columns.names.index("paid_a_day")]
        days = columns.values[:, columns.names.index("order_days")]
        assert paid[0] == 0 < paid[1] <= 2000
        assert (days > 0).all()
