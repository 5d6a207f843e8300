"""Few figures of one customer are drawn towards their segment's, and the segment's towards the shop's."""

import json

import numpy as np
import pytest

from shopkeeper.core.errors import DataError
from shopkeeper.learn.customer_value.bands import Bands
from shopkeeper.learn.customer_value.price_response import PriceResponse, fit_price_response
from shopkeeper.learn.customer_value.shares import Shares, fit_shares
from shopkeeper.learn.propensity.boosted_value import BoostedValue, fit_boosted_value, judge_boosted_value
from shopkeeper.learn.propensity.columns import Columns
from shopkeeper.learn.propensity.panel import Panel
from shopkeeper.learn.propensity.spread import Spread

WORTH = np.repeat([1000.0, 2000.0, 4000.0], [500, 300, 200])
"""Low, middle and high spenders."""


def test_planted_segments_have_their_own_elasticity() -> None:
    """-3, -2 and -1 are found again within sampling error; somebody without purchases gets their segment's, somebody of
    whom nothing is known the shop's, somebody with many purchases their own."""
    rng = np.random.default_rng(0)
    truth = np.repeat([-3.0, -2.0, -1.0], [500, 300, 200])
    room = rng.uniform(1, 20, 1000)
    pull = room * rng.normal(truth, 0.3) + rng.normal(0, np.sqrt(room))
    found = fit_price_response(pull, room, WORTH)
    assert found.bands.means == pytest.approx([-3, -2, -1], abs=0.12)
    assert found.spread == pytest.approx(0.3, abs=0.1)
    nothing, some = np.zeros(1), np.full(1, 1e4)
    assert found.expected(nothing, nothing, np.array([4000.0]))[0] == pytest.approx(-1, abs=0.12)
    assert found.expected(nothing, nothing, np.array([np.nan]))[0] == pytest.approx(found.mean)
    assert found.expected(-0.5 * some, some, np.array([1000.0]))[0] == pytest.approx(-0.5, abs=0.02)
    low, middle = (found.interval(0.0, room_of_one, 4000.0) for room_of_one in (0.0, 50.0))
    assert low[2] - low[1] > middle[2] - middle[1]
    assert PriceResponse.restore(json.loads(json.dumps(found.facts()))).interval(3.0, 2.0, 900.0) == found.interval(
        3.0, 2.0, 900.0
    )


def test_segments_that_do_not_differ_are_drawn_to_the_shop() -> None:
    """Where all segments are alike their means lie nearer to the shop's than their own figures do; alike for shares."""
    rng = np.random.default_rng(1)
    room = rng.uniform(1, 3, 1000)
    pull = room * -2.0 + rng.normal(0, np.sqrt(room))
    found = fit_price_response(pull, room, WORTH)
    for place, worth in enumerate((1000.0, 2000.0, 4000.0)):
        mine = worth == WORTH
        own = float(pull[mine].sum() / room[mine].sum())
        assert abs(found.bands.means[place] - found.mean) <= abs(own - found.mean) + 1e-9


def test_planted_shares_of_segments_are_found_again() -> None:
    """5 %, 20 % and 50 % bought on a deal; a customer without lines gets their segment's share, in its range."""
    rng = np.random.default_rng(2)
    truth = np.repeat([0.05, 0.2, 0.5], [500, 300, 200])
    tries = rng.integers(3, 30, 1000).astype(float)
    found = fit_shares(rng.binomial(tries.astype(int), truth).astype(float), tries, WORTH)
    assert found.bands.means == pytest.approx([0.05, 0.2, 0.5], abs=0.03)
    nothing = np.zeros(1)
    assert found.expected(nothing, nothing, np.array([4000.0]))[0] == pytest.approx(0.5, abs=0.03)
    low, high = found.interval(0, 0, 0.8, 1000.0)
    assert 0 <= low < 0.05 < high < 0.5
    assert Shares.restore(json.loads(json.dumps(found.facts()))).interval(1, 4, 0.8, 900.0) == found.interval(
        1, 4, 0.8, 900.0
    )


def test_everybody_alike_is_one_segment() -> None:
    """All spend the same, or nothing is known: no segment, the shop's figure answers."""
    for worth in (np.full(5, 7.0), np.full(5, np.nan)):
        bands = Bands.of(worth)
        assert bands.count <= 2
        assert (bands.mean_of(np.array([np.nan]), 3.0) == 3.0).all()


