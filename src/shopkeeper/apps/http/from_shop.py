"""A shop folder as the API's engine: ``build`` makes its app, ``serve`` serves it."""

import logging
import shutil
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from starlette.applications import Starlette
from starlette.routing import BaseRoute

from shopkeeper.apps.http import server
from shopkeeper.apps.http.app import app_of
from shopkeeper.apps.http.deciders import Deciders
from shopkeeper.apps.http.decisions import told_of
from shopkeeper.apps.http.engine import Answered
from shopkeeper.apps.http.wire import Told
from shopkeeper.core.consent import Purpose
from shopkeeper.core.decision import Decision, Reason, Request
from shopkeeper.core.errors import NotFound, Unavailable
from shopkeeper.core.figures import EngineFigures
from shopkeeper.data.store.keys import Keys
from shopkeeper.decide.context import person_to_read
from shopkeeper.decide.failure import where, why
from shopkeeper.decide.reasons import say_reason
from shopkeeper.settings import LimitsSection
from shopkeeper.shop import audiences, browsers, people
from shopkeeper.shop.basket_rules import Filter, rules_facts, rules_of
from shopkeeper.shop.collecting import Verdict
from shopkeeper.shop.engines import figures_of
from shopkeeper.shop.news import News
from shopkeeper.shop.order_returns import order_risk
from shopkeeper.shop.predicting import predictions_of
from shopkeeper.shop.profile import evidence, moment_of, profile_of
from shopkeeper.shop.profile_facts import evidence_facts, profile_facts
from shopkeeper.shop.rating import would_rate
from shopkeeper.shop.retraining import Retraining
from shopkeeper.shop.segment_facts import segment_facts
from shopkeeper.shop.shop import Shop
from shopkeeper.shop.telling import told, told_order, told_ratings
from shopkeeper.shop.why_order import Moved, moved

_log: Final = logging.getLogger(__name__)


