"""The door while the models are being loaded: the port listens, events are taken, who asks for more waits."""

from dataclasses import dataclass
from typing import Final

from starlette.requests import Request as Call
from starlette.types import ASGIApp, Receive, Scope, Send

from shopkeeper.apps.http.gate import ALWAYS, CROSS_ORIGIN, error_response, language_for
from shopkeeper.core.errors import Unavailable

_EARLY: Final = frozenset({"/health/live", "/v1/events", "/v1/visitors", "/metrics"})
"""What needs no models: the process is alive, and events are durable before anything is learned from them."""


@dataclass(slots=True)
class Door:
    """Whether the shop can answer everything."""

    open: bool = True


class Opening:
    """Answers 503 ``starting`` in the shop's stead until the door is open."""

    def __init__(self, app: ASGIApp, door: Door, language: str) -> None:
        self._app, self._door, self._language = app, door, language

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._door.open or scope["type"] != "http" or scope["path"] in _EARLY:
            await self._app(scope, receive, send)
            return
        wait = Unavailable("starting", retry_after_seconds=1)
        response = error_response(wait, language_for(Call(scope), self._language), trusted=False)
        response.headers.update(ALWAYS | CROSS_ORIGIN)
        await response(scope, receive, send)
