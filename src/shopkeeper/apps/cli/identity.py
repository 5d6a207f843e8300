"""``identity``: which browsers are whose, and keeping one apart."""

from typing import Annotated

import typer

from shopkeeper.apps.cli import say
from shopkeeper.apps.cli.options import HERE, Folder, Json
from shopkeeper.shop import Shop
from shopkeeper.shop import browsers as asked

app = typer.Typer(help="Which browsers are whose, and keeping one apart.", invoke_without_command=True)
Visitor = Annotated[str, typer.Argument(help="The visitor's id.")]
_COUNTS = (
    "browsers",
    "linked",
    "customers",
    "shared",
    "no_consent",
    "too_many_customers",
    "too_many_visitors",
    "unlinked",
    "phones",
    "phones_shared",
)


@app.callback()
def show(context: typer.Context, folder: Folder = HERE, as_json: Json = False) -> None:
    """How many browsers are linked with customers, and why others are not."""
    if context.invoked_subcommand is not None:
        return
    with Shop.open(folder, readonly=True) as shop:
        found = asked.identity_facts(shop)
    if as_json:
        say.as_json(found)
        return
    rows = [(say.text(f"identity_{name}"), f"{found['counts'][name]:,}") for name in _COUNTS]
    say.table(say.text("identity_title"), [say.text("identity_what"), say.text("identity_count")], rows)
    if found["crowds"]:
        crowds = [(say.text(f"identity_{row['kind']}"), row["id"], f"{row['others']:,}") for row in found["crowds"]]
        names = [say.text(f"identity_{name}") for name in ("kind", "id", "others")]
        say.table(say.text("identity_crowds"), names, crowds, numbers=2)
    if found["unlinked"]:
        apart = [(row["visitor"], row["at"][:16].replace("T", " "), row["source"]) for row in found["unlinked"]]
        names = [say.text(f"identity_{name}") for name in ("visitor", "since", "source")]
        say.table(say.text("identity_unlinked"), names, apart, numbers=9)


@app.command()
def unlink(
    visitor: Visitor, folder: Folder = HERE,
    why: Annotated[str, typer.Option(help="Who wished it, for whoever looks later.")] = "operator",
) -> None:  # fmt: skip
    """Keep a browser's nameless events apart from every customer."""
    with Shop.open(folder, readonly=True) as shop:
        asked.unlink(shop, visitor, source=why)
    say.line("identity_done", visitor=visitor)


@app.command()
def relink(visitor: Visitor, folder: Folder = HERE) -> None:
    """Take that back."""
    with Shop.open(folder, readonly=True) as shop:
        asked.relink(shop, visitor)
    say.line("identity_undone", visitor=visitor)
