"""``backup``, ``restore`` and ``rebuild``: the shop saved, brought back, and what was derived made again."""

from pathlib import Path
from typing import Annotated

import typer

from shopkeeper.apps.cli import say
from shopkeeper.apps.cli.options import HERE, Folder, Json
from shopkeeper.apps.cli.state import address
from shopkeeper.shop import Shop, backups


def add_to(app: typer.Typer) -> None:
    for command in (backup, restore, rebuild):
        app.command()(command)


def backup(
    to: Annotated[Path, typer.Argument(help="A new folder for the backup, best on another disk.")],
    folder: Folder = HERE,
    as_json: Json = False,
) -> None:
    """Save the shop folder as of now, also while it is being served."""
    with say.progress() as progress:
        page = backups.backup(folder, to, progress=progress)
    if as_json:
        say.as_json({"moment": page.moment, "journal": page.journal, "versions": page.versions, "model": page.model,
                     "files": len(page.files), "bytes": page.size})  # fmt: skip
        return
    say.line("backup_done", folder=to, files=f"{len(page.files):,}", size=f"{page.size / 1e6:,.1f}")


def restore(
    backup: Annotated[Path, typer.Argument(help="A folder that `shopkeeper backup` wrote.")],
    folder: Folder = HERE,
    ledger: Annotated[
        Path | None,
        typer.Option(help="The lost shop folder, or a later backup of it: who was erased since is erased again."),
    ] = None,
    state: Annotated[
        str | None,
        typer.Option(help="Where the state goes, if not where shop.toml says: an address of PostgreSQL, or `file`."),
    ] = None,
) -> None:
    """Bring a backup back as a new shop folder, every file checked."""
    with say.progress() as progress:
        found = backups.restore(
            backup, folder, ledger=ledger, state=None if state is None else address(state), progress=progress
        )
    moment = f"{found.page.moment:%Y-%m-%d %H:%M:%S} UTC"
    say.line("restore_done", folder=folder, moment=moment, files=f"{len(found.page.files):,}")
    if found.checked_until is None:
        say.line("restore_no_ledger", moment=moment)
    else:
        say.line("restore_erased", people=f"{found.erased:,}")


def rebuild(folder: Folder = HERE, as_json: Json = False) -> None:
    """Fit the models that answer again from the facts, and say whether they come out the same."""
    with Shop.open(folder) as shop, say.progress() as progress:
        found = backups.rebuild(shop, progress=progress)
    if as_json:
        say.as_json(found)
        return
    other = [name for name, state in found.items() if state != "same"]
    say.line("rebuild_done", files=f"{len(found):,}", same=f"{len(found) - len(other):,}")
    if other:
        say.line("rebuild_other", files=", ".join(other[:20]))
