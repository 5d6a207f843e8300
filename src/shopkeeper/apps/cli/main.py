"""``shopkeeper``: the command line. Every refusal is one sentence on standard error and exit code 2 or 75."""

import sys
from typing import Annotated

import typer

from shopkeeper import __version__
from shopkeeper.apps.cli import (
    audience,
    benchmark,
    draining,
    facts,
    identity,
    keeping,
    keys,
    learning,
    people,
    predicting,
    profile,
    running,
    say,
    segments,
    state,
)
from shopkeeper.core.errors import ShopkeeperError

app = typer.Typer(
    name="shopkeeper",
    help="Shopkeeper 掌柜: learn from what shoppers do, decide, explain, measure.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback()
def _every_command(
    lang: Annotated[str, typer.Option("--lang", help="en or zh.", envvar="SHOPKEEPER_LANG")] = "",
) -> None:
    if lang:
        say.speak(lang)


@app.command()
def version() -> None:
    """Print the version."""
    say.OUT.print(__version__)


facts.add_to(app)
learning.add_to(app)
people.add_to(app)
predicting.add_to(app)
profile.add_to(app)
segments.add_to(app)
keys.add_to(app)
running.add_to(app)
keeping.add_to(app)
draining.add_to(app)
app.add_typer(audience.app, name="audience")
app.add_typer(identity.app, name="identity")
app.add_typer(state.app, name="state")
app.add_typer(benchmark.app, name="benchmark")


def main() -> None:
    """Run the command line. A refusal is one sentence that says what to do, with exit code 2; or 75, where the same may
    succeed later: an engine is away, the disk is full, another process has the shop."""
    try:
        app()
    except ShopkeeperError as error:
        sys.exit(say.fail(error))
    except BrokenPipeError:
        sys.exit(0)


if __name__ == "__main__":
    main()
