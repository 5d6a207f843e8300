"""Where the time of one decision goes: processor time of each stage, in one process without any network."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from threadpoolctl import threadpool_limits

from shopkeeper.apps.http.answers import answer
from shopkeeper.apps.http.decisions import shown
from shopkeeper.core.decision import Request
from shopkeeper.core.errors import SettingsError
from shopkeeper.core.ids import CustomerId
from shopkeeper.decide.fallback import Fallback
from shopkeeper.decide.reasons import say_reason
from shopkeeper.decide.recommend import Recommend
from shopkeeper.shop import Shop

STAGES: Final = ("read", "filter", "score", "find", "rank", "choose", "explain", "log", "encode")
_WARM: Final = 300


class Clock:
    """Adds up the processor time of this thread between one mark and the next, by stage."""

    def __init__(self, now: Callable[[], int] = time.thread_time_ns) -> None:
        self._now = now
        self.spent = dict.fromkeys(STAGES, 0)
        self._last = now()

    def start(self) -> None:
        """What was done until now belongs to no stage."""
        self._last = self._now()

    def mark(self, stage: str) -> None:
        """What was done since the last mark belongs to this stage."""
        now = self._now()
        self.spent[stage] += now - self._last
        self._last = now

    def microseconds(self, decisions: int) -> dict[str, float]:
        """Of one decision."""
        return {stage: spent / decisions / 1000 for stage, spent in self.spent.items()}


def measure_stages(shop_folder: Path, *, customers: int, decisions: int) -> dict[str, Any]:
    """Microseconds of each stage, the mean of so many decisions for the home page."""
    threadpool_limits(1)
    with Shop.open(shop_folder) as shop:
        shop.state.consent.gather()
        who = np.random.default_rng(2).integers(0, customers, decisions + _WARM).tolist()
        clock = Clock()
        policy = replace(recommend_of(shop, "home"), mark=clock.mark)
        for number, customer in enumerate(who):
            if number == _WARM:
                clock.spent = dict.fromkeys(STAGES, 0)
            _decide(shop, policy, f"C{customer}", clock)
    stages = clock.microseconds(decisions)
    return {"decisions": decisions, "microseconds": stages, "total_microseconds": sum(stages.values())}


def _decide(shop: Shop, policy: Recommend, customer: str, clock: Clock) -> None:
    """What a request does between its parsing and its sending."""
    request = Request(placement="home", at=shop.clock(), customer=CustomerId(customer), count=10)
    clock.start()
    decision = policy.decide(request)
    shop.log_decision(decision)
    clock.mark("log")
    catalogue = shop.serving.catalogue()
    answer(shown(decision, lambda reason: say_reason(reason, catalogue, "en")))
    clock.mark("encode")


def recommend_of(shop: Shop, placement: str) -> Recommend:
    """The policy that answers a placement, without its fallback and its log.

    Raises:
        SettingsError: the shop has no models (``benchmark_failed``).
    """
    inner = shop.serving.policies[placement].inner
    first = inner.first if isinstance(inner, Fallback) else None
    if not isinstance(first, Recommend):
        raise SettingsError("benchmark_failed", stage="stages", why="no models")
    return first
