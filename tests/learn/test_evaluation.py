"""The comparison of recommenders."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from shopkeeper.core.histories import Histories
from shopkeeper.learn.evaluation import How, evaluate, evaluate_leave_one_out, rank
from shopkeeper.learn.snapshot import EPOCH, ArraySnapshot


@dataclass(frozen=True)
class Constant:
    """Says the same scores to everybody; notes what it was fitted on."""

    scores: tuple[float, ...]

    def fit(self, known: Any, *, seed: int = 0) -> "ConstantModel":
        return ConstantModel(np.array(self.scores, np.float32), known.histories())


@dataclass(frozen=True)
class ConstantModel:
    scores: np.ndarray
    fitted_on: Histories

    def score(self, profiles: Histories, now: int) -> np.ndarray:
        assert (profiles.at < now).all()
        assert (self.fitted_on.at < now).all()
        return np.tile(self.scores, (len(profiles), 1))

    def reason(self, profile: Histories, product: int, now: int) -> None:
        return None

    def arrays(self) -> Mapping[str, np.ndarray]:
        return {}


# Everybody has bought 0 and 1 before day 2 and buys 0 (again) and 2 (new) after; the last person never comes back.
PEOPLE = ArraySnapshot.of_sequences([[0, 1, 0, 2]] * 8 + [[1, 0]], products=4)
GOOD, BAD = Constant((4.0, 1.0, 3.0, 0.0)), Constant((np.nan, 2.0, 1.0, 3.0))
CUT = EPOCH + timedelta(days=2)


def test_time_split_by_hand() -> None:
    """Golden: the good one ranks 0, 2 first (NDCG 1), the bad one 3, 1 (0 at k=2), -1 against the baseline."""
    report = evaluate(PEOPLE, {"bad": BAD, "popularity": GOOD}, cut_at=CUT, days=7, how=How(k=2))
    assert (report.people, report.unjudged, report.newcomers, report.products) == (8, 1, 0, 4)
    assert report.row("popularity").metrics["ndcg"].value == pytest.approx(1)
    assert report.row("bad").metrics["hit_rate"].value == 0
    assert report.row("bad").against["ndcg"].value == pytest.approx(-1)
    assert report.row("bad").against["ndcg"].excludes(0)
    assert not report.row("popularity").against
    assert report.row("bad").lists["coverage"] == 0.5
    with pytest.raises(KeyError):
        report.row("nobody")


def test_new_items_are_ranked_without_the_old() -> None:
    """Law: for discoveries what was bought is neither ranked nor wanted: product 2 comes first for the good one."""
    report = evaluate(PEOPLE, {"good": GOOD}, cut_at=CUT, days=7, how=How(k=1))
    assert report.row("good").metrics["ndcg_new"].value == 1
    hidden = evaluate(PEOPLE, {"good": GOOD}, cut_at=CUT, days=7, how=How(k=1, hide_bought=True))
    assert hidden.row("good").metrics["recall"].value == 1
    plain = evaluate(PEOPLE, {"good": GOOD}, cut_at=CUT, days=7, how=How(k=1, new_items=False))
    assert "ndcg_new" not in plain.row("good").metrics


def test_newcomers_are_counted_not_judged() -> None:
    """Law: who was unknown before the cut is a newcomer and no row of the comparison."""
    report = evaluate(PEOPLE, {"good": GOOD}, cut_at=EPOCH, days=1)
    assert (report.people, report.newcomers) == (0, 9)
    assert np.isnan(report.row("good").metrics["ndcg"].value)


def test_leave_one_out_by_hand() -> None:
    """Golden: the newest items are 2 (eight times) and 0 (once): hit rate at 1 is 1/9 for who says 0 first."""
    report = evaluate_leave_one_out(PEOPLE, {"good": GOOD}, how=How(k=1))
    assert report.people == 9
    assert report.row("good").metrics["hit_rate"].value == pytest.approx(1 / 9)


def test_json_says_everything_and_has_no_nan() -> None:
    """Law: the text is strict JSON with the protocol, settings and every row."""
    text = evaluate(PEOPLE, {"popularity": GOOD, "bad": BAD}, cut_at=EPOCH, days=1).to_json()
    read = json.loads(text, parse_constant=pytest.fail)
    assert [row["name"] for row in read["rows"]] == ["popularity", "bad"]
    assert read["cut_at"] == "1970-01-01T00:00:00+00:00"
    assert read["rows"][0]["metrics"]["ndcg"]["value"] is None


def test_the_baseline_is_judged_first_and_progress_is_told() -> None:
    """Law: whatever the order given, everybody is compared with the baseline; progress ends at the total."""
    told: list[tuple[str, int, int]] = []
    report = evaluate(
        PEOPLE, {"bad": BAD, "popularity": GOOD}, cut_at=CUT, days=7, progress=lambda *what: told.append(what)
    )
    assert [row.name for row in report.rows] == ["popularity", "bad"]
    assert told == [("popularity", 0, 2), ("bad", 1, 2), ("", 2, 2)]


def test_people_are_sampled_by_seed() -> None:
    """Law: above the bound exactly so many are judged, the same ones for the same seed."""
    reports = [evaluate(PEOPLE, {"good": GOOD}, cut_at=CUT, days=7, how=How(most_people=3)) for _ in range(2)]
    assert reports[0].people == 3
    assert reports[0].row("good").metrics == reports[1].row("good").metrics


def test_the_ranking_of_products_unknown_when_fitted() -> None:
    """Law: events of products newer than the model are no error when hiding what was bought."""
    model = Constant((1.0, 2.0)).fit(PEOPLE)
    (lists,) = rank(model, PEOPLE.histories(), 10**15, 2, hide=[True])
    assert (lists == -1).all()
