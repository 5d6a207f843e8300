# ruff: noqa: E501  # statements and tables are easier to read in long lines
"""The words of Segment's e-commerce spec in ours: one table for files and for requests, and the conversion of a request.

Source: Segment, "Spec: V2 Ecommerce Events", with the names of version 1; "Email spec".
"""

import json
from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from hashlib import blake2b
from itertools import accumulate, pairwise
from typing import Any, Final

from shopkeeper.core.money import exponent
from shopkeeper.data.cleaning.checks import CURRENCIES
from shopkeeper.data.cleaning.clock import zoned

ACTIONS: Final[Mapping[str, str]] = {
    "Products Searched": "search", "Product List Viewed": "list_view", "Product List Filtered": "list_view",
    "Viewed Product Category": "list_view", "Promotion Viewed": "impression", "Viewed Promotion": "impression",
    "Promotion Clicked": "click", "Clicked Promotion": "click", "Product Clicked": "click", "Clicked Product": "click",
    "Product Viewed": "product_view", "Viewed Product": "product_view", "Product Added": "cart_add",
    "Added Product": "cart_add", "Wishlist Product Added to Cart": "cart_add", "Product Removed": "cart_remove",
    "Removed Product": "cart_remove", "Cart Viewed": "cart_view", "Viewed Cart": "cart_view",
    "Checkout Started": "checkout", "Started Order": "checkout", "Checkout Step Viewed": "checkout",
    "Viewed Checkout Step": "checkout", "Checkout Step Completed": "checkout", "Completed Checkout Step": "checkout",
    "Payment Info Entered": "checkout", "Order Completed": "order", "Completed Order": "order",
    "Order Refunded": "order_return", "Refunded Order": "order_return", "Order Cancelled": "order_cancel",
    "Coupon Applied": "coupon_redeemed", "Product Added to Wishlist": "wishlist_add",
    "Product Removed from Wishlist": "wishlist_remove", "Product Shared": "share", "Cart Shared": "share",
    "Product Reviewed": "review", "Signed Up": "register", "Email Delivered": "mail_delivered",
    "Email Opened": "mail_open", "Email Link Clicked": "mail_click", "Email Bounced": "mail_bounce",
    "Email Marked as Spam": "mail_complaint", "Unsubscribed": "mail_unsubscribe",
}  # fmt: skip
"""Of ``track``, by event. A review without a text is a ``rating``."""
TYPES: Final[Mapping[str, str]] = {"page": "page_view", "screen": "page_view", "identify": "identify"}
"""The other types of message."""
PASSED_OVER: Final = ("Order Updated", "Updated Order", "Coupon Entered", "Coupon Denied", "Coupon Removed")
"""Events of the spec that say nothing we keep; nor do the types ``group`` and ``alias``."""
TYPES_PASSED_OVER: Final = ("group", "alias")

FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    "id": ("messageId",), "at": ("timestamp", "originalTimestamp"), "visitor": ("anonymousId",),
    "customer": ("userId",), "product": ("properties.product_id", "properties.sku"), "variant": ("properties.variant",),
    "quantity": ("properties.quantity",), "price": ("properties.price",), "currency": ("properties.currency",),
    "order": ("properties.order_id",), "decision": ("properties.decision",), "position": ("properties.position",),
    "query": ("properties.query",), "path": ("properties.path", "context.page.path"), "rating": ("properties.rating",),
    "text": ("properties.review_body",), "coupon": ("properties.coupon", "properties.coupon_name", "properties.coupon_id"),
    "campaign": ("context.campaign.name",), "channel": ("context.campaign.medium",),
}  # fmt: skip
"""Our field -> where it stands, the first that is there."""
PROPERTIES: Final = (
    "affiliation", "subtotal", "total", "revenue", "value", "shipping", "tax", "discount", "checkout_id", "step",
    "shipping_method", "payment_method", "list_id", "category", "cart_id", "promotion_id", "creative", "name", "review_id",
    "share_via", "url",
)  # fmt: skip
"""Properties of the spec that are kept as they are; others are not."""
LINE: Final[Mapping[str, tuple[str, ...]]] = {
    "product": ("product_id", "sku"), "variant": ("variant",), "quantity": ("quantity",), "price": ("price",),
}  # fmt: skip
"""The same of one of an order's ``products``."""
GOODS: Final = ("subtotal", "revenue", "total")
"""Properties of an order that say what its goods cost, the best first."""
WITH_LINES: Final = ("order", "order_return", "order_cancel", "checkout")
_NUMBERS: Final = frozenset({"quantity", "position", "rating"})
_AMOUNTS: Final = frozenset({"price"})


