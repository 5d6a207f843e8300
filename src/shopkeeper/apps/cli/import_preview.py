"""What an import would do, shown row by row."""

from collections.abc import Sequence
from dataclasses import asdict

from shopkeeper.apps.cli import say
from shopkeeper.data.cleaning.columns import Kind
from shopkeeper.data.conflicts import said_by
from shopkeeper.data.preview import Preview, PreviewRow

_COLUMNS = ("line", "fate", "row")


def show_preview(previews: Sequence[Preview], as_json: bool) -> None:
    """A table for each kind in each file, with what was found out about it."""
    if as_json:
        say.as_json([asdict(one) for one in previews])
        return
    for one in previews:
        for warning in one.warnings:
            say.warned(one.file, warning.key, warning.facts)
        say.table(
            say.text("preview_title", file=one.file, kind=one.kind),
            [say.text(f"preview_{name}") for name in _COLUMNS],
            [(row.line, say.text(f"preview_{row.fate}"), _said(one.kind, row)) for row in one.rows],
            numbers=len(_COLUMNS),
        )
    say.line("preview_end")


def _said(kind: Kind, row: PreviewRow) -> str:
    if not row.reason:
        return said_by(kind, dict(row.values))
    cells = ", ".join(f"{name}={value}" for name, value in row.values.items())
    return f"{say.check(row.reason, **row.facts)} [{cells}]"
