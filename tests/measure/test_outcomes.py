"""Outcomes joined from the decision log."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shopkeeper.core.action import Action
from shopkeeper.core.histories import MICROSECONDS_PER_DAY as DAY
from shopkeeper.measure.outcomes import Responses, Shown, attribute, outcomes, wilson


def shown(*rows: tuple[str, str, str, str, str, int]) -> Shown:
    columns = [np.array(column, object) for column in zip(*rows, strict=True)] if rows else [np.array([], object)] * 6
    return Shown(
        decision=columns[0], placement=columns[1], arm=columns[2], person=columns[3], product=columns[4],
        at=columns[5].astype(np.int64),
    )  # fmt: skip


def responses(*rows: tuple[str, str, str, str, int, int, float]) -> Responses:
    columns = [np.array(column, object) for column in zip(*rows, strict=True)] if rows else [np.array([], object)] * 7
    return Responses(
        decision=columns[0], person=columns[1], product=columns[2], order=columns[3],
        action=columns[4].astype(np.int64), at=columns[5].astype(np.int64), revenue=columns[6].astype(np.float64),
    )  # fmt: skip


LOG = shown(
    ("d1", "home", "a", "ann", "tea", 0), ("d1", "home", "a", "ann", "cup", 0),
    ("d2", "home", "b", "bob", "tea", 0), ("d3", "home", "a", "ann", "tea", DAY),
    ("d4", "cart", "a", "", "tea", 0),
)  # fmt: skip
CLICK, ORDER = Action.CLICK, Action.ORDER


def test_direct_last_shown_and_nobody() -> None:
    """Law: an id wins; without one the latest decision that showed the product in time; else nobody."""
    owner = attribute(
        LOG,
        responses(
            ("d1", "ann", "tea", "o1", ORDER, 3 * DAY, 5), ("", "ann", "tea", "o2", ORDER, 2 * DAY, 5),
            ("", "ann", "cup", "o2", ORDER, 2 * DAY, 5), ("", "ann", "tea", "o3", ORDER, 9 * DAY, 5),
            ("", "bob", "cup", "o4", ORDER, DAY, 5), ("", "", "tea", "o5", ORDER, DAY, 5),
            ("zz", "bob", "tea", "o6", ORDER, DAY, 5), ("", "ann", "tea", "", CLICK, DAY, 0),
            ("d4", "", "tea", "", CLICK, 1, 0),
        ),
    )  # fmt: skip
    assert owner.tolist() == [0, 2, 0, -1, -1, -1, 1, -1, 3]


def test_an_order_before_the_decision_is_not_its_outcome() -> None:
    """Law: causes come before effects; the same moment counts as before."""
    log = shown(("d1", "home", "", "ann", "tea", DAY))
    owner = attribute(
        log, responses(*(("", "ann", "tea", "o", ORDER, at, 1.0) for at in (DAY - 1, DAY, 8 * DAY, 8 * DAY + 1)))
    )
    assert owner.tolist() == [-1, 0, 0, -1]


def test_counts_by_placement_and_arm() -> None:
    """Golden: impressions, clicks, orders and revenue of a small log counted by hand."""
    rows = outcomes(
        LOG,
        responses(
            ("d1", "ann", "tea", "", CLICK, 5, 0), ("d1", "ann", "cup", "", CLICK, 6, 0),
            ("d1", "ann", "tea", "o1", ORDER, 7, 4.0), ("d1", "ann", "cup", "o1", ORDER, 7, 6.0),
            ("d2", "bob", "tea", "o2", ORDER, 7, np.nan),
        ),
    )  # fmt: skip
    assert [(r.placement, r.arm, r.impressions, r.clicked, r.converted, r.orders, r.revenue) for r in rows] == [
        ("cart", "a", 1, 0, 0, 0, 0), ("home", "a", 2, 1, 1, 1, 10), ("home", "b", 1, 0, 1, 1, 0),
    ]  # fmt: skip
    assert rows[1].click_rate.value == 0.5
    assert rows[1].revenue_per_decision.value == 5
    assert rows[0].revenue_per_decision.low == 0


def test_an_empty_log_has_no_rows() -> None:
    """Law: nothing shown, nothing to report."""
    assert outcomes(shown(), responses(("d1", "ann", "tea", "o", ORDER, 1, 2.0))) == []
    assert outcomes(LOG, responses())[0].clicked == 0


def test_wilson_by_hand() -> None:
    """Golden: 10 of 100: 0.0552 to 0.1744 (Wilson 1927; statsmodels gives the same)."""
    interval = wilson(10, 100)
    assert (interval.low, interval.high) == pytest.approx((0.05522914, 0.17436566), abs=1e-6)
    assert (wilson(0, 0).low, wilson(0, 0).high) == (0, 1)


@given(st.integers(1, 500), st.data())
def test_wilson_holds_the_share(trials: int, data: st.DataObject) -> None:
    """Law: 0 <= low <= share <= high <= 1."""
    share = wilson(data.draw(st.integers(0, trials)), trials)
    assert 0 <= share.low <= share.value <= share.high <= 1
