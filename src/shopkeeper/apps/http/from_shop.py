"""A shop folder as the API's engine."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from shopkeeper.core.decision import Decision, Reason, Request
from shopkeeper.data.store.keys import Keys
from shopkeeper.decide.reasons import say_reason
from shopkeeper.shop import people
from shopkeeper.shop.collecting import Verdict
from shopkeeper.shop.shop import Shop


class ShopEngine:
    """Hands every call to the shop."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop

    @property
    def language(self) -> str:
        return self._shop.settings.shop.language

    @property
    def drain_seconds(self) -> float:
        return self._shop.settings.serve.drain_seconds

    @property
    def keys(self) -> Keys:
        return self._shop.state.keys

    def now(self) -> datetime:
        return self._shop.clock()

    def collect(self, raws: Sequence[Any], *, source: str, browser: bool) -> Sequence[Verdict]:
        return self._shop.collect(raws, source=source, browser=browser)

    def decide(self, request: Request) -> Decision:
        return self._shop.decide(request)

    def similar(self, product: str, count: int) -> Decision:
        return self._shop.similar(product, count)

    def explain(self, decision_id: str) -> Decision:
        return self._shop.explain(decision_id)

    def say_reason(self, reason: Reason, language: str) -> str:
        return say_reason(reason, self._shop.serving.catalogue(), language)

    def customer(self, customer_id: str) -> Any:
        return people.customer(self._shop, customer_id)

    def export(self, customer_id: str) -> Mapping[str, Any]:
        return people.export(self._shop, customer_id)

    def erase(self, customer_id: str) -> Mapping[str, Any]:
        return people.erase(self._shop, customer_id)

    def waiting(self) -> int:
        return self._shop.journal.waiting()

    def ready(self) -> None:
        """An empty batch goes the whole way to the journal's writer and back; the models are loaded."""
        self._shop.collect([], source="health", browser=False)
        _ = self._shop.serving

    def upkeep(self) -> None:
        self._shop.drain()
        self._shop.reload()

    def close(self) -> None:
        self._shop.close()
