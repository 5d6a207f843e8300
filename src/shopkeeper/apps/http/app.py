"""The ASGI app: every route in one table."""

import asyncio
import contextlib
import logging
import re
from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from typing import Final
from urllib.parse import unquote

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request as Call
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from shopkeeper.apps.http import audiences, customers, decisions, events, health, page, segment
from shopkeeper.apps.http.answers import answer
from shopkeeper.apps.http.engine import Engine
from shopkeeper.apps.http.gate import ALWAYS, CROSS_ORIGIN, Gate, Load, error_response, language_for
from shopkeeper.apps.http.limits import Limits
from shopkeeper.apps.http.metrics import Metrics
from shopkeeper.apps.http.openapi import describe
from shopkeeper.apps.http.opening import Door, Opening
from shopkeeper.apps.http.prediction_shapes import OrderReturnsOut, PredictionsOut, RatingsIn, RatingsOut
from shopkeeper.apps.http.profile_shapes import EvidenceIn, EvidenceOut, ProfileIn, ProfileOut
from shopkeeper.apps.http.refusal import Refused
from shopkeeper.apps.http.routes import ApiRoute, Visit
from shopkeeper.apps.http.shapes import (
    AudienceIn,
    AudienceOut,
    AudiencePeopleOut,
    AudiencesOut,
    BatchIn,
    BatchOut,
    CountOut,
    CustomerOut,
    DecisionOut,
    EraseOut,
    EventsIn,
    EventsOut,
    ExportOut,
    HealthOut,
    IdentityOut,
    RecommendationsIn,
    RecommendationsOut,
    RulesIn,
    RulesOut,
    SegmentsOut,
    SimilarIn,
    UnlinkOut,
    VisitorOut,
)
from shopkeeper.apps.http.work import waited
from shopkeeper.decide.failure import where, why

_log: Final = logging.getLogger(__name__)


async def get_openapi(visit: Visit) -> Response:
    """This table for machines."""
    return answer(describe(ROUTES, visit.language))


async def get_docs(visit: Visit) -> Response:
    """This table for people."""
    return HTMLResponse(page.render(ROUTES, visit.language), headers=page.HEADERS)


