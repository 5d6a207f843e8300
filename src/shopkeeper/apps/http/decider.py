"""A process that decides for the one that listens: ``python -m shopkeeper.apps.http.decider FOLDER SOCKET``.

It opens the shop for reading, loads the same models (memory-mapped, so they are in memory once), hears of every event
and answers questions one after the other. It ends when the other side is gone.
"""

import contextlib
import gc
import logging
import signal
import socket
import sys
from pathlib import Path
from typing import Final

from threadpoolctl import threadpool_limits

from shopkeeper.apps.http import logs
from shopkeeper.apps.http.decisions import told_of
from shopkeeper.apps.http.wire import Ask, Forget, Frames, Happened, Load, Question, Ready, Told, framed
from shopkeeper.core.consent import NO_CONSENT, PERSONALISED, Consent
from shopkeeper.core.ids import PersonKey
from shopkeeper.decide.failure import where, why
from shopkeeper.decide.log import body_of
from shopkeeper.decide.reasons import say_reason
from shopkeeper.shop import Shop

_log: Final = logging.getLogger(__name__)
_AT_ONCE: Final = 1 << 20
GC: Final = (20_000, 20, 20)
"""Answering makes and drops a thousand objects a request, hardly one of them in a cycle: look for those more rarely."""


class AsTold:
    """Consent as the process that listens says it with each question: it alone keeps the answers."""

    agreed = False

    def __call__(self, person: PersonKey) -> Consent:  # noqa: ARG002  # the question was about this person
        return PERSONALISED if self.agreed else NO_CONSENT


class Decider:
    """Hears and answers."""

    def __init__(self, shop: Shop, line: socket.socket, consent: AsTold) -> None:
        self._shop, self._line, self._consent = shop, line, consent

    def run(self) -> None:
        """Until the other side is gone."""
        frames = Frames(Question)
        self._load()
        while data := self._line.recv(_AT_ONCE):
            for message in frames.of(data):
                self._hear(message)

    def _hear(self, message: Question) -> None:
        match message:
            case Ask():
                self._line.sendall(framed(self._told(message)))
            case Happened():
                self._shop.serving.fold_many(message.events)
            case Forget():
                self._shop.forget([PersonKey(person) for person in message.people])
            case Load():
                self._load()

    def _told(self, asked: Ask) -> Told:
        self._consent.agreed = asked.agreed
        try:
            decision = self._shop.preview(asked.request)
            catalogue = self._shop.serving.catalogue()
            body = told_of(decision, lambda reason: say_reason(reason, catalogue, asked.language))
            return Told(asked.number, decision.id, body, body_of(decision), bool(decision.fallback))
        except Exception as error:  # noqa: BLE001  # the process that listens decides itself then
            _log.error("a decision failed (%s, %s)", why(error), where(error))
            return Told(asked.number)

    def _load(self) -> None:
        gc.unfreeze()
        serving = self._shop.reload()
        gc.collect()
        gc.freeze()
        gc.set_threshold(*GC)
        self._line.sendall(framed(Ready(serving.version)))


def main(folder: str, number: str) -> None:
    """Serve the socket of this number until it is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that listens
    logs.start()
    threadpool_limits(1)
    consent = AsTold()
    with socket.socket(fileno=int(number)) as line, Shop.open(Path(folder), readonly=True, consent=consent) as shop:
        shop.forgiving = True
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # the other side was faster
            Decider(shop, line, consent).run()


if __name__ == "__main__":
    main(*sys.argv[1:])
