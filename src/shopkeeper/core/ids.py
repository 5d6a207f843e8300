"""Identifiers, and which texts are refused as one."""

import re
import secrets
import time
from typing import NewType

EventId = NewType("EventId", str)
VisitorId = NewType("VisitorId", str)
CustomerId = NewType("CustomerId", str)
ProductId = NewType("ProductId", str)
OrderId = NewType("OrderId", str)
DecisionId = NewType("DecisionId", str)
PersonKey = NewType("PersonKey", str)
"""Whose history it is: a customer's id, or ``visitor:<id>`` while nobody knows who that is."""

ID_MAX_CHARS = 256

PLACEHOLDERS = frozenset(
    """
    null none nil undefined nan n/a na #n/a guest anonymous anon unknown test user customer visitor
    - -- _ . ? 0 00 000 -1 true false 00000000-0000-0000-0000-000000000000
    游客 匿名 未知 无 空
    """.split()
) | {"[object object]"}
CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def is_placeholder(text: str) -> bool:
    """Whether a text stands for "nobody" ("guest", "null", "0", …) and so may never name a person."""
    plain = text.strip().casefold()
    return plain in PLACEHOLDERS or not plain


def is_id(text: str) -> bool:
    """Whether a text can be an id at all: 1 to 256 characters, none of them a control character."""
    return 0 < len(text) <= ID_MAX_CHARS and not CONTROL.search(text)


def new_id(prefix: str) -> str:
    """A fresh id: ``prefix_`` + 12 hex digits of milliseconds + 20 random ones (80 bits), so ids sort by time."""
    return f"{prefix}_{time.time_ns() // 1_000_000:012x}{secrets.token_hex(10)}"


def person_key(customer: str | None, visitor: str | None) -> PersonKey | None:
    """The key under which a history is kept; None where neither is known."""
    if customer:
        return PersonKey(customer)
    return PersonKey(f"visitor:{visitor}") if visitor else None
