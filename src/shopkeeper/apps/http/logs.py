"""Logs as one JSON object a line: what happened, never to whom. Bodies, keys, ids and error texts stay out."""

import contextlib
import logging
import sys
import threading
from datetime import UTC, datetime
from pathlib import PurePath
from typing import Any, Final

import msgspec

from shopkeeper.decide.failure import where, why

_OURS = "shopkeeper"
_SERVER = "uvicorn"
_KNOWN: Final = frozenset({_OURS, _SERVER})
"""Whose words are known to name nobody."""
_EVERY_SECONDS: Final = 0.2
_encode = msgspec.json.Encoder(enc_hook=str).encode


class JsonLines(logging.Formatter):
    """A record as JSON; line ends and control characters in it are escaped."""

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        said = record.getMessage() if record.name.partition(".")[0] in _KNOWN else _foreign(record)
        line: dict[str, object] = {"at": at, "level": record.levelname.lower(), "from": record.name, "event": said}
        line |= getattr(record, "facts", {})
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, Exception):
            line |= {"error": why(error), "where": where(error)}
        return _encode({name: value for name, value in line.items() if value is not None}).decode()


def _foreign(record: logging.LogRecord) -> str:
    """Where a library said something. What it said may quote whatever it worked on, so it is not repeated."""
    return f"a library spoke at {PurePath(record.pathname).name}:{record.lineno}"


class Gathered(logging.StreamHandler[Any]):
    """Writes what is said by the way a few times a second, all at once and from a thread of its own: whoever answers
    requests never waits for whoever reads the log. A warning, or worse, is written at once with all that came before.
    """

    def __init__(self, stream: Any) -> None:
        super().__init__(stream)
        self._kept: list[logging.LogRecord] = []
        self._writer = threading.Thread(target=self._write, name="logs", daemon=True)
        self._closing = threading.Event()
        self._writer.start()

    def emit(self, record: logging.LogRecord) -> None:
        self._kept.append(record)
        if record.levelno >= logging.WARNING or self._closing.is_set():
            self.flush()

    def flush(self) -> None:
        """Write what was kept, in order."""
        with self.lock or contextlib.nullcontext():
            kept, self._kept = self._kept, []
            if kept:
                self.stream.write("".join(self.format(record) + self.terminator for record in kept))
            super().flush()

    def close(self) -> None:
        """Write what is left; what comes later is written at once."""
        self._closing.set()
        self.flush()
        super().close()

    def _write(self) -> None:
        while not self._closing.wait(_EVERY_SECONDS):
            try:
                self.flush()
            except Exception:  # noqa: BLE001  # a log that cannot be written must not end the log
                self._kept.clear()


def start(level: int = logging.INFO) -> None:
    """Send our logs, the server's and every library's to standard error as JSON lines; warnings too, and what ends a
    thread or the process."""
    handler = Gathered(sys.stderr)
    handler.setFormatter(JsonLines())
    for name in (_OURS, _SERVER, ""):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [handler], False
        logger.setLevel(level if name == _OURS else logging.WARNING)
    logging.captureWarnings(True)
    threading.excepthook = lambda died: _died(died.exc_value)
    sys.excepthook = lambda _kind, error, _trace: _died(error)


def _died(error: BaseException | None) -> None:
    if isinstance(error, Exception):
        logging.getLogger(f"{_OURS}.http.logs").critical("died: %s at %s", why(error), where(error))
