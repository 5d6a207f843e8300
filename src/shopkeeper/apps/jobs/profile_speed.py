"""How long everybody's profiles take on a *simulated* shop whose facts are put straight into the lake."""

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from shopkeeper.apps.jobs.audience_speed import fill
from shopkeeper.apps.jobs.growth import peak_mib
from shopkeeper.core.ports import Progress
from shopkeeper.shop import Shop
from shopkeeper.shop.profiles import write_profiles


def measure(folder: Path, *, customers: int, events: int, products: int, progress: Progress) -> dict[str, Any]:
    """Make the shop, then every table once; seconds of the wall and of the processor. One JSON-able result."""
    until = datetime.now(UTC).replace(microsecond=0)
    found: dict[str, Any] = {"simulated": True, "customers": customers, "events": events, "products": products}
    with Shop.create(folder / "shop", name="simulated", currency="USD", timezone="UTC", language="en") as shop:
        progress("facts", 0, 2)
        fill(shop, customers=customers, events=events, products=products, until=until, looking=True)
        found["filled_mib"] = peak_mib()
        progress("profiles", 1, 2)
        began, spent = time.perf_counter(), time.process_time()
        found["tables"] = write_profiles(shop, folder / "profiles")
        found["seconds"] = time.perf_counter() - began
        found["cpu_seconds"] = time.process_time() - spent
    found["bytes"] = sum(path.stat().st_size for path in (folder / "profiles").iterdir())
    found["peak_mib"] = peak_mib()
    progress("", 2, 2)
    return found
