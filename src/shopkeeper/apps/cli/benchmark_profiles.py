"""``benchmark profiles``: how long everybody's profiles take on this machine."""

from collections.abc import Mapping
from typing import Any

from shopkeeper.apps.cli import say
from shopkeeper.apps.cli.benchmark_measured import AlsoTo, Customers, Events, Products, measured
from shopkeeper.apps.cli.options import Json
from shopkeeper.apps.jobs.profile_speed import measure


def profiles(
    customers: Customers = 100_000,
    events: Events = 2_000_000,
    products: Products = 10_000,
    out: AlsoTo = None,
    as_json: Json = False,
) -> None:
    """How long everybody's profiles take to make on a *simulated* shop, and the most memory that was held."""

    def show(found: Mapping[str, Any]) -> None:
        rows = [(name, f"{one['rows']:,}", f"{one['seconds']:.1f}") for name, one in found["tables"].items()]
        title = say.text("profile_speed_title", customers=f"{customers:,}", events=f"{events:,}")
        say.table(title, [say.text(f"speed_{name}") for name in ("table", "rows", "seconds")], rows)
        say.line(
            "profile_speed_done", seconds=f"{found['seconds']:.1f}", processor=f"{found['cpu_seconds']:.1f}",
            peak=f"{found['peak_mib']:,.0f}", size=f"{found['bytes'] / 2**20:,.0f}",
        )  # fmt: skip

    sizes = {"customers": customers, "events": events, "products": products}
    measured(lambda folder, progress: measure(folder, **sizes, progress=progress), show, out=out, as_json=as_json)
