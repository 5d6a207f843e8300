"""``benchmark profiles``: how long everybody's profiles take on this machine."""

import tempfile
from pathlib import Path
from typing import Annotated

import typer

from shopkeeper.apps.cli import benchmark_files as files
from shopkeeper.apps.cli import say
from shopkeeper.apps.cli.options import Json
from shopkeeper.apps.jobs.profile_speed import measure


def profiles(
    customers: Annotated[int, typer.Option("--customers", min=100, help="Customers of the simulated shop.")] = 100_000,
    events: Annotated[int, typer.Option("--events", min=1000, help="Its order lines and acts together.")] = 2_000_000,
    products: Annotated[int, typer.Option("--products", min=100, help="Its products.")] = 10_000,
    out: Annotated[Path | None, typer.Option("--out", help="Write the JSON to this file too.")] = None,
    as_json: Json = False,
) -> None:
    """How long everybody's profiles take to make on a *simulated* shop, and the most memory that was held."""
    with tempfile.TemporaryDirectory(prefix="shopkeeper-profiles-") as folder, say.progress() as progress:
        found = measure(Path(folder), customers=customers, events=events, products=products, progress=progress)
    if out is not None:
        files.write_json(out, found)
    if as_json:
        say.as_json(found)
        return
    rows = [(name, f"{one['rows']:,}", f"{one['seconds']:.1f}") for name, one in found["tables"].items()]
    title = say.text("profile_speed_title", customers=f"{customers:,}", events=f"{events:,}")
    say.table(title, [say.text(f"speed_{name}") for name in ("table", "rows", "seconds")], rows)
    say.line(
        "profile_speed_done", seconds=f"{found['seconds']:.1f}", processor=f"{found['cpu_seconds']:.1f}",
        peak=f"{found['peak_mib']:,.0f}", size=f"{found['bytes'] / 2**20:,.0f}",
    )  # fmt: skip
