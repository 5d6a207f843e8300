"""A blend is corrected by the shop's own log: what was shown by dice, by which member, and what was clicked."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from small_shop import build

from shopkeeper.core.decision import Request
from shopkeeper.core.ids import CustomerId
from shopkeeper.learn.rank.logged import FromLog
from shopkeeper.learn.recommend.hybrid import HybridModel
from shopkeeper.learn.training import Fitted
from shopkeeper.settings import FILE
from shopkeeper.shop import Shop
from shopkeeper.shop.from_log import corrected

DICE = '[placements.home]\nchooser = "plackett_luce"\ntemperature = 0.5\nsession_minutes = 0\n'


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trained shop whose home page throws dice."""
    folder = tmp_path_factory.mktemp("log") / "shop"
    build(folder).close()
    (folder / FILE).write_text((folder / FILE).read_text("utf-8") + DICE, "utf-8")
    return folder


def _blend(shop: Shop) -> HybridModel:
    found = shop.serving.scorers["hybrid"]
    assert isinstance(found, HybridModel)
    return found


def test_clicks_say_which_member_to_trust(shop: Path) -> None:
    """What was shown with dice is read back with its probabilities and parts, and clicks that follow one member alone
    move its weight up; the sum stays."""
    dice = np.random.default_rng(5)
    with Shop.open(shop) as opened:
        blend = _blend(opened)
        trusted = min(blend.weights, key=lambda name: blend.weights[name])
        most, clicks, shown = blend.weights[trusted], [], 0
        for turn in range(300):
            request = Request(placement="home", at=opened.clock(), customer=CustomerId(f"c{turn % 30:02d}"), count=10)
            decision = opened.decide(request)
            shown += decision.personal * sum(choice.propensity < 1 for choice in decision.choices)
            clicks += [
                {"id": f"k{turn}-{place}", "action": "click", "customer": request.customer, "product": choice.item,
                 "decision": decision.id}
                for place, choice in enumerate(decision.choices)
                if dice.random() < 0.02 + 0.9 * choice.parts.get(trusted, 0.0) / most
            ]  # fmt: skip
        assert len(opened.collect(clicks)) == len(clicks)
        opened.drain()
        fitted = {"hybrid": Fitted(model=blend, seconds=0.0)}
        how = FromLog(least_clicks=50, least_effective=100.0)
        found, learned = corrected(opened, opened.snapshot(), fitted, how=how)
        kept, untaught = corrected(opened, replace(opened.snapshot(), may_train=list), fitted, how=how)
        _, strict = corrected(opened, opened.snapshot(), fitted, how=FromLog(least_clicks=10**6))
    assert untaught is None  # nobody agreed to training
    assert kept["hybrid"].model == blend
    assert learned is not None
    assert learned.items == shown
    assert 0.5 * len(clicks) < learned.clicks <= len(clicks)
    assert learned.used
    after = found["hybrid"].model.weights
    assert after[trusted] > blend.weights[trusted]
    assert sum(after.values()) == pytest.approx(sum(blend.weights.values()))
    assert strict is not None
    assert not strict.used
    assert strict.weights.tolist() == pytest.approx(list(blend.weights.values()))
