"""What the command line says: sentences in the reader's language, tables, progress, and errors with their exit code."""

import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

from rich.console import Console
from rich.markup import escape as escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from shopkeeper.core.errors import SettingsError, ShopkeeperError
from shopkeeper.core.ports import Progress as Report
from shopkeeper.core.visible import visible
from shopkeeper.locale import LANGUAGES, filled, language_of, phrases, say

OUT: Final = Console(soft_wrap=True, highlight=False)
ERR: Final = Console(stderr=True, soft_wrap=True, highlight=False)


class Tongue:
    """The language of this run: ``--lang``, else the environment's, else English."""

    language = language_of(
        os.environ.get("SHOPKEEPER_LANG") or os.environ.get("LC_ALL") or os.environ.get("LANG") or "en"
    )


def speak(language: str) -> None:
    """Say everything in this language from now on.

    Raises:
        SettingsError: a language we do not speak.
    """
    if language not in LANGUAGES:
        wanted = ", ".join(LANGUAGES)
        raise SettingsError("setting_bad", where="shopkeeper", name="--lang", value=language, wanted=wanted)
    Tongue.language = language


def text(key: str, /, **facts: object) -> str:
    """A sentence of area ``cli``."""
    return say(Tongue.language, "cli", key, **facts)


def line(key: str, /, **facts: object) -> None:
    """Print a sentence of area ``cli``."""
    OUT.print(text(key, **facts), markup=False)


def verbatim(lines: Iterable[str]) -> None:
    """Lines as they are: a drawing."""
    for drawn in lines:
        OUT.print(drawn, markup=False)


def sentence(error: ShopkeeperError) -> str:
    """What an error says to a reader."""
    return say(Tongue.language, "errors", error.key, **error.facts)


def fail(error: ShopkeeperError) -> int:
    """Say what is wrong on standard error. The exit code of a refusal is 2, or 75 where the same may succeed later."""
    ERR.print(sentence(error), style="red", markup=False)
    return os.EX_TEMPFAIL if error.retryable else 2


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]], *, numbers: int = 1) -> None:
    """Print a table. Columns from ``numbers`` on are figures and stand to the right."""
    grid = Table(title=title, title_justify="left", title_style="bold", header_style="bold", expand=False)
    for place, name in enumerate(columns):
        grid.add_column(name, justify="right" if place >= numbers else "left", overflow="fold")
    for row in rows:
        grid.add_row(*[_inert(str(value)) for value in row])
    Console(highlight=False, width=None if sys.stdout.isatty() else 160).print(grid, markup=False)


def _inert(cell: str) -> Text:
    """A cell that no text in it can colour, hide or turn round."""
    return Text("\n".join(map(visible, cell.split("\n"))))


def as_json(value: Any) -> None:
    """Print a value as JSON, for programs."""
    sys.stdout.write(json_text(value) + "\n")


@contextmanager
def progress() -> Iterator[Report]:
    """A bar on standard error that a long job moves; silent where nobody watches."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total}"),
    )
    with Progress(*columns, TimeElapsedColumn(), console=ERR, transient=True, disable=not ERR.is_terminal) as bar:
        job = bar.add_task("", total=None)

        def report(task: str, done: int, total: int) -> None:
            bar.update(job, description=task, completed=done, total=total or None)

        yield report


def json_text(value: Any) -> str:
    """A value as JSON text; moments as ISO text."""
    return json.dumps(value, ensure_ascii=False, indent=2, default=str)


class _Blanks(dict[str, object]):
    """Facts of a sentence; one that is not at hand is a blank."""

    def __missing__(self, name: str) -> str:
        return "…"


def check(reason: str, /, **facts: object) -> str:
    """Why a row was held, in words; what is not known of it stays blank."""
    words = phrases(Tongue.language, "checks")
    if isinstance(named := facts.get("names"), str) and reason == "rows_skipped":
        pairs = [one.rpartition(" ") for one in named.split(", ")]
        facts["names"] = ", ".join(f"{words.get(f'skipped_{what}', what)} {count}" for what, _, count in pairs)
    return filled(words.get(reason, reason), _Blanks(facts))


def warned(file: str, key: str, facts: Mapping[str, object]) -> None:
    """Print what was found out about a file."""
    OUT.print(visible(text("import_said", file=file, what=check(key, **facts))), markup=False)


def held(reason: str) -> str:
    """The short name of a reason, for counts of many rows."""
    return phrases(Tongue.language, "console").get(f"held_{reason}", reason)
