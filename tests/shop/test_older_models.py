"""Models that another release of the program wrote: everything answers without them and says so, until a training."""

import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "reliability"))

import deeds

from shopkeeper.core.consent import Purpose
from shopkeeper.core.errors import DataError
from shopkeeper.core.prediction import Meter
from shopkeeper.learn.propensity.foretell import NAME as PREDICTIONS
from shopkeeper.learn.segment.segmenting import NAME as SEGMENTS
from shopkeeper.shop import Shop
from shopkeeper.shop.audiences import count, rule_of
from shopkeeper.shop.basket_rules import found_rules
from shopkeeper.shop.customer_list import CustomerFilter, customers_page
from shopkeeper.shop.people_table import current_people
from shopkeeper.shop.predicting import predictions_of
from shopkeeper.shop.rating import NAME as STARS
from shopkeeper.shop.rating import would_rate
from shopkeeper.shop.segment_facts import segment_facts
from shopkeeper.shop.training import train


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A trained shop whose current version holds segments, predictions and stars in a shape that nobody knows."""
    with Shop.open(deeds.make_shop(tmp_path_factory.mktemp("older") / "shop")) as opened:
        bundle = opened.models.load(str(opened.models.current()))
        strange = {"made_by": "another release"}
        models = {
            name: replace(stored, facts=strange, arrays={}) if name in (PREDICTIONS, SEGMENTS, STARS) else stored
            for name, stored in bundle.models.items()
        }
        later = bundle.moment + timedelta(seconds=1)
        opened.models.save(replace(bundle, version=f"{bundle.version}-older", moment=later, models=models), keep=2)
        yield opened


def test_lists_and_answers_go_on(shop: Shop) -> None:
    """Customers are listed; each prediction and each star is a meter that says why; segments say why; the popular list
    is served."""
    page = customers_page(shop, CustomerFilter())
    assert page.total == deeds.PEOPLE
    assert {(row["segment"], row["spending"]) for row in page.rows} == {(None, None)}
    assert current_people(shop)["outdated"] == [SEGMENTS, PREDICTIONS]
    for answer in predictions_of(shop, "k1").answers.values():
        assert isinstance(answer, Meter)
        assert answer.key == "outdated"
    ((_, _, stars),) = would_rate(shop, "k1", ["p1"]).products
    assert isinstance(stars, Meter)
    assert stars.key == "outdated"
    assert "another release" in segment_facts(shop, "en")["refused"]["groups"]
    assert shop.serving.version.endswith("-older")


def test_audiences_that_need_none_of_it_are_counted(shop: Shop) -> None:
    """A rule about what is foretold is refused with a sentence; one about orders is counted."""
    ordered = rule_of(shop, {"all": [{"field": "orders", "at_least": 1}]})
    assert count(shop, ordered, Purpose.EMAIL).everybody is None  # fewer than 20
    with pytest.raises(DataError) as refused:
        count(shop, rule_of(shop, {"all": [{"field": "churn_probability", "at_least": 0.5}]}), Purpose.EMAIL)
    assert refused.value.key == "model_outdated"


def test_a_training_brings_them_back(shop: Shop) -> None:
    """After the next training nothing is outdated."""
    train(shop, judged=False)
    assert current_people(shop)["outdated"] == []
    keys = {answer.key for answer in predictions_of(shop, "k1").answers.values() if isinstance(answer, Meter)}
    assert "outdated" not in keys
    assert found_rules(shop)[0] == shop.models.current()
