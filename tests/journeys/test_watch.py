"""Alarms ring where intervals part, and only there; a goal's cost is measured on days that no model knew."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta

import pytest
from small_shop import build

from shopkeeper.apps.cli.tradeoff import tradeoff_plot
from shopkeeper.core.decision import Choice, Decision, Reason, Request
from shopkeeper.core.errors import SettingsError
from shopkeeper.core.ids import CustomerId, new_id
from shopkeeper.locale import say
from shopkeeper.measure.bootstrap import Interval
from shopkeeper.shop import Shop
from shopkeeper.shop.tradeoffs import LADDERS, weigh
from shopkeeper.shop.watch import alarms, figures_of


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with build(tmp_path_factory.mktemp("watch") / "shop") as made:
        yield made


def test_diversity_costs_accuracy_and_is_won(shop: Shop) -> None:
    """The first value costs nothing by definition; the last shows more categories in a list than the first."""
    steps = weigh(shop, "diversity", people=60)
    assert [step.value for step in steps] == list(LADDERS["diversity"])
    assert steps[0].cost == Interval(value=0.0, low=0.0, high=0.0)
    assert steps[-1].diversity > steps[0].diversity
    assert steps[-1].cost.value == pytest.approx(steps[-1].ndcg.value - steps[0].ndcg.value)
    assert all(0 < step.ndcg.value < 1 and 0 < step.coverage <= 1 for step in steps)
    assert all(math.isnan(step.margin) for step in steps)
    drawn = tradeoff_plot("diversity", steps)
    assert drawn.count("<circle") == len(steps)
    assert repr(weigh(shop, "diversity", people=60)) == repr(steps)


def test_an_unknown_goal_is_refused(shop: Shop) -> None:
    """The sentence names those that can be weighed."""
    with pytest.raises(SettingsError) as refused:
        weigh(shop, "beauty")
    assert "margin_weight" in str(refused.value.facts["wanted"])


def _log(shop: Shop, days_ago: float, *, count: int, clicked: int, fallback: str = "") -> None:
    """Answers of the home page, some of them clicked."""
    events = []
    for number in range(count):
        at = shop.clock() - timedelta(days=days_ago, seconds=number)
        request = Request(placement="home", at=at, customer=CustomerId(f"c{number % 50:02d}"), count=1)
        choice = Choice(item="p01", score=1.0, propensity=1.0, reason=Reason(key="fallback"))
        decision = Decision(id=new_id("d"), request=request, policy="x@1", choices=(choice,), fallback=fallback)  # type: ignore[arg-type]
        shop.log_decision(decision)
        if number < clicked:
            events.append(
                {"id": f"k-{decision.id}", "action": "click", "customer": request.customer, "product": "p01",
                 "decision": decision.id, "at": at.isoformat()}
            )  # fmt: skip
    if events:
        shop.collect(events)
    shop.drain()


def _live(shop: Shop) -> dict[str, Mapping[str, object]]:
    """The alarms about answers: another test is about versions."""
    return {alarm.key: alarm.facts for alarm in alarms(shop) if alarm.key != "quality_fell"}


def test_alarms_ring_only_beyond_chance(shop: Shop) -> None:
    """A quiet shop has none; 40 % of clicks falling to 10 % rings, and so do answers of last resort; each can be said
    in both languages."""
    assert _live(shop) == {}
    _log(shop, 20.0, count=200, clicked=80)
    _log(shop, 2.0, count=100, clicked=35)
    assert _live(shop) == {}
    _log(shop, 1.0, count=300, clicked=6, fallback="model_missing")
    found = _live(shop)
    assert set(found) == {"clicks_fell", "fallbacks_rose"}
    assert found["clicks_fell"]["before"] == "40.0%"
    for key, facts in found.items():
        assert say("en", "watch", key, **facts) != say("zh", "watch", key, **facts)


def test_a_version_that_scores_lower_rings(shop: Shop) -> None:
    """The personal model's intervals part: the alarm names both scores and the version to go back to."""
    older, newer = shop.models.versions()[-2:]
    store, ours = shop.models, shop.settings.train.personal
    good, bad = store.load(older), store.load(newer)
    score = figures_of(store.manifest(newer))[ours].value

    def with_score(value: float) -> dict[str, object]:
        ndcg = {"value": value, "low": value - 0.01, "high": value + 0.01}
        rows = [{"name": ours, "metrics": {"ndcg": ndcg}}]
        return {**bad.report, "evaluation": {**bad.report["evaluation"], "rows": rows}}

    store.save(replace(good, version="v90000101T000000000Z", report=with_score(score)), keep=9)
    store.save(replace(bad, version="v90000102T000000000Z", report=with_score(score / 2)), keep=9)
    (alarm,) = [alarm for alarm in alarms(shop) if alarm.key == "quality_fell"]
    assert alarm.facts["version"] == "v90000101T000000000Z"
    assert (alarm.facts["now"], alarm.facts["before"]) == (round(score / 2, 4), round(score, 4))
