"""Options that several commands share."""

import os
from pathlib import Path
from typing import Annotated

import typer

from shopkeeper.apps.cli import say

Folder = Annotated[
    Path,
    typer.Option("--shop", "-s", envvar="SHOPKEEPER_SHOP", help="The shop's folder.", show_default="this folder"),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Seed = Annotated[int, typer.Option("--seed", help="Fixes every random choice.")]
HERE = Path(os.curdir)


def _speak(language: str | None) -> str | None:
    if language is not None:
        say.speak(language)
    return language


Lang = Annotated[str | None, typer.Option("--lang", callback=_speak, help="en or zh.")]
