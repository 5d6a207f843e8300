"""The lake's tables: their columns, and how an event or a decision becomes rows of them."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec
import pyarrow as pa

from shopkeeper.core.action import BACK, Action
from shopkeeper.core.event import Event, OrderLine
from shopkeeper.core.money import Money

_TEXT = pa.string()
_TIME = pa.timestamp("us", tz="UTC")


def _schema(**columns: pa.DataType) -> pa.Schema:
    return pa.schema([pa.field(name, kind) for name, kind in columns.items()])


EVENTS: Final = _schema(
    id=_TEXT, at=_TIME, received_at=_TIME, action=_TEXT, visitor=_TEXT, customer=_TEXT, session=_TEXT, product=_TEXT,
    variant=_TEXT, quantity=pa.float64(), price_minor=pa.int64(), currency=_TEXT, order_id=_TEXT, decision=_TEXT,
    placement=_TEXT, position=pa.int32(), query=_TEXT, path=_TEXT, dwell_seconds=pa.float64(), rating=pa.float64(),
    text=_TEXT, coupon=_TEXT, campaign=_TEXT, channel=_TEXT, source=_TEXT, properties=_TEXT,
)  # fmt: skip
ORDER_LINES: Final = _schema(
    order_id=_TEXT, line=pa.int32(), at=_TIME, received_at=_TIME, visitor=_TEXT, customer=_TEXT, product=_TEXT,
    variant=_TEXT, quantity=pa.float64(), price_minor=pa.int64(), discount_minor=pa.int64(), tax_minor=pa.int64(),
    refund_minor=pa.int64(), currency=_TEXT, decision=_TEXT, event_id=_TEXT, source=_TEXT,
)  # fmt: skip
PRODUCTS: Final = _schema(
    id=_TEXT, name=_TEXT, category_1=_TEXT, category_2=_TEXT, category_3=_TEXT, category_4=_TEXT, category_5=_TEXT,
    brand=_TEXT, description=_TEXT, price_minor=pa.int64(), cost_minor=pa.int64(), currency=_TEXT, stock=pa.int64(),
    active=pa.bool_(), url=_TEXT, image_url=_TEXT, tags=_TEXT, variants=_TEXT, at=_TIME, source=_TEXT,
)  # fmt: skip
CUSTOMERS: Final = _schema(
    id=_TEXT, registered_at=_TIME, name=_TEXT, email=_TEXT, phone=_TEXT, language=_TEXT, attributes=_TEXT, at=_TIME,
    source=_TEXT,
)  # fmt: skip
PRICES: Final = _schema(product=_TEXT, at=_TIME, price_minor=pa.int64(), currency=_TEXT, source=_TEXT)
COMPETITOR_PRICES: Final = _schema(
    product=_TEXT, competitor=_TEXT, at=_TIME, price_minor=pa.int64(), currency=_TEXT, url=_TEXT, source=_TEXT
)
ATTRIBUTES: Final = _schema(
    customer=_TEXT, at=_TIME, name=_TEXT, value=_TEXT, origin=_TEXT, consent_source=_TEXT, source=_TEXT
)
"""What third parties say of customers who agreed to it."""
DECISIONS: Final = _schema(
    id=_TEXT, at=_TIME, visitor=_TEXT, customer=_TEXT, placement=_TEXT, policy=_TEXT, personal=pa.bool_(),
    eligible=pa.int32(), fallback=_TEXT, experiment=_TEXT, arm=_TEXT, assignment_probability=pa.float64(),
    request=_TEXT, choices=_TEXT, removed=_TEXT,
)  # fmt: skip

TABLES: Final[Mapping[str, pa.Schema]] = {
    "events": EVENTS,
    "order_lines": ORDER_LINES,
    "products": PRODUCTS,
    "customers": CUSTOMERS,
    "prices": PRICES,
    "decisions": DECISIONS,
    "competitor_prices": COMPETITOR_PRICES,
    "attributes": ATTRIBUTES,
}
_SQL_TYPES: Final = {
    pa.string(): "VARCHAR", pa.int64(): "BIGINT", pa.int32(): "INTEGER", pa.float64(): "DOUBLE", pa.bool_(): "BOOLEAN",
    pa.timestamp("us", tz="UTC"): "TIMESTAMPTZ",
}  # fmt: skip
PERSON_COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    "events": ("customer", "visitor"),
    "order_lines": ("customer", "visitor"),
    "customers": ("id",),
    "attributes": ("customer",),
    "decisions": ("customer", "visitor"),
}
"""Where a person stands in each table that keeps personal data; erasure and export go by it."""


def lake_types(name: str) -> dict[str, str]:
    """The columns of a table and their SQL types."""
    return {column.name: _SQL_TYPES[column.type] for column in TABLES[name]}


FOLLOWS: Final[Mapping[str, Mapping[str, str]]] = {"order_lines": {"event_id": "'order:' || order_id"}}
"""What a column is, in SQL, where nothing is written in it: an import does not write what follows from others."""


_EVENT_TEXTS: Final = (
    "session", "variant", "placement", "query", "path", "text", "coupon", "campaign", "channel", "source",
)  # fmt: skip


def _minor(money: Money | None) -> int | None:
    return None if money is None else money.minor


def event_row(event: Event) -> dict[str, Any]:
    """One row of ``events``. Absent text becomes NULL."""
    return {
        "id": event.id, "at": event.at, "received_at": event.received_at or event.at, "action": event.action.word,
        "visitor": event.visitor or None, "customer": event.customer or None, "session": event.session or None,
        "product": event.product or None, "variant": event.variant or None, "quantity": event.quantity,
        "price_minor": _minor(event.price), "currency": event.price.currency if event.price else None,
        "order_id": event.order or None, "decision": event.decision or None, "placement": event.placement or None,
        "position": event.position, "query": event.query or None, "path": event.path or None,
        "dwell_seconds": event.dwell_seconds, "rating": event.rating, "text": event.text or None,
        "coupon": event.coupon or None, "campaign": event.campaign or None, "channel": event.channel or None,
        "source": event.source or None,
        "properties": msgspec.json.encode(dict(event.properties)).decode() if event.properties else None,
    }  # fmt: skip


def line_rows(event: Event) -> list[dict[str, Any]]:
    """The rows of ``order_lines`` that an order brings, and a return or cancellation takes back; else none."""
    if event.action is not Action.ORDER and event.action not in BACK:
        return []
    return [_line_row(event, number, line) for number, line in enumerate(event.lines, 1)]


def _line_row(event: Event, number: int, line: OrderLine) -> dict[str, Any]:
    sign = -1.0 if event.action in BACK else 1.0
    money = line.price or line.refund
    return {
        "order_id": event.order or event.id, "line": number, "at": event.at,
        "received_at": event.received_at or event.at, "visitor": event.visitor or None,
        "customer": event.customer or None, "product": line.product, "variant": line.variant or None,
        "quantity": sign * line.quantity, "price_minor": _minor(line.price), "discount_minor": _minor(line.discount),
        "tax_minor": _minor(line.tax), "refund_minor": _minor(line.refund),
        "currency": money.currency if money else None, "decision": event.decision or None, "event_id": event.id,
        "source": event.source or None,
    }  # fmt: skip


def table_of(name: str, rows: Iterable[Mapping[str, Any]]) -> pa.Table:
    """Rows of one lake table as arrow, with exactly its columns."""
    return pa.Table.from_pylist(list(rows), schema=TABLES[name])


def event_of(row: Mapping[str, Any], lines: tuple[OrderLine, ...] = ()) -> Event:
    """The inverse of ``event_row``, given the event's order lines."""
    texts = {name: row[name] or "" for name in _EVENT_TEXTS}
    return Event(
        id=row["id"], at=row["at"], received_at=row["received_at"], action=Action[row["action"].upper()],
        visitor=row["visitor"], customer=row["customer"], product=row["product"], quantity=row["quantity"],
        price=_money(row["price_minor"], row["currency"]), order=row["order_id"], lines=lines,
        decision=row["decision"], position=row["position"], dwell_seconds=row["dwell_seconds"], rating=row["rating"],
        properties=msgspec.json.decode(row["properties"]) if row["properties"] else {}, **texts,
    )  # fmt: skip


def line_of(row: Mapping[str, Any]) -> OrderLine:
    """The inverse of a row of ``order_lines``; the sign of the quantity belongs to the action."""
    money = {name: _money(row[f"{name}_minor"], row["currency"]) for name in ("price", "discount", "tax", "refund")}
    return OrderLine(product=row["product"], variant=row["variant"] or "", quantity=abs(row["quantity"] or 0), **money)


def _money(minor: int | None, currency: str | None) -> Money | None:
    return None if minor is None or not currency else Money(minor, currency)
