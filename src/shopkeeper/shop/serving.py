"""What answers requests: the models of one version, everybody's history since, and a policy for each placement."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from shopkeeper.core.action import Action
from shopkeeper.core.consent import NO_CONSENT, Consent, Purpose
from shopkeeper.core.decision import Decision, Request
from shopkeeper.core.errors import SettingsError
from shopkeeper.core.event import Event
from shopkeeper.core.histories import Catalogue, Histories
from shopkeeper.core.ids import PersonKey
from shopkeeper.core.live import ProfileStore
from shopkeeper.core.money import exponent
from shopkeeper.core.ports import Scorer
from shopkeeper.core.weights import USUAL, Weights
from shopkeeper.data.model_store import Bundle
from shopkeeper.decide.fallback import Fallback, Static
from shopkeeper.decide.log import Logged
from shopkeeper.decide.order import Order
from shopkeeper.decide.placement import PlacementSettings, placements
from shopkeeper.decide.recommend import Recommend, nothing_goes_with
from shopkeeper.features.browsers import Joining
from shopkeeper.features.past import Search, meant, no_search
from shopkeeper.features.profiles import LiveProfiles
from shopkeeper.features.shared_profiles import SharedProfiles
from shopkeeper.features.state import micros_of
from shopkeeper.learn.loading import restored
from shopkeeper.learn.propensity.foretell import NAME as FORETELL
from shopkeeper.learn.rank.ranker import NAME as RANKER
from shopkeeper.learn.rank.ranker import RankerModel
from shopkeeper.learn.rating.rater import NAME as RATER
from shopkeeper.learn.recommend.search_words import NAME as SEARCH_WORDS
from shopkeeper.learn.recommend.search_words import SearchWordsModel
from shopkeeper.learn.recommend.trending import LiveTrending, Touch, TrendingModel
from shopkeeper.learn.recommend.trending import live as live_trending
from shopkeeper.learn.segment.basket_rules import NAME as BASKET_RULES
from shopkeeper.learn.segment.segmenting import NAME as SEGMENTS
from shopkeeper.settings import Settings

_STATIC_ITEMS = 100
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def extended(trained: Catalogue, now: Catalogue) -> Catalogue:
    """Today's products in the numbering of a training: its products first, those that came since after them."""
    place = {item: index for index, item in enumerate(now.ids.tolist())}
    known = set(trained.ids.tolist())
    order = [place.get(item, -1) for item in trained.ids.tolist()]
    order += [index for item, index in place.items() if item not in known]
    rows = np.array(order, np.int64)
    gone = rows < 0
    ids = np.concatenate([trained.ids, now.ids[rows[len(trained) :]]])

    def column(values: NDArray[Any], absent: object) -> NDArray[Any]:
        taken = values[rows] if len(values) else np.full(len(rows), absent, values.dtype)
        taken[gone] = absent
        return taken

    return Catalogue(
        ids=ids, names=column(now.names, ""), brands=column(now.brands, ""),
        categories=tuple(column(level, "") for level in now.categories), price=column(now.price, np.nan),
        cost=column(now.cost, np.nan), in_stock=column(now.in_stock, False),
        tags=None if now.tags is None else column(now.tags, ""),
    )  # fmt: skip


