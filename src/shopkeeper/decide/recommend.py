"""Which products to show whom: find, filter, score, blend, choose, log."""

import math
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache

import numpy as np

from shopkeeper.core.action import Action
from shopkeeper.core.decision import Choice, Decision, Reason, Request
from shopkeeper.core.histories import Catalogue, Float32, Histories, Int64
from shopkeeper.core.ids import DecisionId, new_id
from shopkeeper.core.opinion import Why, opinion_of, opinionated, places
from shopkeeper.core.ports import Scorer
from shopkeeper.decide.choose import Chooser, Greedy, Pool, choose
from shopkeeper.decide.context import ConsentOf, Context, HistoryOf, microseconds, nobody, one_row, person_to_read
from shopkeeper.decide.find import Float64, Found, Layer, find
from shopkeeper.decide.goals import Goals
from shopkeeper.decide.order import Order, Ordered
from shopkeeper.decide.placement import PlacementSettings, Rule
from shopkeeper.decide.reasons import about_page, settle
from shopkeeper.decide.rules import Filter, judge
from shopkeeper.decide.rules.slate import BrandCap, CategoryCap, Pinned
from shopkeeper.decide.session import searched_in, session_of, with_session, without_searches
from shopkeeper.decide.shelf import Shelf, shelf_of

_BRAND_WEIGHT = 0.25
"""How much of two products' likeness is their brand; the rest is how far down their categories agree."""

_MINUTE = 60_000_000
_OF_SLATES = (CategoryCap, BrandCap, Pinned)
_UNTHROWN = np.random.default_rng(0)
"""For the chooser that throws no dice: making some takes longer than all its choosing of a slot."""


def unmarked(stage: str) -> None:
    """The watch of somebody who does not measure."""


def unlogged(decision: Decision) -> None:
    """The log of a policy inside another one: only the outermost logs (``decide.log.Logged``)."""


