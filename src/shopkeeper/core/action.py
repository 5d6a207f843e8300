"""The closed list of what can happen in a shop.

Codes are stored in the lake and in models: never renumber, only append.
Names in comments are the field's standard (Segment e-commerce spec v2) where it has one.
"""

from enum import IntEnum
from typing import Final


class Action(IntEnum):
    """What a shopper, the shop or a channel did. ``action.word`` is its snake_case name."""

    REGISTER = 1  # Signed Up
    IDENTIFY = 2  # identify: a visitor is known to be a customer
    PAGE_VIEW = 3  # page; path and dwell_seconds
    PRODUCT_VIEW = 4  # Product Viewed; dwell_seconds
    LIST_VIEW = 5  # Product List Viewed / Filtered
    SEARCH = 6  # Products Searched
    CART_ADD = 7  # Product Added
    CART_REMOVE = 8  # Product Removed
    CART_VIEW = 9  # Cart Viewed
    CHECKOUT = 10  # Checkout Started / Step Viewed / Step Completed
    ORDER = 11  # Order Completed; lines
    ORDER_CANCEL = 12  # Order Cancelled
    ORDER_RETURN = 13  # Order Refunded; lines with refund
    RATING = 14  # Product Reviewed without a text
    REVIEW = 15  # Product Reviewed
    QUESTION = 16
    WISHLIST_ADD = 17  # Product Added to Wishlist
    WISHLIST_REMOVE = 18  # Product Removed from Wishlist
    SHARE = 19  # Product Shared / Cart Shared
    IMPRESSION = 20  # Promotion Viewed, or a decision's item was shown
    CLICK = 21  # Product Clicked / Promotion Clicked
    MAIL_SENT = 22
    MAIL_DELIVERED = 23
    MAIL_OPEN = 24
    MAIL_CLICK = 25
    MAIL_BOUNCE = 26
    MAIL_COMPLAINT = 27
    MAIL_UNSUBSCRIBE = 28
    AD_IMPRESSION = 29
    AD_CLICK = 30
    COUPON_ISSUED = 31
    COUPON_REDEEMED = 32  # Coupon Applied
    CONSENT = 33
    STOCK_CHANGE = 34
    PRICE_CHANGE = 35
    DISMISS = 36  # a shopper said no to a product that was shown

    @property
    def word(self) -> str:
        """Its name as written in files, in the API and in the lake: ``product_view``."""
        return _WORDS[self]

    @classmethod
    def of(cls, word: str) -> "Action | None":
        """The action of a word, or None: an unknown action is held in quarantine, not raised."""
        return _BY_WORD.get(word)


_WORDS = {action: action.name.lower() for action in Action}
_BY_WORD = {word: action for action, word in _WORDS.items()}

BROWSER_ACTIONS = frozenset(
    {
        Action.PAGE_VIEW, Action.PRODUCT_VIEW, Action.LIST_VIEW, Action.SEARCH, Action.CART_ADD,
        Action.CART_REMOVE, Action.CART_VIEW, Action.CHECKOUT, Action.WISHLIST_ADD, Action.WISHLIST_REMOVE,
        Action.SHARE, Action.IMPRESSION, Action.CLICK, Action.DISMISS,
    }
)  # fmt: skip
"""What a publishable key may report: behaviour. Orders, prices, stock, consent and identity need the secret key."""

BACK = frozenset({Action.ORDER_CANCEL, Action.ORDER_RETURN})
"""What takes an order's lines back, or pays money back."""
BACK_SQL: Final = f"({', '.join(sorted(repr(action.word) for action in BACK))})"
"""The same as SQL writes a list of texts."""

PRODUCT_ACTIONS = frozenset(
    {
        Action.PRODUCT_VIEW, Action.CART_ADD, Action.CART_REMOVE, Action.RATING, Action.REVIEW, Action.QUESTION,
        Action.WISHLIST_ADD, Action.WISHLIST_REMOVE, Action.STOCK_CHANGE, Action.PRICE_CHANGE, Action.DISMISS,
    }
)  # fmt: skip
"""Actions that mean nothing without a product."""
