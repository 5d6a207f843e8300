# ruff: noqa: E501  # statements and tables are easier to read in long lines
"""Formats that shops' other systems write: one file each, which knows them by their columns and says them in our words.

``ALL`` is asked in order; the first that recognises a file takes it.
"""

from collections.abc import Sequence
from typing import Final

from shopkeeper.data.sources.known.clickstream import REES46, RETAIL_ROCKET
from shopkeeper.data.sources.known.format import Known, Part
from shopkeeper.data.sources.known.ga4 import GA4
from shopkeeper.data.sources.known.gorse import GORSE_FEEDBACK, GORSE_ITEMS, GORSE_USERS
from shopkeeper.data.sources.known.merchant_feed import MERCHANT_FEED
from shopkeeper.data.sources.known.metarank import METARANK
from shopkeeper.data.sources.known.online_retail import ONLINE_RETAIL, ONLINE_RETAIL_II
from shopkeeper.data.sources.known.own_events import OWN_EVENTS
from shopkeeper.data.sources.known.personalize import PERSONALIZE_INTERACTIONS, PERSONALIZE_ITEMS, PERSONALIZE_USERS
from shopkeeper.data.sources.known.segment import SEGMENT
from shopkeeper.data.sources.known.shopify_customers import SHOPIFY_CUSTOMERS
from shopkeeper.data.sources.known.shopify_orders import SHOPIFY_ORDERS
from shopkeeper.data.sources.known.shopify_products import SHOPIFY_PRODUCTS
from shopkeeper.data.sources.known.woocommerce_customers import WOOCOMMERCE_CUSTOMERS
from shopkeeper.data.sources.known.woocommerce_orders import WOOCOMMERCE_ORDERS
from shopkeeper.data.sources.known.woocommerce_products import (
    WOOCOMMERCE_PRODUCTS,
    WOOCOMMERCE_PRODUCTS_TRANSLATED,
    WOOCOMMERCE_PRODUCTS_TRANSLATED_GTIN,
)

ALL: Final[tuple[Known, ...]] = (
    OWN_EVENTS, SEGMENT, GA4, METARANK, SHOPIFY_ORDERS, SHOPIFY_PRODUCTS, SHOPIFY_CUSTOMERS, GORSE_FEEDBACK, GORSE_ITEMS,
    GORSE_USERS, ONLINE_RETAIL, ONLINE_RETAIL_II, REES46, RETAIL_ROCKET, PERSONALIZE_INTERACTIONS, PERSONALIZE_ITEMS,
    PERSONALIZE_USERS, WOOCOMMERCE_ORDERS, WOOCOMMERCE_CUSTOMERS, MERCHANT_FEED, WOOCOMMERCE_PRODUCTS, WOOCOMMERCE_PRODUCTS_TRANSLATED_GTIN,
    WOOCOMMERCE_PRODUCTS_TRANSLATED,
)  # fmt: skip


def recognise(columns: Sequence[str]) -> Known | None:
    """The format of a file with these columns; None where it is none that we know."""
    return next((known for known in ALL if known.recognises(columns)), None)


def rule_of(name: str, kind: str) -> Part | None:
    """The part of a format (by its name) that is about a kind: its rules hold in a replay too."""
    return next((part for known in ALL if known.name == name for part in known.parts if part.kind == kind), None)