def wire_of(message: Any) -> Any:
    """A message as the API takes events; None where it says nothing we keep. What is no message stays as it is, and
    the cleaning says so; so does it of unknown events, which keep their name as action."""
    if not isinstance(message, Mapping):
        return message
    action = _action(message)
    if action is None:
        return None
    found = {name: _first(message, name, paths) for name, paths in FIELDS.items()}
    if action not in WITH_LINES:
        found.pop("order")
    wire = {name: value for name, value in found.items() if value is not None} | {"action": action}
    wire.setdefault("id", f"m_{blake2b(_text(message).encode(), digest_size=12).hexdigest()}")
    products = _at(message, "properties.products")
    if action in WITH_LINES and isinstance(products, list):
        lines = [_line(one) for one in products]
        wire["lines"] = _discounted(lines, _at(message, "properties.discount"), str(wire.get("currency")))
    if action in ("order_return", "order_cancel"):
        wire |= _paid_back(message, bool(wire.get("lines")))
    kept = {name: _at(message, f"properties.{name}") for name in PROPERTIES}
    wire["properties"] = {name: value for name, value in kept.items() if value is not None and not _nested(value)}
    sent = None if "receivedAt" in message else message.get("sentAt", message.get("sent_at"))  # it was put right then
    return {**wire, "sent_at": sent} if isinstance(sent, str) and zoned(sent) is not None else wire


def _action(message: Mapping[str, Any]) -> Any:
    kind, event = message.get("type"), message.get("event")
    if kind in TYPES_PASSED_OVER or (kind == "track" and event in PASSED_OVER):
        return None
    if kind != "track":
        return TYPES.get(kind, kind) if isinstance(kind, str) else kind
    if event == "Product Reviewed" and not _at(message, "properties.review_body"):
        return "rating"
    return ACTIONS.get(event, event) if isinstance(event, str) else event


def _paid_back(message: Mapping[str, Any], with_lines: bool) -> dict[str, Any]:
    """What a refund or cancellation without products takes back."""
    stated = next((value for name in GOODS if (value := _at(message, f"properties.{name}")) is not None), None)
    return {"price": None if with_lines else stated}


def _discounted(lines: list[Any], discount: Any, currency: str) -> list[Any]:
    """Lines with an order's discount shared out by value, so that not a coin is lost; as they are where it cannot be."""
    amounts = [_exact(one.get("price")) if isinstance(one, dict) else None for one in lines]
    counts = [_exact(one.get("quantity", 1)) if isinstance(one, dict) else None for one in lines]
    given = _exact(discount)
    worths = [a * b for a, b in zip(amounts, counts, strict=True) if a is not None and b is not None and a * b >= 0]
    total = sum(worths, Decimal(0))
    if given is None or len(worths) < len(lines) or not 0 < given <= total:
        return lines
    coins = 10 ** (exponent(currency) if currency in CURRENCIES else _decimals(given, *filter(None, amounts)))
    untils = [Decimal(0), *accumulate(worths)]
    whole = [(given * coins * until / total).quantize(Decimal(1), ROUND_HALF_UP) for until in untils]
    shares = [(after - before) / coins for before, after in pairwise(whole)]
    return [{**one, "discount": f"{share:f}"} if share else one for one, share in zip(lines, shares, strict=True)]


def _decimals(*amounts: Decimal) -> int:
    """How many decimals the amounts are written with, at most 3."""
    return min(3, max(-int(amount.as_tuple().exponent) for amount in amounts))


def _exact(value: Any) -> Decimal | None:
    """A number as it was written; None where it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = Decimal(str(value))
    except InvalidOperation:
        return None
    return found if found.is_finite() and abs(found) < 10**15 else None


def _line(one: Any) -> Any:
    if not isinstance(one, Mapping):
        return one
    found = {name: _first(one, name, paths) for name, paths in LINE.items()}
    return {name: value for name, value in found.items() if value is not None}


def _first(message: Mapping[str, Any], name: str, paths: tuple[str, ...]) -> Any:
    found = next((value for path in paths if (value := _at(message, path)) not in (None, "")), None)
    return _plain(name, found)


def _at(message: Any, path: str) -> Any:
    for step in path.split("."):
        message = message.get(step) if isinstance(message, Mapping) else None
    return message


def _plain(name: str, value: Any) -> Any:
    """Whole numbers that are ids become their digits, digits that are numbers a number; nothing else is changed."""
    if name in _NUMBERS and isinstance(value, str):
        try:
            return float(value) if "." in value else int(value)
        except ValueError:
            return value
    if name not in _NUMBERS | _AMOUNTS and isinstance(value, int) and not isinstance(value, bool) and name != "at":
        return str(value)
    return value


def _nested(value: Any) -> bool:
    return isinstance(value, dict | list)


def _text(message: Any) -> str:
    return json.dumps(message, sort_keys=True, default=str)