class ShopEngine:
    """Hands every call to the shop."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop
        _ = shop.state.keys.identity_secret  # known before its database can be away
        shop.forgiving = True
        self._loaded = False
        self._retraining = Retraining(shop)
        self._news = News(shop, shop.store) if shop.sharing and shop.store is not None else None
        if self._news is not None:
            shop.listeners.append(self._news)
        self._deciders = Deciders(shop.folder, shop.settings.serve.processes - 1)
        shop.listeners.append(self._deciders)

    @property
    def language(self) -> str:
        return self._shop.settings.shop.language

    @property
    def drain_seconds(self) -> float:
        return self._shop.settings.serve.drain_seconds

    @property
    def limits(self) -> LimitsSection:
        return self._shop.settings.limits

    @property
    def keys(self) -> Keys:
        return self._shop.state.keys

    def now(self) -> datetime:
        return self._shop.clock()

    def collect(self, raws: Sequence[Any], *, source: str, browser: bool) -> Sequence[Verdict]:
        return self._shop.collect(raws, source=source, browser=browser)

    def count_of(self, placement: str) -> int:
        return self._shop.count_of(placement)

    async def begin(self) -> None:
        await self._deciders.start()

    def processes(self) -> int:
        """How many can decide now, this one among them."""
        return 1 + self._deciders.able(self._shop.serving.version)

    def end(self) -> None:
        self._deciders.stop()

    async def answered(self, request: Request, language: str) -> Answered:
        """Decided by a helping process where there is one and it is not too busy, or else here; logged here."""
        self._shop.count_of(request.placement)
        told = await self._elsewhere(request, language)
        if told is None:
            decision = self._shop.decide(request)
            body = told_of(decision, lambda reason: self.say_reason(reason, language))
            return Answered(body=body, fallback=bool(decision.fallback))
        try:
            self._shop.log_body(told.id, told.row, request)
        except Exception as error:  # noqa: BLE001  # whatever goes wrong, the shopper gets an answer
            _log.error("decision %s was not logged (%s, %s)", told.id, why(error), where(error))
        return Answered(body=told.body, fallback=told.fallback)

    async def _elsewhere(self, request: Request, language: str) -> Told | None:
        serving = self._shop.serving
        try:
            agreed = person_to_read(request, serving.agreed) is not None
        except Unavailable:
            return None  # the shared profiles do not answer: the fallback here says so
        return await self._deciders.decide(request, agreed=agreed, language=language, version=serving.version)

    def similar_to(self, product: str, count: int) -> Request:
        return self._shop.similar_to(product, count)

    def explain(self, decision_id: str) -> Decision:
        """A decision of a moment ago may still be on its way to the journal: what waits there is let through first."""
        try:
            return self._shop.explain(decision_id)
        except NotFound:
            self._shop.collect([], source="api", browser=False)
            return self._shop.explain(decision_id)

    def moved(self, decision: Decision) -> Sequence[Moved | None]:
        return moved(self._shop, decision)

    def say_reason(self, reason: Reason, language: str) -> str:
        return say_reason(reason, self._shop.serving.catalogue(), language)

    def customer(self, customer_id: str) -> Any:
        return people.customer(self._shop, customer_id)

    def profile(self, customer_id: str, as_of: str) -> Mapping[str, Any]:
        found = profile_of(self._shop, customer_id, at=moment_of(as_of, "as_of"))
        return profile_facts(found, self._shop.settings.shop.currency)

    def evidence(self, customer_id: str, field: str, value: str, as_of: str, count: int) -> Mapping[str, Any]:
        at = moment_of(as_of, "as_of")
        return evidence_facts(evidence(self._shop, customer_id, field, value=value, at=at, most=count), customer_id)

    def predictions(self, customer_id: str, language: str) -> Mapping[str, Any]:
        return told(predictions_of(self._shop, customer_id), language)

    def ratings(self, customer_id: str, products: Sequence[str], language: str) -> Mapping[str, Any]:
        return told_ratings(would_rate(self._shop, customer_id, products), language)

    def order_returns(self, order_id: str, language: str) -> Mapping[str, Any]:
        return told_order(order_risk(self._shop, order_id), language)

    def segments(self, language: str) -> Mapping[str, Any]:
        return segment_facts(self._shop, language)

    def rules(self, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        wanted = {name: value for name, value in asked.items() if name != "count"}
        return rules_facts(rules_of(self._shop, Filter(**wanted, most=asked["count"])))

    def audiences(self) -> Sequence[Mapping[str, Any]]:
        kept = self._shop.state.audiences.list()
        return [{"id": one.id, "name": one.name, "purpose": one.purpose, "rule": one.rule} for one in kept]

    def count_audience(self, rule: Any, purpose: str) -> Mapping[str, Any]:
        return audiences.count_facts(audiences.count(self._shop, audiences.rule_of(self._shop, rule), Purpose(purpose)))

    def save_audience(self, name: str, rule: Any, purpose: str) -> str:
        return audiences.save(self._shop, name, audiences.rule_of(self._shop, rule), Purpose(purpose))

    def audience_customers(self, audience_id: str) -> Sequence[str]:
        return audiences.export(self._shop, audience_id)

    def delete_audience(self, audience_id: str) -> None:
        self._shop.state.audiences.delete(audiences.saved(self._shop, audience_id).id)

    def identity(self) -> Mapping[str, Any]:
        return browsers.identity_facts(self._shop)

    def unlink(self, visitor: str) -> None:
        browsers.unlink(self._shop, visitor, source="api")

    def relink(self, visitor: str) -> None:
        browsers.relink(self._shop, visitor)

    def export(self, customer_id: str) -> Mapping[str, Any]:
        return people.export(self._shop, customer_id)

    def erase(self, customer_id: str) -> Mapping[str, Any]:
        return people.erase(self._shop, customer_id)

    def waiting(self) -> int:
        return self._shop.journal.waiting()

    def figures(self) -> EngineFigures:
        return figures_of(self._shop.state, self._shop.journal, self._shop.store)

    def room(self) -> tuple[int, int]:
        """Free bytes, and all bytes, of the disk that holds the shop folder."""
        disk = shutil.disk_usage(self._shop.folder)
        return disk.free, disk.total

    def load(self) -> None:
        """Who agreed to what is read, and the models are loaded. A stream that is away keeps nobody from an answer."""
        self._shop.state.consent.gather()
        self._shop.state.unlinked.visitors()
        _ = self._shop.serving
        if not self._shop.sharing:
            self._shop.orders.warm()
        self._loaded = True
        try:
            self._shop.collect([], source="health", browser=False)
        except Unavailable as error:
            _log.error("requests are answered, but no events are taken: %s", error)

    def ready(self) -> None:
        """An empty batch goes the whole way to the journal's writer and back; the models are loaded."""
        if not self._loaded:
            self.load()
        self._shop.collect([], source="health", browser=False)

    def upkeep(self) -> None:
        """One part that fails now does not stop the others."""
        beside = () if self._shop.sharing else (self._shop.mend_profiles, self._retraining.look)
        for part in (self._shop.drain, self._shop.state.consent.gather, self._take_up, *beside):
            try:
                part()
            except Unavailable as error:
                _log.error("upkeep: %s", error)

    def _take_up(self) -> None:
        """A version that was published, and what other processes told."""
        before = self._shop.serving.version
        if self._shop.reload().version != before:
            self._deciders.load()
        if self._news is not None and self._news.hear():
            self._deciders.load()

    def model_age_seconds(self) -> float | None:
        return self._retraining.age_seconds()

    def close(self) -> None:
        self._retraining.stop()
        self._shop.close()


def build(shop: Shop, extra_routes: Sequence[BaseRoute] = (), *, upkeep: bool = False) -> Starlette:
    """The app of a shop. ``extra_routes``: what else is served beside the API (the console)."""
    return app_of(ShopEngine(shop), extra_routes, upkeep=upkeep)


def serve(
    shop: Shop, host: str, port: int, *, extra_routes: Sequence[BaseRoute] = (),
    started: Callable[[str], None] = server.unheard,
) -> None:  # fmt: skip
    """Serve a shop until SIGINT or SIGTERM; the shop is closed then. ``started`` is told the address.

    Raises:
        SettingsError: the port is taken (``port_in_use``), or there is no such address here.
    """
    server.serve(ShopEngine(shop), host, port, extra_routes=extra_routes, started=started)