ROUTES: Final[tuple[ApiRoute, ...]] = (
    ApiRoute(
        name="post_events", method="POST", path="/v1/events", handler=events.post_events, needs="publishable",
        body=EventsIn, answer=EventsOut, statuses=(200, 207, 400, 403, 408, 413, 415, 507), public=True,
    ),
    ApiRoute(
        name="post_batch", method="POST", path="/v1/batch", handler=segment.post_batch, needs="publishable",
        body=BatchIn, answer=BatchOut, statuses=(200, 207, 400, 403, 408, 413, 415, 507), public=True,
    ),
    ApiRoute(
        name="post_visitors", method="POST", path="/v1/visitors", handler=events.post_visitors, needs="publishable",
        answer=VisitorOut, statuses=(201,), public=True,
    ),
    ApiRoute(
        name="get_recommendations", method="GET", path="/v1/recommendations", handler=decisions.get_recommendations,
        needs="publishable", query=RecommendationsIn, answer=RecommendationsOut, statuses=(200, 400, 403, 404),
        public=True,
    ),
    ApiRoute(
        name="get_similar", method="GET", path="/v1/products/{id}/similar", handler=decisions.get_similar,
        needs="publishable", query=SimilarIn, answer=RecommendationsOut, statuses=(200, 400, 404), public=True,
    ),
    ApiRoute(
        name="get_export", method="GET", path="/v1/customers/{id}/export", handler=customers.get_export,
        needs="secret", answer=ExportOut, statuses=(200, 404),
    ),
    ApiRoute(
        name="get_predictions", method="GET", path="/v1/customers/{id}/predictions", handler=customers.get_predictions,
        needs="secret", answer=PredictionsOut, statuses=(200, 404),
    ),
    ApiRoute(
        name="get_ratings", method="GET", path="/v1/customers/{id}/ratings", handler=customers.get_ratings,
        needs="secret", query=RatingsIn, answer=RatingsOut, statuses=(200, 400, 404),
    ),
    ApiRoute(
        name="get_profile", method="GET", path="/v1/customers/{id}/profile", handler=customers.get_profile,
        needs="secret", query=ProfileIn, answer=ProfileOut, statuses=(200, 400, 404),
    ),
    ApiRoute(
        name="get_customer_events", method="GET", path="/v1/customers/{id}/events", handler=customers.get_events,
        needs="secret", query=EvidenceIn, answer=EvidenceOut, statuses=(200, 400, 404),
    ),
    ApiRoute(
        name="get_order_returns", method="GET", path="/v1/orders/{id}/returns", handler=customers.get_order_returns,
        needs="secret", answer=OrderReturnsOut, statuses=(200, 404),
    ),
    ApiRoute(
        name="get_customer", method="GET", path="/v1/customers/{id}", handler=customers.get_customer, needs="secret",
        answer=CustomerOut, statuses=(200, 404),
    ),
    ApiRoute(
        name="delete_customer", method="DELETE", path="/v1/customers/{id}", handler=customers.delete_customer,
        needs="secret", answer=EraseOut, statuses=(200, 404),
    ),
    ApiRoute(
        name="get_identity", method="GET", path="/v1/identity", handler=customers.get_identity, needs="secret",
        answer=IdentityOut,
    ),
    ApiRoute(
        name="post_unlink", method="POST", path="/v1/visitors/{id}/unlink", handler=customers.post_unlink,
        needs="secret", answer=UnlinkOut, statuses=(201, 400, 404),
    ),
    ApiRoute(
        name="delete_unlink", method="DELETE", path="/v1/visitors/{id}/unlink", handler=customers.delete_unlink,
        needs="secret", answer=UnlinkOut, statuses=(200, 404),
    ),
    ApiRoute(
        name="get_decision", method="GET", path="/v1/decisions/{id}", handler=decisions.get_decision, needs="secret",
        answer=DecisionOut, statuses=(200, 404),
    ),
    ApiRoute(
        name="get_segments", method="GET", path="/v1/segments", handler=audiences.get_segments, needs="secret",
        answer=SegmentsOut, statuses=(200, 400),
    ),
    ApiRoute(
        name="get_rules", method="GET", path="/v1/rules", handler=audiences.get_rules, needs="secret", query=RulesIn,
        answer=RulesOut, statuses=(200, 400, 404),
    ),
    ApiRoute(
        name="get_audiences", method="GET", path="/v1/audiences", handler=audiences.get_audiences, needs="secret",
        answer=AudiencesOut,
    ),
    ApiRoute(
        name="post_audience", method="POST", path="/v1/audiences", handler=audiences.post_audience, needs="secret",
        body=AudienceIn, answer=AudienceOut, statuses=(201, 400, 403, 404, 408, 413, 415),
    ),
    ApiRoute(
        name="post_audience_count", method="POST", path="/v1/audiences/count", handler=audiences.post_audience_count,
        needs="secret", body=AudienceIn, answer=CountOut, statuses=(200, 400, 403, 404, 408, 413, 415),
    ),
    ApiRoute(
        name="get_audience_customers", method="GET", path="/v1/audiences/{id}/customers",
        handler=audiences.get_audience_customers, needs="secret", answer=AudiencePeopleOut,
        statuses=(200, 400, 403, 404),
    ),
    ApiRoute(
        name="delete_audience", method="DELETE", path="/v1/audiences/{id}", handler=audiences.delete_audience,
        needs="secret", answer=AudienceOut, statuses=(200, 404),
    ),
    ApiRoute(name="get_health", method="GET", path="/health", handler=health.get_ready, needs="open", answer=HealthOut),
    ApiRoute(
        name="get_live", method="GET", path="/health/live", handler=health.get_live, needs="open", answer=HealthOut
    ),
    ApiRoute(
        name="get_ready", method="GET", path="/health/ready", handler=health.get_ready, needs="open", answer=HealthOut
    ),
    ApiRoute(
        name="get_metrics", method="GET", path="/metrics", handler=health.get_metrics, needs="secret",
        media="text/plain",
    ),
    ApiRoute(name="get_openapi", method="GET", path="/openapi.json", handler=get_openapi, needs="open"),
    ApiRoute(name="get_docs", method="GET", path="/docs", handler=get_docs, needs="open", media="text/html"),
)  # fmt: skip