class LiveCatalogue:
    """The catalogue with stock and prices as last reported. Reading it is one attribute; changes copy one column."""

    def __init__(self, catalogue: Catalogue, currency: str) -> None:
        self.now = catalogue
        self.index = {item: index for index, item in enumerate(catalogue.ids.tolist())}
        self._currency = currency

    def __call__(self) -> Catalogue:
        return self.now

    def fold(self, event: Event) -> None:
        """Take a stock or price change in; other events and unknown products change nothing."""
        index = self.index.get(event.product or "")
        if index is None:
            return
        if event.action is Action.STOCK_CHANGE and event.quantity is not None:
            in_stock = self.now.in_stock.copy()
            in_stock[index] = event.quantity > 0
            self.now = replace(self.now, in_stock=in_stock)
        elif event.action is Action.PRICE_CHANGE and event.price and event.price.currency == self._currency:
            price = self.now.price.copy()
            price[index] = event.price.minor / 10 ** exponent(self._currency)
            self.now = replace(self.now, price=price)


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """One version, ready to answer. Replaced as a whole when a newer version comes."""

    version: str
    scorers: Mapping[str, Scorer]
    catalogue: LiveCatalogue
    profiles: LiveProfiles | SharedProfiles
    policies: Mapping[str, Logged]
    agreed: Callable[[PersonKey], Consent]
    """What may be done with the history that a person's requests are answered with."""
    counts: Mapping[str, int]
    """How many items each placement shows where the request does not say."""
    report: Mapping[str, Any]
    weights: Weights = USUAL
    """What the shop takes each action to say."""
    trends: tuple[LiveTrending, ...] = ()
    """Models of which every event changes what they say to everybody."""
    until: datetime | None = None
    """When the newest fact that the models know was received; None where there are no models."""

    def fold_many(self, events: Sequence[Event]) -> None:
        """Let events change the very next answer. Profiles that are shared are told by a ``ProfileWriter``."""
        for event in events:
            self.catalogue.fold(event)
        if self.trends:
            touches = [touch for event in events for touch in self._touches(event)]
            for trend in self.trends:
                trend.fold_many(touches)
        if isinstance(self.profiles, LiveProfiles):
            self.profiles.fold_many(events)

    def _touches(self, event: Event) -> list[Touch]:
        person, index = event.person, self.catalogue.index
        products = {line.product for line in event.lines} if event.lines else {event.product or ""}
        places = [index[product] for product in products if product in index]
        if person is None or event.action is Action.ORDER_RETURN or not places:
            return []
        weight, at = self.weights.of_one(event.action, meant(event)), micros_of(event.at)
        return [(person, place, weight, at) for place in places]


def _live(scorer: Scorer) -> Scorer:
    """What answers for a model: itself, or what events may be folded into."""
    return live_trending(scorer) if isinstance(scorer, TrendingModel) else scorer


def profiles_over(
    base: Histories, index: Mapping[str, int], currency: str, received_until: datetime, store: ProfileStore | None,
    joining: Joining | None = None, search: Search = no_search,
) -> LiveProfiles | SharedProfiles:  # fmt: skip
    """Live profiles in memory, or in the store that the shop's processes share."""
    if store is None:
        return LiveProfiles(base=base, product_index=index, currency=currency, joining=joining, search=search)
    return SharedProfiles(
        base=base, product_index=index, store=store, received_until=received_until, joining=joining, search=search
    )


def without_models(
    catalogue: Catalogue, bestsellers: list[str], settings: Settings, log: Callable[[Decision], None],
    store: ProfileStore | None = None,
) -> Serving:  # fmt: skip
    """What answers before the first training: the best-selling products, said to be that."""
    static = Logged(inner=_Untrained(Static(items=tuple(bestsellers))), log=log)
    live = LiveCatalogue(catalogue, settings.shop.currency)
    nobody, wanted = Histories.of_sequences([]), placements(settings.placements)
    return Serving(
        version="", scorers={}, catalogue=live,
        profiles=profiles_over(nobody, live.index, settings.shop.currency, _EPOCH, store),
        policies=dict.fromkeys(wanted, static), report={}, agreed=_nobody_asked,
        counts={name: placement.count for name, placement in wanted.items()},
    )  # fmt: skip


