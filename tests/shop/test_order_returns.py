"""What of an order will come back: planted returns are found, calibrated, without looking ahead; or why not."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from planted_orders import DRESSES, NOW, line_of, rows_of, shop_of, train_predictions

from shopkeeper.core.consent import Purpose
from shopkeeper.core.errors import DataError, NotFound
from shopkeeper.core.ids import PersonKey
from shopkeeper.core.prediction import Meter, Prediction
from shopkeeper.features.tables import feature_sql
from shopkeeper.learn.propensity.comparing import by_fold_of, compare
from shopkeeper.learn.propensity.foretell import outcome_of
from shopkeeper.learn.propensity.line_returns import ALL_LINES, TABLE, line_panel
from shopkeeper.shop import Shop, order_returns
from shopkeeper.shop.order_returns import newest_orders, order_risk
from shopkeeper.shop.predicting import panel_for
from shopkeeper.shop.telling import told_order

LATER = ("age_days", "back_days")
ASKED = {"currency": "EUR", "line_limit": ALL_LINES}


def same(found: list[dict[str, Any]], wanted: list[dict[str, Any]]) -> None:
    """Equal but for the rounding of sums that were added up in another order."""
    assert len(found) == len(wanted)
    for row, other in zip(found, wanted, strict=True):
        for name, value in other.items():
            assert row[name] == (pytest.approx(value, abs=1e-9) if isinstance(value, float) else value), name


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with shop_of(tmp_path_factory.mktemp("returns"), rows_of()) as shop:
        yield shop


def test_every_learner_finds_what_comes_back(shop: Shop) -> None:
    """Half of the dresses and one in a hundred of the rest come back (the truth's AUC is 0.93): every learner ranks
    them so, and the default one is calibrated."""
    panel = panel_for(shop, TABLE)
    came = outcome_of(TABLE, panel)
    assert 7 <= panel.days <= 12
    assert 0.05 < came.mean() < 0.15
    names = ("linear_regression", "logistic_regression", "decision_tree", "gradient_boosting")
    for one in compare(panel.columns, came, by_fold_of(panel), learners=names):
        assert one.figures["auc"].value > 0.88, one.learner
    assert one.figures["calibration_error"].value < 0.03


def test_a_line_knows_nothing_of_later(shop: Shop) -> None:
    """Law: what is said of a line when it was ordered stays the same whatever happens afterwards."""
    known = shop.snapshot()
    moment = NOW - timedelta(days=200)
    before = known.as_of(moment).query(feature_sql(TABLE), ASKED).drop_columns(LATER)
    now = known.query(feature_sql(TABLE), ASKED).drop_columns(LATER)
    assert 500 < before.num_rows < now.num_rows
    same(now.slice(0, before.num_rows).to_pylist(), before.to_pylist())


def test_one_order_reads_as_in_the_whole(shop: Shop) -> None:
    """Law: the rows of one order, read over what it needs alone, are those of the whole table."""
    known = shop.snapshot()
    whole = known.query(feature_sql(TABLE), ASKED)
    rows, orders = whole.to_pylist(), whole.column("order_id").to_pylist()
    sql = order_returns._ORDER.format(inner=feature_sql(TABLE))
    for order in (orders[10], orders[len(orders) // 2], orders[-1]):
        own = known.query(sql, {"order": order, **ASKED}).to_pylist()
        assert own
        same(own, sorted((row for row in rows if row["order_id"] == order), key=lambda row: row["product"]))


def test_of_too_many_lines_whole_people_are_drawn(shop: Shop) -> None:
    """Law: a limit leaves out people, never a line of somebody who stays, and changes nothing of what stays; it is
    passed by fewer lines than one group of people has; the same people are drawn under a wider limit."""
    known = shop.snapshot()
    whole = known.query(feature_sql(TABLE), ASKED).to_pylist()
    drawn: list[set[str]] = []
    for limit in (1, 500, 2000):
        found = known.query(feature_sql(TABLE), {**ASKED, "line_limit": limit}).to_pylist()
        people = {row["person"] for row in found}
        same(found, [row for row in whole if row["person"] in people])
        most = max(sum(row["person"] == person for row in whole) for person in people)
        assert 0 < len(found) < limit + most
        drawn.append(people)
    assert drawn[0] < drawn[1] < drawn[2] < {row["person"] for row in whole}


def test_a_return_belongs_to_the_newest_order_before_it_or_to_the_one_it_names(tmp_path: Path) -> None:
    """A cancellation under its own number takes the newest order of that product; one that names an order takes that;
    lines of other currencies have no amount; a line of nothing does not divide by it."""
    day = [NOW - timedelta(days=90 - 10 * n) for n in range(7)]
    lines = [
        line_of("a", "o1", day[0], "p1"), line_of("a", "o2", day[1], "p1"),
        line_of("a", "C9", day[2], "p1", quantity=-1),
        line_of("a", "o3", day[3], "p1"), line_of("a", "o1", day[4], "p1", quantity=-1),
        line_of("b", "o4", day[0], "p2", currency="USD"), line_of("b", "o5", day[1], "p2", price=0, deal=500),
        line_of("b", "C1", day[0] - timedelta(days=5), "p2", quantity=-1),
    ]  # fmt: skip
    with shop_of(tmp_path, lines) as shop:
        rows = {row["order_id"]: row for row in shop.snapshot().query(feature_sql(TABLE), ASKED).to_pylist()}
    assert {order: row["back_days"] for order, row in rows.items()} == {
        "o1": 40, "o2": 10, "o3": None, "o4": None, "o5": None}  # fmt: skip
    assert [rows[order]["own_lines"] for order in ("o1", "o2", "o3")] == [0, 1, 2]
    assert [rows[order]["own_backs"] for order in ("o1", "o2", "o3")] == [0, 0, 1]
    assert rows["o4"]["paid"] is None
    assert rows["o4"]["person_backs"] == 1
    assert rows["o5"]["price_unusual"] is None


def test_an_order_is_told_with_reasons(shop: Shop) -> None:
    """After training a dress is far likelier to come back than anything else, its share of returns is the reason, what
    came back is said so, and the amount expected back lies between nothing and all."""
    train_predictions(shop)
    found = [order_risk(shop, one["order_id"]) for one in newest_orders(shop, 10)]
    risk = {True: [], False: []}
    for order in found:
        for line in order.lines:
            if isinstance(line.answer, Prediction):
                risk[int(line.product[1:]) < DRESSES].append(line.answer.value)
                assert line.answer.low <= line.answer.value <= line.answer.high
        assert 0 <= order.expected_minor <= sum(line.paid_minor for line in order.lines)
    assert np.mean(risk[True]) > 0.3 > 0.06 > np.mean(risk[False])
    dress = next(line for order in found for line in order.lines if int(line.product[1:]) < DRESSES)
    assert dress.answer.why[0].feature in ("product_back_share", "product_backs", "category_back_share")
    body = told_order(found[0], "zh")
    assert len(body["lines"]) == 2
    assert body["lines"][0]["risk"]["unit"] == "share"
    with pytest.raises(NotFound, match="unknown_order"):
        order_risk(shop, "nothing")


def test_without_agreement_or_returns_the_sentence_says_so(shop: Shop, tmp_path: Path) -> None:
    """Somebody who withdrew is not foretold; a shop without returns, or with too few old lines, has no number but the
    sentence that says what is missing."""
    order = newest_orders(shop, 1)[0]
    shop.state.consent.record(PersonKey(order["person"]), {Purpose.PERSONALISE: False}, at=NOW)
    answer = order_risk(shop, order["order_id"]).lines[0].answer
    assert isinstance(answer, Meter)
    assert answer.key == "no_consent"
    shop.state.consent.record(PersonKey(order["person"]), {Purpose.PERSONALISE: True}, at=NOW + timedelta(seconds=1))
    few = rows_of(people=12, days=60)
    with shop_of(tmp_path / "few", few) as small, pytest.raises(DataError, match="too_few_lines"):
        line_panel(small.snapshot())
    kept = [row for row in rows_of(people=60, days=300) if row["quantity"] > 0]
    with shop_of(tmp_path / "none", kept) as none:
        train_predictions(none)
        found = order_risk(none, newest_orders(none, 1)[0]["order_id"])
        assert found.expected_minor is None
        assert told_order(found, "en")["lines"][0]["risk"]["message"].startswith("No return has been recorded")


def test_the_panel_holds_only_those_who_agreed(shop: Shop) -> None:
    """Nobody's lines but the given people's are learned from; folds are in order of time."""
    panel = line_panel(shop.snapshot(), frozenset({"c0", "c3", "c6", "c9"}))
    assert set(panel.people.tolist()) == {"c0", "c3", "c6", "c9"}
    whole = line_panel(shop.snapshot())
    assert [int((whole.fold == n).sum() / len(whole) * 10 + 0.5) for n in (0, 1, 2)] == [2, 2, 6]