def app_of(
    engine: Engine, extra_routes: Sequence[BaseRoute] = (), *, upkeep: bool = False, door: Door | None = None
) -> Starlette:
    """The app over an engine. ``upkeep``: also drain and reload every ``drain_seconds`` while it runs. While the
    ``door`` is closed, only what needs no models is answered."""
    metrics = Metrics(engine.waiting, engine.model_age_seconds, engine.processes, engine.figures, engine.room)
    gate = Gate(engine=engine, metrics=metrics, load=Load(), limits=Limits(settings=engine.limits))

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:  # noqa: ARG001  # Starlette's signature
        task = asyncio.create_task(_upkeep(engine)) if upkeep else None
        if upkeep:
            await engine.begin()
        yield
        if task is not None:
            task.cancel()
            engine.end()

    waiting = [] if door is None else [Middleware(Opening, door=door, language=engine.language)]
    return Starlette(
        routes=[*_routes(gate), *extra_routes], lifespan=lifespan, middleware=[Middleware(EncodedIds), *waiting],
        exception_handlers={HTTPException: _http_error(engine), Exception: _http_error(engine)},
    )  # fmt: skip


class EncodedIds:
    """Lets an id in an API path hold ``/`` and ``%`` where they were sent as ``%2F`` and ``%25``.

    They stay encoded until ``routes.id_of`` reads the id, so that the router does not take them for its own.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        raw = scope.get("raw_path") or b""
        if raw.startswith(b"/v1/") and b"%" in raw:
            kept = re.sub("%(?=2[Ff]|25)", "%25", raw.decode("latin-1").partition("?")[0])
            scope = {**scope, "path": unquote(kept)}
        await self._app(scope, receive, send)


def _routes(gate: Gate) -> list[Route]:
    """Routes, and for those that pages of other origins call, the answer to the browser's question before."""
    found = [Route(route.path, partial(_answered, gate, route), methods=[route.method]) for route in ROUTES]
    asked = [Route(route.path, partial(_preflight, route), methods=["OPTIONS"]) for route in ROUTES if route.public]
    return found + asked


async def _answered(gate: Gate, route: ApiRoute, call: Call) -> Response:
    return await gate.answer(route, call)


async def _preflight(route: ApiRoute, call: Call) -> Response:  # noqa: ARG001  # Starlette's signature
    allowed = {
        "Access-Control-Allow-Methods": route.method, "Access-Control-Max-Age": "86400",
        "Access-Control-Allow-Headers": "Authorization, X-API-Key, Content-Type, Content-Encoding",
    }  # fmt: skip
    return Response(status_code=204, headers=allowed | CROSS_ORIGIN | ALWAYS)


def _http_error(engine: Engine) -> Callable[[Call, Exception], Response]:
    """404, 405 and anything that escaped a mounted app, in our shape."""

    def respond(call: Call, error: Exception) -> Response:
        language = language_for(call, engine.language)
        path = call.url.path[:200]
        if isinstance(error, HTTPException) and error.status_code == 404:
            error = Refused(404, "not_found", path=path)
        elif isinstance(error, HTTPException) and error.status_code == 405:
            allowed = _methods_of(call)
            error = Refused(405, "method_not_allowed", path=path, method=call.method[:20], allowed=allowed)
        elif isinstance(error, HTTPException):
            error = Refused(error.status_code, "request_bad", where=path, why=error.detail[:200])
        response = error_response(error, language, trusted=False)
        response.headers.update(ALWAYS)
        return response

    return respond


def _methods_of(call: Call) -> str:
    matching = [
        route.methods or set()
        for route in call.app.routes
        if isinstance(route, Route) and route.path_regex.match(call.url.path)
    ]
    return ", ".join(sorted(set().union(*matching))) or "GET"


async def _upkeep(engine: Engine) -> None:
    while True:
        await asyncio.sleep(engine.drain_seconds)
        try:
            await waited(engine.upkeep)
        except Exception as error:  # noqa: BLE001  # the next round may work; the journal keeps everything meanwhile
            _log.error("upkeep: %s at %s", why(error), where(error))