def serving_of(
    bundle: Bundle, today: Catalogue, settings: Settings, *,
    consent: Callable[[PersonKey], Consent], log: Callable[[Decision], None], store: ProfileStore | None = None,
    partners: Callable[[str], Sequence[str]] = nothing_goes_with, apart: Callable[[], Collection[str]] = frozenset,
) -> Serving:  # fmt: skip
    """Restore a version's models and build the policies of all placements over them. ``apart``: of which browsers
    nothing is joined."""
    scorers: dict[str, Scorer] = {
        name: _live(restored(model.use, model.arrays, model.facts))
        for name, model in bundle.models.items()
        if name not in (FORETELL, SEGMENTS, BASKET_RULES, RATER, RANKER, SEARCH_WORDS)
    }
    live = LiveCatalogue(extended(bundle.catalogue, today), settings.shop.currency)
    joining = Joining(
        runs=bundle.runs, rules=settings.identity, apart=apart,
        may_join=lambda person: consent(person).allows(Purpose.PERSONALISE),
    )  # fmt: skip
    weights, until = settings.weights.table(), bundle.received_until
    profiles = profiles_over(
        replace(bundle.histories, weights=weights), live.index, settings.shop.currency, until, store, joining,
        _search_of(bundle),
    )  # fmt: skip
    popular = scorers[settings.train.popular]
    zone = ZoneInfo(settings.shop.timezone)
    order = Order(ranker=ranker_of(bundle), zone=zone, popular=popular) if settings.rank.learn else None

    def agreed(person: PersonKey) -> Consent:
        """A browser that is signed in shows the customer's history, so both must have agreed."""
        own, customer = consent(person), profiles.customer_of(person)
        return own if customer is None or customer == person else own.both(consent(customer))

    static = Static(items=_top(popular, live.now))

    def policy(name: str, placement: PlacementSettings) -> Logged:
        personal, page = settings.train.personal, settings.train.context
        asked = settings.placements.get(name, {}).get("model")  # a shop's own list of models may lack a usual one's
        if asked and asked not in settings.models:
            known = ", ".join(settings.models)
            raise SettingsError("setting_bad", where=f"placements.{name}", name="model", value=asked, wanted=known)
        # a model that was named after the last training answers from the next one on
        if placement.model in scorers:
            personal, page = (personal, placement.model) if placement.context != "none" else (placement.model, page)
        first = Recommend(
            name=f"recommend.{name}", version=bundle.version, scorer=scorers[personal],
            context_scorer=scorers.get(page), newcomers=scorers.get(settings.train.new), popular=popular,
            catalogue=live, history=profiles.history, consent=agreed, placement=placement, rules=placement.rules(),
            chooser=placement.dice(), goals=placement.goals(), partners=partners,
            order=order,
        )  # fmt: skip
        last = replace(static, banned=frozenset(placement.banned))
        return Logged(inner=Fallback(first=first, second=last), log=log)

    wanted = placements(settings.placements)
    return Serving(
        version=bundle.version, until=bundle.received_until, scorers=scorers, catalogue=live, profiles=profiles,
        report=bundle.report, agreed=agreed, weights=weights,
        trends=tuple(one for one in scorers.values() if isinstance(one, LiveTrending)),
        policies={name: policy(name, placement) for name, placement in wanted.items()},
        counts={name: placement.count for name, placement in wanted.items()},
    )  # fmt: skip


def _search_of(bundle: Bundle) -> Search:
    """What words speak of; nothing in a version of before there was an index of words."""
    stored = bundle.models.get(SEARCH_WORDS)
    if stored is None:
        return no_search
    found: SearchWordsModel = restored(stored.use, stored.arrays, stored.facts)
    return found.find


def ranker_of(bundle: Bundle) -> RankerModel | None:
    """What puts candidates in order; None in a version without."""
    stored = bundle.models.get(RANKER)
    if stored is None:
        return None
    found: RankerModel = restored(stored.use, stored.arrays, stored.facts)
    return found


def _top(popular: Scorer, catalogue: Catalogue) -> tuple[str, ...]:
    """The best of the popular list, for the day when everything else fails."""
    scores = popular.score(Histories.of_sequences([[]]), 0)[0]
    scores = np.where(np.isfinite(scores) & catalogue.in_stock[: len(scores)], scores, -np.inf)
    best = np.argsort(-scores, kind="stable")[:_STATIC_ITEMS]
    return tuple(str(catalogue.ids[index]) for index in best if np.isfinite(scores[index]))


def _nobody_asked(person: PersonKey) -> Consent:  # noqa: ARG001  # where nothing is personal, it matters to nobody
    return NO_CONSENT


@dataclass(frozen=True, slots=True)
class _Untrained:
    """The policy of a shop that was never trained: the best-selling products, and the Decision says why."""

    inner: Static
    name: str = "recommend"

    def decide(self, request: Request) -> Decision:
        return replace(self.inner.decide(request), fallback="model_missing")