def nothing_goes_with(product: str) -> Sequence[str]:  # noqa: ARG001 - where there are no bundles
    """The partners of a product in a shop without bundles."""
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Recommend:
    """Products for a placement.

    The answer to somebody who has not agreed to personalisation, is unknown or asks for ``mode="nonpersonal"`` does not
    depend on them: their history is not read, and no dice are thrown from who they are.
    """

    name: str
    version: str = "0"
    """Of the models; ``Decision.policy`` is ``name@version``."""
    scorer: Scorer
    """Says what suits the person."""
    context_scorer: Scorer | None = None
    """Says what suits the page's product or the cart; ``scorer`` where absent."""
    newcomers: Scorer | None = None
    """Says which new products suit somebody: they get the placement's ``new_share``."""
    popular: Scorer
    """Answers where nothing is known; never sees a person."""
    catalogue: Callable[[], Catalogue]
    history: HistoryOf
    consent: ConsentOf
    placement: PlacementSettings
    rules: tuple[Rule, ...]
    chooser: Chooser
    goals: Goals = field(default_factory=Goals)
    partners: Callable[[str], Sequence[str]] = nothing_goes_with
    """What the shop has bundled with a product: put first on that product's page, as far as no rule removes it."""
    order: Order | None = None
    """Looks at what suits a person before the dice are thrown; None: nobody does."""
    log: Callable[[Decision], None] = unlogged
    mark: Callable[[str], None] = unmarked
    """Told the name of each stage when it is over, for whoever measures."""
    _filters: tuple[Filter, ...] = field(init=False, repr=False, compare=False)
    """The rules that look at each product."""

    def __post_init__(self) -> None:
        filters = tuple(rule for rule in self.rules if not isinstance(rule, _OF_SLATES))
        object.__setattr__(self, "_filters", filters)

    def decide(self, request: Request) -> Decision:
        """Choose at most ``request.count`` products; fewer only where rules and catalogue leave fewer.

        Where the request brings no seed, a fresh one is put into the Decision's request: asking that again gives the
        same answer as long as models, catalogue and history are the same.
        """
        if request.seed is None:
            request = replace(request, seed=secrets.randbits(53))
        context = self._look(request)
        self.mark("read")
        verdicts = judge(self._filters, context)
        self.mark("filter")
        main, layers = self._layers(context)
        self.mark("score")
        pins = self._pins(context.shelf, request)
        found = find(
            layers, verdicts.allowed, context.shelf, count=self.placement.candidates, day=context.day,
            pins=np.array(list(pins.values()), np.int64),
        )  # fmt: skip
        self.mark("find")
        ordered = self._ordered(found, main, context)
        found = found if ordered is None else ordered.found
        self.mark("rank")
        pool = self._pool(found, context.shelf, pins)
        dice = _UNTHROWN if isinstance(self.chooser, Greedy) else np.random.default_rng(abs(request.seed or 0))
        chosen, propensities = choose(pool, max(request.count, 0), self.chooser, dice)
        self.mark("choose")
        ids = context.shelf.catalogue.ids
        decision = Decision(
            id=DecisionId(new_id("d")), request=request, policy=f"{self.name}@{self.version}",
            choices=_choices(
                found, chosen, propensities, layers, frozenset(pool.pins.values()), context.shelf, ordered
            ),
            eligible=len(pool), personal=context.profile is not None,
            removed={str(ids[product]): verdicts.refusal(product) for product in found.removed},
        )  # fmt: skip
        self.mark("explain")
        self.log(decision)
        return decision

    def _look(self, request: Request) -> Context:
        person = person_to_read(request, self.consent)
        acts = None if person is None else self.history(person)
        return Context(
            request=request, shelf=shelf_of(self.catalogue()), now=microseconds(request.at),
            profile=None if acts is None else without_searches(acts), acts=acts,
        )  # fmt: skip

    def _layers(self, context: Context) -> tuple[Layer | None, Sequence[Callable[[], Layer]]]:
        """What suits the page or the person, and where candidates come from, most wanted first."""
        main = self._main(context)
        if main is None and getattr(self.scorer, "impersonal", False):
            main = _layer(self.scorer, nobody(), context, "personal")
        popular = cache(lambda: self._with_new(_layer(self.popular, nobody(), context, "popular"), nobody(), context))
        if main is None:
            return None, (popular,)
        return main, ((lambda: main, popular) if self.placement.fill else (lambda: main,))

    def _ordered(self, found: Found, main: Layer | None, context: Context) -> Ordered | None:
        """The candidates that suit the person, looked at one by one; None where there is no person or no such, and
        where no ranker is asked and no dice are thrown, so that nothing could be learned from it either."""
        if self.order is None or main is None or context.profile is None:
            return None
        if isinstance(self.chooser, Greedy) and not self.order.answers(context.request.placement):
            return None
        return self.order.of(found, main, context.profile, context)

    def _main(self, context: Context) -> Layer | None:
        """What suits the page and the person; None where nothing can be said of either."""
        page, share = self._page(context), self.placement.personal_share
        if page is not None and _says(page) and share == 0.0:
            return page
        past, acts = context.profile, context.acts
        personal = (
            self._personal(past, acts, context) if past is not None and acts is not None and acts.events else None
        )
        match [layer for layer in (page, personal) if layer is not None and _says(layer)]:
            case [suits_page, suits_person]:
                return _blend(suits_page, suits_person, share, len(context.shelf))
            case [only]:
                return only
            case _:
                return None

    def _personal(self, past: Histories, acts: Histories, context: Context) -> Layer:
        """What suits the person: their lasting taste, what the visit that goes on is about, and what was searched in
        it."""
        lasting = self._with_new(_layer(self.scorer, past, context, "personal"), past, context)
        session = session_of(
            acts, context.now, context.shelf, share=self.placement.session_share,
            gap=int(self.placement.session_minutes * _MINUTE),
        )  # fmt: skip
        if session is None:
            return lasting
        if session.row.events:
            visit = _layer(self.context_scorer or self.scorer, session.row, context, "session")
            lasting = with_session(lasting, visit, session.share) if len(visit.own) else lasting
        searched = searched_in(session)
        return with_session(lasting, searched, session.search_share, "search") if len(searched.own) else lasting

    def _with_new(self, taste: Layer, row: Histories, context: Context) -> Layer:
        """A taste in which new products have their share, though nobody's behaviour speaks of them yet."""
        share = self.placement.new_share
        if self.newcomers is None or not share:
            return taste
        new = _layer(self.newcomers, row, context, "new")
        return with_session(taste, new, share, "new") if len(new.own) else taste

    def _page(self, context: Context) -> Layer | None:
        """What suits the page's product or the cart, whoever looks at it."""
        request, about = context.request, self.placement.context
        shown = request.cart if about == "cart" else (request.product,) if request.product else ()
        products = context.shelf.indices(shown)
        if about == "none" or not len(products):
            return None
        row = one_row(products, context.now, Action.CART_ADD if about == "cart" else Action.PRODUCT_VIEW)
        newest = int(products[-1])
        layer = _layer(self.context_scorer or self.scorer, row, context, "context")

        def explain(products: Sequence[int]) -> list[Why]:
            return [(reason and about_page(reason, newest), parts) for reason, parts in layer.explain(products)]

        return replace(layer, explain=explain)

    def _pins(self, shelf: Shelf, request: Request) -> dict[int, int]:
        """slot -> product of the pinned products that the catalogue has; a product page's bundle follows in the first
        slots that are free."""
        places = {place: item for rule in self.rules if isinstance(rule, Pinned) for place, item in rule.places.items()}
        partners = self.partners(request.product) if request.product else ()
        bundled = [item for item in partners if item in shelf.index_of and item not in places.values()]
        free = (place for place in range(1, request.count + 1) if place not in places)
        places |= dict(zip(free, bundled, strict=False))
        return {
            place - 1: shelf.index_of[item]
            for place, item in sorted(places.items())
            if item in shelf.index_of and 1 <= place <= request.count
        }

    def _utility(self, found: Found, shelf: Shelf) -> Float64:
        """What each candidate is worth to the shopper, and to the shop where it has goals of its own."""
        if not self.goals:
            return found.utility
        kept = shelf.worth.get(id(self.goals))
        if kept is None:
            known = self.popular.score(nobody(), 0)[0]
            kept = shelf.worth[id(self.goals)] = (self.goals, self.goals.worth(shelf, known))
        return found.utility + kept[1][found.products]

    def _pool(self, found: Found, shelf: Shelf, pins: Mapping[int, int]) -> Pool:
        row = {int(product): place for place, product in enumerate(found.products)} if pins else {}
        share = (1.0 - _BRAND_WEIGHT) / max(shelf.depth, 1)
        caps = [(rule.most, rule.groups(shelf)) for rule in self.rules if isinstance(rule, (CategoryCap, BrandCap))]
        return Pool(
            utility=self._utility(found, shelf),
            weights=np.array([share] * shelf.depth + [_BRAND_WEIGHT]),
            groups=shelf.kinds[:, found.products],
            caps=tuple((most, group[found.products]) for most, group in caps),
            pins={slot: row[product] for slot, product in pins.items() if product in row},
        )


