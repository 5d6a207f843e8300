"""Helping processes that decide, seen from the process that listens: who is free, what they heard, when one is lost."""

import asyncio
import logging
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import Final, cast

from shopkeeper.apps.http.wire import Answer, Ask, Forget, Frames, Happened, Load, Question, Ready, Told, framed
from shopkeeper.core.decision import Request
from shopkeeper.core.event import Event

_log: Final = logging.getLogger(__name__)
_MOST_WAITING: Final = 16
"""Questions one may have before it; where all have as many, the process that listens decides itself."""
_PATIENCE_SECONDS: Final = 2.0
_LOOK_SECONDS: Final = 0.5
_AGAIN_SECONDS: Final = 2.0
_MOST_UNREAD: Final = 64 << 20
"""Bytes that one may leave unread: it is stuck then, and starts again."""


class _One(asyncio.Protocol):
    """One helping process and the line to it."""

    def __init__(self, owner: "Deciders") -> None:
        self._owner, self._frames = owner, Frames(Answer)
        self.version: str | None = None
        """The version it answers with; None while it loads."""
        self.waiting: dict[int, tuple[asyncio.Future[Told | None], float]] = {}
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        self.line = ours
        with theirs:
            words = [sys.executable, "-m", "shopkeeper.apps.http.decider", str(owner.folder), str(theirs.fileno())]
            self.process = subprocess.Popen(words, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL)  # noqa: S603  # our own module

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def say(self, frame: bytes) -> None:
        """Send; the order of calls is the order in which it hears."""
        self._transport.write(frame)
        if self._transport.get_write_buffer_size() > _MOST_UNREAD:
            self.end()

    def ask(self, question: Ask, told: "asyncio.Future[Told | None]") -> None:
        """Send a question; ``told`` becomes the answer, or None where it is lost."""
        self.waiting[question.number] = (told, time.monotonic())
        self.say(framed(question))

    def data_received(self, data: bytes) -> None:
        for message in self._frames.of(data):
            if isinstance(message, Ready):
                self.version = message.version
                continue
            told, _ = self.waiting.pop(message.number)
            if not told.done():
                told.set_result(message if message.id else None)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # asyncio's signature
        self.version = None
        for told, _ in self.waiting.values():
            if not told.done():
                told.set_result(None)
        self.waiting.clear()
        self.process.kill()
        self.process.wait()
        self._owner.lost(self)

    def is_stuck(self, now: float) -> bool:
        """Whether somebody waits for it too long. It answers in order, so the first question is the oldest."""
        return any(now - since > _PATIENCE_SECONDS for _, since in [*self.waiting.values()][:1])

    def end(self) -> None:
        """Hang up."""
        self._transport.abort()


class Deciders:
    """``number`` helping processes. ``start`` and ``decide`` belong to the event loop; events, people to be forgotten
    and new versions may be told from any thread."""

    def __init__(self, folder: Path, number: int) -> None:
        self.folder, self._number = folder, number
        self._all: list[_One] = []
        self._numbers = count(1)
        self._unsaid: deque[bytes] = deque()
        """Frames for all that other threads left here; a question is sent after them."""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._looking: asyncio.TimerHandle | None = None

    async def start(self) -> None:
        """Start the processes; they load while this one does."""
        self._loop = asyncio.get_running_loop()
        for _ in range(self._number):
            await self._begin()
        self._look()

    async def _begin(self) -> None:
        if self._loop is not None:
            one = _One(self)
            self._all.append(one)
            await self._loop.create_connection(lambda: one, sock=one.line)

    async def decide(self, request: Request, *, agreed: bool, language: str, version: str) -> Told | None:
        """The decision of whoever has least to do; None where this process had better decide itself."""
        able = [one for one in self._all if one.version == version]
        if not able or self._loop is None:
            return None
        free = min(able, key=lambda one: len(one.waiting))
        if len(free.waiting) >= _MOST_WAITING:
            return None
        self._say()
        told: asyncio.Future[Told | None] = self._loop.create_future()
        free.ask(Ask(next(self._numbers), request, agreed, language), told)
        return await told

    def able(self, version: str) -> int:
        """How many answer with this version."""
        return sum(one.version == version for one in self._all)

    def heard(self, events: Sequence[Event]) -> None:
        """Let events count there too: before any question that is asked after this returned."""
        if events:
            self._tell(Happened(list(events)))

    def forget(self, people: Sequence[str]) -> None:
        """Let people be unknown there too."""
        self._tell(Forget(list(people)))

    def load(self) -> None:
        """Another version answers here: whoever still has the one before is not asked until it has loaded this one."""
        self._tell(Load())

    def _tell(self, message: Question) -> None:
        loop = self._loop
        if loop is not None and not loop.is_closed():
            self._unsaid.append(framed(message))
            loop.call_soon_threadsafe(self._say)

    def _say(self) -> None:
        while self._unsaid:
            frame = self._unsaid.popleft()
            for one in [*self._all]:
                one.say(frame)

    def _look(self) -> None:
        for one in [*self._all]:
            if one.is_stuck(time.monotonic()):
                _log.error("a process that decides does not answer; it starts again")
                one.end()
        if self._loop is not None:
            self._looking = self._loop.call_later(_LOOK_SECONDS, self._look)

    def lost(self, one: _One) -> None:
        """One is gone: another takes its place a little later."""
        self._all.remove(one)
        if self._loop is not None:
            _log.error("a process that decides ended (exit code %s); it starts again", one.process.returncode)
            self._loop.call_later(_AGAIN_SECONDS, self._again)

    def _again(self) -> None:
        if self._loop is not None:
            self._starting = self._loop.create_task(self._begin())

    def stop(self) -> None:
        """End them all; questions that wait are answered here."""
        self._loop = None
        if self._looking is not None:
            self._looking.cancel()
        for one in [*self._all]:
            one.end()
