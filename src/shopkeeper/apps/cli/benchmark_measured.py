"""What the benchmarks on a *simulated* shop share: their options, a folder that goes with them, JSON or a table."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from shopkeeper.apps.cli import benchmark_files as files
from shopkeeper.apps.cli import say
from shopkeeper.core.ports import Progress

Customers = Annotated[int, typer.Option("--customers", min=100, help="Customers of the simulated shop.")]
Products = Annotated[int, typer.Option("--products", min=100, help="Products of the simulated shop.")]
Events = Annotated[int, typer.Option("--events", min=1000, help="Its order lines and other events together.")]
AlsoTo = Annotated[Path | None, typer.Option("--out", help="Write the JSON to this file too.")]


def measured(
    measure: Callable[[Path, Progress], dict[str, Any]], show: Callable[[dict[str, Any]], None], *, out: Path | None,
    as_json: bool,
) -> None:  # fmt: skip
    """Measure in a folder of its own, and hand out what was found."""
    with tempfile.TemporaryDirectory(prefix="shopkeeper-benchmark-") as folder, say.progress() as progress:
        found = measure(Path(folder), progress)
    if out is not None:
        files.write_json(out, found)
    if as_json:
        say.as_json(found)
    else:
        show(found)