def _layer(scorer: Scorer, row: Histories, context: Context, name: str) -> Layer:
    """A scorer's opinion on one history, about products of the catalogue only."""
    able = opinionated(scorer)
    if able is not None:
        layer = _within(able.opinion(row, context.now), len(context.shelf))
    else:
        scores = scorer.score(row, context.now)[0, : len(context.shelf)]
        layer = opinion_of(scores, lambda products: _reasons(scorer, row, products, context.now))
    return _named(layer, name)


def _within(layer: Layer, products: int) -> Layer:
    """Without products that left the catalogue after the fit."""
    if layer.base is not None and len(layer.base) > products:
        wide = opinion_of(layer.wide(len(layer.base)), layer.explain)
        return _within(replace(wide, parts=layer.parts), products)
    if not len(layer.own) or layer.own[-1] < products:
        return layer
    inside = layer.own < products
    return replace(layer, own=layer.own[inside], scores=layer.scores[inside])


def _named(layer: Layer, name: str) -> Layer:
    """Where the scorer does not say what a score is made of, it is made of itself."""

    def explain(products: Sequence[int]) -> list[Why]:
        found = layer.explain(products)
        if all(parts for _, parts in found):
            return list(found)
        scores = layer.of(np.array(products, np.int64)).tolist()
        return [(reason, parts or {name: score}) for (reason, parts), score in zip(found, scores, strict=True)]

    parts = layer.parts or (lambda products: {name: layer.of(products)})
    return Layer(own=layer.own, scores=layer.scores, base=layer.base, explain=explain, parts=parts)


