"""Log lines: whole, in order, and written without anybody waiting for them."""

import io
import json
import logging
from collections.abc import Iterator

import pytest

from shopkeeper.apps.http import logs


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[io.StringIO, logging.Logger]]:
    """A logger whose lines come only when something makes them."""
    monkeypatch.setattr(logs, "_EVERY_SECONDS", 3600.0)
    stream = io.StringIO()
    handler = logs.Gathered(stream)
    handler.setFormatter(logs.JsonLines())
    logger = logging.Logger("shopkeeper.test")
    logger.addHandler(handler)
    yield stream, logger
    handler.close()


def events(stream: io.StringIO) -> list[str]:
    return [json.loads(line)["event"] for line in stream.getvalue().splitlines()]


def test_lines_wait_for_one_another(written: tuple[io.StringIO, logging.Logger]) -> None:
    """What is said by the way is kept; a warning brings everything before it out, in order."""
    stream, logger = written
    logger.info("one", extra={"facts": {"route": "x", "person": None}})
    logger.info("two")
    assert stream.getvalue() == ""
    logger.warning("three")
    assert events(stream) == ["one", "two", "three"]
    assert json.loads(stream.getvalue().splitlines()[0])["route"] == "x"


def test_the_end_writes_what_is_left(written: tuple[io.StringIO, logging.Logger]) -> None:
    """Closing writes what was kept, and what comes after is written at once."""
    stream, logger = written
    logger.info("kept")
    logger.handlers[0].close()
    logger.info("late\nline")
    assert events(stream) == ["kept", "late\nline"]


def test_an_error_is_named_without_its_facts(written: tuple[io.StringIO, logging.Logger]) -> None:
    """The kind of an error and where it was raised are logged, its text is not."""
    stream, logger = written
    try:
        raise ValueError("anna@example.org")
    except ValueError:
        logger.exception("failed")
    (line,) = stream.getvalue().splitlines()
    assert json.loads(line)["error"] == "ValueError"
    assert "anna" not in line
