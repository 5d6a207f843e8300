"""Logs as one JSON object a line: what happened, never to whom. Bodies, keys, ids and error texts stay out."""

import json
import logging
import sys
from datetime import UTC, datetime

from shopkeeper.decide.failure import where, why

_OURS = "shopkeeper"


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
        return json.dumps({name: value for name, value in line.items() if value is not None}, default=str)


def start(level: int = logging.INFO) -> None:
    """Send our logs and the server's to standard error as JSON lines."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    for name in (_OURS, "uvicorn"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [handler], False
        logger.setLevel(level if name == _OURS else logging.WARNING)
