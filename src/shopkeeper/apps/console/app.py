"""The console's addresses in two tables, and the guard before them."""

import logging
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Final
from urllib.parse import parse_qs
from weakref import WeakKeyDictionary

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route

from shopkeeper.apps.console import audience_pages, prediction_pages, segment_views, views
from shopkeeper.apps.console.doors import Doors, right_token, same_origin
from shopkeeper.apps.console.visit import PREFIX, Visit, address, finished, language_asked, static
from shopkeeper.apps.console.words import Words
from shopkeeper.apps.http.refusal import headers_of
from shopkeeper.apps.http.work import waited
from shopkeeper.core.errors import DataError, NotAllowed, ShopkeeperError
from shopkeeper.decide.failure import where, why
from shopkeeper.shop import Shop

_log: Final = logging.getLogger(__name__)
View = Callable[[Visit], Response]
_FORM_BYTES: Final = 256 * 1024
_TYPES: Final = {"console.css": "text/css", "seal.svg": "image/svg+xml"}

OPEN: Final[dict[str, View]] = {"/login": views.show_login, "/enter": views.enter}
"""Answered to everybody."""
PAGES: Final[dict[str, View]] = {
    "/": views.overview, "/customers": views.customers, "/customer": views.customer,
    "/customer/events": views.customer_events, "/products": views.products, "/product": views.product,
    "/models": views.models, "/decisions": views.decisions, "/decision": views.decision,
    "/quarantine": views.quarantine, "/customer/erase": views.ask_erase, "/segments": segment_views.show_segments,
    "/segment": segment_views.show_segment, "/rules": segment_views.show_rules,
    "/audiences": audience_pages.show_audiences, "/predictions": prediction_pages.show_predictions,
}  # fmt: skip
"""Shown to who is inside; others are sent to the login page."""
FORMS: Final[dict[str, View]] = {
    "/logout": views.logout, "/customer/export": views.export, "/customer/erase": views.erase,
    "/customer/unlink": views.unlink, "/customer/relink": views.relink,
    "/models/rollback": views.rollback, "/quarantine/replay": views.replay,
    "/quarantine/correct": views.correct, "/quarantine/discard": views.discard,
    "/rules/bundle": segment_views.make_bundle, "/rules/unbundle": segment_views.undo_bundle,
    "/audiences/save": audience_pages.save_audience, "/audiences/delete": audience_pages.delete_audience,
    "/audiences/export": audience_pages.export_audience,
}  # fmt: skip
"""Sent with POST by who is inside, from our own page, with the session's token."""

_doors: Final[WeakKeyDictionary[Shop, Doors]] = WeakKeyDictionary()


def doors_of(shop: Shop) -> Doors:
    """The sessions of an open shop; the same for everybody who asks."""
    return _doors.setdefault(shop, Doors())


def login_link(shop: Shop) -> str:
    """The address that opens the console once, within ten minutes."""
    return address("/enter", word=doors_of(shop).link())


def console_routes(shop: Shop) -> Sequence[BaseRoute]:
    """What is served beside the API: the console, and the way to it from the bare address."""
    return [Mount(PREFIX, app=Console(shop).app()), Route("/", _to_console)]


async def _to_console(request: Request) -> Response:  # noqa: ARG001  # Starlette's signature
    return RedirectResponse(f"{PREFIX}/", 307)


class Console:
    """One shop's console."""

    def __init__(self, shop: Shop) -> None:
        self._shop, self._doors = shop, doors_of(shop)

    def app(self) -> Starlette:
        """Every route, and errors as pages."""
        routes = [Route("/static/{name}", self._static)]
        routes += [Route(path, partial(self._open, view), methods=["GET"]) for path, view in OPEN.items()]
        routes += [Route("/login", partial(self._open, views.login), methods=["POST"])]
        routes += [Route(path, partial(self._shown, view), methods=["GET"]) for path, view in PAGES.items()]
        routes += [Route(path, partial(self._changed, view), methods=["POST"]) for path, view in FORMS.items()]
        return Starlette(routes=routes, exception_handlers={HTTPException: self._nowhere})

    async def _static(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name not in _TYPES:
            raise HTTPException(404)
        headers = {"Cache-Control": "public, max-age=31536000, immutable"}
        return finished(Response(static(name), media_type=_TYPES[name], headers=headers), request)

    async def _open(self, view: View, request: Request) -> Response:
        async def work() -> Response:
            form = await _form(request) if request.method == "POST" else {}
            return await waited(view, self._visit(request, form))

        return await self._answered(request, work)

    async def _shown(self, view: View, request: Request) -> Response:
        if self._doors.session(request) is None:
            wanted = f"{request.url.path}?{request.url.query}" if request.url.query else request.url.path
            back = "" if wanted == f"{PREFIX}/" else wanted
            return finished(RedirectResponse(address("/login", next=back), 303), request)

        async def work() -> Response:
            return await waited(view, self._visit(request, {}))

        return await self._answered(request, work)

    async def _changed(self, view: View, request: Request) -> Response:
        async def work() -> Response:
            session = self._doors.session(request)
            form = await _form(request)
            if not same_origin(request):
                raise NotAllowed("form_foreign")
            if session is None or not right_token(session.token, form.get("token", [""])[0]):
                raise NotAllowed("form_expired")
            return await waited(view, self._visit(request, form))

        return await self._answered(request, work)

    def _visit(self, request: Request, form: dict[str, list[str]]) -> Visit:
        shop = self._shop.settings.shop
        words = Words(language_asked(request, shop.language), currency=shop.currency, timezone=shop.timezone)
        session = self._doors.session(request)
        return Visit(request=request, shop=self._shop, doors=self._doors, words=words, session=session, form=form)

    async def _answered(self, request: Request, work: Callable[[], Awaitable[Response]]) -> Response:
        """The view's answer, or its error as a page. Nothing is raised."""
        try:
            response = await work()
        except Exception as error:  # noqa: BLE001  # the last line of defence: no stack trace leaves the server
            response = self._error(request, error)
        return finished(response, request)

    def _error(self, request: Request, error: Exception) -> Response:
        if not isinstance(error, ShopkeeperError):
            _log.error("a page of the console failed: %s at %s", why(error), where(error))
            error = ShopkeeperError("internal")
        visit = self._visit(request, {})
        told = visit.words.of("errors", error.key, **error.facts) if visit.session or not error.facts else None
        page = visit.page("error.html", status=error.http_status, message=told or error.key)
        page.headers.update(headers_of(error))
        return page

    async def _nowhere(self, request: Request, error: Exception) -> Response:
        """404 and 405 of the router."""
        status = error.status_code if isinstance(error, HTTPException) else 500
        visit = self._visit(request, {})
        response = visit.page("error.html", status=status, message=visit.words("page_missing"))
        response.headers.update(getattr(error, "headers", None) or {})
        return finished(response, request)


async def _form(request: Request) -> dict[str, list[str]]:
    """The fields of a form.

    Raises:
        DataError: it is no form, or larger than any of ours.
    """
    if not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        raise DataError("form_unreadable")
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > _FORM_BYTES:
            raise DataError("too_large", limit=_FORM_BYTES)
    try:
        return parse_qs(body.decode("ascii"), keep_blank_values=True, max_num_fields=5_000)
    except ValueError as error:
        raise DataError("form_unreadable") from error
