"""A held row in words: where it stands, what is wrong, and what can be done."""

from collections.abc import Mapping
from typing import Any

from shopkeeper.core.visible import visible
from shopkeeper.data.quarantine import HeldRow
from shopkeeper.locale import filled, phrases, say


class _Blanks(dict[str, object]):
    """Facts of a sentence; one that is not at hand is a blank."""

    def __missing__(self, name: str) -> str:
        return "…"


def why_held(language: str, reason: str, facts: Mapping[str, Any], *, line: int | None = None, column: str = "") -> str:
    """A reason with the place it is about; what is not known of it stays blank."""
    shown = {name: visible(value) if isinstance(value, str) else value for name, value in facts.items()}
    why = filled(phrases(language, "checks").get(reason, reason), _Blanks(shown))
    if line is None:
        return say(language, "checks", "at_column", column=column, why=why) if column else why
    if not column:
        return say(language, "checks", "at_line", line=line, why=why)
    return say(language, "checks", "at_line_column", line=line, column=column, why=why)


def held_sentence(language: str, row: HeldRow) -> str:
    """A row in quarantine: where, why, and under which id it waits."""
    why = why_held(language, row.reason, row.facts, line=row.line, column=row.column)
    return say(language, "checks", "at_held", why=why.rstrip(".。"), id=row.id)
