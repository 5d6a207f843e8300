"""The list of customers with filters: kept in memory as columns, so that any question is one pass over them."""

import re
import threading
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from shopkeeper.core.consent import Purpose
from shopkeeper.core.sensitive import is_sensitive
from shopkeeper.data import reports
from shopkeeper.market.audiences.counting import numbers_of
from shopkeeper.shop.audiences import agreed
from shopkeeper.shop.people_table import current_people, people_file
from shopkeeper.shop.profile import TAG
from shopkeeper.shop.shop import Shop

_FROM_PEOPLE: Final = ("segment", "spending", "number")
_LAST: Final = re.compile(r"(within|over)([0-9]{1,4})")
_FIELDS: Final = 30
_LONG: Final = 20_000
"""A list of so many customers takes longer to make than a reader waits."""
_refreshing: Final = threading.Lock()
_TOLD: Final = """
SELECT id, told.key AS name, lower(told.value) AS value FROM (
  SELECT id, unnest(map_entries(from_json(attributes, '"MAP(VARCHAR, VARCHAR)"'))) AS told
  FROM customers WHERE attributes IS NOT NULL
) WHERE told.value IS NOT NULL
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerFilter:
    """What was asked for; "" asks for nothing. Every condition must hold."""

    text: str = ""
    """Part of the id or name."""
    segment: str = ""
    spending: str = ""
    """high, middle or low."""
    field: str = ""
    """A registration field, whose value holds ``value``."""
    value: str = ""
    last: str = ""
    """``within30``: ordered in the last 30 days; ``over90``: ordered, but not for 90 days; ``never``."""
    consent: str = ""
    """A purpose that they agreed to."""


def customers_page(
    shop: Shop, wanted: CustomerFilter, *, page: int = 1, size: int = 50, order: str = "revenue"
) -> reports.Page:
    """A page of the customers whom the filter fits."""
    return reports.page_of(_fitting(shop, wanted), text=wanted.text, page=page, size=size, order=order)


def told_fields(shop: Shop) -> list[str]:
    """The registration fields that can be asked for, the most usual first; none that are sensitive."""
    counts = pc.value_counts(_told(shop).column("name").combine_chunks()).to_pylist()
    ranked = sorted(counts, key=lambda each: (-each["counts"], each["values"]))
    return [each["values"] for each in ranked][:_FIELDS]


def _fitting(shop: Shop, wanted: CustomerFilter) -> pa.Table:
    rows = _everybody(shop)
    for column in ("segment", "spending"):
        if asked := getattr(wanted, column):
            rows = rows.filter(pc.fill_null(pc.equal(rows.column(column), asked), False))
    if wanted.last:
        rows = _by_last_order(shop, rows, wanted.last)
    if wanted.field and wanted.value.strip():
        rows = rows.filter(pc.is_in(rows.column("id"), value_set=_telling(shop, wanted.field, wanted.value)))
    if wanted.consent in {purpose.value for purpose in Purpose}:
        members = pa.array(numbers_of(agreed(shop, Purpose(wanted.consent))))
        rows = rows.filter(pc.is_in(rows.column("number"), value_set=members))
    return rows


def _by_last_order(shop: Shop, rows: pa.Table, last: str) -> pa.Table:
    at, found = rows.column("last_at"), _LAST.fullmatch(last)
    if found is None:
        return rows.filter(pc.is_null(at)) if last == "never" else rows
    since = pa.scalar(shop.clock() - timedelta(days=int(found[2])), at.type)
    fits = pc.greater_equal(at, since) if found[1] == "within" else pc.less(at, since)
    return rows.filter(pc.fill_null(fits, False))


def _telling(shop: Shop, field: str, value: str) -> pa.Array:
    """The ids of those who told so."""
    told = _told(shop)
    fits = pc.and_(
        pc.equal(told.column("name"), field), pc.match_substring(told.column("value"), value.strip().lower())
    )
    return told.filter(fits).column("id").combine_chunks()


def _told(shop: Shop) -> pa.Table:
    """One row a customer and registration field, until the lake changes."""
    return shop.remembered("registration_fields", lambda: _without_sensitive(shop, shop.snapshot().query(_TOLD)))


def _without_sensitive(shop: Shop, told: pa.Table) -> pa.Table:
    more = shop.settings.privacy.sensitive
    names = [name for name in pc.unique(told.column("name")).to_pylist()
             if not name.startswith(TAG) and not is_sensitive(name, more)]  # fmt: skip
    return told.filter(pc.is_in(told.column("name"), value_set=pa.array(names, pa.string())))


def _everybody(shop: Shop) -> pa.Table:
    """All customers with their segment and spending band. A long list is made again in the background where something
    has changed, and the one before answers meanwhile; a short one is made again at once."""
    kept = shop.kept["customer_list"].last
    if kept is None:
        return _made(shop)
    state, rows = kept
    if state == _state(shop):
        return rows
    if rows.num_rows < _LONG:
        return _made(shop)
    if _refreshing.acquire(blocking=False):
        threading.Thread(target=_refresh, args=(shop,), name="customer-list").start()
    return rows


def _refresh(shop: Shop) -> None:
    try:
        _made(shop)
    finally:
        _refreshing.release()


def _made(shop: Shop) -> pa.Table:
    current_people(shop)
    state, rows = _state(shop), reports.customer_list(shop.snapshot())
    people = people_file(shop).table(["person", *_FROM_PEOPLE])
    place = pc.index_in(rows.column("id"), value_set=people.column("person").combine_chunks())
    for name in _FROM_PEOPLE:
        rows = rows.append_column(name, people.column(name).take(place))
    rows = rows.combine_chunks()
    shop.kept["customer_list"].put(state, rows)
    return rows


def _state(shop: Shop) -> tuple[object, ...]:
    """Of the lake, the models and the table of people."""
    lake = tuple(shop.lake.version(table) for table in ("customers", "order_lines", "events"))
    return (*lake, shop.models.current(), people_file(shop).changed())