def _reasons(scorer: Scorer, row: Histories, products: Sequence[int], now: int) -> list[Why]:
    """One by one, with ``parts(profile, product, now)`` where it says what a score is made of."""
    made_of: Callable[[Histories, int, int], Mapping[str, float]] | None = getattr(scorer, "parts", None)
    return [(scorer.reason(row, item, now), {} if made_of is None else made_of(row, item, now)) for item in products]


def _says(layer: Layer) -> bool:
    """Whether it has a score for anything at all."""
    return bool(len(layer.own)) or (layer.base is not None and bool(np.isfinite(layer.base).any()))


def _blend(page: Layer, personal: Layer, share: float, products: int) -> Layer:
    """The page decides what is possible, the person's taste shifts it: each scaled to 0 … 1 first."""
    own = page.own if page.base is None else np.flatnonzero(np.isfinite(page.wide(products)))
    taste = _unit(personal.of(own), personal.wide(products))
    scores = page.of(own)
    one, two = (1.0 - share) * _unit(scores, scores), np.where(np.isnan(taste), np.float32(0), share * taste)

    def explain(products: Sequence[int]) -> list[Why]:
        found = [reason for reason, _ in page.explain(products)]
        left = [item for item, reason in zip(products, found, strict=True) if reason is None]
        more = dict(zip(left, personal.explain(left), strict=True)) if left else {}
        row = own.searchsorted(np.array(products, np.int64)).tolist()
        return [
            (reason or more[item][0], {"context": float(one[at]), "personal": float(two[at])})
            for item, reason, at in zip(products, found, row, strict=True)
        ]

    def parts(products: Int64) -> Mapping[str, Float32]:
        row, known = places(own, products)
        return {name: np.where(known, side[row], np.float32(0)) for name, side in (("context", one), ("personal", two))}

    return Layer(own=own, scores=one + two, explain=explain, parts=parts)


def _unit(scores: Float32, among: Float32) -> Float32:
    """Scores where the best of all is 1 and the worst 0; all 1 where those are equal; NaN stays."""
    low, high = np.fmin.reduce(among), np.fmax.reduce(among)
    scaled: Float32 = (scores - low) / (high - low) if high > low else scores - low + np.float32(1)
    return scaled


def _choices(
    found: Found, chosen: Sequence[int], propensities: Sequence[float], layers: Sequence[Callable[[], Layer]],
    pinned: frozenset[int], shelf: Shelf, ordered: Ordered | None,
) -> tuple[Choice, ...]:  # fmt: skip
    """The chosen candidates with their evidence; pinned ones say that the shop picked them."""
    why: dict[int, Why] = dict.fromkeys(pinned, (Reason(key="pinned"), {}))
    brought, products = found.layer[chosen].tolist(), found.products[chosen].tolist()
    for place, layer in enumerate(layers):
        mine = [
            (item, product) for item, product, by in zip(chosen, products, brought, strict=True)
            if by == place and item not in pinned
        ]  # fmt: skip
        if mine:
            items = [item for item, _ in mine]
            why.update(zip(items, layer().explain([product for _, product in mine]), strict=True))
    scores = found.score[chosen].tolist()
    return tuple(
        Choice(
            item=str(shelf.catalogue.ids[product]),
            score=score,
            propensity=propensity,
            reason=settle(why[item][0] or _plain_reason(why[item][1]), shelf.catalogue),
            parts=_finite(why[item][1]),
            features={} if ordered is None or item in pinned else ordered.of(item),
        )
        for item, product, score, propensity in zip(chosen, products, scores, propensities, strict=True)
    )


def _plain_reason(parts: Mapping[str, float]) -> Reason:
    """What can be said where nobody has evidence: that it is popular, where that is what brought it."""
    main = max(parts, key=lambda name: parts[name], default="")
    return Reason(key="popular" if main in ("popular", "popularity") else "fallback", scorer=main)


def _finite(parts: Mapping[str, float]) -> dict[str, float]:
    return {name: float(value) for name, value in parts.items() if math.isfinite(value)}
