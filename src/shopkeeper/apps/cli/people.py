"""``export`` and ``erase``: a customer's data handed out, or removed everywhere."""

from pathlib import Path
from typing import Annotated

import typer

from shopkeeper.apps.cli import say
from shopkeeper.apps.cli.options import HERE, Folder, Json
from shopkeeper.shop import Shop
from shopkeeper.shop import people as people_of


def add_to(app: typer.Typer) -> None:
    app.command()(export)
    app.command()(erase)


def export(
    customer: Annotated[str, typer.Argument(help="The customer's id.")],
    folder: Folder = HERE,
    out: Annotated[Path | None, typer.Option(help="Write to this file instead of the screen.")] = None,
) -> None:
    """Everything kept about a customer, as JSON."""
    with Shop.open(folder) as shop:
        found = people_of.export(shop, customer)
    if out is None:
        say.as_json(found)
        return
    out.write_text(say.json_text(found), "utf-8")
    rows = sum(len(rows) for rows in found.values() if isinstance(rows, list))
    say.line("export_done", customer=customer, rows=f"{rows:,}", file=out)


def erase(
    customer: Annotated[str, typer.Argument(help="The customer's id.")],
    folder: Folder = HERE,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: Json = False,
) -> None:
    """Remove a customer and their browsers from every place that keeps personal data. It cannot be undone."""
    if not yes:
        typer.confirm(say.text("erase_ask", customer=customer), abort=True)
    with Shop.open(folder) as shop:
        gone = people_of.erase(shop, customer)
    if as_json:
        say.as_json({"customer": customer, "removed": gone})
        return
    say.table(
        say.text("erase_title", customer=customer),
        [say.text("erase_place"), say.text("erase_rows")],
        [(place, f"{rows:,}") for place, rows in gone.items()],
    )
