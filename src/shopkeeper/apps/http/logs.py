"""Logs as one JSON object a line: what happened, never to whom. Bodies, keys, ids and error texts stay out."""

import contextlib
import logging
import sys
import threading
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from shopkeeper.decide.failure import where, why

_OURS = "shopkeeper"
_EVERY_SECONDS: Final = 0.2
_encode = msgspec.json.Encoder(enc_hook=str).encode


class JsonLines(logging.Formatter):
    """A record as JSON; line ends and control characters in it are escaped."""

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line: dict[str, object] = {
            "at": at, "level": record.levelname.lower(), "from": record.name, "event": record.getMessage(),
        }  # fmt: skip
        line |= getattr(record, "facts", {})
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, Exception):
            line |= {"error": why(error), "where": where(error)}
        return _encode({name: value for name, value in line.items() if value is not None}).decode()


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
    """Send our logs and the server's to standard error as JSON lines."""
    handler = Gathered(sys.stderr)
    handler.setFormatter(JsonLines())
    for name in (_OURS, "uvicorn"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [handler], False
        logger.setLevel(level if name == _OURS else logging.WARNING)
