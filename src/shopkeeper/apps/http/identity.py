"""Signed identities: a browser can show that it is a visitor or a customer, and cannot claim to be another."""

import hashlib
import hmac
import re
import secrets
from typing import Final

_FORM: Final = re.compile(r"v_([0-9a-f]{32})\.([0-9a-f]{32})")


def new_visitor(identity_secret: str) -> str:
    """``v_<128 random bits>.<128 bits of HMAC>``."""
    random = secrets.token_hex(16)
    return f"v_{random}.{_visitor_mark(identity_secret, random)}"


def is_visitor(identity_secret: str, visitor: str) -> bool:
    """Whether this shop issued the id."""
    form = _FORM.fullmatch(visitor)
    return form is not None and hmac.compare_digest(form[2], _visitor_mark(identity_secret, form[1]))


def customer_token(identity_secret: str, customer: str) -> str:
    """What the shop's own server hands to a signed-in customer's browser: HMAC-SHA256 of the id, in hex.

    The HMAC's key is the identity secret's text as it is printed.
    """
    return hmac.new(identity_secret.encode(), customer.encode("utf-8", "replace"), hashlib.sha256).hexdigest()


def is_customer(identity_secret: str, customer: str, token: str) -> bool:
    """Whether the shop's server vouches for the browser."""
    wanted = customer_token(identity_secret, customer).encode()
    return hmac.compare_digest(token.encode("utf-8", "replace"), wanted)


def _visitor_mark(identity_secret: str, random: str) -> str:
    """Made with a key of its own, so that no visitor's mark is ever a customer's token."""
    own = hmac.new(identity_secret.encode(), b"shopkeeper visitor ids\0", hashlib.sha256).digest()
    return hmac.new(own, random.encode(), hashlib.sha256).hexdigest()[:32]
