"""``benchmark audience``: how long counting an audience takes on this machine."""

from collections.abc import Mapping
from typing import Any

from shopkeeper.apps.cli import say
from shopkeeper.apps.cli.benchmark_measured import AlsoTo, Customers, Events, Products, measured
from shopkeeper.apps.cli.options import Json
from shopkeeper.apps.cli.segments import people
from shopkeeper.apps.jobs.audience_speed import measure


def audience(
    customers: Customers = 100_000,
    events: Events = 1_000_000,
    products: Products = 10_000,
    out: AlsoTo = None,
    as_json: Json = False,
) -> None:
    """How long audiences take to count on a *simulated* shop: wall and processor seconds, first and again."""

    def show(found: Mapping[str, Any]) -> None:
        rows = [
            (one["rule"], people(one["people"]), *(f"{one[key][unit]:.2f}" for key in ("first", "best")
             for unit in ("seconds", "processor_seconds"))) for one in found["rules"]
        ]  # fmt: skip
        names = ("rule", "people", "first", "first_cpu", "best", "best_cpu")
        title = say.text("audience_speed_title", customers=f"{customers:,}", events=f"{events:,}")
        say.table(title, [say.text(f"audience_speed_{name}") for name in names], rows)
        made = f"{found['people_table']['seconds']:.1f}"
        say.line("audience_speed_table", seconds=made, peak=f"{found['peak_mib']:,.0f}")

    sizes = {"customers": customers, "events": events, "products": products}
    measured(lambda folder, progress: measure(folder, **sizes, progress=progress), show, out=out, as_json=as_json)
