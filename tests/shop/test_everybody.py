"""What is foretold of everybody at once is what is foretold one by one, and audiences may ask for it."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from planted_orders import NOW, line_of, rows_of, shop_of, train_predictions

from shopkeeper.core.consent import Purpose
from shopkeeper.core.errors import DataError, NotAllowed
from shopkeeper.core.ids import PersonKey
from shopkeeper.core.prediction import Prediction
from shopkeeper.data.schema import TABLES
from shopkeeper.market.audiences.counting import numbers_of
from shopkeeper.market.audiences.reading import read, written
from shopkeeper.shop import Shop, people
from shopkeeper.shop.audiences import export, members_of, rule_of, save
from shopkeeper.shop.everybody import FORETOLD, foretold_of_all
from shopkeeper.shop.people_table import current_people, people_file, refresh_people
from shopkeeper.shop.predicting import foretold, predictions_of

ANSWERS = {
    "churn_probability": "churn", "buy_probability": "buy", "alive_probability": "alive", "predicted_value":
    "lifetime_value", "predicted_orders": "lifetime_orders", "predicted_soon": "value", "return_share": "returns",
    "deal_share": "deals", "price_response": "price_response",
}  # fmt: skip


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with shop_of(tmp_path_factory.mktemp("everybody"), rows_of()) as shop:
        tags = [{"customer": f"c{n}", "name": "interest", "value": "football" if n % 2 else "chess", "origin": "survey",
                 "at": NOW - timedelta(days=9), "consent_source": "form"} for n in range(100)]  # fmt: skip
        tags += [{**row, "name": "followers", "value": str(int(row["customer"][1:]) * 10)} for row in tags]
        tags += [
            {**tags[1], "value": "chess", "at": NOW - timedelta(days=2)},
            {**tags[3], "origin": "other", "value": "x"},
        ]
        shop.lake.append("attributes", pa.Table.from_pylist(tags, schema=TABLES["attributes"]), key="tags")
        for number in range(60):
            shop.state.consent.record(PersonKey(f"c{number}"), {Purpose.THIRD_PARTY: True}, at=NOW)
        train_predictions(shop)
        yield shop


def fitting(shop: Shop, rule: Any) -> set[str]:
    found = set(numbers_of(members_of(shop, rule_of(shop, rule))).tolist())
    return {
        row["person"] for row in people_file(shop).table(["person", "number"]).to_pylist() if row["number"] in found
    }


def test_everybody_at_once_is_one_by_one(shop: Shop) -> None:
    """Law: for people of all kinds the table holds the numbers that their own pages show, NULL where they have none."""
    table = foretold_of_all(foretold(shop)[1], shop.snapshot(), frozenset(shop.state.consent.may_train()))
    assert table.num_rows == 160
    assert table.column_names == ["person", *FORETOLD]
    rows = {row["person"]: row for row in table.to_pylist()}
    numbers = 0
    for person in [f"c{n}" for n in range(0, 160, 40)]:
        found = predictions_of(shop, person)
        for column, name in ANSWERS.items():
            answer, value = found.answers[name], rows[person][column]
            if isinstance(answer, Prediction):
                assert value == pytest.approx(answer.value, rel=1e-6, abs=1e-9), (person, column)
                numbers += 1
            else:
                assert value is None
        expected = found.fields["next_order_at"]
        assert (rows[person]["next_order_at"] is None) == (expected is None)
        if expected is not None:
            assert abs(rows[person]["next_order_at"] - expected) < timedelta(seconds=1)
    assert numbers > 25


def test_waits_of_all_are_those_of_each(shop: Shop) -> None:
    """The many waits at once are the single ones, also of those long quiet and of the never returning."""
    model = foretold(shop)[1].next_order
    usual, quiet = np.array([5.0, 30.0, 30.0, 2.0]), np.array([1.0, 0.0, 80.0, 5000.0])
    for share in (0.1, 0.5, 0.9):
        assert model.waits(usual, quiet, share).tolist() == [
            model.wait(one, other, share) for one, other in zip(usual.tolist(), quiet.tolist(), strict=True)
        ]
    assert model.waits(usual, quiet, 0.5)[3] == np.inf


def test_audiences_ask_for_what_is_foretold(shop: Shop) -> None:
    """Likely leavers, valuable customers and the price sensitive are exactly those whose numbers say so; who has no
    number fulfils no condition, but does fulfil its contrary; money is in units of the currency."""
    refresh_people(shop)
    table = people_file(shop).table().to_pylist()
    for rule, keep in (
        ({"field": "churn_probability", "at_least": 0.3}, lambda row: (row["churn_probability"] or 0) >= 0.3),
        ({"field": "predicted_value", "at_least": 100}, lambda row: (row["predicted_value"] or 0) >= 10_000),
        ({"field": "buy_probability", "at_least": 0.9}, lambda row: (row["buy_probability"] or 0) >= 0.9),
        ({"field": "deal_share", "at_least": 0.4}, lambda row: (row["deal_share"] or 0) >= 0.4),
        ({"not": {"field": "churn_probability", "at_least": 0.3}},
         lambda row: not (row["churn_probability"] or 0) >= 0.3),
        ({"field": "next_order_days", "at_most": 10},
         lambda row: row["next_order_at"] is not None and row["next_order_at"] <= NOW + timedelta(days=10)),
    ):  # fmt: skip
        wanted = {row["person"] for row in table if keep(row)}
        assert fitting(shop, rule) == wanted
        assert 0 < len(wanted) < len(table)
    with pytest.raises(DataError, match="audience_bad"):
        rule_of(shop, {"field": "churn_probability", "at_least": 30})


def test_what_is_foretold_is_kept_between_and_forgotten(shop: Shop) -> None:
    """New facts make the table again but not the predictions, within a day; a withdrawal takes them out at once; after
    a day they are made again; an erased person is in no row."""
    before = refresh_people(shop)
    line = line_of("fresh", "of", NOW - timedelta(hours=1), "p1")
    shop.lake.append("order_lines", pa.Table.from_pylist([line], schema=TABLES["order_lines"]), key="fresh")
    shop.state.consent.record(PersonKey("c5"), {Purpose.PERSONALISE: False}, at=NOW + timedelta(seconds=5))
    again = current_people(shop)
    assert again["lake"] != before["lake"]
    assert again["foretold_at"] == before["foretold_at"]
    rows = {row["person"]: row for row in people_file(shop).table().to_pylist()}
    assert all(rows[one][name] is None for one in ("fresh", "c5") for name in FORETOLD)
    assert rows["c6"]["predicted_value"] is not None
    later, clock = NOW + timedelta(days=2), shop.clock
    try:
        shop.clock = lambda: later
        assert datetime.fromisoformat(refresh_people(shop)["foretold_at"]) == later
    finally:
        shop.clock = clock
    shop.state.consent.record(PersonKey("c5"), {Purpose.PERSONALISE: True}, at=NOW + timedelta(seconds=9))
    people.erase(shop, "c7")
    assert "c7" not in people_file(shop).table(["person"]).column("person").to_pylist()


def test_tags_are_asked_only_of_those_who_agree_to_third_parties(shop: Shop) -> None:
    """The newest value of each who says it counts, numbers compare as numbers, an origin can be asked for, and who does
    not agree to third parties now fits no tag."""
    odd = {f"c{n}" for n in range(1, 60, 2)} - {"c7"}
    assert fitting(shop, {"tag": "interest", "is": "football"}) == odd - {"c1"}
    assert fitting(shop, {"tag": "interest", "in": ["x"]}) == {"c3"}
    assert fitting(shop, {"tag": "interest", "origin": "other", "in": ["x", "football"]}) == {"c3"}
    assert fitting(shop, {"tag": "followers", "at_least": 100, "at_most": 120}) == {"c10", "c11", "c12"}
    assert fitting(shop, {"tag": "interest", "at_least": 1}) == set()
    assert fitting(shop, {"tag": "x' OR '1'='1", "is": "football"}) == set()
    assert {"c1", "c99"} <= fitting(shop, {"not": {"tag": "interest", "is": "football"}})
    shop.state.consent.record(PersonKey("c9"), {Purpose.THIRD_PARTY: False}, at=NOW + timedelta(seconds=1))
    assert "c9" not in fitting(shop, {"tag": "interest", "is": "football"})
    whole = save(shop, "Followers", rule_of(shop, {"tag": "followers", "at_least": 0}), Purpose.PERSONALISE)
    assert set(export(shop, whole)) == {f"c{n}" for n in range(60)} - {"c7", "c9"}


@pytest.mark.parametrize(
    "value",
    [
        {"tag": "interest"}, {"tag": "", "is": "x"}, {"tag": "interest", "is": "x", "at_least": 1},
        {"tag": "interest", "in": []}, {"tag": "followers", "at_least": "10"},
        {"tag": "interest", "of": "x", "is": "y"},
        {"told": "tag.survey.interest", "is": "x"},
    ],
)  # fmt: skip
def test_what_is_no_tag_rule_is_refused(value: Any) -> None:
    """Each says its place; what third parties say cannot be read as a registration field, past their consent."""
    with pytest.raises(DataError, match="audience_bad"):
        read(value)


def test_tag_rules_are_written_as_they_are_read_and_nothing_sensitive_is_asked() -> None:
    """read(written(rule)) == rule; a tag or a value of religion, health and the like is refused."""
    for value in (
        {"tag": "interest", "origin": "survey", "in": ["a", "b"]},
        {"tag": "followers", "at_least": 10, "at_most": 20.5},
    ):  # fmt: skip
        assert written(read(value)) == value
    for value in ({"tag": "religion", "is": "x"}, {"tag": "interest", "is": "religion"}, {"tag": "宗教", "is": "x"}):
        with pytest.raises(NotAllowed, match="audience_sensitive"):
            read(value)


def test_a_shop_without_models_has_a_table_of_people_too(tmp_path: Path) -> None:
    """Nothing is foretold before the first training: the columns are empty, rules over them fit nobody."""
    with shop_of(tmp_path, rows_of(people=20, days=30)) as fresh:
        assert fitting(fresh, {"field": "churn_probability", "at_most": 1}) == set()
        assert fitting(fresh, {"not": {"field": "churn_probability", "at_most": 1}}) == fitting(fresh, {"all": []})
