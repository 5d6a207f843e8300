"""``benchmark audience``: how long counting an audience takes on this machine."""

import tempfile
from pathlib import Path
from typing import Annotated

import typer

from shopkeeper.apps.cli import benchmark_files as files
from shopkeeper.apps.cli import say
from shopkeeper.apps.cli.options import Json
from shopkeeper.apps.cli.segments import people
from shopkeeper.apps.jobs.audience_speed import measure


def audience(
    customers: Annotated[int, typer.Option("--customers", min=100, help="Customers of the simulated shop.")] = 100_000,
    events: Annotated[int, typer.Option("--events", min=1000, help="Its order lines and views together.")] = 1_000_000,
    products: Annotated[int, typer.Option("--products", min=100, help="Its products.")] = 10_000,
    out: Annotated[Path | None, typer.Option("--out", help="Write the JSON to this file too.")] = None,
    as_json: Json = False,
) -> None:
    """How long audiences take to count on a *simulated* shop: wall and processor seconds, first and again."""
    with tempfile.TemporaryDirectory(prefix="shopkeeper-audience-") as folder, say.progress() as progress:
        found = measure(Path(folder), customers=customers, events=events, products=products, progress=progress)
    if out is not None:
        files.write_json(out, found)
    if as_json:
        say.as_json(found)
        return
    rows = [
        (one["rule"], people(one["people"]), *(f"{one[key][unit]:.2f}" for key in ("first", "best")
         for unit in ("seconds", "processor_seconds"))) for one in found["rules"]
    ]  # fmt: skip
    names = ("rule", "people", "first", "first_cpu", "best", "best_cpu")
    title = say.text("audience_speed_title", customers=f"{customers:,}", events=f"{events:,}")
    say.table(title, [say.text(f"audience_speed_{name}") for name in names], rows)
    say.line(
        "audience_speed_table", seconds=f"{found['people_table']['seconds']:.1f}", peak=f"{found['peak_mib']:,.0f}"
    )
