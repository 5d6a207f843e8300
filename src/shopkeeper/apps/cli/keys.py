"""``keys``: who may talk to the shop's API."""

from typing import Annotated, cast

import typer

from shopkeeper.apps.cli import say
from shopkeeper.apps.cli.options import HERE, Folder, Json
from shopkeeper.core.errors import SettingsError
from shopkeeper.data.store.keys import Role
from shopkeeper.shop import Shop


def add_to(app: typer.Typer) -> None:
    app.command()(keys)


def keys(
    folder: Folder = HERE,
    create: Annotated[str, typer.Option(help="Make a new key: publishable or secret.")] = "",
    name: Annotated[str, typer.Option(help="What the new key is for.")] = "",
    revoke: Annotated[str, typer.Option(help="Id of a key that shall work no longer.")] = "",
    identity: Annotated[
        bool, typer.Option("--identity", help="Show the secret that signs customers for browsers.")
    ] = False,
    as_json: Json = False,
) -> None:
    """List the API keys, make one, or revoke one. A key can be read only when it is made."""
    with Shop.open(folder, readonly=True) as shop:
        fresh = shop.state.keys.create(_role(create), name) if create else ""
        if revoke:
            shop.state.keys.revoke(revoke)
        secret = shop.state.keys.identity_secret if identity else ""
        rows = [
            {"id": key.id, "role": key.role, "name": key.name, "created_at": f"{key.created_at:%Y-%m-%d %H:%M}",
             "revoked_at": f"{key.revoked_at:%Y-%m-%d %H:%M}" if key.revoked_at else ""}
            for key in shop.state.keys.list()
        ]  # fmt: skip
    if as_json:
        say.as_json({"keys": rows, "created": fresh or None, "identity": secret or None})
        return
    names = ("id", "role", "name", "created_at", "revoked_at")
    columns = [say.text(f"keys_{column}") for column in names]
    say.table(say.text("keys_title"), columns, [[row[column] for column in names] for row in rows], numbers=9)
    if fresh:
        say.line("keys_created", key=fresh)
    if secret:
        say.line("keys_identity", secret=secret)


def _role(word: str) -> Role:
    if word in ("publishable", "secret"):
        return cast("Role", word)
    raise SettingsError("setting_bad", where="keys", name="--create", value=word, wanted="publishable, secret")
