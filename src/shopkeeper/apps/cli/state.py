"""``state``: where keys, consent and the ledger of erasures are kept, and how they move."""

from typing import Annotated

import typer

from shopkeeper.apps.cli import say
from shopkeeper.apps.cli.options import HERE, Folder, Json
from shopkeeper.shop.moving import move_state

app = typer.Typer(no_args_is_help=True, help="Where keys, consent and the ledger of erasures are kept.")

FILE_WORD = "file"
"""What stands for "in the shop folder" where an address is asked for."""


@app.callback()
def _state() -> None:
    """A group, also while it has one command."""


@app.command()
def move(
    to: Annotated[str, typer.Option("--to", help="postgresql+psycopg://user@host:5432/database, or `file`.")],
    folder: Folder = HERE,
    as_json: Json = False,
) -> None:
    """Move the state to another database, compare it there, and write its address into shop.toml."""
    moved = move_state(folder, address(to))
    if as_json:
        say.as_json({"source": moved.source, "target": moved.target, "rows": moved.rows})
        return
    rows = ", ".join(f"{table} {count:,}" for table, count in moved.rows.items())
    say.line("state_moved", source=moved.source, target=moved.target, rows=rows)


def address(word: str) -> str:
    """What the command line says, as ``[state] url`` says it."""
    return "" if word == FILE_WORD else word