def panel(rows: int = 1500, extreme: bool = False) -> Panel:
    """What is paid follows the first column; one customer of the teaching rows pays 10^9."""
    rng = np.random.default_rng(0)
    worth, noise = rng.exponential(1000, rows), rng.normal(size=rows)
    days = rng.integers(1, 20, rows).astype(float)
    ages = rng.uniform(1, 30, (2, rows))
    paid = np.where(rng.random(rows) < 0.5, worth * rng.uniform(0.5, 1.5, rows), 0.0)
    if extreme:
        paid[-1] = 1e9
    return Panel(
        people=np.arange(rows).astype(object), days=30.0, fold=np.repeat(np.arange(3), rows // 3).astype(np.int32),
        columns=Columns(names=("paid_a_day", "noise", "order_days", "first_days", "last_days"),
                        values=np.stack([worth, noise, days, ages.sum(axis=0) + 30, ages[0]], axis=1)),
        outcome={"paid": paid},
    )  # fmt: skip


@pytest.mark.parametrize("extreme", [False, True])
def test_spending_is_foretold_though_one_spends_extremely(extreme: bool) -> None:
    """The trees follow what was planted, add up on the newest window, explain themselves to the cent, are kept, and one
    extreme spender moves nothing by more than a tenth; the 80 % range holds 80 % of new rows."""
    known = panel(extreme=extreme)
    model = fit_boosted_value(known)
    said = model.expected(known.columns)
    newest = known.fold == 0
    assert said[newest].sum() == pytest.approx(known.outcome["paid"][newest].sum(), rel=0.01)
    assert np.corrcoef(said, known.column("paid_a_day"))[0, 1] > 0.8
    assert said.max() < 20_000
    why, base = model.why(known.columns.rows(np.array([3])))
    assert why[0].feature == "paid_a_day"
    score = float(model.trees.score(known.columns.rows(np.array([3])))[0]) * model.scale
    assert base + sum(part.share for part in why) == pytest.approx(score, abs=0.01)
    again = BoostedValue.restore(model.arrays(), json.loads(json.dumps(model.facts())))
    assert np.array_equal(again.expected(known.columns), said)
    judged = judge_boosted_value(known)
    assert judged["boosted"]["mae"]["low"] < judged["boosted"]["mae"]["value"] < judged["boosted"]["mae"]["high"]
    assert judged["boosted"]["mae"]["value"] < judged["mean"] * 1.5


def test_spending_that_cannot_be_learned_says_why() -> None:
    """Too few rows, or everybody spent the same: the sentence, no number; and nothing to judge is no judgement."""
    known = panel()
    with pytest.raises(DataError, match="too_few_values"):
        fit_boosted_value(known.rows(np.arange(300)))
    same = Panel(people=known.people, columns=known.columns, fold=known.fold, days=30.0,
                 outcome={"paid": np.full(len(known), 5.0)})  # fmt: skip
    with pytest.raises(DataError, match="values_all_equal"):
        fit_boosted_value(same)
    assert judge_boosted_value(same) == {}


def test_the_range_holds_what_it_says() -> None:
    """Law of split conformal prediction: 80 % of new truths lie in the range, also where the noise grows; without
    unseen rows the range is everything."""
    rng = np.random.default_rng(0)
    said = rng.uniform(0, 10, 4000)
    truth = said + rng.normal(0, 0.2 + said / 5)
    spread = Spread.of(said[:2000], truth[:2000], low=-50.0, high=50.0)
    ends = np.array([spread.interval(value, 0.8) for value in said[2000:].tolist()])
    held = (truth[2000:] >= ends[:, 0]) & (truth[2000:] <= ends[:, 1])
    assert held.mean() == pytest.approx(0.8, abs=0.03)
    for part in (said[2000:] < 3, said[2000:] > 7):
        assert held[part].mean() == pytest.approx(0.8, abs=0.06)
    assert Spread.of(said[:0], truth[:0], low=1.0, high=5.0).interval(3.0) == (1.0, 5.0)
    assert Spread.of(said[:3], truth[:3], low=1.0, high=5.0).interval(3.0, 0.95) == (1.0, 5.0)
