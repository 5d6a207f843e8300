"""Serve a shop until the process is told to stop."""

import asyncio
import contextlib
import errno
import gc
import resource
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Final

import uvicorn
from starlette.applications import Starlette
from starlette.routing import BaseRoute
from threadpoolctl import threadpool_limits
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from shopkeeper.apps.http import logs
from shopkeeper.apps.http.app import app_of
from shopkeeper.apps.http.engine import Engine
from shopkeeper.apps.http.opening import Door
from shopkeeper.core.errors import SettingsError

_HEADER_SECONDS: Final = 15.0
"""How long a new connection may take to send the head of its first request."""
_IDLE_SECONDS: Final = 30
_STOP_SECONDS: Final = 10
_MOST_CONNECTIONS: Final = 4096
_HANDLES: Final = 4 * _MOST_CONNECTIONS
_GC: Final = (20_000, 20, 20)
"""Answering makes and drops a thousand objects a request, hardly one of them in a cycle: look for those more rarely."""
_SWITCH_SECONDS: Final = 0.0005
"""How long a thread that moves the journal or writes the log may keep the interpreter from one that answers: at the
usual 0.005 a request that was put aside a few times is late."""


class Patient(HttpToolsProtocol):
    """A connection that is closed if it says nothing complete for too long at its beginning."""

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._first = self.loop.call_later(_HEADER_SECONDS, self._give_up)

    def on_headers_complete(self) -> None:
        self._first.cancel()
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._first.cancel()
        super().connection_lost(exc)

    def _give_up(self) -> None:
        if not self.transport.is_closing():
            self.transport.close()


def unheard(address: str) -> None:
    """Nobody wants to know."""


def bind(host: str, port: int) -> socket.socket:
    """Take the address before anything is loaded.

    Raises:
        SettingsError: the port is taken (``port_in_use``), or there is no such address here.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        taken = socket.socket(family, socket.SOCK_STREAM)
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    except OSError as error:
        raise SettingsError("address_bad", host=host, port=port, why=error.strerror or str(error)) from error
    try:
        taken.bind((host, port))
        taken.listen(2048)
    except OSError as error:
        taken.close()
        if error.errno == errno.EADDRINUSE:
            raise SettingsError("port_in_use", port=port) from error
        raise SettingsError("address_bad", host=host, port=port, why=error.strerror or str(error)) from error
    return taken


def raise_handles() -> None:
    """Let this process open as many files as it is allowed to: what services and shells begin with is less than the
    connections that are let in."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _HANDLES if hard == resource.RLIM_INFINITY else min(hard, _HANDLES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def serve(
    engine: Engine, host: str, port: int, *, extra_routes: Sequence[BaseRoute] = (),
    started: Callable[[str], None] = unheard,
) -> None:  # fmt: skip
    """Serve until SIGINT or SIGTERM, then finish what is in work and close the engine, whatever happened.

    The port listens at once: ``/health/live`` is answered and events are taken while the models are loaded. ``started``
    is told the address once everything is answered.

    Raises:
        SettingsError: the port is taken, or there is no such address here.
        ShopkeeperError: the models cannot be loaded.
    """
    with contextlib.closing(bind(host, port)) as taken:
        raise_handles()
        logs.start()
        sys.setswitchinterval(_SWITCH_SECONDS)
        shown = f"[{host}]" if ":" in host else host
        address = f"http://{shown}:{taken.getsockname()[1]}"
        door = Door(open=False)
        server = _Server(_config(app_of(engine, extra_routes, upkeep=True, door=door)))
        server.engine, server.door, server.told = engine, door, lambda: started(address)
        try:
            server.run(sockets=[taken])
            server.finish()
        finally:
            gc.unfreeze()
            engine.close()


def _config(app: Starlette) -> uvicorn.Config:
    return uvicorn.Config(
        app, http=Patient, loop="uvloop", ws="none", access_log=False, log_config=None, server_header=False,
        proxy_headers=False, timeout_keep_alive=_IDLE_SECONDS, timeout_graceful_shutdown=_STOP_SECONDS,
        limit_concurrency=_MOST_CONNECTIONS,
    )  # fmt: skip


class _Server(uvicorn.Server):
    """Listens, loads, and says when it answers; a signal ends it in order, and is not raised again before the shop is
    closed."""

    engine: Engine
    door: Door
    told: Callable[[], None]
    _loading: "Future[None] | None" = None

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._loading = ThreadPoolExecutor(1, "load").submit(self._load)
            loop = asyncio.get_running_loop()
            self._loading.add_done_callback(lambda _: loop.is_closed() or loop.call_soon_threadsafe(self._loaded))

    def _load(self) -> None:
        self.engine.load()
        gc.collect()
        gc.freeze()  # models and profiles live as long as the process: do not walk through them again
        gc.set_threshold(*_GC)

    def _loaded(self) -> None:
        if self._loading is None or self._loading.exception() is not None:
            self.should_exit = True
            return
        threadpool_limits(1)  # one request is too small to share among threads, and their hand-over costs more
        self.door.open = True
        self.told()

    def finish(self) -> None:
        """Wait for a loading that is still going on.

        Raises:
            ShopkeeperError: it failed.
        """
        if self._loading is not None:
            self._loading.result()
