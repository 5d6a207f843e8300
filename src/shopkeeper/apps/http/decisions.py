"""Recommendations, similar products, and why."""

import math
import secrets
from collections.abc import Callable

from starlette.responses import Response

from shopkeeper.apps.http.answers import answer, encoded, sent
from shopkeeper.apps.http.body import query_of
from shopkeeper.apps.http.device import device_of
from shopkeeper.apps.http.identity import is_customer, is_visitor
from shopkeeper.apps.http.refusal import Refused
from shopkeeper.apps.http.routes import Visit, id_of
from shopkeeper.apps.http.shapes import (
    AskedOut,
    ChoiceOut,
    DecisionOut,
    ItemOut,
    MovedOut,
    ReasonOut,
    RecommendationsIn,
    RecommendationsOut,
    SimilarIn,
)
from shopkeeper.apps.http.work import waited
from shopkeeper.core.decision import Choice, Decision, Device, Mode, Reason, Request
from shopkeeper.core.ids import CustomerId, ProductId, VisitorId, is_id, is_placeholder
from shopkeeper.shop.why_order import Moved


async def get_recommendations(visit: Visit) -> Response:
    """Products for a placement. Decided in the event loop or by a helping process."""
    asked = query_of(RecommendationsIn, visit.call.query_params.multi_items())
    if visit.is_browser:
        _own_only(visit, asked)
    visit.person = asked.customer or asked.visitor or ""
    for name, value in (("visitor", asked.visitor), ("customer", asked.customer)):
        if value is not None and not is_id(value):
            raise Refused(400, "request_bad", where=name, why="it holds a control character")
    for name, amount in (("price_min", asked.price_min), ("price_max", asked.price_max)):
        if amount is not None and not math.isfinite(amount):
            raise Refused(400, "request_bad", where=name, why="it is not a finite number")
    mode: Mode = "nonpersonal" if _private(visit) else asked.mode
    customer, visitor = _somebody(asked.customer), _somebody(asked.visitor)
    count = asked.count or visit.engine.count_of(asked.placement)
    request = Request(
        placement=asked.placement, at=visit.engine.now(), count=count, mode=mode, language=visit.language,
        seed=secrets.randbits(53),
        visitor=None if visitor is None else VisitorId(visitor),
        customer=None if customer is None else CustomerId(customer),
        product=None if asked.product is None else ProductId(asked.product),
        cart=tuple(ProductId(item) for item in asked.cart), categories=tuple(asked.categories),
        brands=tuple(asked.brands), tags=tuple(asked.tags), price_min=asked.price_min, price_max=asked.price_max,
        exclude=tuple(ProductId(item) for item in asked.exclude),
        device=(asked.device or _device(visit)) if mode == "personal" else "",
    )  # fmt: skip
    return await _decided(visit, request)


async def get_similar(visit: Visit) -> Response:
    """Products like one, whoever asks."""
    asked = query_of(SimilarIn, visit.call.query_params.multi_items())
    return await _decided(visit, visit.engine.similar_to(id_of(visit, "product"), asked.count))


async def get_decision(visit: Visit) -> Response:
    """Everything that was logged of a decision."""
    decision = await waited(visit.engine.explain, id_of(visit, "decision"))
    moves = await waited(visit.engine.moved, decision)
    request = decision.request
    visit.person = request.person or ""
    return answer(
        DecisionOut(
            id=decision.id, policy=decision.policy, personal=decision.personal, eligible=decision.eligible,
            fallback=decision.fallback, experiment=decision.experiment, arm=decision.arm,
            assignment_probability=decision.assignment_probability, removed=dict(decision.removed),
            request=AskedOut(
                placement=request.placement, at=request.at.isoformat(), visitor=request.visitor, mode=request.mode,
                customer=request.customer, count=request.count, product=request.product, cart=list(request.cart),
                categories=list(request.categories), brands=list(request.brands), tags=list(request.tags),
                price_min=request.price_min, price_max=request.price_max, exclude=list(request.exclude),
                device=request.device,
            ),
            choices=[
                _choice(visit, place, choice, how)
                for place, (choice, how) in enumerate(zip(decision.choices, moves, strict=True), 1)
            ],
        )
    )  # fmt: skip


def _own_only(visit: Visit, asked: RecommendationsIn) -> None:
    secret = visit.engine.keys.identity_secret
    if asked.visitor is not None and not is_visitor(secret, asked.visitor):
        raise Refused(403, "visitor_not_signed", where="visitor")
    if asked.customer is not None and not is_customer(secret, asked.customer, asked.customer_token or ""):
        raise Refused(403, "customer_not_signed", where="customer")


def _private(visit: Visit) -> bool:
    """Whether the browser says: do not use who I am (Global Privacy Control, Do Not Track)."""
    headers = visit.call.headers
    return headers.get("sec-gpc", "").strip() == "1" or headers.get("dnt", "").strip() == "1"


def _device(visit: Visit) -> Device:
    """What a browser says that it runs on; a shop's server says nothing of the person's."""
    return device_of(visit.call.headers) if visit.is_browser else ""


def _somebody(name: str | None) -> str | None:
    """``guest``, ``null``, ``0`` are nobody: they get what a stranger gets."""
    return None if name is None or is_placeholder(name) else name


async def _decided(visit: Visit, request: Request) -> Response:
    answered = await visit.engine.answered(request, visit.language)
    visit.metrics.decided(request.placement, fallback=answered.fallback)
    return sent(answered.body)


def told_of(decision: Decision, say: Callable[[Reason], str]) -> bytes:
    """A decision as its asker sees it, in JSON."""
    return encoded(shown(decision, say))


def shown(decision: Decision, say: Callable[[Reason], str]) -> RecommendationsOut:
    """A decision as its asker sees it."""
    items = [
        ItemOut(product=choice.item, position=place, reason=_said(choice.reason, say))
        for place, choice in enumerate(decision.choices, 1)
    ]
    return RecommendationsOut(
        decision=decision.id, placement=decision.request.placement, personal=decision.personal,
        fallback=bool(decision.fallback), items=items,
    )  # fmt: skip


def _choice(visit: Visit, place: int, choice: Choice, how: Moved | None) -> ChoiceOut:
    return ChoiceOut(
        product=choice.item, position=place, score=choice.score, propensity=choice.propensity,
        parts=dict(choice.parts), reason=_reason(visit, choice.reason), features=dict(choice.features),
        order=None if how is None else MovedOut(
            place=how.place, ranked_place=how.ranked_place, because=None if how.because is None else dict(how.because)
        ),
    )  # fmt: skip


def _reason(visit: Visit, reason: Reason) -> ReasonOut:
    return _said(reason, lambda one: visit.engine.say_reason(one, visit.language))


def _said(reason: Reason, say: Callable[[Reason], str]) -> ReasonOut:
    return ReasonOut(key=reason.key, text=say(reason), facts=dict(reason.facts))
