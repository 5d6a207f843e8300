"""A connection to PostgreSQL that does not wait for ever: a server that was frozen takes a question and says nothing.

Neither PostgreSQL's own limits (the server watches them) nor TCP's (the machine still confirms what it is sent) end
such a wait.
"""

import time
from collections.abc import Callable, Generator
from functools import partial
from typing import Any, Final, TypeVar

import psycopg

_LOOK_SECONDS: Final = 0.1
T = TypeVar("T")


class NoAnswer(psycopg.OperationalError):
    """The server was silent for too long; the connection is closed."""

    silent = True


class Patient(psycopg.Connection[Any]):
    """Waits as long as bytes come, and ``seconds`` more."""

    seconds = 10.0
    long = True
    """What takes longer goes on while the server answers others."""
    answers_others: Callable[[], bool]

    def wait(self, gen: Generator[Any, Any, T], interval: float = _LOOK_SECONDS, timeout: float | None = None) -> T:
        """See ``psycopg.Connection``.

        Raises:
            NoAnswer: nothing came for too long.
        """
        return super().wait(self._heard(gen), interval, timeout)

    def _heard(self, gen: Generator[Any, Any, T]) -> Generator[Any, Any, T]:
        heard = time.monotonic()
        try:
            wanted = next(gen)
            while True:
                ready = yield wanted
                if ready:
                    heard = time.monotonic()
                elif time.monotonic() - heard > self.seconds:
                    self._give_up_unless_long()
                    heard = time.monotonic()
                wanted = gen.send(ready)
        except StopIteration as done:
            answer: T = done.value
            return answer

    def _give_up_unless_long(self) -> None:
        if not (self.long and self.answers_others()):
            self.close()
            raise NoAnswer(f"no answer for {self.seconds:g} seconds")


def connected(*words: Any, **named: Any) -> Patient:
    """A connection to the server that ``psycopg.connect`` would reach with these words."""
    made = Patient.connect(*words, **named)
    made.answers_others = partial(_answers, *words, **named)
    return made


def _answers(*words: Any, **named: Any) -> bool:
    try:
        with psycopg.connect(*words, **named):
            return True
    except psycopg.OperationalError:
        return False
